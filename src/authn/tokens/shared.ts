import type { CacheStats } from "../../datastore/cache.ts";
import type { SharedValues } from "../../datastore/shared-cache.ts";
import type { Account } from "../../model/account.ts";
import { sha256 } from "../../secrets/random.ts";

/** Tokens of other issuers that another process has verified lately. */
export interface SharedTokens {
  /** `hash`: the SHA-256 of the token. */
  look(hash: string, issuer: string): Promise<SharedToken>;
  /** Forgets one token everywhere. Rejects when the cache does not answer. */
  forget(hash: string): Promise<void>;
  /** Forgets of all tokens whose they are. Rejects when the cache does not answer. */
  forgetOwners(): Promise<void>;
  stats(): CacheStats;
}

/** What is known of one token. */
export interface SharedToken {
  /** Whose it was found to be; undefined: it must be verified here. */
  readonly user: TokenUser | undefined;
  /** Whether what was found still counts for the user as they are now. */
  counts(account: Account): boolean;
  /** Keeps that it is this user's. */
  keep(account: Account): Promise<void>;
}

/** Whom a token is about, with the login, by which an application that has its own users finds them. */
export interface TokenUser {
  readonly id: number;
  readonly username: string | null;
}

/** No user has that id: whose a token is can't be known before it is looked up. */
const nobody = 0;

/**
 * What is kept: whose a token is, and under that user for which state of the account, so that all that ends a user's entries ends
 * these too. Signature and user alone are shared; the issuer and the token's claims are read in each process.
 *
 * @param life milliseconds at most
 */
export function createSharedTokens(shared: SharedValues, life: number): SharedTokens {
  let hits = 0;
  let misses = 0;
  const nameOf = (hash: string): string => `token ${hash}`;
  return {
    stats: () => ({ size: 0, hits, misses, hitRate: hits + misses === 0 ? 0 : hits / (hits + misses) }),
    forget: (hash) => shared.forget(nobody, nameOf(hash)),
    forgetOwners: () => shared.forget(nobody),
    async look(hash, issuer) {
      const name = nameOf(hash);
      const { value, stamp } = await shared.look(nobody, name);
      const user = userOf(value, issuer);
      const kept = user === undefined ? undefined : await shared.look(user.id, name);
      if (kept?.value === undefined) misses += 1;
      return {
        user: kept?.value === undefined ? undefined : user,
        counts(account) {
          const counts = kept?.value === stateOf(account);
          if (counts) hits += 1;
          else misses += 1;
          return counts;
        },
        async keep(account) {
          const { id, username } = account;
          const own = user?.id === id ? kept : await shared.look(id, name);
          if (stamp === undefined || own?.stamp === undefined) return;
          await shared.keep(id, name, own.stamp, stateOf(account), life);
          await shared.keep(nobody, name, stamp, JSON.stringify([issuer, id, username]), life);
        },
      };
    },
  };
}

function userOf(value: string | undefined, issuer: string): TokenUser | undefined {
  if (value === undefined) return undefined;
  // It is signed: its shape is ours.
  const [by, id, username] = JSON.parse(value) as readonly [string, number, string | null];
  return by === issuer ? { id, username } : undefined;
}

function stateOf({ fsUniquifier }: Pick<Account, "fsUniquifier">): string {
  return sha256(fsUniquifier);
}
