import { setTimeout as sleep } from "node:timers/promises";
import type { Datastore } from "../datastore/contract.ts";

/** Milliseconds between two attempts to remove what was sent. */
const pauses: readonly number[] = [250, 1_000];

/** What the removal is made of. */
export interface RemovalContext {
  readonly channel: string;
  readonly datastore: Datastore;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** Nothing is tried again any more. */
  readonly isClosed: () => boolean;
  /** Told of each one that it has done with. */
  readonly removed: (id: string) => void;
}

/** Removes rows of the outbox that are done with, several at once where they end together. */
export function createRemoval({
  channel,
  datastore,
  log,
  isClosed,
  removed,
}: RemovalContext): (id: string) => Promise<void> {
  const sent: { readonly id: string; readonly done: () => void }[] = [];
  let removing = false;
  const removeAll = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (sent.length > 0) {
      const some = sent.splice(0, 100);
      const id = { in: some.map((one) => one.id) };
      for (let attempt = 0; ; attempt += 1) {
        try {
          await datastore.delete("outbox", { id });
          break;
        } catch (error) {
          const pause = pauses[attempt];
          if (pause === undefined || isClosed()) {
            const details = { channel, count: some.length, error: String(error) };
            log("what was sent can't be removed, and may be sent once more", details);
            break;
          }
          await sleep(pause);
        }
      }
      for (const one of some) {
        removed(one.id);
        one.done();
      }
    }
  };
  return (id) =>
    new Promise((done) => {
      sent.push({ id, done });
      if (removing) return;
      removing = true;
      void removeAll().finally(() => {
        removing = false;
      });
    });
}
