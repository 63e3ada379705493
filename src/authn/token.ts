import type { CredentialCache } from "../datastore/cache.ts";
import type { Users } from "../datastore/users.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Identity } from "../model/identity.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { sha256 } from "../secrets/random.ts";
import { open, seal } from "../secrets/signed.ts";
import type { Scheme } from "./scheme.ts";

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

/** What a token says: whom it is for by uniquifier, so that changing that ends it, and how the user had proved who they are. */
interface TokenPayload {
  /** The user's `fsTokenUniquifier`, or with `f` the `fsUniquifier` of a user who has none. */
  readonly u: string;
  readonly f?: true;
  /** When the user proved who they are, in epoch milliseconds. */
  readonly a: number;
  /** When the token ends, in epoch milliseconds. */
  readonly e: number;
  readonly m: readonly string[];
}

const purpose = "auth-token";

/** Signs an auth token. For the sign-in pipeline alone: whoever calls it makes somebody's credential. */
export function sealToken(
  ring: KeyRing,
  account: Account,
  facts: { readonly at: number; readonly methods: readonly string[]; readonly life: number },
): string {
  const payload: TokenPayload = {
    ...(account.fsTokenUniquifier === null ? { u: account.fsUniquifier, f: true } : { u: account.fsTokenUniquifier }),
    a: facts.at,
    e: facts.at + facts.life,
    m: facts.methods,
  };
  return seal(ring, purpose, payload, payload.e);
}

/** What the token scheme needs. */
export interface TokenSchemeContext {
  readonly ring: KeyRing;
  readonly users: Users;
  readonly cache: CredentialCache<LiveToken>;
  readonly options: TokenOptions;
}

/** The scheme "token": a signed auth token in a header of its own, which no browser adds by itself. */
export function tokenScheme(context: TokenSchemeContext): Scheme {
  const { options, cache } = context;

  const load = async (text: string, payload: TokenPayload): Promise<Identity | undefined> => {
    const stamp = cache.stamp();
    const field = payload.f === true ? "fsUniquifier" : "fsTokenUniquifier";
    const found = await context.users.find(field, payload.u);
    if (found === undefined || !found.active) return undefined;
    // A token uniquifier that was set since has ended the tokens made without one.
    if (payload.f === true && found.fsTokenUniquifier !== null) return undefined;
    const identity: Identity = {
      account: found,
      via: "token",
      methods: payload.m,
      authenticatedAt: payload.a,
      tokenHash: sha256(text),
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
