import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { DeliveryError } from "./mail.ts";

/** How much may wait, how often and how long is tried. */
export interface DeliveryOptions {
  /** How many may wait to be sent; default 1,000. What comes past it is dropped and reported. */
  readonly limit?: number;
  /** How many are sent at once; default 4. */
  readonly concurrency?: number;
  /** Milliseconds to wait before each further attempt; default 1 s, 5 s, 30 s, 2 min. An empty list: one attempt. */
  readonly retryAfter?: readonly number[];
  /** Milliseconds that one attempt may take; default 30 s. */
  readonly timeout?: number;
  /** Milliseconds that `security.close()` waits for what is under way; default 5 s. */
  readonly drain?: number;
}

/** Why something was given up. */
export type DeliveryFailure = "queue full" | "closed" | "refused" | "not reached";

/** One thing to be delivered. */
export interface DeliveryJob {
  /** Makes it ready, once; what it throws is no use to try again. */
  readonly attempt: () => Promise<void>;
  /** Told once, when it was given up. */
  readonly failed: (failure: DeliveryFailure, error: unknown, attempts: number) => void;
}

/** Delivers off the request path: takes, tries, tries again, gives up. */
export interface DeliveryQueue {
  /** Never throws, never waits. */
  add(job: DeliveryJob): void;
  /** Resolves when nothing waits or is under way any more. */
  idle(): Promise<void>;
  /** Takes no more; what waits gets one last attempt at once, and at most the time of `drain`. */
  close(): Promise<void>;
  stats(): { readonly running: number; readonly waiting: number };
}

/** Calls `work` after so many milliseconds; the function it returns takes that back. */
export type Timer = (milliseconds: number, work: () => void) => () => void;

const defaults: Required<DeliveryOptions> = {
  limit: 1_000,
  concurrency: 4,
  retryAfter: [1_000, 5_000, 30_000, 120_000],
  timeout: 30_000,
  drain: 5_000,
};

/**
 * Nothing is even rendered before this time is over: by then the answer is away, and how long it took tells nobody whether
 * there was something to send.
 */
const settling = 20;

const systemTimer: Timer = (milliseconds, work) => {
  const timer = setTimeout(work, milliseconds);
  return () => clearTimeout(timer);
};

/** Refuses unknown and wrong values with the option's path. */
export function checkDeliveryOptions(path: string, options: unknown): DeliveryOptions {
  if (options === undefined) return {};
  checkKnown(path, options, Object.keys(defaults));
  for (const [name, value] of Object.entries(options as object)) {
    if (value === undefined) continue;
    const least = name === "limit" || name === "concurrency" || name === "timeout" ? 1 : 0;
    const good = (part: unknown): boolean =>
      Number.isSafeInteger(part) && (part as number) >= least && (part as number) <= 86_400_000;
    if (name === "retryAfter" ? !(Array.isArray(value) && value.length <= 20 && value.every(good)) : !good(value)) {
      const expected = name === "retryAfter" ? "a list of at most 20 times in milliseconds" : "a whole number";
      throw new ConfigurationError(`${path}.${name}`, `${expected} is expected, each from ${least} to 86,400,000`);
    }
  }
  return options as DeliveryOptions;
}

interface Waiting {
  readonly job: DeliveryJob;
  attempts: number;
  cancel: (() => void) | undefined;
}

/** Makes a queue. `timer` is for tests. */
export function createDeliveryQueue(options: DeliveryOptions = {}, timer: Timer = systemTimer): DeliveryQueue {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { limit, concurrency, retryAfter, timeout, drain }: Required<DeliveryOptions> = { ...defaults, ...given };
  /** Waits for its time. */
  const later = new Set<Waiting>();
  /** Waits for its turn. */
  const due: Waiting[] = [];
  const watchers: (() => void)[] = [];
  let running = 0;
  let closed = false;

  const empty = (): boolean => running === 0 && due.length === 0 && later.size === 0;
  const settle = (): void => {
    if (empty()) for (const done of watchers.splice(0)) done();
  };
  const idle = (): Promise<void> => (empty() ? Promise.resolve() : new Promise((resolve) => watchers.push(resolve)));

  /** After so long, or, while the queue closes, at once. */
  const postpone = (entry: Waiting, milliseconds: number): void => {
    later.add(entry);
    entry.cancel = timer(milliseconds, () => {
      later.delete(entry);
      due.push(entry);
      work();
    });
  };

  const giveUp = (entry: Waiting, failure: DeliveryFailure, error: unknown): void => {
    try {
      entry.job.failed(failure, error, entry.attempts);
    } catch {
      // Who is told of a failure cannot make one.
    }
  };

  const limited = async (job: DeliveryJob): Promise<void> => {
    const { promise, reject } = Promise.withResolvers<never>();
    const cancel = timer(timeout, () => reject(new DeliveryError(`no answer within ${timeout} ms`)));
    try {
      await Promise.race([job.attempt(), promise]);
    } finally {
      cancel();
    }
  };

  const run = async (entry: Waiting): Promise<void> => {
    try {
      entry.attempts += 1;
      await limited(entry.job);
    } catch (error) {
      const permanent = error instanceof DeliveryError && error.permanent;
      const pause = closed ? undefined : retryAfter[entry.attempts - 1];
      if (permanent) giveUp(entry, "refused", error);
      else if (pause === undefined) giveUp(entry, "not reached", error);
      // Spread by a fifth, so that what failed together does not come back together.
      else postpone(entry, Math.round(pause * (0.9 + Math.random() / 5)));
    }
    running -= 1;
    work();
    settle();
  };

  const work = (): void => {
    while (running < concurrency) {
      const entry = due.shift();
      if (entry === undefined) return;
      running += 1;
      void run(entry);
    }
  };

  return {
    add(job) {
      const entry: Waiting = { job, attempts: 0, cancel: undefined };
      if (closed) return giveUp(entry, "closed", undefined);
      if (running + due.length + later.size >= limit) return giveUp(entry, "queue full", undefined);
      postpone(entry, settling);
    },
    idle,
    async close() {
      closed = true;
      for (const entry of later) {
        entry.cancel?.();
        due.push(entry);
      }
      later.clear();
      work();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, drain);
      await Promise.race([idle(), promise]);
      clearTimeout(timer);
      for (const entry of due.splice(0)) giveUp(entry, "closed", undefined);
    },
    stats: () => ({ running, waiting: due.length + later.size }),
  };
}
