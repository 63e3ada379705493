import type { LimitStore, StoredMeter } from "./store.ts";

/** Meters that are over are looked for after so many new ones. */
const sweepEvery = 10_000;
/** So many meters at most: some 200 MB. Past that the oldest that is not locked goes. */
const most = 1_000_000;
/** So many are looked at to find one that is not locked. */
const looks = 100;

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
  const makeRoom = (at: number): void => {
    if (meters.size < most || sweep(at) > 0) return;
    let oldest: string | undefined;
    let looked = 0;
    for (const [key, { lockedUntil }] of meters) {
      oldest ??= key;
      looked += 1;
      if (lockedUntil <= at || looked > looks) {
        oldest = lockedUntil <= at ? key : oldest;
        break;
      }
    }
    if (oldest !== undefined) meters.delete(oldest);
  };
  return {
    read: (key) => Promise.resolve(meters.get(key)),
    swap(key, stamp, { wholeAt, failures, lockedUntil, expiresAt, countedAt }, { userId }) {
      if (meters.get(key)?.stamp !== stamp) return Promise.resolve(undefined);
      stamps += 1;
      const stored = { stamp: String(stamps), wholeAt, failures, lockedUntil, expiresAt, countedAt, userId };
      if (stamp === undefined) {
        added += 1;
        if (added % sweepEvery === 0) sweep(now());
        makeRoom(now());
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
