import { type Awaitable, settled } from "../model/awaitable.ts";
import type { CacheStats, CredentialCache } from "./cache.ts";
import type { SharedValues } from "./shared-cache.ts";

/** What a function of the application said of a user. */
export interface Decided {
  readonly userId: number;
  readonly result: boolean | undefined;
}

/** What was decided lately, so that the application's functions are not asked each time. */
export interface DecisionCache {
  /** The cached decision, else what `ask` says. Kept are true, false and undefined alone. */
  decide(userId: number, key: string, ask: () => Awaitable<boolean | undefined>): Awaitable<boolean | undefined>;
  /** Forgets one decision. */
  forget(userId: number, key: string): Promise<void>;
  stats(): CacheStats;
}

const cachable = (result: unknown): boolean => result === undefined || typeof result === "boolean";

/** Decisions in the memory of this process. */
export function localDecisions(cache: CredentialCache<Decided>): DecisionCache {
  return {
    decide(userId, key, ask) {
      const known = cache.get(key);
      if (known !== undefined) return known.result;
      const stamp = cache.stamp();
      const keep = (result: boolean | undefined): boolean | undefined => {
        if (cachable(result)) cache.keep(key, { userId, result }, stamp);
        return result;
      };
      const answer = settled(ask());
      return answer instanceof Promise ? answer.then(keep) : keep(answer);
    },
    forget(_userId, key) {
      cache.drop(key);
      return Promise.resolve();
    },
    stats: () => cache.stats(),
  };
}

const texts: Readonly<Record<string, boolean | undefined>> = { yes: true, no: false, none: undefined };

/** Decisions that several processes share: forgotten by one, they are forgotten by all. `life` in milliseconds. */
export function sharedDecisions(shared: SharedValues, kind: string, life: number): DecisionCache {
  let hits = 0;
  let misses = 0;
  const nameOf = (key: string): string => `${kind} ${key}`;
  return {
    async decide(userId, key, ask) {
      const { value, stamp } = await shared.look(userId, nameOf(key));
      if (value !== undefined && Object.hasOwn(texts, value)) {
        hits += 1;
        return texts[value];
      }
      misses += 1;
      const result = await ask();
      if (stamp !== undefined && cachable(result)) {
        const text = result === true ? "yes" : result === false ? "no" : "none";
        await shared.keep(userId, nameOf(key), stamp, text, life);
      }
      return result;
    },
    forget: (userId, key) => shared.forget(userId, nameOf(key)),
    stats: () => ({ size: 0, hits, misses, hitRate: hits + misses === 0 ? 0 : hits / (hits + misses) }),
  };
}
