import { OverloadedError, PortcullisError } from "../model/errors.ts";

/** Runs a bounded number of jobs at once and lets a bounded number wait, in order. */
export interface WorkQueue {
  /** Rejects with OverloadedError when too many wait already, or with code `closed` after `close`. */
  run<T>(job: () => Promise<T>): Promise<T>;
  /** Takes no more work; resolves when what was taken is done. */
  close(): Promise<void>;
  stats(): QueueStats;
}

/** How many jobs run and how many wait. */
export interface QueueStats {
  readonly running: number;
  readonly queued: number;
}

/** Makes a queue; `what` names it in errors. */
export function createWorkQueue(what: string, concurrency: number, limit: number): WorkQueue {
  const waiting: (() => void)[] = [];
  const closing: (() => void)[] = [];
  let running = 0;
  let closed = false;
  /** Milliseconds that a job takes, smoothed: tells how long the queue will need. */
  let duration = 50;

  function release(): void {
    const next = waiting.shift();
    if (next !== undefined) {
      next(); // hands its place over, so that nobody else takes it in between
      return;
    }
    running -= 1;
    if (running === 0) for (const done of closing.splice(0)) done();
  }

  async function execute<T>(job: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await job();
    } finally {
      duration += (performance.now() - begin - duration) / 8;
      release();
    }
  }

  return {
    run(job) {
      if (closed) return Promise.reject(new PortcullisError("closed", `${what} is closed`));
      if (running < concurrency) {
        running += 1;
        return execute(job);
      }
      if (waiting.length >= limit) {
        const seconds = ((waiting.length + 1) * duration) / concurrency / 1000;
        return Promise.reject(new OverloadedError(what, Math.max(1, Math.ceil(seconds))));
      }
      return new Promise<void>((resolve) => waiting.push(resolve)).then(() => execute(job));
    },
    close() {
      closed = true;
      return running === 0 ? Promise.resolve() : new Promise((resolve) => closing.push(resolve));
    },
    stats: () => ({ running, queued: waiting.length }),
  };
}
