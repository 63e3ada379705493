import { checkedOrigins } from "../../http/redirect.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";

/** Scripts of which other origins may read answers (the Fetch standard's CORS protocol). */
export interface CorsOptions {
  /** Each written out, such as "https://app.example". There is no way to say "all". */
  readonly origins: readonly string[];
  /** True: with cookies. Changes by cookie still need the origin in the option `origins`. Default false. */
  readonly credentials?: boolean;
  /** Default GET, HEAD, POST, PUT, PATCH, DELETE. */
  readonly methods?: readonly string[];
  /**
   * Headers that scripts may send, beside those that are always allowed: Accept, Authorization, Content-Type and the headers
   * of our own client (the CSRF token's, the auth token's).
   */
  readonly headers?: readonly string[];
  /** Headers of answers that scripts may read, beside Retry-After and WWW-Authenticate. */
  readonly expose?: readonly string[];
  /** For so many seconds a browser may remember what it was told; default 600. */
  readonly maxAge?: number;
}

/** The same, as headers. */
export interface CorsSettings {
  readonly origins: ReadonlySet<string>;
  /** What every answer to such an origin says, beside the origin. */
  readonly shared: readonly (readonly [string, string])[];
  /** What the answer to a question before a request says. */
  readonly preflight: readonly (readonly [string, string])[];
}

const known: readonly (keyof CorsOptions)[] = ["origins", "credentials", "methods", "headers", "expose", "maxAge"];
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Headers of answers that a client acts on: how long to wait, and what is lacking. */
const ownExposed = ["Retry-After", "WWW-Authenticate"];

/**
 * Checks the option `cors`; `clientHeaders` are those that our own client sends. Throws ConfigurationError.
 */
export function corsSettings(options: CorsOptions, clientHeaders: readonly string[]): CorsSettings {
  checkKnown("cors", options, known);
  const { origins, credentials = false, expose = [], maxAge = 600 } = options;
  if (!Array.isArray(origins) || origins.length === 0) {
    throw new ConfigurationError("cors.origins", 'a list of origins is expected, such as ["https://app.example"]');
  }
  const star = origins.findIndex((origin) => typeof origin !== "string" || origin.includes("*") || origin === "null");
  if (star !== -1) throw new ConfigurationError(`cors.origins[${star}]`, "each origin must be written out");
  if (typeof credentials !== "boolean") throw new ConfigurationError("cors.credentials", "true or false is expected");
  if (!Number.isInteger(maxAge) || maxAge < 0 || maxAge > 86_400) {
    throw new ConfigurationError("cors.maxAge", "seconds from 0 to 86400 are expected");
  }
  const methods = words("methods", options.methods ?? ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
  const headers = words("headers", options.headers ?? [], [
    "Accept",
    "Authorization",
    "Content-Type",
    ...clientHeaders,
  ]);
  const exposed = words("expose", expose, ownExposed);
  const shared: [string, string][] = credentials ? [["access-control-allow-credentials", "true"]] : [];
  return {
    origins: checkedOrigins(origins, "cors.origins"),
    shared: [...shared, ["access-control-expose-headers", exposed]],
    preflight: [
      ...shared,
      ["access-control-allow-methods", methods],
      ["access-control-allow-headers", headers],
      ["access-control-max-age", String(maxAge)],
    ],
  };
}

/** The words of an option behind those that are always there, each once. */
function words(key: string, list: unknown, always: readonly string[] = []): string {
  if (!Array.isArray(list)) throw new ConfigurationError(`cors.${key}`, "a list is expected");
  for (const [index, word] of list.entries()) {
    // A star would mean everything to a browser.
    if (typeof word !== "string" || !token.test(word) || word === "*") {
      throw new ConfigurationError(`cors.${key}[${index}]`, "each must be written out");
    }
  }
  const said = new Map([...always, ...(list as readonly string[])].map((word) => [word.toLowerCase(), word]));
  return [...said.values()].join(", ");
}

/** The answer to a browser's question before a request; undefined: this is none, or not from an origin of the list. */
export function preflight(cors: CorsSettings, request: Request): Response | undefined {
  if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) return undefined;
  const origin = request.headers.get("origin");
  if (origin === null || !cors.origins.has(origin)) return undefined;
  return new Response(null, {
    status: 204,
    headers: [
      ["access-control-allow-origin", origin],
      ...cors.preflight.map(([name, value]): [string, string] => [name, value]),
      ["vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"],
    ],
  });
}

/** Says on an answer who may read it. */
export function allowReading(cors: CorsSettings, request: Request, headers: Headers): void {
  // Also without an origin: a cache must not give this answer to a script of one.
  if (!/\borigin\b/i.test(headers.get("vary") ?? "")) headers.append("vary", "Origin");
  // What a handler says itself must not say more than the option.
  for (const name of ["access-control-allow-origin", "access-control-allow-credentials"]) headers.delete(name);
  const origin = request.headers.get("origin");
  if (origin === null || !cors.origins.has(origin)) return;
  headers.set("access-control-allow-origin", origin);
  for (const [name, value] of cors.shared) headers.set(name, value);
}
