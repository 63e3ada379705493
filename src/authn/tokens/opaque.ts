import type { KeyRing } from "../../secrets/keyring.ts";
import { randomId } from "../../secrets/random.ts";
import { open, seal } from "../../secrets/signed.ts";
import { findTokenOwner, type TokenOwner, tokenOwner } from "./owner.ts";
import type { TokenFormat } from "./token.ts";

/** What an opaque token says: whom it is for by uniquifier, so that changing that ends it, and how the user had proved who they are. */
interface Payload extends TokenOwner {
  /** When the user proved who they are, in epoch milliseconds. */
  readonly a: number | null;
  /** When the token ends, in epoch milliseconds. */
  readonly e: number;
  readonly m: readonly string[];
  /**
   * Random, where there is no family: two that are made in the same millisecond are two tokens. Those of a family must come
   * out alike: requests that renew it at the same time get one pair.
   */
  readonly n?: string;
  /** When the first of a chain of renewed tokens was made, where that is not `a`. */
  readonly o?: number;
  /** The family that it belongs to: once that has ended, so has the token. */
  readonly r?: string;
  readonly s?: readonly string[];
  /** The realm, where it is not the application's. */
  readonly w?: string;
}

const purpose = "auth-token";

/** The type "opaque": an encrypted value that says nothing to anybody but this server. `grace` in milliseconds. */
export function opaqueTokens(ring: KeyRing, realm: string, grace: number): TokenFormat {
  return {
    type: "opaque",
    seal({ account, authenticatedAt, methods, since, expiresAt, realm: own, scopes, family }) {
      const payload: Payload = {
        ...tokenOwner(account),
        a: authenticatedAt,
        e: expiresAt,
        m: methods,
        ...(since === authenticatedAt ? {} : { o: since }),
        ...(family === undefined ? { n: randomId(6) } : { r: family }),
        ...(scopes === undefined ? {} : { s: scopes }),
        ...(own === realm ? {} : { w: own }),
      };
      return seal(ring, purpose, payload, expiresAt);
    },
    open(text, now) {
      const { payload, error } = open<Payload>(ring, purpose, text, now - grace);
      if (payload === undefined) return error === "malformed" ? "form" : error;
      return {
        authenticatedAt: payload.a,
        methods: payload.m,
        since: payload.o ?? payload.a ?? undefined,
        expiresAt: payload.e,
        realm: payload.w ?? realm,
        scopes: payload.s,
        family: payload.r,
        find: (lookup) => findTokenOwner(lookup, payload),
      };
    },
  };
}
