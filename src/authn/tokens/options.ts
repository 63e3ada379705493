import type { Duration } from "../../model/duration.ts";
import { milliseconds, millisecondsOrNone } from "../../model/duration.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import { ambiguous, type KeyMaterial, prepareKey, publishedKeys } from "../../secrets/jwk.ts";
import { type JwsAlgorithm, type JwsKey, jwsAlgorithms } from "../../secrets/jws.ts";
import type { KeyRing } from "../../secrets/keyring.ts";
import { accessTypes } from "./claims.ts";
import type { ClaimedUser, Issuer } from "./issuers.ts";
import { remoteKeys } from "./jwks.ts";
import { ringKey } from "./jwt.ts";
import type { TokenCarrier } from "./token.ts";

/** A key that signs or verifies our own JWTs. */
export interface JwtKeyOption {
  /** PEM, JWK or KeyObject; for HS a secret of at least as many bytes as the hash has. A public key can only verify. */
  readonly key: KeyMaterial;
  /** The key's name in tokens; default its thumbprint (RFC 7638), for a secret none. */
  readonly kid?: string;
  /** Default: the option `algorithm`. */
  readonly algorithm?: JwsAlgorithm;
  /** What this key signed is taken until then, and no longer: the overlap of a rotation. */
  readonly until?: Date | string;
}

/** Our own JWTs. */
export interface JwtOptions {
  /** Default "HS256". Never taken from a token. */
  readonly algorithm?: JwsAlgorithm;
  /** The first signs, all verify. Default, with HS256 alone: keys that come from `secretKeys`. */
  readonly keys?: readonly JwtKeyOption[];
  /** `iss`; default the first origin. */
  readonly issuer?: string;
  /** `aud`; default the issuer. Of several, the first is written and each is taken. */
  readonly audience?: string | readonly string[];
}

/** Another issuer whose JWTs are taken. */
export interface IssuerOption {
  /** The exact `iss`. */
  readonly issuer: string;
  /** Our name there: one of these must be in `aud`. */
  readonly audience: string | readonly string[];
  /** The algorithms that it signs with; never HS. */
  readonly algorithms: readonly JwsAlgorithm[];
  /** Where its keys are published (https, or http on this machine), or the set itself. */
  readonly jwks: string | { readonly keys: readonly object[] };
  /** Finds the user by the verified claims. */
  readonly user: ClaimedUser;
  /** The realm that its tokens are for; default the application's. */
  readonly realm?: string;
  /** The accepted `typ` headers; default none, "JWT" and "at+jwt". */
  readonly types?: readonly string[];
  /** True: what a token's `scope` limits it to is not looked at, so it does whatever its user may. */
  readonly ignoreScopes?: boolean;
}

/** The option `tokens`. */
export interface TokenOptions {
  /** Default "opaque". */
  readonly type?: "opaque" | "fsa" | "jwt";
  /** Life of an auth token; default "15m". */
  readonly life?: Duration;
  /** How far the start of a JWT may be ahead of our clock; default "30s". */
  readonly delay?: Duration;
  /** A token is taken for so long after its end; default "0s", not at all. */
  readonly grace?: Duration;
  /** A token from the cookie is renewed in this last part of its life: 0.25 is the last quarter. Default 0: never. */
  readonly renewal?: number;
  /** Where tokens are looked for, the first good one counts. Default ["header"], with `jwt`, `fsa` or `issuers` ["bearer", "header"]. */
  readonly carriers?: readonly ("header" | "bearer" | "cookie" | "parameter")[];
  /** The header of its own; default "Authentication-Token". */
  readonly header?: string;
  /** The word before the token in `Authorization`, or several; default "Bearer" (RFC 6750). The first stands in challenges. */
  readonly bearer?: string | readonly string[];
  /** The cookie; default "token", which becomes `__Host-token`. */
  readonly cookie?: string;
  /** The field of a form or JSON body; default "auth_token". */
  readonly parameter?: string;
  /** Also take tokens from this query parameter. Queries end up in logs and referrers: leave it out if you can. */
  readonly allowInQuery?: string;
  readonly jwt?: JwtOptions;
  /** Other issuers whose JWTs are taken. */
  readonly issuers?: readonly IssuerOption[];
}

/** The option, checked and complete. Times in milliseconds. */
export interface TokenSettings {
  readonly type: "opaque" | "fsa" | "jwt";
  readonly life: number;
  readonly delay: number;
  readonly grace: number;
  readonly renewal: number;
  readonly carriers: readonly Exclude<TokenCarrier, "query">[];
  readonly header: string;
  readonly bearer: readonly [string, ...string[]];
  readonly cookie: string;
  readonly parameter: string;
  readonly query: string | undefined;
  readonly keys: readonly JwsKey[];
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly issuers: readonly Issuer[];
}

/** What checking needs of the system. */
export interface TokenEnvironment {
  readonly ring: KeyRing;
  readonly origin: string;
  readonly realm: string;
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

const knownOptions = [
  ...["type", "life", "delay", "grace", "renewal", "carriers", "header", "bearer", "cookie", "parameter"],
  ...["allowInQuery", "jwt", "issuers"],
];
const knownJwt = ["algorithm", "keys", "issuer", "audience"];
const knownKey = ["key", "kid", "algorithm", "until"];
const knownIssuer = ["issuer", "audience", "algorithms", "jwks", "user", "realm", "types", "ignoreScopes"];
/** The header in which auth tokens travel unless the option `tokens.header` names another one; Flask-Security's. */
export const DEFAULT_TOKEN_HEADER = "Authentication-Token";
const carriers = ["header", "bearer", "cookie", "parameter"];
const word = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;

/** Refuses what is unknown, contradictory or unsafe, with the option's path. */
export function tokenSettings(options: TokenOptions, environment: TokenEnvironment): TokenSettings {
  checkKnown("tokens", options, knownOptions);
  // In JavaScript it would pass for the default.
  for (const [name, value] of Object.entries(options)) {
    if (value === null)
      throw new ConfigurationError(`tokens.${name}`, "null is no value; leave it out for the default");
  }
  const { type = "opaque", renewal = 0 } = options;
  if (!["opaque", "fsa", "jwt"].includes(type)) {
    throw new ConfigurationError("tokens.type", 'must be "opaque", "fsa" or "jwt"');
  }
  const issuers = options.issuers ?? [];
  if (!Array.isArray(issuers)) throw new ConfigurationError("tokens.issuers", "a list of issuers is expected");
  const plain = type === "opaque" && issuers.length === 0;
  const chosen = options.carriers ?? (plain ? ["header"] : ["bearer", "header"]);
  if (!Array.isArray(chosen) || chosen.some((carrier) => !carriers.includes(carrier))) {
    throw new ConfigurationError("tokens.carriers", `a list is expected of: ${carriers.join(", ")}`);
  }
  if (chosen.length === 0 && options.allowInQuery === undefined) {
    throw new ConfigurationError("tokens.carriers", "name at least one");
  }
  if (!(typeof renewal === "number" && renewal >= 0 && renewal < 1)) {
    throw new ConfigurationError("tokens.renewal", "must be a part of the life, from 0 to less than 1, such as 0.25");
  }
  if (renewal > 0 && !chosen.includes("cookie")) {
    throw new ConfigurationError(
      "tokens.renewal",
      'only tokens in the cookie are renewed; add "cookie" to tokens.carriers',
    );
  }
  if (renewal > 0 && type === "fsa") {
    throw new ConfigurationError(
      "tokens.renewal",
      '"fsa" tokens do not say since when they are renewed; take "opaque" or "jwt"',
    );
  }
  for (const name of ["header", "cookie", "parameter", "allowInQuery"] as const) {
    if (options[name] !== undefined) checkWord(`tokens.${name}`, options[name]);
  }
  const bearer = bearerWords(options.bearer);
  if (options.jwt !== undefined && type !== "jwt") {
    throw new ConfigurationError("tokens.jwt", 'is there, but tokens.type is not "jwt"');
  }
  const jwt = options.jwt ?? {};
  checkKnown("tokens.jwt", jwt, knownJwt);
  const issuer = jwt.issuer ?? environment.origin;
  const common = {
    life: milliseconds("tokens.life", options.life ?? "15m"),
    delay: milliseconds("tokens.delay", options.delay ?? "30s"),
    grace: millisecondsOrNone("tokens.grace", options.grace ?? "0s"),
  };
  const settings = issuers.map((entry, index) => issuerOf(entry, `tokens.issuers[${index}]`, common, environment));
  const names = [...settings.map(({ rules }) => rules.issuer), ...(type === "jwt" ? [issuer] : [])];
  if (new Set(names).size !== names.length) throw new ConfigurationError("tokens.issuers", "an issuer is there twice");
  return {
    type,
    ...common,
    renewal,
    carriers: chosen,
    header: options.header ?? DEFAULT_TOKEN_HEADER,
    bearer,
    cookie: options.cookie ?? "token",
    parameter: options.parameter ?? "auth_token",
    query: options.allowInQuery,
    keys: type === "jwt" ? ownKeys(jwt, environment.ring) : [],
    issuer: text(issuer, "tokens.jwt.issuer"),
    audience: audienceOf(jwt.audience ?? issuer, "tokens.jwt.audience"),
    issuers: settings,
  };
}

function checkWord(path: string, value: unknown): asserts value is string {
  if (typeof value !== "string" || value === "") throw new ConfigurationError(path, "a text is expected");
  if (!word.test(value)) throw new ConfigurationError(path, "is no name");
}

function bearerWords(given: TokenOptions["bearer"]): readonly [string, ...string[]] {
  const words: readonly unknown[] = Array.isArray(given) ? given : [given ?? "Bearer"];
  if (words.length === 0) throw new ConfigurationError("tokens.bearer", "name at least one");
  for (const value of words) {
    checkWord("tokens.bearer", value);
    if (/^(?:basic|digest)$/i.test(value)) {
      throw new ConfigurationError("tokens.bearer", "is the name of another scheme");
    }
  }
  return words as readonly [string, ...string[]];
}

function ownKeys({ algorithm = "HS256", keys }: JwtOptions, ring: KeyRing): readonly JwsKey[] {
  if (!jwsAlgorithms.includes(algorithm)) {
    throw new ConfigurationError("tokens.jwt.algorithm", `must be one of ${jwsAlgorithms.join(", ")}`);
  }
  if (keys === undefined) {
    if (algorithm === "HS256") return [ringKey(ring)];
    throw new ConfigurationError("tokens.jwt.keys", `${algorithm} needs keys of its own`);
  }
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new ConfigurationError("tokens.jwt.keys", "a list of at least one key is expected");
  }
  const prepared = (keys as readonly JwtKeyOption[]).map((option, index) => {
    const path = `tokens.jwt.keys[${index}]`;
    checkKnown(path, option, knownKey);
    if (option.kid !== undefined && (typeof option.kid !== "string" || !/^[\x21-\x7e]{1,256}$/.test(option.kid))) {
      throw new ConfigurationError(`${path}.kid`, "is no name of a key");
    }
    const until = option.until === undefined ? undefined : new Date(option.until).getTime();
    if (Number.isNaN(until)) throw new ConfigurationError(`${path}.until`, "is no date");
    return prepareKey(option.algorithm ?? algorithm, option.key, { kid: option.kid, until }, path);
  });
  if (prepared[0]?.signs !== true) throw new ConfigurationError("tokens.jwt.keys[0]", "must be able to sign");
  if (new Set(prepared.map((key) => key.algorithm.startsWith("HS"))).size > 1) {
    throw new ConfigurationError("tokens.jwt.keys", "secrets and key pairs do not go together");
  }
  if (ambiguous(prepared)) throw new ConfigurationError("tokens.jwt.keys", "two keys have the same kid");
  return prepared;
}

function issuerOf(
  entry: IssuerOption,
  path: string,
  times: { readonly delay: number; readonly grace: number },
  environment: TokenEnvironment,
): Issuer {
  checkKnown(path, entry, knownIssuer);
  const { algorithms, jwks, user, types } = entry;
  if (!Array.isArray(algorithms) || algorithms.length === 0) {
    throw new ConfigurationError(`${path}.algorithms`, 'name what it signs with, such as ["RS256"]');
  }
  for (const algorithm of algorithms) {
    if (!jwsAlgorithms.includes(algorithm) || algorithm.startsWith("HS")) {
      throw new ConfigurationError(
        `${path}.algorithms`,
        `${JSON.stringify(algorithm)} can't be verified with published keys`,
      );
    }
  }
  if (typeof user !== "function") throw new ConfigurationError(`${path}.user`, "a function of the claims is expected");
  if (entry.ignoreScopes !== undefined && typeof entry.ignoreScopes !== "boolean") {
    throw new ConfigurationError(`${path}.ignoreScopes`, "true or false is expected");
  }
  if (types !== undefined && !(Array.isArray(types) && types.every((type) => typeof type === "string"))) {
    throw new ConfigurationError(`${path}.types`, "a list of texts is expected");
  }
  return {
    rules: {
      issuer: text(entry.issuer, `${path}.issuer`),
      audience: audienceOf(entry.audience, `${path}.audience`),
      types: types === undefined ? accessTypes : types.map((type) => type.toLowerCase()),
      ...times,
    },
    algorithms,
    keys: keysOf(jwks, algorithms, `${path}.jwks`, environment),
    user,
    realm: entry.realm === undefined ? environment.realm : text(entry.realm, `${path}.realm`),
    ignoreScopes: entry.ignoreScopes === true,
  };
}

function keysOf(
  jwks: IssuerOption["jwks"],
  algorithms: readonly JwsAlgorithm[],
  path: string,
  { now, log }: TokenEnvironment,
): Issuer["keys"] {
  if (typeof jwks !== "string") {
    const keys = publishedKeys(jwks, algorithms);
    if (keys === undefined || keys.length === 0) {
      throw new ConfigurationError(path, "is no key set with a key for these algorithms, or names two keys alike");
    }
    return keys;
  }
  const url = URL.canParse(jwks) ? new URL(jwks) : undefined;
  const local = url !== undefined && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url === undefined || !(url.protocol === "https:" || (url.protocol === "http:" && local)) || url.username !== "") {
    throw new ConfigurationError(path, "an https:// address is expected (http:// on this machine only)");
  }
  return remoteKeys({ url: url.href, algorithms, now, log });
}

function audienceOf(audience: string | readonly string[] | undefined, path: string): readonly string[] {
  const list = typeof audience === "string" ? [audience] : audience;
  if (!Array.isArray(list) || list.length === 0) throw new ConfigurationError(path, "name at least one audience");
  return list.map((entry) => text(entry, path));
}

function text(value: unknown, path: string): string {
  if (typeof value !== "string" || value === "") throw new ConfigurationError(path, "a text is expected");
  return value;
}
