import type { LimitStore, StoredMeter } from "./store.ts";

/** Meters that are over are looked for after so many new ones. */
const sweepEvery = 10_000;

/** Meters of this process alone: what there is where neither a datastore nor Redis keeps them. */
export function memoryLimits(now: () => number): LimitStore {
  const meters = new Map<string, StoredMeter>();
  let added = 0;
  let stamps = 0;
  const sweep = (at: number): number => {
    const before = meters.size;
    for (const [key, { expiresAt }] of meters) if (expiresAt <= at) meters.delete(key);
    return before - meters.size;
  };
  return {
    read: (key) => Promise.resolve(meters.get(key)),
    swap(key, stamp, { wholeAt, failures, lockedUntil, expiresAt }, { userId }) {
      if (meters.get(key)?.stamp !== stamp) return Promise.resolve(undefined);
      stamps += 1;
      const stored: StoredMeter = { stamp: String(stamps), wholeAt, failures, lockedUntil, expiresAt, userId };
      if (stamp === undefined) {
        added += 1;
        if (added % sweepEvery === 0) sweep(now());
      }
      meters.set(key, stored);
      return Promise.resolve(stored);
    },
    remove: (key) => Promise.resolve(meters.delete(key)),
    locked(at, after, limit) {
      const found = [...meters.values()]
        .filter(({ lockedUntil, userId }) => lockedUntil > at && userId !== null && userId > after)
        .sort((a, b) => (a.userId as number) - (b.userId as number))
        .slice(0, limit);
      return Promise.resolve(found.map(({ userId, lockedUntil }) => ({ userId: userId as number, lockedUntil })));
    },
    purge: (at) => Promise.resolve(sweep(at)),
  };
}
