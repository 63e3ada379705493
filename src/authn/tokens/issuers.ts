import type { Users } from "../../datastore/user-operations.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import type { CredentialFault } from "../../model/identity.ts";
import {
  type CompactJws,
  hasKeyFor,
  type JwsAlgorithm,
  type JwsKey,
  jsonObject,
  parseCompact,
  verifyCompact,
} from "../../secrets/jws.ts";
import { type ClaimRules, checkClaims } from "./claims.ts";
import { tokenFault } from "./faults.ts";
import type { RemoteKeys } from "./jwks.ts";
import { scopesOf, texts } from "./jwt.ts";

/** The claims of a verified token, as its issuer wrote them. */
export type Claims = Readonly<Record<string, unknown>>;

/** Finds the user whom a token of another issuer is about; undefined: nobody here. */
export type ClaimedUser = (claims: Claims, users: Users) => Awaitable<{ readonly id: number } | undefined>;

/** Another issuer, ready to verify its tokens. */
export interface Issuer {
  readonly rules: ClaimRules;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly keys: readonly JwsKey[] | RemoteKeys;
  readonly user: ClaimedUser;
  readonly realm: string;
  readonly ignoreScopes: boolean;
}

/** A token that names one of the issuers and whose claims that issuer's rules admit; nothing is known of its signature. */
export interface IssuedToken {
  readonly issuer: Issuer;
  readonly jws: CompactJws;
  readonly claims: Claims;
  readonly expiresAt: number;
  readonly methods: readonly string[];
  readonly scopes: readonly string[] | undefined;
}

/**
 * Reads a token of one of the configured issuers. What the token says of its issuer only chooses among those; the keys, their
 * addresses and the algorithms are theirs by configuration.
 */
export function readIssued(text: string, issuers: readonly Issuer[], now: number): IssuedToken | CredentialFault {
  const jws = parseCompact(text);
  const claims = jws === undefined ? undefined : jsonObject(jws.payload);
  if (jws === undefined || claims === undefined) return tokenFault("form");
  const issuer = issuers.find(({ rules }) => rules.issuer === claims["iss"]);
  if (issuer === undefined) return tokenFault("issuer");
  const name = issuer.rules.issuer;
  if (!issuer.algorithms.some((algorithm) => algorithm === jws.header.alg)) return tokenFault("algorithm", name);
  const expiresAt = checkClaims(claims, jws.header.typ, issuer.rules, now);
  if (typeof expiresAt !== "number") return tokenFault(expiresAt, name);
  const { amr, scope, scp } = claims;
  const scopes = issuer.ignoreScopes ? undefined : scopesOf(scope ?? scp);
  return { issuer, jws, claims, expiresAt, methods: texts(amr), scopes };
}

/**
 * Why it is not one that its issuer has signed; undefined: it is. Asked last: a token that is over or for somebody else must not
 * cause a fetch of keys.
 */
export function signatureFault({ issuer, jws }: IssuedToken, now: number): Awaitable<CredentialFault | undefined> {
  const { keys: source } = issuer;
  const verify = (keys: readonly JwsKey[]): CredentialFault | undefined => {
    if (verifyCompact(jws, keys, now) !== undefined) return undefined;
    return tokenFault(hasKeyFor(jws, keys, now) ? "signature" : "key", issuer.rules.issuer);
  };
  if (isList(source)) return verify(source);
  const keys = source.keys(jws.header.kid);
  return keys instanceof Promise ? keys.then(verify) : verify(keys);
}

/** Array.isArray does not tell a read-only list from what is none. */
function isList(keys: readonly JwsKey[] | RemoteKeys): keys is readonly JwsKey[] {
  return Array.isArray(keys);
}
