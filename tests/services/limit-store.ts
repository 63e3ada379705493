/** What every store of limits must do, wherever it keeps them. */
import { randomBytes } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import { createCounters } from "../../src/authn/limits/counters.ts";
import type { LimitStore } from "../../src/authn/limits/store.ts";

/** Two connections to the same place. */
export interface StorePair {
  readonly stores: readonly [LimitStore, LimitStore, ...LimitStore[]];
  close(): Promise<void>;
}

const rule = { budget: { count: 10, interval: 90_000 }, lockout: undefined };
const lockout = { failures: 4, again: 2, within: 3_600_000, periods: [60_000] };
const key = (): string => randomBytes(32).toString("base64url");

/** Declares the tests of one kind of store. */
export function limitStoreTests(open: () => Promise<StorePair>): void {
  let pair: Promise<StorePair> | undefined;
  const opened = (): Promise<StorePair> => {
    pair ??= open();
    return pair;
  };
  afterAll(async () => (await pair)?.close());
  const now = Date.now();

  it("never lets more than the budget through, of thirty at once over several connections", async () => {
    const { stores } = await opened();
    for (let round = 0; round < 5; round += 1) {
      const counter = { key: key(), rule, userId: null };
      const counters = stores.map((store) => createCounters(store, () => now));
      const takings = await Promise.all(
        Array.from({ length: 30 }, (_, index) => counters[index % counters.length]?.take([counter])),
      );
      expect(takings.filter((taking) => taking !== undefined && "taken" in taking)).toHaveLength(10);
      expect(takings.filter((taking) => taking !== undefined && "refused" in taking)).toHaveLength(20);
    }
  });

  it("takes from all counters or from none, of thirty at once, and gives back the same way", async () => {
    const { stores } = await opened();
    for (let round = 0; round < 3; round += 1) {
      const shared = { key: key(), rule: { budget: { count: 25, interval: 1000 }, lockout: undefined }, userId: null };
      // Two accounts behind one address, in either order of their keys.
      const own = [0, 1].map((id) => ({ key: key(), rule: { budget: undefined, lockout }, userId: 6000 + id }));
      const each = Array.from({ length: 30 }, (_, index) => ({
        counters: createCounters(stores[index % stores.length] as LimitStore, () => now),
        wanted: [shared, own[index % 2] ?? shared],
      }));
      const answers = await Promise.all(each.map(({ counters, wanted }) => counters.take(wanted)));
      // The fourth failure locks each: of both together eight get through, and nobody else has cost the address anything.
      const taken = answers.flatMap((answer) => ("taken" in answer ? [answer.taken] : []));
      expect(taken).toHaveLength(8);
      expect((await stores[0].read(shared.key))?.wholeAt).toBe(now + 8_000);
      for (const answer of answers) if ("refused" in answer) expect(own).toContain(answer.refused.counter);
      const counters = stores.map((store) => createCounters(store, () => now));
      await Promise.all(
        taken.map(([first, second], index) =>
          counters[index % counters.length]?.settle(first === undefined ? [] : [first], second && [second.counter]),
        ),
      );
      expect((await stores[0].read(shared.key))?.wholeAt).toBe(now);
      for (const { key: gone } of own) expect(await stores[0].read(gone)).toBeUndefined();
    }
  });

  it("loses no attempt where none is refused", async () => {
    const { stores } = await opened();
    const counter = { key: key(), rule: { budget: { count: 1000, interval: 1000 }, lockout: undefined }, userId: null };
    // Each with a queue of its own: they meet in the store alone.
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        createCounters(stores[index % stores.length] as LimitStore, () => now).take([counter]),
      ),
    );
    expect((await stores[0].read(counter.key))?.wholeAt).toBe(now + 30_000);
    const meter = { wholeAt: 0, failures: 0, lockedUntil: 0, expiresAt: 0, countedAt: 0 };
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        createCounters(stores[index % stores.length] as LimitStore, () => now).settle([
          { counter, taking: { kind: "taken", meter, locks: false } },
        ]),
      ),
    );
    expect((await stores[1].read(counter.key))?.wholeAt).toBe(now);
  });

  it("lists locked accounts a page at a time, and forgets what is removed", async () => {
    const { stores } = await opened();
    const [one, other] = stores;
    const counters = createCounters(one, () => now);
    const users = [3, 1, 2].map((id) => ({
      key: key(),
      rule: { budget: undefined, lockout },
      userId: 5000 + id,
    }));
    const nobody = { key: key(), rule: { budget: undefined, lockout }, userId: null };
    for (const counter of [...users, nobody]) for (let n = 0; n < 4; n += 1) await counters.take([counter]);
    const ids = async (after: number, limit: number): Promise<number[]> =>
      (await other.locked(now, after, limit)).map(({ userId }) => userId);
    expect(await ids(5000, 2)).toEqual([5001, 5002]);
    expect(await ids(5002, 2)).toEqual([5003]);
    expect(await other.locked(now + 60_000, 5000, 10)).toEqual([]);
    expect([await other.remove(users[0]?.key ?? ""), await other.remove(users[0]?.key ?? "")]).toEqual([true, false]);
    expect([await ids(5000, 10), await one.read(users[0]?.key ?? "")]).toEqual([[5001, 5002], undefined]);
    await one.purge(now + 100 * 86_400_000);
    expect(await ids(0, 10)).toEqual([]);
  });
}
