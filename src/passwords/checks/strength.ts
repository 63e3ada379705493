import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError, OverloadedError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import { wholeNumber } from "../options.ts";
import { createWorkQueue } from "../queue.ts";
import type { PolicyCheck, PolicyFault } from "./check.ts";

/** The estimate of how hard a password is to guess, by zxcvbn. */
export interface StrengthOptions {
  /** 1 (guessed with some effort) to 4 (not guessed offline); 3 is what zxcvbn calls safe. */
  readonly minimumScore: 1 | 2 | 3 | 4;
  /** How long one estimate may take; default "5s". */
  readonly timeLimit?: Duration;
}

/** What the worker is asked. */
export interface EstimateJob {
  readonly password: string;
  readonly words: readonly string[];
}

/** What the worker answers: zxcvbn's score and the keys of its hints. */
export interface Estimate {
  readonly score: number;
  readonly warning: string | undefined;
  readonly suggestions: readonly string[];
}

/** Estimates passwords off the event loop. */
export interface StrengthEstimator {
  /** Rejects when the estimator is broken or too slow, and with OverloadedError when too many wait. */
  estimate(password: string, words: readonly string[]): Promise<Estimate>;
  close(): Promise<void>;
}

const PEERS = ["@zxcvbn-ts/core", "@zxcvbn-ts/language-en"];
/** Longer input costs zxcvbn seconds; what is behind does not make the beginning easier to guess. */
const MAXIMUM_ESTIMATED = 64;
const MAXIMUM_WAITING = 64;
const MAXIMUM_WORDS = 50;
/** Without an estimate, what NIST SP 800-63B-4 asks of a password that stands alone. */
const LENGTH_INSTEAD = 15;
const VARIETY_INSTEAD = 8;
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "./strength-worker.ts" : "./strength-worker.js",
  import.meta.url,
);

/** zxcvbn's hints by the key that it has for them, as keys of messages. */
const HINTS = {
  straightRow: "STRENGTH_STRAIGHT_ROW",
  keyPattern: "STRENGTH_KEY_PATTERN",
  simpleRepeat: "STRENGTH_SIMPLE_REPEAT",
  extendedRepeat: "STRENGTH_EXTENDED_REPEAT",
  sequences: "STRENGTH_SEQUENCES",
  recentYears: "STRENGTH_RECENT_YEARS",
  dates: "STRENGTH_DATES",
  topTen: "STRENGTH_TOP_TEN",
  topHundred: "STRENGTH_TOP_HUNDRED",
  common: "STRENGTH_COMMON",
  similarToCommon: "STRENGTH_SIMILAR_TO_COMMON",
  wordByItself: "STRENGTH_WORD_BY_ITSELF",
  namesByThemselves: "STRENGTH_NAMES_BY_THEMSELVES",
  commonNames: "STRENGTH_COMMON_NAMES",
  userInputs: "STRENGTH_USER_INPUTS",
} as const;
const ADVICE = {
  l33t: "STRENGTH_AVOID_LOOK_ALIKES",
  reverseWords: "STRENGTH_AVOID_REVERSED_WORDS",
  allUppercase: "STRENGTH_AVOID_ALL_UPPERCASE",
  capitalization: "STRENGTH_AVOID_CAPITALIZATION",
  dates: "STRENGTH_AVOID_DATES",
  recentYears: "STRENGTH_AVOID_YEARS",
  associatedYears: "STRENGTH_AVOID_YEARS",
  sequences: "STRENGTH_AVOID_SEQUENCES",
  repeated: "STRENGTH_AVOID_REPEATS",
  longerKeyboardPattern: "STRENGTH_LONGER_KEYBOARD_PATTERN",
  anotherWord: "STRENGTH_ADD_WORDS",
  useWords: "STRENGTH_USE_WORDS",
  noNeed: "STRENGTH_NO_RULES",
} as const;

/** The keys of the hints. */
export type StrengthHintKey = (typeof HINTS)[keyof typeof HINTS] | (typeof ADVICE)[keyof typeof ADVICE];

/** Looks at the options; throws ConfigurationError with the command when the estimator is not installed. */
export function checkStrengthOptions(
  path: string,
  options: StrengthOptions,
  resolve: (name: string) => unknown = createRequire(import.meta.url).resolve,
): { readonly minimumScore: number; readonly timeLimit: number } {
  checkKnown(path, options, ["minimumScore", "timeLimit"]);
  if (options.minimumScore === undefined) throw new ConfigurationError(`${path}.minimumScore`, "is missing: 1 to 4");
  const minimumScore = wholeNumber(`${path}.minimumScore`, options.minimumScore, 3, 1, 4);
  const timeLimit = milliseconds(`${path}.timeLimit`, options.timeLimit ?? "5s");
  for (const peer of PEERS) {
    try {
      resolve(peer);
    } catch (error) {
      throw new ConfigurationError(path, `${peer} is not installed: npm install ${PEERS.join(" ")}`, { cause: error });
    }
  }
  return { minimumScore, timeLimit };
}

/** Makes the estimator: one worker thread, started when first needed and again after it failed or took too long. */
export function createStrengthEstimator(timeLimit: number, file: URL = WORKER): StrengthEstimator {
  const queue = createWorkQueue("estimating passwords", 1, MAXIMUM_WAITING);
  let worker: Worker | undefined;

  const drop = (): void => {
    void worker?.terminate();
    worker = undefined;
  };
  const ask = (job: EstimateJob): Promise<Estimate> =>
    new Promise((resolve, reject) => {
      worker ??= new Worker(file, { execArgv: [] });
      const asked = worker;
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        asked.removeAllListeners();
        // What a worker that is being dropped still says must not end the process.
        asked.on("error", () => undefined);
        asked.unref();
        end();
      };
      const fail = (error: Error): void =>
        settle(() => {
          drop();
          reject(error);
        });
      const timer = setTimeout(() => fail(new Error("the estimate took too long")), timeLimit);
      asked.ref();
      asked.removeAllListeners();
      asked.once("message", (estimate: Estimate) => settle(() => resolve(estimate)));
      asked.once("error", fail);
      asked.once("exit", () => fail(new Error("the estimator ended")));
      asked.postMessage(job);
    });

  return {
    estimate: (password, words) =>
      queue.run(() =>
        ask({
          password: [...password].slice(0, MAXIMUM_ESTIMATED).join(""),
          words: words.slice(0, MAXIMUM_WORDS).map((word) => word.slice(0, MAXIMUM_ESTIMATED)),
        }),
      ),
    async close() {
      await queue.close();
      await worker?.terminate();
      worker = undefined;
    },
  };
}

/**
 * Refuses passwords below the score, with the hints. Where the estimator fails, a password of 15 or more characters, 8 of
 * them different, is taken and a shorter one is not: neither is everybody locked out nor everything let through.
 */
export function strengthCheck(
  minimumScore: number,
  estimator: StrengthEstimator,
  siteWords: readonly string[],
  log: (message: string, details?: Readonly<Record<string, unknown>>) => void,
): PolicyCheck {
  return async (password, { identities }) => {
    const tooSimple: PolicyFault = { key: "PASSWORD_TOO_SIMPLE" };
    let estimate: Estimate;
    try {
      estimate = await estimator.estimate(password, [...identities, ...siteWords]);
    } catch (error) {
      if (error instanceof OverloadedError) throw error;
      log("a password could not be estimated", { error: error instanceof Error ? error.name : "unknown" });
      const characters = [...password];
      return characters.length >= LENGTH_INSTEAD && new Set(characters).size >= VARIETY_INSTEAD ? [] : [tooSimple];
    }
    return estimate.score >= minimumScore ? [] : [tooSimple, ...hintsOf(estimate)];
  };
}

/** The hints as faults; those that a later zxcvbn may add have no message and are left out. */
function hintsOf({ warning, suggestions }: Estimate): PolicyFault[] {
  const keys = new Set<StrengthHintKey>();
  if (warning !== undefined && Object.hasOwn(HINTS, warning)) keys.add(HINTS[warning as keyof typeof HINTS]);
  for (const hint of suggestions) if (Object.hasOwn(ADVICE, hint)) keys.add(ADVICE[hint as keyof typeof ADVICE]);
  return [...keys].map((key) => ({ key }));
}
