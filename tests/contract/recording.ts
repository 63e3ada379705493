/** What Flask-Security answered, as it was recorded (masks stay masks), and which part of it can be replayed here. */
import { readFileSync } from "node:fs";

/** One recorded exchange, or a note on what the harness did behind the scenes. */
export interface Step {
  readonly note?: string;
  /** The label of the cookie jar; none: the flow's main client. */
  readonly client?: string;
  readonly request?: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    /** The names of the cookies that it carried; none: the jar was empty. */
    readonly cookies_sent?: readonly string[];
    readonly json?: unknown;
    readonly form?: Readonly<Record<string, string>>;
  };
  readonly response?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly json?: unknown;
    /** Of each cookie that it set: the names of its attributes (with values that are always the same), or that it removed it. */
    readonly cookies?: Readonly<Record<string, readonly string[] | "removed">>;
    /** Of a page with a form: where it showed errors, by the names of the containers. */
    readonly faulty?: readonly string[];
  };
}

/** One recorded flow. */
export interface Recording {
  readonly flow: string;
  readonly about: string;
  readonly config_changes: Readonly<Record<string, unknown>>;
  readonly steps: readonly Step[];
}

/** The recording of a flow: `golden/FLOW.json`. */
export function recordingOf(flow: string): Recording {
  return JSON.parse(readFileSync(new URL(`golden/${flow}.json`, import.meta.url), "utf8")) as Recording;
}

/** The settings of the recording server, as far as what they switch on exists here. */
const baseSettings: Readonly<Record<string, unknown>> = {
  REGISTERABLE: true,
  CONFIRMABLE: true,
  RECOVERABLE: true,
  CHANGEABLE: true,
  CHANGE_EMAIL: true,
  USERNAME_ENABLE: true,
  CHANGE_USERNAME: true,
  USERNAME_RECOVERY: true,
  TRACKABLE: true,
  REFRESH_TOKEN: true,
  RETURN_GENERIC_RESPONSES: false,
  CSRF_PROTECT_MECHANISMS: ["session", "basic"],
  CSRF_IGNORE_UNAUTH_ENDPOINTS: true,
  CSRF_COOKIE_NAME: "XSRF-TOKEN",
  TOKEN_AUTHENTICATION_KEY: "auth_token",
  // The samples are fresh for an hour where the recorded ones were for a minute: the times are stretched alike.
  FRESHNESS_GRACE_PERIOD: 7200,
};

/**
 * Of the recorded changes, those that there is no such thing for: Flask's own, signing out by GET, messages on the next page
 * (where a single-page client is told in the query, there are none here either) and what belongs to features to come.
 */
const notOurs: ReadonlySet<string> = new Set([
  "__del__",
  "__no_csrfprotect__",
  "WTF_CSRF_ENABLED",
  "SECURITY_LOGOUT_METHODS",
  "SECURITY_FLASH_MESSAGES",
  "SECURITY_VERIFY_ERROR_VIEW",
]);

/** The lab's settings for a recording. */
export function settingsOf({ config_changes: changes }: Recording): Record<string, unknown> {
  const settings: Record<string, unknown> = { ...baseSettings };
  const removed = (changes.__del__ ?? []) as readonly string[];
  for (const name of removed) delete settings[name.replace(/^SECURITY_/, "")];
  for (const [name, value] of Object.entries(changes)) {
    if (!notOurs.has(name)) settings[name.replace(/^SECURITY_/, "")] = secondsOf(value);
  }
  return settings;
}

/** A recorded length of time in seconds; everything else as it is. */
function secondsOf(value: unknown): unknown {
  const isTime = typeof value === "object" && value !== null && "__td__" in value;
  return isTime ? value.__td__ : value;
}

/**
 * The recorded sample application's routes, and the lab's that have the same guard. There `/` needs a sign-in by session
 * or token, and `/fresh` and `/fresh-grace` differ in their grace only.
 */
const samples: Readonly<Record<string, string>> = {
  "GET /": "/profile",
  "POST /": "/json_auth",
  "GET /open": "/page1",
  "POST /open": "/json",
  "GET /admin": "/admin",
  "GET /admin2": "/admin",
  "GET /both": "/admin_and_editor",
  "GET /either": "/admin_or_editor",
  "GET /perm": "/admin_perm",
  "GET /perm2": "/admin_perm_required",
  "GET /token": "/token",
  "POST /token": "/token",
  "GET /session": "/session",
  "GET /basic": "/http",
  "POST /basic": "/http",
  "GET /realm": "/http_custom_realm",
  "GET /multi": "/multi_auth",
  "POST /multi": "/multi_auth",
  "GET /fresh": "/fresh",
  "GET /fresh-grace": "/fresh",
};
/** Recorded routes whose guard no sample of the lab has. */
const withoutSample: ReadonlySet<string> = new Set(["/permany", "/anon-post"]);

/** Pages that are elsewhere here, by recording. */
const moved: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  passwordless: { "/login": "/login-link" },
};

/** Where a recorded request goes here. */
export interface Target {
  readonly path: string;
  /** The application's own answer, not the product's. */
  readonly sample: boolean;
  /** The recorded path, where the page is elsewhere here. */
  readonly from?: string;
}

/** Where a recorded request goes here; undefined: no sample stands for it. */
export function targetOf(flow: string, method: string, path: string): Target | undefined {
  const [pathname = "", query] = path.split("?", 2);
  if (withoutSample.has(pathname)) return undefined;
  const sample = samples[`${method} ${pathname}`];
  const elsewhere = moved[flow]?.[pathname];
  const target = sample ?? elsewhere ?? pathname;
  return {
    path: query === undefined ? target : `${target}?${query}`,
    sample: sample !== undefined,
    ...(elsewhere === undefined ? {} : { from: pathname }),
  };
}

/** Where a page of the recorded application went on, with its routes' names exchanged for the lab's. */
export function locationOf(flow: string, location: string): string {
  if (location.startsWith("//")) return told(location);
  const url = new URL(location, "http://recorded.invalid");
  const next = url.searchParams.get("next");
  const pathname = ["/login", "/verify", "/us-verify"].includes(url.pathname) ? url.pathname : undefined;
  // Only targets of `next` are samples: where nothing is said, pages go to `/` here and there.
  if (next === null || pathname === undefined) return url.pathname === "/open" ? "/open" : url.pathname + url.search;
  return `${pathname}?next=${targetOf(flow, "GET", next)?.path ?? next}`;
}

/** Where an answer went on; of a single-page client's own pages, what it is told: texts and tokens are not compared. */
export function told(location: string): string {
  const match = /^((?:https?:)?\/\/localhost:8080[^?]*)(?:\?(.*))?$/.exec(location);
  if (match === null) return location;
  const [, page = "", query = ""] = match;
  const known = [...new URLSearchParams(query)].map(([name, value]) =>
    name === "email" || name === "identity" ? `${name}=${value}` : name,
  );
  return known.length === 0 ? page : `${page}?${known.join("&")}`;
}

/** Steps that cannot be replayed, with the reason. */
export const cannotReplay: Readonly<Record<string, string>> = {
  "logout-csrf 4": "is after the sign-out by GET of step 3, which is refused here",
};
