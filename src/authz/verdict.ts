import type { MessageKey } from "../i18n/catalogue.ts";
import type { FlashMessage } from "../views/contract.ts";

/** The request may go on. */
export interface Allow {
  readonly kind: "allow";
}

/** Nobody is signed in by a scheme that is accepted here: 401. */
export interface Unauthenticated {
  readonly kind: "unauthenticated";
  readonly schemes: readonly string[];
  readonly realm: string | undefined;
}

/** The caller may not: 403 (400 for a missing or wrong CSRF token). */
export interface Forbidden {
  readonly kind: "forbidden";
  readonly status: 400 | 403;
  readonly key: MessageKey;
  /** What failed, for the log and the trail; outsiders don't see it. */
  readonly reason: string;
  /** The same as data, where a guard of ours refused. */
  readonly lacking?: Lacking;
  /** The scopes that the credential must have, where it is limited to others (RFC 6750 3.1). */
  readonly scopes?: readonly string[];
}

/** What the caller does not have. */
export type Lacking =
  | {
      readonly kind: "role" | "group" | "permission" | "scope";
      readonly names: readonly string[];
      /** True: one of them would do. */
      readonly any: boolean;
    }
  | { readonly kind: "object"; readonly object: string; readonly mode: string | undefined };

/** The object is not there, or the caller may not know that it is: 404. */
export interface NotFound {
  readonly kind: "notFound";
}

/** Signed in, but the proof is too old for this: 401 with `reauth_required`, or the way to `/verify` and back. */
export interface Stale {
  readonly kind: "stale";
  /** How old the proof may be, and how long a check that passed holds, in minutes: as the guard says, else the options. */
  readonly within?: number;
  readonly grace?: number;
}

/** A page goes elsewhere; JSON gets the status and the message. */
export interface Redirected {
  readonly kind: "redirected";
  readonly to: "afterSignIn";
  readonly status: 400;
  readonly key: MessageKey;
}

/** A checkpoint's action answers in the place of the handler. */
export interface Diverted {
  readonly kind: "diverted";
  /** False: the check failed. */
  readonly passed: boolean;
  /** What failed, for the log and the trail. */
  readonly reason: string;
  /** Where a browser goes; undefined: nowhere. */
  readonly location: string | undefined;
  readonly json: Readonly<Record<string, unknown>> | undefined;
  readonly status: number;
  /** The message for the next page. */
  readonly flash: FlashMessage | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** A guard's answer. */
export type Verdict = Allow | Unauthenticated | Forbidden | NotFound | Stale | Redirected | Diverted;

/** The one Allow. */
export const allow: Allow = Object.freeze({ kind: "allow" });

/** The one NotFound. */
export const notFound: NotFound = Object.freeze({ kind: "notFound" });

/** The one Stale. */
export const stale: Stale = Object.freeze({ kind: "stale" });

/** A refusal with what failed, and the same as data where there is more to say than the words. */
export function forbidden(reason: string, lacking?: Lacking): Forbidden {
  const refused = { kind: "forbidden", status: 403, key: "UNAUTHORIZED", reason } as const;
  return lacking === undefined ? refused : { ...refused, lacking };
}

/** Why a verdict is none that lets pass, in words for developers; undefined: nothing failed. */
export function reasonOf(verdict: Verdict): string | undefined {
  switch (verdict.kind) {
    case "allow":
      return undefined;
    case "unauthenticated":
      return `not signed in by ${verdict.schemes.join(" or ")}`;
    case "forbidden":
      return verdict.reason;
    case "notFound":
      return "there is no such object";
    case "stale":
      return "the proof of identity is too old";
    case "diverted":
      return verdict.passed ? undefined : verdict.reason;
    case "redirected":
      return "somebody is signed in";
  }
}
