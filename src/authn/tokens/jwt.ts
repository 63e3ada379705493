import { Buffer } from "node:buffer";
import { andThen } from "../../model/awaitable.ts";
import { hasKeyFor, type JwsKey, jsonObject, parseCompact, signCompact, verifyCompact } from "../../secrets/jws.ts";
import type { KeyRing } from "../../secrets/keyring.ts";
import { randomId } from "../../secrets/random.ts";
import { type ClaimRules, checkClaims } from "./claims.ts";
import type { TokenSubject } from "./owner.ts";
import { type TokenFormat, uniquifierOf } from "./token.ts";

const purpose = "jwt";
const versionPurpose = "jwt-version";

/** The keys where none are configured: HS256 with a key that the secret keys give, as many as there are of those. */
export function ringKey(ring: KeyRing): JwsKey {
  return {
    algorithm: "HS256",
    kid: undefined,
    signs: true,
    until: undefined,
    publicJwk: undefined,
    sign: (data) => Buffer.from(ring.sign(purpose, data), "base64url"),
    verify: (data, signature) => ring.verify(purpose, data, signature.toString("base64url")),
  };
}

/**
 * The type "jwt" (RFC 7519): `sub` is the user's id (without a datastore the login), `ver` a mark of their uniquifier, so that changing it ends the token;
 * `auth_time` and `amr` say how they proved who they are, `scope` and `realm` what it is for. The first key signs, all verify.
 */
export function jwtTokens(
  ring: KeyRing,
  keys: readonly JwsKey[],
  rules: ClaimRules,
  realm: string,
  subject: TokenSubject,
): TokenFormat {
  const [signing] = keys as readonly [JwsKey];
  return {
    type: "jwt",
    seal({ account, authenticatedAt, methods, issuedAt, since, expiresAt, realm: own, scopes, family }) {
      const claims = {
        iss: rules.issuer,
        aud: rules.audience[0],
        sub: subject.of(account),
        ver: ring.sign(versionPurpose, uniquifierOf(account)),
        iat: seconds(issuedAt),
        exp: seconds(expiresAt),
        jti: randomId(16),
        ...(authenticatedAt === null ? {} : { auth_time: seconds(authenticatedAt) }),
        ...(methods.length === 0 ? {} : { amr: methods }),
        ...(since === issuedAt ? {} : { since: seconds(since) }),
        ...(own === realm ? {} : { realm: own }),
        ...(family === undefined ? {} : { family }),
        ...(scopes === undefined ? {} : { scope: scopes.join(" ") }),
      };
      return signCompact(claims, signing, "JWT");
    },
    open(text, now) {
      const jws = parseCompact(text);
      if (jws === undefined) return "form";
      const payload = verifyCompact(jws, keys, now);
      if (payload === undefined) return hasKeyFor(jws, keys, now) ? "signature" : "key";
      const claims = jsonObject(payload);
      if (claims === undefined) return "form";
      const expiresAt = checkClaims(claims, jws.header.typ, rules, now);
      const { sub, ver, auth_time: at, amr, iat, since, realm: own, scope, family } = claims;
      if (typeof expiresAt !== "number") return expiresAt;
      if (typeof sub !== "string" || typeof ver !== "string") return "claims";
      if (own !== undefined && typeof own !== "string") return "claims";
      if (family !== undefined && typeof family !== "string") return "claims";
      // We write words with spaces between (RFC 9068 2.2.3): a list is of somebody else's making.
      if (scope !== undefined && typeof scope !== "string") return "claims";
      const first = since ?? iat;
      return {
        authenticatedAt: typeof at === "number" ? at * 1000 : null,
        methods: texts(amr),
        since: typeof first === "number" ? first * 1000 : undefined,
        expiresAt,
        realm: own ?? realm,
        scopes: scopesOf(scope),
        family,
        find: () =>
          andThen(subject.find(sub), (found) =>
            found !== undefined && ring.verify(versionPurpose, uniquifierOf(found), ver) ? found : undefined,
          ),
      };
    },
  };
}

/** Rounded down: a token must not be from a moment ahead, nor live longer than it was told. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** The texts of a list; nothing for what is no list of texts. */
export function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];
}

/**
 * What a token is limited to (RFC 8693 4.2: words with spaces between; foreign issuers may send a list). Undefined where the token
 * says nothing; a claim of any other kind limits it to nothing at all.
 */
export function scopesOf(scope: unknown): readonly string[] | undefined {
  if (scope === undefined) return undefined;
  if (typeof scope === "string") return scope.split(" ").filter((word) => word !== "");
  return texts(scope);
}
