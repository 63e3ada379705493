import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown, knownNames } from "../../model/known-names.ts";
import type { LockoutRule } from "./meter.ts";
import { type Budget, budgetOf, type Rate } from "./rate.ts";
import type { LimitStoreProvider } from "./store.ts";

/** Limits of one endpoint of the account system. */
export interface EndpointLimits {
  /** For each signed-in user, and where nobody is signed in for each identity that the form names. */
  readonly perIdentity?: Rate;
  /** For each client address. */
  readonly perAddress?: Rate;
}

const switchable = [
  "signIn.perAccount",
  "signIn.perAddress",
  "mail.perTarget",
  "mail.perAddress",
  "endpoints",
  "lockout",
] as const;

/** A limit that can be switched off. */
export type LimitName = (typeof switchable)[number];

/** How often somebody may try. Limits are always on; what is left out has its default. */
export interface LimitOptions {
  /** Where it is counted: `redisLimits(client)` from "portcullis/redis"; default: in the database. */
  readonly store?: LimitStoreProvider;
  /** Guesses of passwords and codes, over all ways to sign in together. */
  readonly signIn?: {
    /** For one account, or for one name that no account has; default "10/15m". */
    readonly perAccount?: Rate;
    /** For one client address (IPv6: one /64); successes are given back. Default "100/15m". */
    readonly perAddress?: Rate;
  };
  /** Mails and text messages that strangers can cause. */
  readonly mail?: {
    /** To one recipient; default "6/1h". */
    readonly perTarget?: Rate;
    /** Caused from one client address; default "30/1h". */
    readonly perAddress?: Rate;
  };
  /** Limits of endpoints by their names, in the place of their own: `{ register: { perAddress: "30/1h" } }`. */
  readonly endpoints?: Readonly<Record<string, EndpointLimits>>;
  /** Locks an account (or a name that no account has) against guessing, never for ever. */
  readonly lockout?: {
    /** So many failures in a row lock; default 20. */
    readonly failures?: number;
    /** After a lock, so many more lock again; default 5. */
    readonly again?: number;
    /** Failures are forgotten after so long without one; default "24h". */
    readonly within?: Duration;
    /** How long each lock in a row is; the last one repeats. At most "24h" each; default ["1m", "5m", "30m", "2h", "12h", "24h"]. */
    readonly periods?: readonly Duration[];
  };
  /** Limits that are switched off: whoever does that leaves passwords to be guessed. */
  readonly allowUnlimited?: readonly LimitName[];
}

/** The options as they are calculated with; undefined is switched off. */
export interface LimitRules {
  readonly perAccount: Budget | undefined;
  readonly perAddress: Budget | undefined;
  readonly mailPerTarget: Budget | undefined;
  readonly mailPerAddress: Budget | undefined;
  readonly lockout: LockoutRule | undefined;
  /** The limits of an endpoint: its own, with the application's over them. */
  endpoint(
    name: string,
    own: EndpointLimits | undefined,
  ): { readonly perIdentity: Budget | undefined; readonly perAddress: Budget | undefined };
}

const known: Readonly<Record<string, readonly string[] | undefined>> = {
  store: undefined,
  signIn: ["perAccount", "perAddress"],
  mail: ["perTarget", "perAddress"],
  endpoints: undefined,
  lockout: ["failures", "again", "within", "periods"],
  allowUnlimited: undefined,
};
const day = 86_400_000;

/** Checks the option `limits`. Throws ConfigurationError with the path of what is wrong. */
export function limitRules(options: LimitOptions): LimitRules {
  checkKnown("limits", options, Object.keys(known));
  for (const [name, inner] of Object.entries(known)) {
    const value: unknown = options[name as keyof LimitOptions];
    if (inner !== undefined && value !== undefined) checkKnown(`limits.${name}`, value, inner);
  }
  if (options.store !== undefined && typeof options.store?.open !== "function") {
    throw new ConfigurationError("limits.store", 'is no store; for Redis: redisLimits(client) from "portcullis/redis"');
  }
  const off = switchedOff(options.allowUnlimited);
  const rule = (name: LimitName, rate: Rate | undefined, byDefault: Rate): Budget | undefined => {
    const budget = budgetOf(`limits.${name}`, rate ?? byDefault);
    return off.has(name) ? undefined : budget;
  };
  const endpoints = checkEndpoints(options.endpoints);
  return {
    perAccount: rule("signIn.perAccount", options.signIn?.perAccount, "10/15m"),
    perAddress: rule("signIn.perAddress", options.signIn?.perAddress, "100/15m"),
    mailPerTarget: rule("mail.perTarget", options.mail?.perTarget, "6/1h"),
    mailPerAddress: rule("mail.perAddress", options.mail?.perAddress, "30/1h"),
    lockout: lockoutRule(options.lockout ?? {}, off.has("lockout")),
    endpoint(name, own) {
      const path = `limits.endpoints.${name}`;
      const { perIdentity, perAddress } = { ...own, ...endpoints[name] };
      const on = (part: string, rate: Rate | undefined): Budget | undefined =>
        rate === undefined || off.has("endpoints") ? undefined : budgetOf(`${path}.${part}`, rate);
      return { perIdentity: on("perIdentity", perIdentity), perAddress: on("perAddress", perAddress) };
    },
  };
}

function switchedOff(names: unknown): ReadonlySet<LimitName> {
  if (names === undefined) return new Set();
  if (!Array.isArray(names)) throw new ConfigurationError("limits.allowUnlimited", "a list of limits is expected");
  for (const [index, name] of names.entries()) {
    if (!switchable.includes(name)) {
      throw new ConfigurationError(
        `limits.allowUnlimited[${index}]`,
        `there is no limit ${JSON.stringify(name)}; ${knownNames(String(name), switchable)}`,
      );
    }
  }
  return new Set(names as readonly LimitName[]);
}

function checkEndpoints(endpoints: LimitOptions["endpoints"]): Readonly<Record<string, EndpointLimits>> {
  const checked: Record<string, EndpointLimits> = Object.create(null);
  if (endpoints === undefined) return checked;
  checkKnown("limits.endpoints", endpoints, Object.keys(endpoints ?? {}));
  for (const [name, limits] of Object.entries(endpoints)) {
    const path = `limits.endpoints.${name}`;
    checkKnown(path, limits, ["perIdentity", "perAddress"]);
    const kept: { perIdentity?: Rate; perAddress?: Rate } = {};
    for (const part of ["perIdentity", "perAddress"] as const) {
      const rate = limits[part];
      if (rate === undefined) continue;
      budgetOf(`${path}.${part}`, rate);
      kept[part] = rate;
    }
    checked[name] = kept;
  }
  return checked;
}

function lockoutRule(options: NonNullable<LimitOptions["lockout"]>, off: boolean): LockoutRule | undefined {
  const count = (name: "failures" | "again", byDefault: number, most: number): number => {
    const value: unknown = options[name] ?? byDefault;
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > most) {
      throw new ConfigurationError(`limits.lockout.${name}`, `a whole number from 1 to ${most} is expected`);
    }
    return value as number;
  };
  const periods: unknown = options.periods ?? ["1m", "5m", "30m", "2h", "12h", "24h"];
  if (!Array.isArray(periods) || periods.length === 0 || periods.length > 50) {
    throw new ConfigurationError("limits.lockout.periods", 'a list of times is expected, such as ["1m", "1h"]');
  }
  const rule: LockoutRule = {
    // NIST SP 800-63B 5.2.2: no more than 100 failures in a row.
    failures: count("failures", 20, 100),
    again: count("again", 5, 100),
    within: milliseconds("limits.lockout.within", options.within ?? "24h"),
    periods: periods.map((period: Duration, index) => {
      const path = `limits.lockout.periods[${index}]`;
      const length = milliseconds(path, period);
      // A stranger must not be able to keep somebody out for longer than that.
      if (length > day) throw new ConfigurationError(path, "must be at most 24h");
      return length;
    }),
  };
  return off ? undefined : rule;
}
