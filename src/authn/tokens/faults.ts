import type { CredentialFault } from "../../model/identity.ts";

/** Why a token is refused. Each text is all that is told: nothing of what the token says. */
const reasons = {
  form: "it is not of the form that is taken here",
  issuer: "its iss is none of tokens.issuers",
  algorithm: "its alg is none of the issuer's algorithms",
  type: "its typ is none of those that are accepted for this issuer (tokens.issuers.types)",
  audience: "its aud names none of the configured audiences",
  endless: "it has no end (exp), or one that is no time",
  expired: "it has expired (exp)",
  early: "its start (nbf, iat) is no time, or further ahead of this clock than tokens.delay",
  key: "none of the known keys has its alg and kid",
  signature: "no known key made its signature",
  claims: "its claims are not of the kinds that they must be",
  user: "the option user of its issuer names nobody who has an account here",
  ended: "its user is gone or not active, or it was ended: by a change of the account or the end of its session",
  realm: "it is for another realm than the route",
  scoped:
    'it is limited by a scope, and only the scheme "oauth" takes it then, on routes that ask for scopes (or ignoreScopes for its issuer)',
  unscoped: 'it has no scope, and the scheme "oauth" takes none that is not limited by one',
} as const;

/** The name of a reason. */
export type TokenFault = keyof typeof reasons;

/** The reason as it is told. */
export function tokenFault(fault: TokenFault, issuer?: string): CredentialFault {
  return issuer === undefined ? { why: reasons[fault] } : { why: reasons[fault], issuer };
}
