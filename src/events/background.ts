/** Work that no answer waits for. */
export interface Background {
  /** Starts it after the present turn. What it throws is logged. */
  run(work: () => Promise<void>): void;
  /** Resolves when nothing is running any more. */
  settled(): Promise<void>;
}

/** Keeps the work of one running system together, so that nothing is cut off at its end. */
export function createBackground(log: (message: string, details?: Record<string, unknown>) => void): Background {
  const running = new Set<Promise<void>>();
  return {
    run(work) {
      const task: Promise<void> = new Promise<void>((resolve) => setImmediate(resolve))
        .then(work)
        .catch((error: unknown) => log("work in the background failed", { error: String(error) }))
        .finally(() => running.delete(task));
      running.add(task);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
