import type { SecurityRequest } from "../../http/request.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import { constantTimeEqual, sha256 } from "../../secrets/random.ts";
import type { Guard, NoWords } from "../guard.ts";
import { type CheckpointActions, checkActions } from "./checkpoint-actions.ts";

/** Keys that the application hands out by itself: the same for all who call, without a user behind them. */
export interface KeyCheckpointOptions extends CheckpointActions {
  /** Any of these opens: several, so that they can be changed one after the other. At least 16 characters each. */
  readonly keys: readonly string[];
}

/** Where an API key stands. */
export interface ApiKeyCheckpointOptions extends KeyCheckpointOptions {
  /** The header; default "X-API-Key". */
  readonly header?: string;
  /** Also take the key from this query parameter. Queries end up in logs and referrers: leave it out if you can. */
  readonly allowInQuery?: string;
}

/** The realm of a bearer checkpoint's challenge. */
export interface BearerCheckpointOptions extends KeyCheckpointOptions {
  /** Default: the route's, else "API". */
  readonly realm?: string;
}

const leastLength = 16;
const mostLength = 512;
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
const bearer = /^bearer +([A-Za-z0-9._~+/=:%!*'()-]+)$/i;

/** The request carries one of these API keys. Keys are compared in constant time, all of them each time. */
export function apiKeyCheckpoint(options: ApiKeyCheckpointOptions): Guard<NoWords> {
  const guard = "apiKeyCheckpoint";
  checkKnown(guard, options, ["keys", "header", "allowInQuery", "fail", "pass"]);
  const matches = keyCheck(guard, options.keys);
  const { header = "X-API-Key", allowInQuery } = options;
  if (typeof header !== "string" || !headerName.test(header) || /^(?:cookie|authorization|host)$/i.test(header)) {
    throw new ConfigurationError(`${guard}.header`, "is no name for a header of its own");
  }
  if (allowInQuery !== undefined && (typeof allowInQuery !== "string" || !/^[\w.-]{1,64}$/.test(allowInQuery))) {
    throw new ConfigurationError(`${guard}.allowInQuery`, "is no name of a parameter");
  }
  const checked = checkActions(guard, options, { json: { error: "invalid_api_key" } });
  const fromQuery = (rq: SecurityRequest): string | undefined => {
    const values = allowInQuery === undefined ? [] : rq.url.searchParams.getAll(allowInQuery);
    return values.length === 1 ? values[0] : undefined;
  };
  return {
    check: (rq) =>
      matches(rq.header(header) ?? fromQuery(rq)) ? checked.passed(rq) : checked.failed(rq, "no valid API key"),
    describe: () => ({
      text: `an API key in ${header}`,
      rule: checked.rule({ by: "header", name: header, query: allowInQuery }),
      routes: checked.routes,
      authenticated: false,
    }),
  };
}

/** The request carries one of these keys as `Authorization: Bearer …` (RFC 6750); else 401 with the challenge. */
export function bearerCheckpoint(options: BearerCheckpointOptions): Guard<NoWords> {
  const guard = "bearerCheckpoint";
  checkKnown(guard, options, ["keys", "realm", "fail", "pass"]);
  const matches = keyCheck(guard, options.keys);
  const { realm } = options;
  if (realm !== undefined && (typeof realm !== "string" || !/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(realm))) {
    throw new ConfigurationError(`${guard}.realm`, "a text without quotes and backslashes is expected");
  }
  const checked = checkActions(guard, options, { status: 401, json: { error: "invalid_token" } });
  return {
    check(rq) {
      const sent = rq.header("authorization");
      if (matches(bearer.exec(sent ?? "")?.[1])) return checked.passed(rq);
      const named = (realm ?? rq.route.realm ?? "API").replace(/["\\]/g, "");
      const error = sent === undefined ? "" : ', error="invalid_token"';
      return checked.failed(rq, "no valid bearer key", { "www-authenticate": `Bearer realm="${named}"${error}` });
    },
    describe: () => ({
      text: "a bearer key",
      rule: checked.rule({ by: "bearer" }),
      routes: checked.routes,
      authenticated: false,
      ...(realm === undefined ? {} : { realm }),
    }),
  };
}

/** Whether a key is one of these. Hashes are compared, so that neither the length nor the place of a difference shows. */
function keyCheck(guard: string, keys: unknown): (sent: string | undefined) => boolean {
  if (!Array.isArray(keys) || keys.length === 0) throw new ConfigurationError(`${guard}.keys`, "name at least one key");
  const hashes = keys.map((key: unknown, index) => {
    if (typeof key !== "string" || key.length < leastLength || key.length > mostLength) {
      throw new ConfigurationError(
        `${guard}.keys[${index}]`,
        `a text of ${leastLength} to ${mostLength} characters is expected`,
      );
    }
    return sha256(key);
  });
  return (sent) => {
    if (sent === undefined || sent.length > mostLength) return false;
    const hash = sha256(sent);
    let found = false;
    for (const one of hashes) found = constantTimeEqual(hash, one) || found;
    return found;
  };
}
