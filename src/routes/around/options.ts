import type { Problem } from "../../http/answer.ts";
import { checkedOrigins, createRedirects } from "../../http/redirect.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { System } from "../../http/system.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import { type CorsOptions, type CorsSettings, corsSettings } from "./cors.ts";
import { type JsonConversion, jsonConversions } from "./json.ts";

/** How much answers and log tell of what happens inside. */
export type Mode = "prod" | "dev" | "debug";

/** How an application route's error is written: text, JSON text, a JSON object with the text under a key, RFC 9457, or by you. */
export type ErrorFormat = "plain" | "json" | `json:${string}` | "problem" | ErrorRenderer;

/** Writes an error. Undefined as the answer: problem details. */
export type ErrorRenderer = (problem: Problem, rq: SecurityRequest) => Awaitable<Response | undefined>;

/** Asked before or after a request. `rq.identity` is there where it is known who is calling. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks need not say that it returns nothing.
export type RequestHook = (rq: SecurityRequest) => Awaitable<Response | undefined | void>;

/** Sees every answer; the one that it returns takes its place. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks need not say that it returns nothing.
export type ResponseHook = (response: Response, rq: SecurityRequest) => Awaitable<Response | undefined | void>;

/** The value of an added header; undefined: this answer has none. */
export type HeaderMaker = (response: Response, rq: SecurityRequest) => string | undefined;

/** What happens around each route of an application of `security.app()`. */
export interface RouteOptions {
  /** How errors of application routes are written, for browsers too; default: problem details, and pages for browsers. */
  readonly onError?: ErrorFormat;
  /**
   * True: what handlers throw goes to Hono's own error handling. Default false: it is logged and answered like other
   * errors, by an HTTPException's status and message, else by 500. `app.onError` takes the place of either.
   */
  readonly keepErrors?: boolean;
  /** The status of failures on the way to the handler: guards, schemes, rules, hooks; default 500. */
  readonly internalStatus?: number;
  /** The status where an object's rule says that there is no such object; default 404. 403 hides that from a refusal. */
  readonly notFoundStatus?: number;
  /** Asked first, before anything is known of a request; a response that it returns is the answer. */
  readonly beforeRequest?: RequestHook | readonly RequestHook[];
  /** Asked after all checks, just before the handler, with `rq.identity`; a response that it returns is the answer. */
  readonly beforeExec?: RequestHook | readonly RequestHook[];
  /** Sees every answer last, those of account pages and errors too. */
  readonly afterRequest?: ResponseHook | readonly ResponseHook[];
  /** Headers that every answer gets: values, or functions of the answer. */
  readonly headers?: Readonly<Record<string, string | HeaderMaker>>;
  /** The media type of bytes and streams that say none, and of text that `security.answer` is given; default none. */
  readonly contentType?: string;
  readonly json?: {
    /** How objects of a class are written: `convert: [toJson(House, (house) => house.name)]`. */
    readonly convert?: readonly JsonConversion[];
    /** Generators are written as they come; false: at once, when they have ended. Default true. */
    readonly stream?: boolean;
  };
  /**
   * A page of your own to sign in on, for browsers that get 401 where the route takes something that browsers keep: a session, a
   * token in a cookie, a scheme of your own that is `ambient`. Default: the feature's page, on routes that take sessions.
   */
  readonly signInPage?: string;
  /** The parameter of that page that says where to come back to; default "next". */
  readonly returnParameter?: string;
  /** Asked for each path when it is declared; a text that it returns refuses to start. */
  // biome-ignore lint/suspicious/noConfusingVoidType: the same.
  readonly pathRule?: (method: string, path: string) => string | undefined | void;
}

/** The options of this folder, as the system is given them. */
export interface AroundOptions {
  readonly mode?: Mode;
  readonly exposeInternals?: boolean;
  readonly cors?: CorsOptions;
  readonly secure?: "refuse" | "redirect" | false;
  readonly routes?: RouteOptions;
}

/** The same, checked. */
export interface AroundSettings {
  readonly mode: Mode;
  readonly cors: CorsSettings | undefined;
  readonly secure: "refuse" | "redirect" | undefined;
  readonly onError: ErrorFormat | undefined;
  readonly keepErrors: boolean;
  readonly internalStatus: number;
  readonly notFoundStatus: number;
  readonly beforeRequest: readonly RequestHook[];
  readonly beforeExec: readonly RequestHook[];
  readonly afterRequest: readonly ResponseHook[];
  readonly headers: readonly (readonly [name: string, value: string | HeaderMaker])[];
  readonly contentType: string | undefined;
  readonly json: {
    readonly convert: (value: object) => unknown;
    readonly stream: boolean;
  };
  readonly signInPage: string | undefined;
  readonly returnParameter: string;
  readonly pathRule: RouteOptions["pathRule"] | undefined;
}

const routeKeys: readonly (keyof RouteOptions)[] = [
  ...(["onError", "keepErrors", "internalStatus", "notFoundStatus"] as const),
  ...(["beforeRequest", "beforeExec", "afterRequest", "headers", "contentType"] as const),
  ...(["json", "signInPage", "returnParameter", "pathRule"] as const),
];
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldValue = /^[\x20-\x7e\x80-\xff]*$/;
/** What the server or the cookies' own code writes. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...["set-cookie", "content-length", "transfer-encoding", "connection", "content-encoding", "vary"],
]);

/**
 * Checks the options around a route, for a system under these origins. `clientHeaders` are the request headers that our own
 * client sends, which `cors` always allows.
 *
 * @throws {ConfigurationError} for what is unknown, of the wrong type, contradictory, or tells outsiders too much
 */
export function aroundSettings(
  options: AroundOptions,
  origins: readonly string[],
  clientHeaders: readonly string[],
): AroundSettings {
  const { routes = {} } = options;
  checkKnown("routes", routes, routeKeys);
  const { keepErrors = false, json = {}, pathRule } = routes;
  flag("routes.keepErrors", keepErrors);
  checkKnown("routes.json", json, ["convert", "stream"]);
  flag("routes.json.stream", json.stream ?? true);
  if (pathRule !== undefined && typeof pathRule !== "function") {
    throw new ConfigurationError("routes.pathRule", "a function (method, path) is expected");
  }
  return {
    mode: checkedMode(options, origins),
    cors: options.cors === undefined ? undefined : corsSettings(options.cors, clientHeaders),
    secure: checkedTransport(options.secure, origins),
    onError: checkedFormat(routes.onError),
    keepErrors,
    internalStatus: status("routes.internalStatus", routes.internalStatus ?? 500, 500, 599),
    notFoundStatus: status("routes.notFoundStatus", routes.notFoundStatus ?? 404, 400, 499),
    beforeRequest: hooks("routes.beforeRequest", routes.beforeRequest),
    beforeExec: hooks("routes.beforeExec", routes.beforeExec),
    afterRequest: hooks("routes.afterRequest", routes.afterRequest),
    headers: addedHeaders(routes.headers ?? {}),
    contentType: checkedType(routes.contentType),
    json: { convert: jsonConversions(json.convert ?? []), stream: json.stream ?? true },
    ...checkedSignIn(routes, origins),
    pathRule,
  };
}

function flag(path: string, value: unknown): void {
  if (typeof value !== "boolean") throw new ConfigurationError(path, "true or false is expected");
}

const loopbackHost = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether a host is this machine, as a URL writes it. */
export function isLoopback(hostname: string): boolean {
  return loopbackHost.test(hostname);
}

function checkedMode({ mode = "prod", exposeInternals }: AroundOptions, origins: readonly string[]): Mode {
  if (!["prod", "dev", "debug"].includes(mode)) {
    throw new ConfigurationError("mode", 'must be "prod", "dev" or "debug"');
  }
  if (exposeInternals !== undefined) flag("exposeInternals", exposeInternals);
  if (mode === "prod") {
    if (exposeInternals === true) throw new ConfigurationError("exposeInternals", 'is for the modes "dev" and "debug"');
    return mode;
  }
  if (exposeInternals === true) return mode;
  const mend = "tells callers who they are and why they are refused; say exposeInternals: true if you must";
  if (process.env["NODE_ENV"] === "production")
    throw new ConfigurationError("mode", `"${mode}" with NODE_ENV=production ${mend}`);
  const open = origins.find((origin) => !isLoopback(new URL(origin).hostname));
  if (open !== undefined) throw new ConfigurationError("mode", `"${mode}" at ${open} ${mend}`);
  return mode;
}

function checkedTransport(secure: unknown, origins: readonly string[]): AroundSettings["secure"] {
  const encrypted = origins.every((origin) => origin.startsWith("https://"));
  if (secure === undefined) return encrypted ? "refuse" : undefined;
  if (secure === false) return undefined;
  if (secure !== "refuse" && secure !== "redirect") {
    throw new ConfigurationError("secure", 'must be "refuse", "redirect" or false');
  }
  if (!encrypted) throw new ConfigurationError("secure", `"${secure}" needs origins that are all https://`);
  return secure;
}

function checkedFormat(format: unknown): ErrorFormat | undefined {
  if (format === undefined || typeof format === "function") return format as ErrorFormat | undefined;
  if (format === "plain" || format === "json" || format === "problem") return format;
  if (typeof format === "string" && /^json:[A-Za-z_][\w-]{0,63}$/.test(format) && format !== "json:__proto__") {
    return format as ErrorFormat;
  }
  throw new ConfigurationError("routes.onError", 'must be "plain", "json", "json:key", "problem" or a function');
}

function status(path: string, value: unknown, from: number, to: number): number {
  if (Number.isInteger(value) && (value as number) >= from && (value as number) <= to) return value as number;
  throw new ConfigurationError(path, `a status from ${from} to ${to} is expected`);
}

function hooks<T>(path: string, given: T | readonly T[] | undefined): readonly T[] {
  const list = given === undefined ? [] : Array.isArray(given) ? (given as readonly T[]) : [given as T];
  for (const [index, hook] of list.entries()) {
    if (typeof hook !== "function") throw new ConfigurationError(`${path}[${index}]`, "a function is expected");
  }
  return Object.freeze([...list]);
}

function addedHeaders(headers: unknown): AroundSettings["headers"] {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) {
    throw new ConfigurationError("routes.headers", "an object is expected");
  }
  return Object.entries(headers).map(([given, value]: [string, unknown]) => {
    const path = `routes.headers.${given}`;
    const name = given.toLowerCase();
    if (!token.test(name)) throw new ConfigurationError(path, "is no name for a header");
    if (ownHeaders.has(name)) throw new ConfigurationError(path, "is written by the server itself");
    if (typeof value === "function") return [name, value as HeaderMaker];
    if (typeof value === "string" && fieldValue.test(value)) return [name, value];
    throw new ConfigurationError(path, "a text without line breaks, or a function, is expected");
  });
}

function checkedType(type: unknown): string | undefined {
  if (type === undefined) return undefined;
  if (typeof type === "string" && /^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*$/.test(type)) return type;
  throw new ConfigurationError("routes.contentType", 'a media type is expected, such as "text/plain; charset=utf-8"');
}

function checkedSignIn(
  { signInPage, returnParameter = "next" }: RouteOptions,
  origins: readonly string[],
): Pick<AroundSettings, "signInPage" | "returnParameter"> {
  checkedOrigins(origins);
  if (typeof returnParameter !== "string" || !/^[\w.-]{1,64}$/.test(returnParameter)) {
    throw new ConfigurationError("routes.returnParameter", "is no name for a parameter");
  }
  if (signInPage === undefined) {
    if (returnParameter !== "next") {
      throw new ConfigurationError("routes.returnParameter", "is for a page of your own: say routes.signInPage too");
    }
    return { signInPage, returnParameter };
  }
  const page = typeof signInPage === "string" ? createRedirects(origins).safe(signInPage) : undefined;
  if (page === undefined || page.includes("#")) {
    throw new ConfigurationError("routes.signInPage", "a path on this server or a URL on one of origins is expected");
  }
  return { signInPage: page, returnParameter };
}

/** Refuses a page to sign in on that would leave a browser with nothing that the routes take. */
export function checkSignInPage({ signInPage }: Pick<AroundSettings, "signInPage">, system: System): void {
  if (signInPage === undefined || system.keptByBrowsers(system.defaultSchemes)) return;
  throw new ConfigurationError(
    "routes.signInPage",
    'the option authn takes no credential that a browser keeps; add "session", or "token" with "cookie" in tokens.carriers',
  );
}
