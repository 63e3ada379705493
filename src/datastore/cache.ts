import { LRUCache } from "lru-cache";
import type { InvalidationBus } from "./contract.ts";

/** What a cache entry tells: on whom it hangs. */
export interface CacheEntry {
  readonly userId: number | null;
}

/**
 * Credentials that were verified lately, by the credential (of passwords: by a keyed hash). An entry is served only while the bus says that
 * nothing changed elsewhere; a change of a user drops what hangs on that user at once. Without a bus nothing is served.
 */
export interface CredentialCache<Entry extends CacheEntry> {
  get(key: string): Entry | undefined;
  /** To be taken before the database is read: an entry read before a change must not be kept after it. */
  stamp(): number;
  /** Keeps the entry unless something was invalidated since `stamp`. */
  keep(key: string, entry: Entry, stamp: number, ttlMs?: number): void;
  drop(key: string): void;
  /** Drops one, and what was read of it before is not kept after it. */
  forget(key: string): void;
  /** Drops what hangs on the user, or everything. */
  invalidate(userId: number | undefined): void;
  /** Drops those of the user's entries of which this says so; what is being worked out is kept all the same. */
  dropWhere(userId: number, says: (entry: Entry) => boolean): void;
  stats(): CacheStats;
}

/** How a cache is doing since the start. */
export interface CacheStats {
  /** Entries in this process. */
  readonly size: number;
  readonly hits: number;
  readonly misses: number;
  /** Hits of all that was asked, 0 to 1; 0 while nothing was. */
  readonly hitRate: number;
}

/**
 * Makes a cache of at most `max` entries on the store's bus; `now` is the system's clock. No entry counts for longer than
 * `life` milliseconds; undefined: as long as it is kept for.
 */
export function createCredentialCache<Entry extends CacheEntry>(
  bus: InvalidationBus | undefined,
  max: number,
  now: () => number,
  life?: number,
): CredentialCache<Entry> {
  const byUser = new Map<number, Set<string>>();
  let epoch = 0;
  let hits = 0;
  let misses = 0;
  let latest = Number.NEGATIVE_INFINITY;
  /** True once the clock went back: a time to live that began in the future would be too long. */
  let setBack = false;
  const entries = new LRUCache<string, Entry>({
    max,
    // Times to live go by the same clock as everything else; without a resolution the time is asked each time.
    perf: {
      now() {
        const at = now();
        if (at < latest) setBack = true;
        latest = at;
        return at;
      },
    },
    ttlResolution: 0,
    dispose: (entry, key) => {
      if (entry.userId === null) return;
      const keys = byUser.get(entry.userId);
      keys?.delete(key);
      if (keys?.size === 0) byUser.delete(entry.userId);
    },
  });

  const invalidate = (userId: number | undefined): void => {
    epoch += 1;
    if (userId === undefined) {
      entries.clear();
      byUser.clear();
      return;
    }
    for (const key of [...(byUser.get(userId) ?? [])]) entries.delete(key);
  };
  bus?.onInvalidate(invalidate);

  return {
    get(key) {
      if (bus === undefined || !bus.current()) {
        misses += 1;
        return undefined;
      }
      let entry = entries.get(key);
      if (setBack) {
        setBack = false;
        entries.clear();
        entry = undefined;
      }
      if (entry === undefined) misses += 1;
      else hits += 1;
      return entry;
    },
    stamp: () => epoch,
    keep(key, entry, stamp, ttlMs) {
      if (bus === undefined || stamp !== epoch) return;
      const ttl = ttlMs === undefined ? life : Math.min(ttlMs, life ?? ttlMs);
      entries.set(key, entry, ttl === undefined ? {} : { ttl });
      if (entry.userId !== null) {
        const keys = byUser.get(entry.userId) ?? new Set<string>();
        byUser.set(entry.userId, keys);
        keys.add(key);
      }
    },
    drop: (key) => {
      entries.delete(key);
    },
    forget(key) {
      epoch += 1;
      entries.delete(key);
    },
    invalidate,
    dropWhere(userId, says) {
      for (const key of [...(byUser.get(userId) ?? [])]) {
        const entry = entries.peek(key);
        if (entry !== undefined && says(entry)) entries.delete(key);
      }
    },
    stats: () => ({ size: entries.size, hits, misses, hitRate: hits + misses === 0 ? 0 : hits / (hits + misses) }),
  };
}
