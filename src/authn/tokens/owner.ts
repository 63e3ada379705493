import type { Users } from "../../datastore/users.ts";
import type { Account } from "../../model/account.ts";

/** Whom a token is for. */
export interface TokenOwner {
  /** The user's `fsTokenUniquifier`, or with `f` the `fsUniquifier` of a user who has none. */
  readonly u: string;
  readonly f?: true;
}

/** The account as the tokens that are made for it name it. */
export function tokenOwner(account: Account): TokenOwner {
  return account.fsTokenUniquifier === null ? { u: account.fsUniquifier, f: true } : { u: account.fsTokenUniquifier };
}

/** The account that a token names; undefined when it is gone, is not active or has ended its tokens since. */
export async function findTokenOwner(users: Users, { u, f }: TokenOwner): Promise<Account | undefined> {
  const found = await users.find(f === true ? "fsUniquifier" : "fsTokenUniquifier", u);
  if (found === undefined || !found.active) return undefined;
  // A token uniquifier that was set since has ended the tokens made without one.
  return f === true && found.fsTokenUniquifier !== null ? undefined : found;
}
