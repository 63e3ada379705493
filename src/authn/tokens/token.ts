import type { AccountLookup } from "../../datastore/user-operations.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import type { TokenFault } from "./faults.ts";

/** How a token came. */
export type TokenCarrier = "header" | "bearer" | "cookie" | "parameter" | "query";

/** What a token of ours is made of. Times in epoch milliseconds. */
export interface TokenFacts {
  readonly account: Account;
  /** When the user proved who they are; null: not known, hence never fresh. */
  readonly authenticatedAt: number | null;
  readonly methods: readonly string[];
  readonly issuedAt: number;
  /** When the first of a chain of renewed tokens was made. */
  readonly since: number;
  readonly expiresAt: number;
  readonly realm: string;
  /** What it is limited to; undefined: not limited. */
  readonly scopes: readonly string[] | undefined;
  /** The family that it belongs to: once that has ended, so has the token. */
  readonly family: string | undefined;
}

/** A token of ours whose signature and times are right; whether its user is still there is asked next. */
export interface OpenedToken {
  readonly authenticatedAt: number | null;
  readonly methods: readonly string[];
  readonly since: number | undefined;
  readonly expiresAt: number;
  readonly realm: string;
  readonly scopes: readonly string[] | undefined;
  readonly family: string | undefined;
  /** The user, unless something has ended their tokens since. */
  find(lookup: AccountLookup): Awaitable<Account | undefined>;
}

/** One type of token: makes it and opens it. */
export interface TokenFormat {
  readonly type: "opaque" | "fsa" | "jwt";
  seal(facts: TokenFacts): string;
  /** Else why: it was not made by `seal`, or not for now. */
  open(text: string, now: number): OpenedToken | TokenFault;
}

/** The uniquifier whose change ends a user's tokens. */
export function uniquifierOf(account: Account): string {
  return account.fsTokenUniquifier ?? account.fsUniquifier;
}
