import type { NodeRow } from "./log.ts";

/** A row that stays as it is for so many leases is one of a node that does not trust its cache. */
const silentLeases = 2;

/** Clocks of two machines run alike, but not exactly; and timers may be a little early. */
const margin = 1.02;

/** After so long, in milliseconds, a row that nobody writes is removed. */
const gone = 60_000;

interface Observed {
  readonly beat: number;
  /** When it was first seen so, by the monotonic clock. */
  readonly since: number;
}

/**
 * Who has yet to see a change. A node is not waited for once it has seen the change, once its lease has run out since the
 * change, or while its row has stood still for two leases: it needs two looks to trust its cache again, and will have seen
 * the change by the second.
 *
 * All times are the monotonic clock's: one that is set forward must not end a wait.
 */
export class Confirmations {
  readonly #own: string;
  readonly #covers: (position: string, place: string) => boolean;
  readonly #seen = new Map<string, Observed>();

  constructor(own: string, covers: (position: string, place: string) => boolean) {
    this.#own = own;
    this.#covers = covers;
  }

  /** The rows as a look found them that was begun and answered then. Returns those of nodes that are gone. */
  observe(rows: readonly NodeRow[], began: number, answered: number): readonly NodeRow[] {
    const known = new Set(rows.map(({ node }) => node));
    for (const node of this.#seen.keys()) if (!known.has(node)) this.#seen.delete(node);
    return rows.filter((row) => {
      if (row.node === this.#own) return false;
      const seen = this.#seen.get(row.node);
      if (seen?.beat !== row.beat) {
        this.#seen.set(row.node, { beat: row.beat, since: answered });
        return false;
      }
      return began - seen.since > Math.max(gone, row.lease * 10);
    });
  }

  /**
   * Until when, by the monotonic clock, must be waited for who has not seen the change at that place, which was committed
   * before `committed`? `rows` are those of a look that began at `began`, after the commit. Undefined: for nobody.
   */
  waitsUntil(rows: readonly NodeRow[], place: string, committed: number, began: number): number | undefined {
    let until: number | undefined;
    for (const { node, beat, lease, position } of rows) {
      if (node === this.#own) continue;
      if (position !== undefined && this.#covers(position, place)) continue;
      const seen = this.#seen.get(node);
      if (seen?.beat === beat && began - seen.since >= lease * silentLeases * margin) continue;
      until = Math.max(until ?? 0, committed + lease * margin);
    }
    return until;
  }
}
