import type { SecurityRequest } from "../http/request.ts";
import type { Awaitable } from "../model/awaitable.ts";
import { inTime } from "../model/deadline.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { withAnybody } from "./guards/authentication.ts";
import type { Verdict } from "./verdict.ts";

/** The words of a declaration that must be in the application's vocabulary, and whether a user is sure to be there behind it. */
export interface GuardWords {
  readonly role: string;
  readonly permission: string;
  readonly object: string;
  readonly parameter: string;
  /** What identifies each object, for comparing its rule's type with the parameter's: "store by sid". */
  readonly identified: string;
  readonly scheme: string;
  readonly scope: string;
  /** True: whoever passes is signed in, so `c.var.user` is not null. */
  readonly user: boolean;
}

/** The words of a guard that mentions nothing. */
export interface NoWords extends GuardWords {
  readonly role: never;
  readonly permission: never;
  readonly object: never;
  readonly parameter: never;
  readonly identified: never;
  readonly scheme: never;
  readonly scope: never;
  readonly user: false;
}

/**
 * What a guard asks, as a tree: from it come the API's description and the generated access tests. It must say what `check`
 * enforces; the access tests of an application find out where it does not.
 */
export type GuardRule =
  /** "everybody" lets all pass, "nobody" none; "anonymous" turns away who is signed in; "csrf" wants a token of who is not. */
  | { readonly kind: "everybody" | "nobody" | "anonymous" }
  | {
      readonly kind: "csrf";
      /** True: of whoever is calling. */
      readonly every?: boolean;
    }
  /** Signed in by one of these schemes (undefined: the route's own), with a proof that is fresh enough where `fresh` is there. */
  | {
      readonly kind: "signedIn";
      readonly schemes?: readonly string[];
      /** In milliseconds; undefined: the system's. */
      readonly fresh?: { readonly within: number | undefined; readonly grace: number | undefined };
    }
  | { readonly kind: "roles" | "permissions"; readonly every: boolean; readonly names: readonly string[] }
  /** Asked of credentials that are limited to scopes. */
  | { readonly kind: "scopes"; readonly names: readonly string[] }
  | {
      readonly kind: "object";
      readonly object: string;
      /** Those that identify it, together. None: the route's first one. */
      readonly parameters: readonly string[];
      readonly mode: string | undefined;
    }
  /** Signed in with a second factor. */
  | { readonly kind: "secondFactor" }
  | CheckpointRule
  | { readonly kind: "allOf" | "anyOf"; readonly rules: readonly GuardRule[] }
  /** What only the application knows. */
  | { readonly kind: "custom" };

/** What a checkpoint looks at, and how it answers by itself. */
export interface CheckpointRule {
  readonly kind: "checkpoint";
  /** A value of the session bag; a key in a header (or a query parameter) or as a bearer; or the application's function. */
  readonly asks:
    | { readonly by: "session"; readonly key: string; readonly values: readonly (string | number | boolean)[] }
    | { readonly by: "header"; readonly name: string; readonly query: string | undefined }
    | { readonly by: "bearer" }
    | { readonly by: "function" };
  /** What programs get where it fails, and whether browsers are sent elsewhere; undefined: it is refused as everything else is. */
  readonly failed: { readonly status: number; readonly redirects: boolean } | undefined;
  /** Undefined: where it passes the handler runs. `status` is what programs get; undefined: for them the handler runs. */
  readonly passed: { readonly status: number | undefined; readonly redirects: boolean } | undefined;
}

/** Whether a name is a group, which the application's function knows, and no role. */
export type IsGroup = (name: string) => boolean;

/** A guard in words, for the access matrix and for checking its declaration against the vocabulary. */
export interface GuardDescription {
  /** One line: "role admin", "all of (role editor, fresh within 60 min)". */
  readonly text: string;
  /** What it asks, for programs. Undefined: it may refuse anybody, for any reason. */
  readonly rule?: GuardRule;
  /** Why the route is open to everybody, where it is. */
  readonly open?: string;
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly objects?: readonly {
    readonly kind: string;
    /** The parameters that identify it; none: the route's first. */
    readonly parameters: readonly string[];
    readonly mode: string | undefined;
  }[];
  readonly scopes?: readonly string[];
  /** True when every credential that is limited to scopes must have one of those that the guard names. */
  readonly limited?: boolean;
  /** The schemes that the guard itself names. */
  readonly schemes?: readonly string[];
  /** True: beside `schemes`, an alternative takes the route's own. */
  readonly otherSchemes?: boolean;
  readonly realm?: string;
  /** Parameters that it needs beside those of objects. */
  readonly parameters?: readonly string[];
  /** Names of routes that it may lead to. */
  readonly routes?: readonly string[];
  /** True when whoever passes is signed in. */
  readonly authenticated: boolean;
}

/** True where the guard lets in who is not signed in, whatever else it asks: a bad credential is nothing to such a route. */
export function isOpenTo(rule: GuardRule | undefined): boolean {
  switch (rule?.kind) {
    case "everybody":
    case "anonymous":
    case "csrf":
      return true;
    case "allOf":
      return rule.rules.every(isOpenTo);
    case "anyOf":
      return rule.rules.some(isOpenTo);
    default:
      return false;
  }
}

declare const guardWords: unique symbol;

/**
 * Decides on a request and can describe itself: all that a route's `authz` is made of. Answers synchronously where it
 * can, so a request with a warm session makes no await. `W` carries the guard's words for the compiler.
 */
export interface Guard<W extends GuardWords = GuardWords> {
  check(rq: SecurityRequest): Awaitable<Verdict>;
  /** `isGroup`: which of the names that stand for roles are groups; left out: all are called roles. */
  describe(isGroup?: IsGroup): GuardDescription;
  /** The guards that it is made of, for explaining a decision. */
  readonly parts?: readonly Guard[];
  /** For the compiler only; never there at run time. */
  readonly [guardWords]?: W;
}

/** True for what can be asked and described, whoever made it. */
export function isGuard(value: unknown): value is Guard {
  if (typeof value !== "object" || value === null) return false;
  const guard = value as Partial<Guard>;
  return typeof guard.check === "function" && typeof guard.describe === "function";
}

/**
 * Makes a guard of the application's own, asked once it is known who is calling (`rq.identity`, undefined: nobody).
 * `text` stands in the access matrix. Whatever else than a verdict it answers closes the route.
 */
export function customGuard(text: string, check: (rq: SecurityRequest) => Awaitable<Verdict>): Guard<NoWords> {
  if (typeof text !== "string" || text.trim() === "" || typeof check !== "function") {
    throw new ConfigurationError(
      "customGuard",
      "a text for the access matrix and a function of the request are expected",
    );
  }
  const what = `the guard "${text}"`;
  const valid = (verdict: Verdict): Verdict => {
    if (!kinds.has((verdict as Verdict | undefined)?.kind)) {
      throw new PortcullisError("invalid_verdict", `the guard "${text}" answered with something else than a verdict`);
    }
    return verdict;
  };
  const ask = (rq: SecurityRequest): Awaitable<Verdict> => {
    const verdict = inTime(check(rq), rq.system.deadline, what);
    return verdict instanceof Promise ? verdict.then(valid) : valid(verdict);
  };
  return {
    check(rq) {
      return withAnybody(rq, () => ask(rq));
    },
    describe: () => ({ text, rule: { kind: "custom" }, authenticated: false }),
  };
}

const kinds: ReadonlySet<unknown> = new Set<Verdict["kind"]>([
  "allow",
  "unauthenticated",
  "forbidden",
  "notFound",
  "stale",
  "redirected",
  "diverted",
]);

/**
 * The schemes that a route takes: those that its guard names and, where a part of the guard names none, those that it accepts.
 */
export function takenSchemes(
  { schemes, otherSchemes }: Pick<GuardDescription, "schemes" | "otherSchemes">,
  accepted: readonly string[],
): readonly string[] {
  if (schemes === undefined) return accepted;
  return Object.freeze([...new Set([...schemes, ...(otherSchemes === true ? accepted : [])])]);
}
