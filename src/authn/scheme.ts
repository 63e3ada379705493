import type { CredentialCache } from "../datastore/cache.ts";
import type { Users } from "../datastore/user-operations.ts";
import type { AddressRule } from "../http/address.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { BadCredential, CredentialFault, Identity } from "../model/identity.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { PasswordProof } from "./password-proof.ts";
import type { SharedPasswords } from "./shared-passwords.ts";
import type { SignIn } from "./sign-in.ts";
import type { Tokens } from "./tokens/index.ts";

/** How credentials travel, in the words of OpenAPI's security schemes (OpenAPI 3.1.1, 4.8.27). */
export interface CredentialDescription {
  readonly type: "apiKey" | "http";
  /** An apiKey's place. */
  readonly in?: "header" | "query" | "cookie";
  /** The name of its header, parameter or cookie. */
  readonly name?: string;
  /** Of `http`: the word in `Authorization`. */
  readonly scheme?: string;
  readonly description: string;
  /** Tells the ways of one scheme apart: "bearer", "cookie". */
  readonly carrier?: string;
}

/**
 * Turns a request into an identity, or nothing, or a refusal: of a credential that was sent on purpose, not by a cookie, and
 * that is not good. Throwing closes the request.
 */
export interface Scheme {
  readonly name: string;
  authenticate(rq: SecurityRequest): Awaitable<Identity | BadCredential | undefined>;
  /**
   * Where the credential of this identity stood, as in `BadCredential`. A scheme that says so is also asked where another one
   * knows the caller already: a bad credential beside a good one refuses the request.
   */
  place?(rq: SecurityRequest, identity: Identity): string;
  /** The `WWW-Authenticate` values that tell a client of this scheme (RFC 9110 11.6.1). */
  challenge?(realm: string, rq: SecurityRequest): string | readonly string[] | undefined;
  /** How its credentials travel; each entry is a way of its own. Left out: the API's description can only name the scheme. */
  describe?(system: System): readonly CredentialDescription[];
  /** What a client of this scheme is told whose credential lacks one of these scopes (RFC 6750 3.1). */
  insufficient?(scopes: readonly string[]): string | undefined;
  /** True: browsers send its credentials along by themselves, so unsafe requests must come from our own pages. */
  readonly ambient?: boolean;
}

/** A verified user and password as the cache holds them. */
export interface LivePassword {
  readonly userId: number;
  readonly account: Account;
  /** What was typed to say who is meant. */
  readonly login: string;
  /** The network of the client that proved it; the entry counts for no other. "": the host tells no addresses. */
  readonly network: string;
  /** When it was verified, in epoch milliseconds. */
  readonly at: number;
}

/** What the schemes that come with Portcullis are made with. */
export interface SchemeContext {
  readonly ring: KeyRing;
  readonly users: Users;
  readonly proof: PasswordProof;
  readonly signIn: SignIn;
  readonly tokens: Tokens;
  readonly passwords: CredentialCache<LivePassword>;
  /** Undefined: the feature apiKeys is off. */
  readonly apiKeys: ApiKeys | undefined;
  /** Undefined: no other process is asked. */
  readonly sharedPasswords: SharedPasswords | undefined;
  readonly realm: string;
  readonly origins: readonly string[];
  readonly now: () => number;
  /** True for an address (or "unix") in the option `trustedProxies`; undefined where that lists none. */
  readonly trusted: AddressRule | undefined;
  readonly behindProxies: boolean;
  /** So many milliseconds a function of the application may take. */
  readonly deadline: number;
}

/** A scheme that comes with Portcullis and is switched on by standing in the option `schemes`. */
export interface SchemePlan<Name extends string = string> {
  readonly name: Name;
  /** Makes it for one running system. Throws ConfigurationError when it cannot be safe there. */
  make(context: SchemeContext): Scheme;
  /** Names of parameters that carry its credentials: routes need not declare them. */
  readonly parameters?: readonly string[];
}

/** Where nobody but the owner of a session counts. */
export const sessionOnly: readonly string[] = ["session"];

/** A credential in this header (lower case) or parameter that is not good. Made once, for each place that a scheme reads. */
export function badCredential(place: string): BadCredential {
  return Object.freeze({ refused: place });
}

/** The same, with why. */
export function because(bad: BadCredential, { why, issuer }: CredentialFault): BadCredential {
  return issuer === undefined ? { ...bad, why } : { ...bad, why, issuer };
}

/** The same in `Authorization` or a parameter that cannot be read as what it should be. */
export const unreadable: CredentialFault = { why: "it is not of the form that the scheme takes" };

/** Is this still to be made for a system? */
export function isPlan(scheme: Scheme | SchemePlan): scheme is SchemePlan {
  return "make" in scheme;
}

const ours = new WeakSet<Scheme | SchemePlan>();

/** Notes that a scheme comes with Portcullis: what it asks of the application has deadlines of its own. */
export function builtIn<Plan extends SchemePlan>(plan: Plan): Plan {
  ours.add(plan);
  return plan;
}

/** Is this a scheme of the application's own, or a plan for one? */
export function isForeign(scheme: Scheme | SchemePlan): boolean {
  return !ours.has(scheme);
}
