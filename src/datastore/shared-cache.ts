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
 * Each value is kept under marks: one of all, one of the user, and one of its own once it was forgotten. Forgetting changes a
 * mark, and what was kept under the old one counts no more, also what was worked out before and is kept after it.
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
  const nameOf = (userId: number, key: string): string => ring.sign(purpose, `key\n${userId}\n${key}`);
  const entryOf = (name: string): string => `entry:${name}`;
  const goneOf = (name: string): string => `gone:${name}`;
  const seal = (entry: string, stamp: string, until: string, value: string): string =>
    ring.sign(purpose, `value\n${entry}\n${stamp}\n${until}\n${value}`);

  /** The marks of all and of the user, the value, and its own mark. */
  const read = async (userId: number, name: string): Promise<readonly (string | undefined)[]> => {
    const keys = [all, markOf(userId), entryOf(name), goneOf(name)];
    const found = await cache.get(keys);
    if (found[0] !== undefined && found[1] !== undefined) return found;
    if (found[0] === undefined) await cache.add(all, randomId(12), markLife);
    if (found[1] === undefined) await cache.add(markOf(userId), randomId(12), markLife);
    return cache.get(keys);
  };

  const open = (entry: string, stamp: string, text: string): string | undefined => {
    const [, under = "", until = "", seal = "", value = ""] = shape.exec(text) ?? [];
    if (under !== stamp || !(now() < Number(until))) return undefined;
    return ring.verify(purpose, `value\n${entry}\n${stamp}\n${until}\n${value}`, seal) ? value : undefined;
  };

  return {
    async look(userId, key) {
      const name = nameOf(userId, key);
      try {
        const [everything, user, text, gone = ""] = await read(userId, name);
        if (everything === undefined || user === undefined) return { value: undefined, stamp: undefined };
        const stamp = `${everything}.${user}.${gone}`;
        return { value: text === undefined ? undefined : open(entryOf(name), stamp, text), stamp };
      } catch (error) {
        log("the shared cache failed; it is passed over", { error: String(error) });
        return { value: undefined, stamp: undefined };
      }
    },
    async keep(userId, key, stamp, value, life) {
      const entry = entryOf(nameOf(userId, key));
      // No value may outlive the mark that ends it.
      const kept = Math.min(life, markLife / 2);
      const until = String(now() + kept);
      try {
        await cache.set(entry, `${stamp} ${until} ${seal(entry, stamp, until, value)} ${value}`, kept);
      } catch (error) {
        log("the shared cache failed; nothing is kept", { error: String(error) });
      }
    },
    async forget(userId, key) {
      if (userId === undefined) await cache.remove(all);
      else if (key === undefined) await cache.remove(markOf(userId));
      else await cache.set(goneOf(nameOf(userId, key)), randomId(12), markLife);
    },
  };
}
