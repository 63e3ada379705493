import type { DatabaseSync } from "node:sqlite";
import type { InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";

/**
 * Learns of changes by other processes from SQLite itself: `PRAGMA data_version` changes whenever another connection has
 * committed to the file, and reading it costs a few microseconds. It does not tell what changed, hence `undefined`.
 */
export function dataVersionBus(db: DatabaseSync): InvalidationBus {
  const listeners = new Listeners();
  const statement = db.prepare("PRAGMA data_version");
  const read = (): unknown => statement.get()?.data_version;
  let version = read();
  return {
    current() {
      try {
        const seen = read();
        if (seen !== version) {
          version = seen;
          listeners.tell(undefined);
        }
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
