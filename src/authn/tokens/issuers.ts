import type { Users } from "../../datastore/users.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import {
  type CompactJws,
  type JwsAlgorithm,
  type JwsKey,
  jsonObject,
  parseCompact,
  verifyCompact,
} from "../../secrets/jws.ts";
import { type ClaimRules, checkClaims } from "./claims.ts";
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
export function readIssued(text: string, issuers: readonly Issuer[], now: number): IssuedToken | undefined {
  if (issuers.length === 0) return undefined;
  const jws = parseCompact(text);
  const claims = jws === undefined ? undefined : jsonObject(jws.payload);
  const issuer = issuers.find(({ rules }) => rules.issuer === claims?.["iss"]);
  if (jws === undefined || claims === undefined || issuer === undefined) return undefined;
  if (!issuer.algorithms.some((algorithm) => algorithm === jws.header.alg)) return undefined;
  const expiresAt = checkClaims(claims, jws.header.typ, issuer.rules, now);
  if (expiresAt === undefined) return undefined;
  const { amr, scope, scp } = claims;
  const scopes = issuer.ignoreScopes ? undefined : scopesOf(scope ?? scp);
  return { issuer, jws, claims, expiresAt, methods: texts(amr), scopes };
}

/** Whether the issuer has signed it. Asked last: a token that is over or for somebody else must not cause a fetch of keys. */
export function isSigned({ issuer, jws }: IssuedToken, now: number): Awaitable<boolean> {
  const { keys: source } = issuer;
  const verify = (keys: readonly JwsKey[]): boolean => verifyCompact(jws, keys, now) !== undefined;
  if (isList(source)) return verify(source);
  const keys = source.keys(jws.header.kid);
  return keys instanceof Promise ? keys.then(verify) : verify(keys);
}

/** Array.isArray does not tell a read-only list from what is none. */
function isList(keys: readonly JwsKey[] | RemoteKeys): keys is readonly JwsKey[] {
  return Array.isArray(keys);
}
