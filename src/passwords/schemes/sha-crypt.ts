import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { constantTimeEqual } from "../../secrets/random.ts";
import { type ShaCryptJob, shaCrypt } from "./sha-crypt-digest.ts";
import { REFERENCE_WORK, type StoredHash } from "./stored.ts";

const MAXIMUM_ROUNDS = 1_000_000;
const MINIMUM_ROUNDS = 1000;
const DEFAULT_ROUNDS = 5000;
/** Measured: 2 µs a round, where argon2id takes 0.37 µs for a KiB and pass; and the start of a thread, at the least 15 ms. */
const ROUND_COST = 5.4;
const THREAD_COST = 40_000;
/** 32 bytes of digest leave two spare bits in the last character, 64 bytes four; all are zero. */
const SHA256 = /^\$5\$(?:rounds=([1-9]\d{0,8})\$)?([./0-9A-Za-z]{0,16})\$([./0-9A-Za-z]{42}[./0-9A-D])$/;
const SHA512 = /^\$6\$(?:rounds=([1-9]\d{0,8})\$)?([./0-9A-Za-z]{0,16})\$([./0-9A-Za-z]{85}[./01])$/;
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "./sha-crypt-worker.ts" : "./sha-crypt-worker.js",
  import.meta.url,
);

/** sha256_crypt (`$5$`) and sha512_crypt (`$6$`). Each verification has a worker thread of its own while it runs. */
export function parseShaCrypt(stored: string): StoredHash | undefined {
  const algorithm = stored.startsWith("$5$") ? "sha256" : "sha512";
  const [match, r, salt = "", expected = ""] = (algorithm === "sha256" ? SHA256 : SHA512).exec(stored) ?? [];
  const rounds = r === undefined ? DEFAULT_ROUNDS : Number(r);
  if (match === undefined || rounds < MINIMUM_ROUNDS || rounds > MAXIMUM_ROUNDS) return undefined;
  return {
    scheme: `${algorithm}_crypt`,
    work: (REFERENCE_WORK * rounds) / MAXIMUM_ROUNDS,
    cost: THREAD_COST + rounds * ROUND_COST,
    verify: async (secret) => constantTimeEqual(await inWorker({ algorithm, secret, salt, rounds }), expected),
  };
}

/** Where the worker cannot start (a bundle has no such file, some runtimes no threads), the event loop does the work. */
function inWorker(job: ShaCryptJob): Promise<string> {
  return new Promise((resolve, reject) => {
    const instead = (): void => void inSteps(job).then(resolve, reject);
    try {
      const worker = new Worker(WORKER, { workerData: job, execArgv: [] });
      worker.once("message", (digest: string) => {
        worker.removeAllListeners("exit");
        resolve(digest);
      });
      worker.once("error", () => {
        worker.removeAllListeners("exit");
        instead();
      });
      worker.once("exit", instead);
    } catch {
      instead();
    }
  });
}

/** Computes the digest on the event loop, which gets a turn after each thousand rounds. */
export async function inSteps(job: ShaCryptJob): Promise<string> {
  const steps = shaCrypt(job);
  let step = steps.next();
  while (!step.done) {
    await setImmediate();
    step = steps.next();
  }
  return step.value;
}
