import type { Users } from "../../datastore/users.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { type JwsAlgorithm, type JwsKey, jsonObject, parseCompact, verifyCompact } from "../../secrets/jws.ts";
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

/** A token of another issuer whose signature and claims are right. */
export interface IssuedToken {
  readonly issuer: Issuer;
  readonly claims: Claims;
  readonly expiresAt: number;
  readonly methods: readonly string[];
  readonly scopes: readonly string[] | undefined;
}

/**
 * Verifies a token of one of the configured issuers. What the token says of its issuer only chooses among those; the keys,
 * their addresses and the algorithms are theirs by configuration.
 */
export function verifyIssued(
  text: string,
  issuers: readonly Issuer[],
  now: number,
): Awaitable<IssuedToken | undefined> {
  if (issuers.length === 0) return undefined;
  const jws = parseCompact(text);
  const unverified = jws === undefined ? undefined : jsonObject(jws.payload);
  const issuer = issuers.find(({ rules }) => rules.issuer === unverified?.["iss"]);
  if (jws === undefined || unverified === undefined || issuer === undefined) return undefined;
  if (!issuer.algorithms.some((algorithm) => algorithm === jws.header.alg)) return undefined;
  // Before any key is looked for: a token that is over or for somebody else must not cause a fetch.
  const expiresAt = checkClaims(unverified, jws.header.typ, issuer.rules, now);
  if (expiresAt === undefined) return undefined;
  const finish = (keys: readonly JwsKey[]): IssuedToken | undefined => {
    if (verifyCompact(jws, keys, now) === undefined) return undefined;
    const { amr, scope, scp } = unverified;
    const scopes = issuer.ignoreScopes ? undefined : scopesOf(scope ?? scp);
    return { issuer, claims: unverified, expiresAt, methods: texts(amr), scopes };
  };
  const { keys: source } = issuer;
  if (isList(source)) return finish(source);
  const keys = source.keys(jws.header.kid);
  return keys instanceof Promise ? keys.then(finish) : finish(keys);
}

/** Array.isArray does not tell a read-only list from what is none. */
function isList(keys: readonly JwsKey[] | RemoteKeys): keys is readonly JwsKey[] {
  return Array.isArray(keys);
}
