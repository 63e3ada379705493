import type { KeyRing } from "../secrets/keyring.ts";
import { randomId } from "../secrets/random.ts";

/** Texts by key that several processes share and that end by themselves, such as Redis. */
export interface SharedCache {
  /** The values of the keys, in their order. */
  get(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** Keeps a value for so many milliseconds. */
  set(key: string, value: string, life: number): Promise<void>;
  /** The same where there is none yet. */
  add(key: string, value: string, life: number): Promise<void>;
  remove(key: string): Promise<void>;
}

/** What makes a cache once the system runs, such as `redisCache(client)`. */
export interface SharedCacheProvider {
  open(): SharedCache;
}

/** What was found: the value, or the state of things to keep one under. */
export interface SharedLookup {
  readonly value: string | undefined;
  /** Undefined: the cache does not answer, and nothing can be kept. */
  readonly stamp: string | undefined;
}

/** Values that hang on a user, shared between processes; signed, so that who can write to the cache can grant nothing. */
export interface SharedValues {
  look(userId: number, key: string): Promise<SharedLookup>;
  /** Keeps a value unless something of the user was forgotten since the lookup. */
  keep(userId: number, key: string, stamp: string, value: string, life: number): Promise<void>;
  /** Forgets one value, all of a user, or everything. Rejects when the cache does not answer. */
  forget(userId?: number, key?: string): Promise<void>;
}

const purpose = "shared-cache";
/** Marks live longer than any value: once one is gone, so is what was kept under it. */
const markLife = 30 * 86_400_000;
const shape = /^([^ ]*) (\d+) ([\w-]{43}) (.*)$/s;

/**
 * Each value is kept under two marks, of the user and of all: forgetting removes a mark, and what was kept under it counts
 * no more. A value that was worked out before is kept under the old mark, hence never found.
 */
export function createSharedValues(context: {
  readonly cache: SharedCache;
  readonly ring: KeyRing;
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}): SharedValues {
  const { cache, ring, now, log } = context;
  const all = "all";
  const markOf = (userId: number): string => `user:${userId}`;
  // Keys say neither who nor what.
  const entryOf = (userId: number, key: string): string => `entry:${ring.sign(purpose, `key\n${userId}\n${key}`)}`;
  const seal = (entry: string, stamp: string, until: string, value: string): string =>
    ring.sign(purpose, `value\n${entry}\n${stamp}\n${until}\n${value}`);

  const marks = async (userId: number, entry: string): Promise<readonly (string | undefined)[]> => {
    const found = await cache.get([all, markOf(userId), entry]);
    if (found[0] !== undefined && found[1] !== undefined) return found;
    if (found[0] === undefined) await cache.add(all, randomId(12), markLife);
    if (found[1] === undefined) await cache.add(markOf(userId), randomId(12), markLife);
    return cache.get([all, markOf(userId), entry]);
  };

  const open = (entry: string, stamp: string, text: string): string | undefined => {
    const [, under = "", until = "", seal = "", value = ""] = shape.exec(text) ?? [];
    if (under !== stamp || !(now() < Number(until))) return undefined;
    return ring.verify(purpose, `value\n${entry}\n${stamp}\n${until}\n${value}`, seal) ? value : undefined;
  };

  return {
    async look(userId, key) {
      const entry = entryOf(userId, key);
      try {
        const [everything, user, text] = await marks(userId, entry);
        if (everything === undefined || user === undefined) return { value: undefined, stamp: undefined };
        const stamp = `${everything}.${user}`;
        return { value: text === undefined ? undefined : open(entry, stamp, text), stamp };
      } catch (error) {
        log("the shared cache failed; it is passed over", { error: String(error) });
        return { value: undefined, stamp: undefined };
      }
    },
    async keep(userId, key, stamp, value, life) {
      const entry = entryOf(userId, key);
      const until = String(now() + life);
      try {
        await cache.set(entry, `${stamp} ${until} ${seal(entry, stamp, until, value)} ${value}`, life);
      } catch (error) {
        log("the shared cache failed; nothing is kept", { error: String(error) });
      }
    },
    async forget(userId, key) {
      if (userId === undefined) await cache.remove(all);
      else if (key === undefined) await cache.remove(markOf(userId));
      else await cache.remove(entryOf(userId, key));
    },
  };
}
