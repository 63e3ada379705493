import { closeSync, openSync, readSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";

/** A bus that holds something open. */
export interface ClosableBus extends InvalidationBus {
  close(): void;
}

/**
 * Learns of changes by other processes from SQLite itself: `PRAGMA data_version` changes whenever another connection has
 * committed to the file. It does not tell what changed, hence `undefined`. Asking costs some microseconds, so the header
 * of the WAL index is looked at first: while that is the same, nobody has committed anything.
 */
export function dataVersionBus(db: DatabaseSync): ClosableBus {
  const listeners = new Listeners();
  const statement = db.prepare("PRAGMA data_version");
  const read = (): unknown => statement.get()?.data_version;
  const header = walIndexHeader(db);
  header?.unchanged();
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
        // The header is read before the version: a commit between the two is seen by the next call.
        if (header?.unchanged() !== true) {
          const seen = read();
          if (seen !== version) {
            version = seen;
            listeners.tell(undefined);
          }
        }
        lookedAt = now;
        setImmediate(forgetTurn);
        return true;
      } catch {
        // Locked in this moment, or closed: nothing is known.
        header?.forget();
        return false;
      }
    },
    publish: (userId) => listeners.tell(userId),
    onInvalidate: (listener) => listeners.add(listener),
    close: () => header?.close(),
  };
}

/** A turn that takes longer, in milliseconds, is looked into again: a handler may have blocked it. */
const turnLimit = 0.5;

interface WalIndexHeader {
  /** True when no connection, this one included, has committed since the last call. */
  unchanged(): boolean;
  /** The next call says that something may have changed. */
  forget(): void;
  close(): void;
}

/** https://sqlite.org/walformat.html: the first 48 bytes of the WAL index change with every commit (iChange, mxFrame, checksums). */
const headerBytes = 48;

/** Undefined where there is no WAL index, or no certainty that a read sees what another process wrote to its memory map. */
function walIndexHeader(db: DatabaseSync): WalIndexHeader | undefined {
  if (process.platform !== "linux") return undefined;
  let file: number;
  try {
    file = openSync(`${db.location()}-shm`, "r");
  } catch {
    return undefined;
  }
  const buffer = new Int32Array(headerBytes / 4);
  let last = new Int32Array(headerBytes / 4);
  let seen = new Int32Array(headerBytes / 4);
  let known = false;
  let closed = false;
  return {
    unchanged() {
      if (closed) throw new Error("closed");
      if (readSync(file, buffer, 0, headerBytes, 0) !== headerBytes) return false;
      let same = known;
      for (let index = 0; same && index < buffer.length; index += 1) same = buffer[index] === last[index];
      if (!same) {
        seen.set(buffer);
        [last, seen] = [seen, last];
        known = true;
      }
      return same;
    },
    forget: () => {
      known = false;
    },
    close() {
      // The number of a closed file is given to the next one that is opened.
      if (!closed) closeSync(file);
      closed = true;
    },
  };
}
