import type { AccountLookup, RowUsers } from "../../datastore/user-operations.ts";
import type { Account } from "../../model/account.ts";
import { type Awaitable, andThen } from "../../model/awaitable.ts";

/** Whom a token is for. */
export interface TokenOwner {
  /** The user's `fsTokenUniquifier`, or with `f` the `fsUniquifier` of a user who has none. */
  readonly u: string;
  readonly f?: true;
}

/** A text in a token that leads to its user. */
export interface TokenSubject {
  of(account: Account): string;
  find(text: string): Awaitable<Account | undefined>;
}

/** How tokens name users who are rows of the datastore. */
export function rowSubjects(users: RowUsers): { readonly id: TokenSubject; readonly name: TokenSubject } {
  return {
    id: {
      of: ({ id }) => String(id),
      find: (text) => (/^[1-9]\d{0,15}$/.test(text) ? users.lookup("id", Number(text)) : undefined),
    },
    name: { of: ({ email }) => email, find: (text) => users.find("email", text) },
  };
}

/** How tokens name users of an application's own table: by login. */
export function loginSubjects(
  byLogin: (login: string) => Promise<Account | undefined>,
): ReturnType<typeof rowSubjects> {
  const login: TokenSubject = { of: ({ username, email }) => username ?? email, find: byLogin };
  return { id: login, name: login };
}

/** The account as the tokens that are made for it name it. */
export function tokenOwner(account: Account): TokenOwner {
  return account.fsTokenUniquifier === null ? { u: account.fsUniquifier, f: true } : { u: account.fsTokenUniquifier };
}

/** The account that a token names; undefined when it is gone, is not active or has ended its tokens since. */
export function findTokenOwner(lookup: AccountLookup, { u, f }: TokenOwner): Awaitable<Account | undefined> {
  return andThen(lookup(f === true ? "fsUniquifier" : "fsTokenUniquifier", u), (found) => {
    if (found === undefined || !found.active) return undefined;
    // A token uniquifier that was set since has ended the tokens made without one.
    return f === true && found.fsTokenUniquifier !== null ? undefined : found;
  });
}
