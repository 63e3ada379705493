import { type CsrfOptions, isDefaultSchemes } from "../http/csrf.ts";
import { type Duration, milliseconds, millisecondsOrNone } from "../model/duration.ts";
import { ConfigurationError } from "../model/errors.ts";

/** What decides whether there are sessions. */
export interface SessionSwitches {
  readonly sessions?: { readonly enabled?: boolean } | undefined;
  readonly datastore?: unknown;
}

/** Sessions are rows: without a datastore there are none. */
export function hasSessions({ sessions, datastore }: SessionSwitches): boolean {
  return datastore !== undefined && sessions?.enabled !== false;
}

/** The options that say how long something lasts. */
interface SessionLifeOptions {
  readonly session?: unknown;
  readonly sessions?: Readonly<Partial<Record<"idle" | "absolute" | "remember" | "pending", Duration>>>;
  readonly csrf?: CsrfOptions;
  readonly datastore?: unknown;
  readonly freshness?: { readonly within?: Duration; readonly grace?: Duration };
  readonly audit?: { readonly keep?: Duration };
  readonly ruleDeadline?: Duration;
  readonly hookDeadline?: Duration;
}

/** How long what hangs on sessions lasts where nothing is said. */
const lives = { idle: "24h", absolute: "14d", remember: "30d" } as const;

/**
 * Throws ConfigurationError where something is said about sessions though there are none. A default that is written out says
 * nothing.
 */
export function checkSessionless({ session, sessions, csrf, datastore }: SessionLifeOptions): void {
  const off = datastore === undefined ? "there is no datastore" : "sessions.enabled is false";
  for (const name of ["idle", "absolute", "remember"] as const) {
    const life = milliseconds(`sessions.${name}`, sessions?.[name] ?? lives[name]);
    if (life !== milliseconds(`sessions.${name}`, lives[name]))
      throw new ConfigurationError(`sessions.${name}`, `leave it out: ${off}`);
  }
  if (session !== undefined) throw new ConfigurationError("session", `there is nothing to keep it with: ${off}`);
  if (Array.isArray(csrf?.schemes) && csrf.schemes.includes("session") && !isDefaultSchemes(csrf.schemes)) {
    throw new ConfigurationError("csrf.schemes", `leave "session" out: ${off}`);
  }
}

/** What a browser can be told to forget when somebody signs out. */
export type SiteData = "cache" | "storage";

/**
 * The value of `Clear-Site-Data` at a sign-out; undefined: the header is not sent. Throws ConfigurationError.
 *
 * @param list what the option says; default ["cache"]
 */
export function siteDataHeader(list: unknown = ["cache"]): string | undefined {
  const path = "sessions.clearSiteData";
  if (!Array.isArray(list)) throw new ConfigurationError(path, 'a list of "cache" and "storage" is expected');
  for (const [index, part] of list.entries()) {
    if (part === "cookies") {
      // It takes the cookies of all other hosts of the registrable domain with it.
      const mend = "would remove the cookies of your other hosts too; the system removes its own by itself";
      throw new ConfigurationError(`${path}[${index}]`, `"cookies" ${mend}`);
    }
    if (part !== "cache" && part !== "storage") {
      throw new ConfigurationError(`${path}[${index}]`, 'must be "cache" or "storage"');
    }
  }
  return list.length === 0 ? undefined : [...new Set(list)].map((part) => `"${part}"`).join(", ");
}

/** The durations in milliseconds, with their defaults. */
export interface Times {
  readonly idle: number;
  readonly absolute: number;
  readonly remember: number;
  readonly pending: number;
  readonly within: number;
  readonly grace: number;
  /** Undefined: entries of the trail stay. */
  readonly audit: number | undefined;
  /** So long a function of the application may take on the way to a handler. */
  readonly deadline: number;
  /** So long a function of the application may take inside a transaction. */
  readonly hookDeadline: number;
}

/** Reads them. Throws ConfigurationError. */
export function optionTimes({ sessions, freshness, audit, ruleDeadline, hookDeadline }: SessionLifeOptions): Times {
  const result: Times = {
    idle: milliseconds("sessions.idle", sessions?.idle ?? lives.idle),
    absolute: milliseconds("sessions.absolute", sessions?.absolute ?? lives.absolute),
    remember: milliseconds("sessions.remember", sessions?.remember ?? lives.remember),
    pending: milliseconds("sessions.pending", sessions?.pending ?? "10m"),
    within: milliseconds("freshness.within", freshness?.within ?? "1h"),
    grace: millisecondsOrNone("freshness.grace", freshness?.grace ?? "1h"),
    audit: audit?.keep === undefined ? undefined : milliseconds("audit.keep", audit.keep),
    deadline: deadline("ruleDeadline", ruleDeadline ?? "10s"),
    hookDeadline: deadline("hookDeadline", hookDeadline ?? "2s"),
  };
  if (result.idle > result.absolute) throw new ConfigurationError("sessions.idle", "is longer than sessions.absolute");
  return result;
}

function deadline(path: string, given: Duration): number {
  const ms = milliseconds(path, given);
  if (ms > 3_600_000) throw new ConfigurationError(path, "must be at most 1h");
  return ms;
}
