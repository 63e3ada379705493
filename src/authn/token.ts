import type { CredentialCache } from "../datastore/cache.ts";
import type { Users } from "../datastore/users.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Identity } from "../model/identity.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { sha256 } from "../secrets/random.ts";
import { open, seal } from "../secrets/signed.ts";
import type { Scheme } from "./scheme.ts";
import type { TokenFamilies } from "./token-families.ts";

/** How auth tokens travel and how long they live. */
export interface TokenOptions {
  /** Default `Authentication-Token`. */
  readonly header: string;
  /** The name of a query parameter that may carry the token; undefined: none may, as queries end up in logs. */
  readonly queryParameter: string | undefined;
  /** Milliseconds. */
  readonly life: number;
}

/** A verified token as the cache holds it. */
export interface LiveToken {
  readonly userId: number;
  readonly identity: Identity;
  readonly expiresAt: number;
}

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

/** What a token says: whom it is for by uniquifier, so that changing that ends it, and how the user had proved who they are. */
interface TokenPayload extends TokenOwner {
  /** When the user proved who they are, in epoch milliseconds. */
  readonly a: number;
  /** When the token ends, in epoch milliseconds. */
  readonly e: number;
  readonly m: readonly string[];
  /** The family that it belongs to: once that has ended, so has the token. */
  readonly r?: string;
}

const purpose = "auth-token";

/** Signs an auth token. For the sign-in pipeline alone: whoever calls it makes somebody's credential. */
export function sealToken(
  ring: KeyRing,
  account: Account,
  facts: {
    /** When the user proved who they are, and when the token ends, in epoch milliseconds. */
    readonly authenticatedAt: number;
    readonly expiresAt: number;
    readonly methods: readonly string[];
    readonly family: string | undefined;
  },
): string {
  const payload: TokenPayload = {
    ...tokenOwner(account),
    a: facts.authenticatedAt,
    e: facts.expiresAt,
    m: facts.methods,
    ...(facts.family === undefined ? {} : { r: facts.family }),
  };
  return seal(ring, purpose, payload, payload.e);
}

/** What the token scheme needs. */
export interface TokenSchemeContext {
  readonly ring: KeyRing;
  readonly users: Users;
  readonly cache: CredentialCache<LiveToken>;
  readonly options: TokenOptions;
  /** Undefined: no token can be renewed, and one that says so is of no use. */
  readonly families: TokenFamilies | undefined;
}

/** The scheme "token": a signed auth token in a header of its own, which no browser adds by itself. */
export function tokenScheme(context: TokenSchemeContext): Scheme {
  const { options, cache } = context;

  const load = async (text: string, payload: TokenPayload): Promise<Identity | undefined> => {
    const stamp = cache.stamp();
    const found = await findTokenOwner(context.users, payload);
    if (found === undefined) return undefined;
    if (payload.r !== undefined && (await context.families?.alive(payload.r)) !== true) return undefined;
    const identity: Identity = {
      account: found,
      via: "token",
      methods: payload.m,
      authenticatedAt: payload.a,
      tokenHash: sha256(text),
      ...(payload.r === undefined ? {} : { tokenFamily: payload.r }),
    };
    cache.keep(text, { userId: found.id, identity, expiresAt: payload.e }, stamp);
    return identity;
  };

  return {
    name: "token",
    authenticate(rq: SecurityRequest) {
      const text =
        rq.header(options.header) ??
        (options.queryParameter === undefined
          ? undefined
          : (rq.url.searchParams.get(options.queryParameter) ?? undefined));
      if (text === undefined) return undefined;
      const now = rq.system.now();
      const live = rq.route.kind === "account" ? undefined : cache.get(text);
      if (live !== undefined) {
        if (now < live.expiresAt) return live.identity;
        cache.drop(text);
        return undefined;
      }
      const opened = open<TokenPayload>(context.ring, purpose, text, now);
      return opened.payload === undefined ? undefined : load(text, opened.payload);
    },
  };
}
