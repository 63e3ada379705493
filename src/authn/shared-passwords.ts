import type { CacheStats } from "../datastore/cache.ts";
import type { SharedValues } from "../datastore/shared-cache.ts";
import type { Account } from "../model/account.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { sha256 } from "../secrets/random.ts";

/** Passwords that another process has verified lately: they need not be hashed again. */
export interface SharedPasswords {
  /** Asked of unknown users too, so that it takes as long. It counts for `client` alone: its network, the scheme, the realm. */
  look(
    account: Account | undefined,
    user: string,
    password: string,
    client: readonly string[],
  ): Promise<{ readonly known: boolean; keep(account: Account): Promise<void> }>;
  stats(): CacheStats;
}

const purpose = "shared-password";
/** No user has that id. */
const nobody = 0;

/** What is kept says for which state of the account: a new password or the end of its sessions ends it. */
export function createSharedPasswords(shared: SharedValues, ring: KeyRing, life: number): SharedPasswords {
  let hits = 0;
  let misses = 0;
  return {
    stats: () => ({ size: 0, hits, misses, hitRate: hits + misses === 0 ? 0 : hits / (hits + misses) }),
    async look(account, user, password, client) {
      // By a key that only the secret keys give: whoever reads the cache can't try passwords against it.
      const key = `password ${ring.sign(purpose, JSON.stringify([user, password, ...client]))}`;
      const { value, stamp } = await shared.look(account?.id ?? nobody, key);
      const known = account !== undefined && value === stateOf(account);
      if (known) hits += 1;
      else misses += 1;
      return {
        known,
        async keep(verified) {
          if (stamp !== undefined) await shared.keep(verified.id, key, stamp, stateOf(verified), life);
        },
      };
    },
  };
}

function stateOf({ fsUniquifier, password }: Account): string {
  return sha256(`${fsUniquifier}\n${password ?? ""}`);
}
