import { type Account, withColumns } from "./account.ts";
import type { Session } from "./session.ts";

/** Why a credential was refused: for the operator and for developers, never for callers. */
export interface CredentialFault {
  /** A sentence that repeats nothing of the credential. */
  readonly why: string;
  /** The configured issuer of a token. */
  readonly issuer?: string;
}

/** A scheme's answer to a credential that was sent on purpose (in a header or parameter) and is not good. */
export interface BadCredential extends Partial<CredentialFault> {
  /** Where it stood: the header's name in lower case, or the parameter's. */
  readonly refused: string;
}

/** Whether this is a fault, and not what was looked for. */
export function isFault(found: object): found is CredentialFault {
  return typeof (found as Partial<CredentialFault>).why === "string";
}

/** Who is calling, as a scheme found out. */
export interface Identity {
  readonly account: Account;
  /** The name of the scheme: "session", "token", "basic" or the application's own. */
  readonly via: string;
  /** How the user proved who they are: "password", "remember" … */
  readonly methods: readonly string[];
  /** When, in epoch milliseconds; null: not known or long ago, hence never fresh. */
  readonly authenticatedAt: number | null;
  /** What the credential is limited to; undefined: not limited. */
  readonly scopes?: readonly string[];
  /** When the credential ends, in epoch milliseconds; undefined: each request proves anew, or `session` says so. */
  readonly expiresAt?: number;
  /** The realm of the routes that the credential is for; undefined: all. */
  readonly realm?: string;
  /** True: the credential may be used so often and no more. */
  readonly rated?: boolean;
  /** The session row, when `via` is "session". */
  readonly session?: Session;
  /** The administrator who acts as this account; undefined: nobody but its owner. */
  readonly impersonator?: Account;
  /** The hash of the token, when `via` is "token" or "oauth". */
  readonly tokenHash?: string;
  /** The family that the token belongs to, when it can be renewed. */
  readonly tokenFamily?: string;
  /** The id of the API key, when `via` is "apiKey". */
  readonly apiKey?: string;
  /** How the token came. */
  readonly carrier?: "header" | "bearer" | "cookie" | "parameter" | "query";
}

/** When the credential behind an identity ends, in epoch milliseconds; undefined: it does not by itself. */
export function endOf(identity: Identity): number | undefined {
  return identity.expiresAt ?? identity.session?.expiresAt;
}

const sources = new WeakMap<Account, Identity>();

/**
 * The identity of a credential that is less than its user, with an account of its own: what is made from that account alone,
 * such as a token, is never more than the credential.
 */
export function boundIdentity(identity: Identity): Identity {
  const account = withColumns(identity.account, {});
  const bound: Identity = { ...identity, account };
  sources.set(account, bound);
  return bound;
}

/** The credential through which this account is seen; undefined: it was read from the rows, or through one that may all. */
export function sourceOf(account: object): Identity | undefined {
  return sources.get(account as Account);
}
