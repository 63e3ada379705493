import { performance } from "node:perf_hooks";
import type { DatabaseSync } from "node:sqlite";
import type { InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";

/**
 * The number of the event loop's turn. Asking for it is several times cheaper than to be told of the end of each turn: an
 * immediate makes the loop go round once more, with system calls of its own, before it may wait for the next request. Bun and
 * Deno have no such number: there each look asks SQLite.
 */
const turnOf: () => number = countsTurns() ? () => performance.nodeTiming.uvMetricsInfo.loopCount : () => Number.NaN;

/** Whether the platform says how often its event loop has gone round. */
function countsTurns(): boolean {
  const timing: Partial<typeof performance.nodeTiming> | undefined = performance.nodeTiming;
  return typeof timing?.uvMetricsInfo?.loopCount === "number";
}

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
  let lookedIn = -1;
  return {
    current() {
      // The requests of one turn of the event loop have all been received before its first look.
      const now = performance.now();
      const turn = turnOf();
      if (turn === lookedIn && now - lookedAt < turnLimit) return true;
      try {
        const seen = read();
        if (seen !== version) {
          version = seen;
          listeners.tell(undefined);
        }
        lookedAt = now;
        lookedIn = turn;
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
