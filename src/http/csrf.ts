import { ConfigurationError } from "../model/errors.ts";
import type { Identity } from "../model/identity.ts";
import type { Session } from "../model/session.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { randomId } from "../secrets/random.ts";
import type { SecurityRequest } from "./request.ts";

/** When a request must carry a CSRF token, beside the check of its origin that every unsafe request passes. */
export interface CsrfOptions {
  /** Requests authenticated by one of these schemes need a token; with "session" auth tokens in a cookie too. Default: ["session"]. */
  readonly schemes?: readonly string[];
  /** Unsafe requests to account pages by nobody: "forms" (default) asks of forms, "always" also of JSON, "never" of neither. */
  readonly unauthenticated?: "forms" | "always" | "never";
  /** Also hand the token out in a cookie of this name that scripts can read, for clients that send it back as a header. */
  readonly cookie?: string;
  /** One more request header that may carry the token, beside `X-CSRF-Token`, `X-XSRF-Token` and `X-CSRFToken`. */
  readonly header?: string;
}

/** What is wrong with a request's CSRF token. */
export type CsrfFault = "CSRF_MISSING" | "CSRF_INVALID";

/**
 * CSRF tokens: `random.signature` over the session (or, for nobody, over a random cookie), so a token is worth nothing
 * with another session, and a new session has new tokens. OWASP: signed double-submit bound to the session.
 */
export interface Csrf {
  readonly schemes: ReadonlySet<string>;
  readonly unauthenticated: "forms" | "always" | "never";
  readonly cookie: string | undefined;
  /** A token for the caller's next request; each call gives another text. Sets the anonymous cookie where it is needed. */
  token(rq: SecurityRequest): string;
  /**
   * Checks a token that came as a header or field of the body. `session`: the one of the request's cookie, where the caller is
   * known by something else (an auth token, Basic): the token of that session counts too.
   */
  verify(rq: SecurityRequest, token: string | undefined, session?: Session): CsrfFault | undefined;
  /** The token in the headers `X-CSRF-Token`, `X-XSRF-Token`, `X-CSRFToken` or the one of the option. */
  fromHeader(rq: SecurityRequest): string | undefined;
  /** True for credentials that browsers add by themselves: such unsafe requests must come from our own pages. */
  ambient(identity: Identity): boolean;
  /** True when unsafe requests of this identity also need a token. */
  asks(identity: Identity): boolean;
  /** False when the browser says that the request comes from a foreign page (Fetch metadata, Origin, Referer). */
  sameOrigin(rq: SecurityRequest): boolean;
}

const purpose = "csrf";
const nonceLength = 22;
const maxLength = 128;

function checkCsrfOptions({ schemes, unauthenticated, cookie }: CsrfOptions, cookieNames: readonly string[]): void {
  if (schemes !== undefined && !Array.isArray(schemes)) {
    throw new ConfigurationError("csrf.schemes", "a list of names of schemes is expected");
  }
  if (unauthenticated !== undefined && !["forms", "always", "never"].includes(unauthenticated)) {
    throw new ConfigurationError("csrf.unauthenticated", 'must be "forms", "always" or "never"');
  }
  if (cookie === undefined) return;
  if (typeof cookie !== "string" || !/^[A-Za-z0-9_.-]{1,64}$/.test(cookie)) {
    throw new ConfigurationError("csrf.cookie", "must be a name of letters, digits and _ . -");
  }
  if (cookieNames.includes(cookie)) throw new ConfigurationError("csrf.cookie", `${cookie} is another cookie of ours`);
}

/** Whether these are the schemes of a system that says nothing. */
export function isDefaultSchemes(schemes: readonly string[] | undefined): boolean {
  return schemes === undefined || (schemes.length === 1 && schemes[0] === "session");
}

/** The request headers that may carry the token, in the order in which they are looked at. */
export function csrfHeaders({ header }: CsrfOptions = {}): readonly string[] {
  const usual = ["X-CSRF-Token", "X-XSRF-Token", "X-CSRFToken"];
  return header === undefined ? usual : [...usual, header];
}

/** Makes the CSRF protection of one running system. Throws ConfigurationError. */
export function createCsrf(
  ring: KeyRing,
  options: CsrfOptions,
  originCheck: (method: string, header: (name: string) => string | undefined) => boolean,
  cookieNames: readonly string[],
  credentials: {
    /** The schemes whose credentials browsers add by themselves. */
    readonly ambient: ReadonlySet<string>;
    /** Tokens in a cookie need a CSRF token too. */
    readonly cookieTokens: boolean;
  },
): Csrf {
  checkCsrfOptions(options, cookieNames);
  const ofSession = ({ idHash }: Session): string => `s.${idHash}`;
  /** What the token is bound to. */
  const binding = (rq: SecurityRequest): string | undefined => {
    const session = rq.identity?.session;
    if (session !== undefined) return ofSession(session);
    const visitor = rq.visitor ?? rq.cookie(rq.system.cookies.name("csrf"));
    return visitor === undefined || visitor.length !== nonceLength ? undefined : `a.${visitor}`;
  };
  const schemes: ReadonlySet<string> = new Set(options.schemes ?? ["session"]);
  const headers = csrfHeaders(options).map((name) => name.toLowerCase());
  return {
    schemes,
    unauthenticated: options.unauthenticated ?? "forms",
    cookie: options.cookie,
    token(rq) {
      let bound = binding(rq);
      if (bound === undefined) {
        const visitor = randomId(16);
        rq.setCookie(rq.system.cookies.name("csrf"), visitor, rq.system.cookies.attributes());
        rq.visitor = visitor;
        bound = `a.${visitor}`;
      }
      const nonce = randomId(16);
      const token = `${nonce}.${ring.sign(purpose, `${nonce}.${bound}`)}`;
      if (options.cookie !== undefined) {
        // Read by the application's own script, hence not HttpOnly.
        rq.setCookie(options.cookie, token, { ...rq.system.cookies.attributes(), httpOnly: false, sameSite: "Strict" });
      }
      return token;
    },
    verify(rq, token, session) {
      if (token === undefined || token === "") return "CSRF_MISSING";
      const dot = token.indexOf(".");
      if (token.length > maxLength || dot !== nonceLength) return "CSRF_INVALID";
      const signs = (bound: string | undefined): boolean =>
        bound !== undefined && ring.verify(purpose, `${token.slice(0, dot)}.${bound}`, token.slice(dot + 1));
      return signs(binding(rq)) || signs(session && ofSession(session)) ? undefined : "CSRF_INVALID";
    },
    fromHeader(rq) {
      for (const name of headers) {
        const token = rq.header(name);
        if (token !== undefined) return token;
      }
      return undefined;
    },
    ambient: (identity) => credentials.ambient.has(identity.via) || identity.carrier === "cookie",
    // A token in a cookie is what a session is, unless the option says otherwise.
    asks: (identity) => schemes.has(identity.via) || (identity.carrier === "cookie" && credentials.cookieTokens),
    sameOrigin: (rq) => originCheck(rq.method, (name) => rq.header(name)),
  };
}

/** True for methods that may change something (RFC 9110 9.2.1). */
export function isUnsafe(method: string): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "OPTIONS" && method !== "TRACE";
}
