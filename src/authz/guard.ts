import type { SecurityRequest } from "../http/request.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Verdict } from "./verdict.ts";

/** The words of a declaration that must be in the application's vocabulary, and whether a user is sure to be there behind it. */
export interface GuardWords {
  readonly role: string;
  readonly permission: string;
  readonly object: string;
  readonly parameter: string;
  readonly scheme: string;
  /** True: whoever passes is signed in, so `c.var.user` is not null. */
  readonly user: boolean;
}

/** The words of a guard that mentions nothing. */
export interface NoWords extends GuardWords {
  readonly role: never;
  readonly permission: never;
  readonly object: never;
  readonly parameter: never;
  readonly scheme: never;
  readonly user: false;
}

/** A guard in words, for the access matrix and for checking its declaration against the vocabulary. */
export interface GuardDescription {
  /** One line: "role admin", "all of (role editor, fresh within 60 min)". */
  readonly text: string;
  /** Why the route is open to everybody, where it is. */
  readonly open?: string;
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly objects?: readonly {
    readonly kind: string;
    readonly parameter: string;
    readonly mode: string | undefined;
  }[];
  /** The schemes that the guard itself names. */
  readonly schemes?: readonly string[];
  readonly realm?: string;
  /** True when whoever passes is signed in. */
  readonly authenticated: boolean;
}

declare const guardWords: unique symbol;

/**
 * Decides on a request and can describe itself: all that a route's `authz` is made of. Answers synchronously where it
 * can, so a request with a warm session makes no await. `W` carries the guard's words for the compiler.
 */
export interface Guard<W extends GuardWords = GuardWords> {
  check(rq: SecurityRequest): Awaitable<Verdict>;
  describe(): GuardDescription;
  /** For the compiler only; never there at run time. */
  readonly [guardWords]?: W;
}

/** Makes a guard of the application's own. `text` stands in the access matrix. */
export function customGuard(text: string, check: (rq: SecurityRequest) => Awaitable<Verdict>): Guard<NoWords> {
  return { check, describe: () => ({ text, authenticated: false }) };
}
