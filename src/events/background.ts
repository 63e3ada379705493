import { AsyncLocalStorage } from "node:async_hooks";

/** Work that no answer waits for. */
export interface Background {
  /** Starts it after the present turn, outside of the transaction in which this may be called. What it throws is logged. */
  run(work: () => Promise<void>): void;
  /** Resolves when nothing is running any more. */
  settled(): Promise<void>;
}

/** Keeps the work of one running system together, so that nothing is cut off at its end; `later` as of the event hub. */
export function createBackground(
  log: (message: string, details?: Record<string, unknown>) => void,
  later: <T>(work: () => T) => () => T,
): Background {
  const running = new Set<Promise<void>>();
  // A transaction that called is not waited for, and its end does not wait either: the work uses the datastore itself.
  const outside = AsyncLocalStorage.snapshot();
  return {
    run(work) {
      const started = later(work);
      const task: Promise<void> = new Promise<void>((resolve) => setImmediate(resolve))
        .then(() => outside(started))
        .catch((error: unknown) => log("work in the background failed", { error: String(error) }))
        .finally(() => running.delete(task));
      running.add(task);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
