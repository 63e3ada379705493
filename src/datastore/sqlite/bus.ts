import type { DatabaseSync } from "node:sqlite";
import type { InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";

/** A turn that takes longer, in milliseconds, is looked into again: a handler may have blocked it. */
const turnLimit = 0.5;

/**
 * Learns of changes by other processes from SQLite itself: `PRAGMA data_version` changes whenever another connection has
 * committed to the file. It does not tell what changed, hence `undefined`. Asking costs a few microseconds, so it is asked
 * once a turn of the event loop. (Not by reading the WAL index ourselves: closing a descriptor of that file would take
 * away SQLite's own POSIX locks on it, https://sqlite.org/howtocorrupt.html 2.2.)
 */
export function dataVersionBus(db: DatabaseSync): InvalidationBus {
  const listeners = new Listeners();
  const statement = db.prepare("PRAGMA data_version");
  statement.setReturnArrays(true);
  const read = (): unknown => (statement.get() as unknown as readonly unknown[] | undefined)?.[0];
  let version = read();
  let lookedAt = Number.NEGATIVE_INFINITY;
  const forgetTurn = (): void => {
    lookedAt = Number.NEGATIVE_INFINITY;
  };
  return {
    current() {
      // The requests of one turn of the event loop have all been received before its first look.
      const now = performance.now();
      if (now - lookedAt < turnLimit) return true;
      try {
        const seen = read();
        if (seen !== version) {
          version = seen;
          listeners.tell(undefined);
        }
        lookedAt = now;
        setImmediate(forgetTurn);
        return true;
      } catch {
        // Locked in this moment, or closed: nothing is known.
        return false;
      }
    },
    publish: (userId) => listeners.tell(userId),
    onInvalidate: (listener) => listeners.add(listener),
  };
}
