/** What is asked of the store that keeps the changes: PostgreSQL's tables, or the simulation's. */

/** A change as it is written down. */
export interface Change {
  /** The node that wrote it, and its number there. */
  readonly node: string;
  readonly number: number;
  /** Whose; undefined: anybody's. */
  readonly userId: number | undefined;
}

/** One node as its row says it. */
export interface NodeRow {
  readonly node: string;
  /** The number of its last look that was stored. */
  readonly beat: number;
  /** So long, in milliseconds, it trusts what it read. */
  readonly lease: number;
  /** Up to where it has made use of the changes; undefined: it has not begun. */
  readonly position: string | undefined;
}

/** What a node asks in one look at the changes. */
export interface LookRequest {
  /** Its own row, written with the look; undefined: it trusts nothing, and nobody waits for it. */
  readonly own: NodeRow | undefined;
  /** The changes that became visible after that are wanted; undefined: none, as everything was forgotten. */
  readonly from: string | undefined;
  /** The rows of all nodes are wanted. */
  readonly list: boolean;
}

/** The answer to one look: all of it is true of one moment between its question and its answer. */
export interface Look {
  /** Up to where the changes were visible. */
  readonly position: string;
  /** What the own row said before; undefined: there was none. */
  readonly before: number | undefined;
  /** The changes, in any order; undefined: more than are told one by one. */
  readonly changes: readonly Change[] | undefined;
  /** How many nodes have a row. */
  readonly count: number;
  readonly nodes: readonly NodeRow[] | undefined;
}

/**
 * Where changes are kept. A change is visible once its transaction has committed, in whatever order those were begun; a
 * position says exactly which ones were.
 */
export interface ChangeLog {
  /** Not over what requests wait for: nothing that they hold may keep a look from being answered. */
  look(request: LookRequest): Promise<Look>;
  /** Writes a change in a transaction of its own, and wakes who listens. Returns its place. */
  write(change: Change): Promise<string>;
  /** Whether who stands at that position has seen the change at that place. */
  covers(position: string, place: string): boolean;
  /** Removes rows of nodes that are gone, each unless its beat is past that one. */
  remove(nodes: readonly Pick<NodeRow, "node" | "beat">[]): Promise<void>;
}
