import type { Datastore, Operations } from "../../datastore/contract.ts";
import { UniqueConflictError } from "../../model/errors.ts";
import type { Row } from "../../model/schema.ts";
import { randomId } from "../../secrets/random.ts";
import type { Meter } from "./meter.ts";

/** A meter as a store holds it: `stamp` is another one after each change. */
export interface StoredMeter extends Meter {
  readonly stamp: string;
  /** The account that it is about, where there is one; for lists of locked accounts. */
  readonly userId: number | null;
}

/** What a store is told beside the meter. */
export interface MeterFacts {
  readonly userId: number | null;
  /** In so many milliseconds it is over. */
  readonly life: number;
}

/** A meter that begins. */
export interface NewMeter {
  readonly key: string;
  readonly meter: Meter;
  readonly facts: MeterFacts;
}

/** An account that is locked. */
export interface Lockout {
  readonly userId: number;
  /** Epoch milliseconds. */
  readonly lockedUntil: number;
}

/** Where meters are kept, so that all processes count together. Keys are hashes: nobody's name or address is in them. */
export interface LimitStore {
  read(key: string): Promise<StoredMeter | undefined>;
  /** Several by one question, in the order of the keys; left out where each is asked for by itself. */
  readAll?(keys: readonly string[]): Promise<readonly (StoredMeter | undefined)[]>;
  /**
   * Puts the meter in the place of the one with this stamp (undefined: where there is none). Undefined when somebody else
   * was first.
   */
  swap(key: string, stamp: string | undefined, meter: Meter, facts: MeterFacts): Promise<StoredMeter | undefined>;
  /**
   * Puts meters where there are none, by one statement: all of them, or none and false where one is there already. Left out
   * where each is put by itself.
   */
  addAll?(meters: readonly NewMeter[]): Promise<boolean>;
  remove(key: string): Promise<boolean>;
  /** Several by one statement; left out where each goes by itself. */
  removeAll?(keys: readonly string[]): Promise<void>;
  /**
   * Does all of it or, when it throws, nothing; left out where each operation stands for itself. What another process does
   * meanwhile may make it fail: the caller then goes on without.
   */
  together?<T>(work: (store: Meters) => Promise<T>): Promise<T>;
  /** The meters in a transaction of the application's database; left out where they are kept elsewhere. */
  within?(tx: Operations): Meters;
  /** Accounts that are locked at this time, by rising id, those after this id. */
  locked(now: number, after: number, limit: number): Promise<readonly Lockout[]>;
  /** Removes what is over. */
  purge(now: number): Promise<number>;
  close?(): Promise<void>;
}

/** What is done to single meters. */
export type Meters = Pick<LimitStore, "read" | "readAll" | "swap" | "addAll" | "remove" | "removeAll">;

/** What makes a store once the system runs, such as `redisLimits(client)`. */
export interface LimitStoreProvider {
  open(): LimitStore;
}

const table = "limit";

function meterRow({ wholeAt, failures, lockedUntil, expiresAt, countedAt }: Meter, { userId }: MeterFacts) {
  return { stamp: randomId(16), wholeAt, failures, lockedUntil, expiresAt, countedAt, userId };
}

/** Whether it was first: false where somebody else has inserted the row. */
async function isFirst(inserting: Promise<unknown>): Promise<boolean> {
  try {
    await inserting;
    return true;
  } catch (error) {
    if (error instanceof UniqueConflictError) return false;
    throw error;
  }
}

function rowMeters(rows: Operations): Meters {
  const { insertAll } = rows;
  return {
    async read(key) {
      const row = await rows.findOne(table, { id: key });
      return row as StoredMeter | undefined;
    },
    async readAll(keys) {
      const found = await rows.find(table, { id: { in: keys } });
      const byKey = new Map(found.map((row) => [row["id"], row as unknown as StoredMeter]));
      return keys.map((key) => byKey.get(key));
    },
    async swap(key, stamp, meter, facts) {
      const row = meterRow(meter, facts);
      if (stamp !== undefined) {
        const changed = await rows.update(table, { id: key, stamp }, row);
        return changed === 1 ? row : undefined;
      }
      return (await isFirst(rows.insert(table, { id: key, ...row }))) ? row : undefined;
    },
    ...(insertAll === undefined
      ? {}
      : {
          addAll: (meters: readonly NewMeter[]) =>
            isFirst(
              insertAll.call(
                rows,
                table,
                meters.map(({ key, meter, facts }) => ({ id: key, ...meterRow(meter, facts) })),
              ),
            ),
        }),
    async remove(key) {
      return (await rows.delete(table, { id: key })) > 0;
    },
    async removeAll(keys) {
      await rows.delete(table, { id: { in: keys } });
    },
  };
}

/** Meters as rows of `portcullis_limit` in the application's database. */
export function datastoreLimits(datastore: Datastore): LimitStore {
  return {
    ...rowMeters(datastore),
    within: rowMeters,
    together: (work) => datastore.transaction((tx) => work(rowMeters(tx))),
    async locked(now, after, limit) {
      const rows: readonly Row[] = await datastore.find(
        table,
        { lockedUntil: { gt: now }, userId: { gt: after } },
        { orderBy: [{ field: "userId" }], limit },
      );
      return rows.map((row) => ({ userId: row["userId"] as number, lockedUntil: row["lockedUntil"] as number }));
    },
    purge: (now) => datastore.delete(table, { expiresAt: { lte: now } }),
  };
}
