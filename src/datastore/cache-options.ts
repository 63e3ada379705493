import { type Duration, milliseconds } from "../model/duration.ts";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import type { SharedCacheProvider } from "./shared-cache.ts";

/** One cache; false: off. */
export type CacheOption =
  | false
  | {
      /** So many entries at most, the least used go first; default 10,000. */
      readonly size?: number;
      /** An entry counts for so long; default "1m" (tokens whose user is in the datastore: until they end). */
      readonly ttl?: Duration;
      /**
       * False: stays in each process though there is a `store`. Default: shared where there is one; tokens only where this is
       * true, which shares what tokens of other issuers were found to be.
       */
      readonly shared?: boolean;
    };

/** The caches of decisions. Endpoints that change an account use none of them. */
export interface CacheOptions {
  /** Passwords that were verified. Default on; off without a datastore. */
  readonly password?: CacheOption;
  /** Tokens that were verified. Default on; off without a datastore. */
  readonly token?: CacheOption;
  /** What `groupCheck` said. Default off: Portcullis does not know when the answer changes. */
  readonly group?: CacheOption;
  /** What the rules of `objects` said. Default off. */
  readonly object?: CacheOption;
  /** Shares decisions between processes: `redisCache(client)` from "portcullis/redis". */
  readonly store?: SharedCacheProvider;
}

/** The kinds of decisions that are cached. */
export type CacheKind = "password" | "token" | "group" | "object";

/** One cache as it is made; life in milliseconds, undefined: as long as the entry itself. */
export interface CacheRule {
  readonly size: number;
  readonly life: number | undefined;
  /** True: in the shared store. */
  readonly shared: boolean;
}

const kinds: readonly CacheKind[] = ["password", "token", "group", "object"];
const minute = 60_000;

/**
 * Checks the option `caches`. A kind that is undefined in the result is off. Throws ConfigurationError.
 *
 * @param size of the caches where nothing is said: the option `sessions.cached`, 0: off
 * @param told whether a datastore tells of changes: then passwords and tokens are cached unless the option says otherwise
 */
export function cacheRules(
  options: CacheOptions,
  size: number,
  told: boolean,
): Readonly<Record<CacheKind, CacheRule | undefined>> {
  checkKnown("caches", options, [...kinds, "store"]);
  if (options.store !== undefined && typeof options.store?.open !== "function") {
    throw new ConfigurationError("caches.store", 'is no cache; for Redis: redisCache(client) from "portcullis/redis"');
  }
  const rule = (kind: CacheKind): CacheRule | undefined => {
    const option = options[kind];
    const shared = options.store !== undefined && kind !== "token";
    const forgets = kind === "token" && told ? undefined : minute;
    if (option === undefined) {
      return told && size > 0 && (kind === "password" || kind === "token")
        ? { size, life: forgets, shared }
        : undefined;
    }
    if (option === false) return undefined;
    const path = `caches.${kind}`;
    if (typeof option !== "object" || option === null || Array.isArray(option)) {
      throw new ConfigurationError(path, "false, or { size, ttl, shared }, is expected");
    }
    checkKnown(path, option, ["size", "ttl", "shared"]);
    const { size: own = 10_000, ttl, shared: wanted = shared } = option;
    if (typeof wanted !== "boolean") throw new ConfigurationError(`${path}.shared`, "true or false is expected");
    if (wanted && options.store === undefined) {
      throw new ConfigurationError(`${path}.shared`, "needs caches.store, such as redisCache(client)");
    }
    if (!Number.isSafeInteger(own) || own < 1 || own > 10_000_000) {
      throw new ConfigurationError(`${path}.size`, "a whole number from 1 to 10,000,000 is expected; off is false");
    }
    return { size: own, life: ttl === undefined ? forgets : milliseconds(`${path}.ttl`, ttl), shared: wanted };
  };
  return { password: rule("password"), token: rule("token"), group: rule("group"), object: rule("object") };
}
