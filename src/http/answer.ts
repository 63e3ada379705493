import { keepPrivate, type Outgoing } from "./private-head.ts";
import type { SecurityRequest } from "./request.ts";

/** Problem details for application routes (RFC 9457), with a stable `code`. */
export interface Problem {
  readonly status: number;
  /** Stable, for programs: "unauthenticated", "forbidden", "invalid_parameters" … */
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  /** Further members, such as `errors`. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** The language of an answer that says something (RFC 9110 8.5), and what it was chosen by (12.5.5). */
export function languageHeaders(rq: SecurityRequest): Readonly<Record<string, string>> {
  const { spoken } = rq;
  if (spoken === undefined) return noHeaders;
  let headers = spokenHeaders.get(spoken);
  if (headers === undefined) {
    headers = Object.freeze({ "content-language": spoken, vary: "Accept-Language" });
    spokenHeaders.set(spoken, headers);
  }
  return headers;
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});
/** By language: as many as there are catalogues. */
const spokenHeaders = new Map<string, Readonly<Record<string, string>>>();

/** The body of an account endpoint's JSON answer, as Flask-Security's clients know it. */
export interface JsonEnvelope {
  readonly meta: { readonly code: number };
  readonly response: Readonly<Record<string, unknown>>;
}

/** The envelope of an answer. */
export function envelope(status: number, response: Readonly<Record<string, unknown>>): JsonEnvelope {
  return { meta: { code: status }, response };
}

/** The headers of a JSON answer that nobody keeps. */
function jsonHeaders(contentType: string): Record<string, string> {
  return { "content-type": contentType, "cache-control": "no-store", "x-content-type-options": "nosniff" };
}

/** A JSON answer that nobody keeps. */
export function jsonResponse(status: number, body: unknown, headers?: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...jsonHeaders("application/json"), ...headers } });
}

const problemHeaders: Readonly<Record<string, string>> = Object.freeze(jsonHeaders("application/problem+json"));
/** Texts of problems that say nothing of the request: a few for each language. The bound is for titles with numbers in them. */
const problemTexts = new Map<string, string>();
const maxProblemTexts = 500;

/**
 * Problem details as a response. The members `meta` and `response` say the same in the shape of the account endpoints,
 * so that one client code reads both.
 */
export function problemResponse(problem: Problem, headers?: Readonly<Record<string, string>>): Response {
  return new Response(problemText(problem), {
    status: problem.status,
    headers: headers === undefined ? problemHeaders : withProblemHeaders(headers),
  });
}

/** The headers with those of every problem; for those that many answers share, made once. */
function withProblemHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  let all = sharedProblemHeaders.get(headers);
  if (all === undefined) {
    all = { ...problemHeaders, ...headers };
    if (Object.isFrozen(headers)) sharedProblemHeaders.set(headers, Object.freeze(all));
  }
  return all;
}

const sharedProblemHeaders = new WeakMap<object, Readonly<Record<string, string>>>();

function problemText(problem: Problem): string {
  const { status, code, title, detail, members } = problem;
  if (detail !== undefined || members !== undefined) return JSON.stringify(problemBody(problem));
  const key = `${status} ${code} ${title}`;
  let text = problemTexts.get(key);
  if (text === undefined) {
    text = JSON.stringify(problemBody(problem));
    if (problemTexts.size < maxProblemTexts) problemTexts.set(key, text);
  }
  return text;
}

function problemBody({ status, code, title, detail, members }: Problem): Record<string, unknown> {
  return {
    type: "about:blank",
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...members,
    ...envelope(status, { errors: [detail ?? title], ...members }),
  };
}

/** 303 to a path of this server (or a URL on a configured origin): the browser goes on with GET, also after a POST. */
export function seeOther(location: string, status: 302 | 303 = 303): Response {
  return new Response(null, { status, headers: { location, "cache-control": "no-store" } });
}

/**
 * Keeps an answer that depends on a user out of caches (RFC 9111 5.2.2.5), before it is made. On Node the outgoing message
 * sees to it, where the answer's own `Cache-Control` still wins: looking into the headers of Hono's fast responses would
 * turn each into a slow one.
 */
export function protect(rq: SecurityRequest): void {
  if (rq.identity === undefined) return;
  const outgoing = outgoingOf(rq);
  if (outgoing === undefined || outgoing.headersSent) return;
  keepPrivate(outgoing);
  rq.protected = true;
}

/** Adds what the request collected (cookies), and keeps what depends on a user out of caches. */
export function finish(rq: SecurityRequest, response: Response): Response {
  const { cookies } = rq;
  if (cookies.length === 0 && (rq.identity === undefined || rq.protected)) return response;
  if (cookies.length === 0 && response.headers.has("cache-control")) return response;
  let target = response;
  try {
    apply(target.headers, rq);
  } catch {
    // Answers of fetch() and Response.redirect() have headers that can't be changed.
    target = new Response(response.body, response);
    apply(target.headers, rq);
  }
  return target;
}

function outgoingOf(rq: SecurityRequest): Outgoing | undefined {
  const env = rq.context?.env as { readonly outgoing?: Outgoing } | undefined;
  return typeof env?.outgoing?.writeHead === "function" ? env.outgoing : undefined;
}

function apply(headers: Headers, { cookies, clearSiteData }: SecurityRequest): void {
  // A cookie makes the answer somebody's, whatever the handler said about caching.
  if (cookies.length > 0 || !headers.has("cache-control")) headers.set("cache-control", "no-store");
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  // It comes with cookies that are removed, so no answer without cookies has it.
  if (clearSiteData !== undefined) headers.set("clear-site-data", clearSiteData);
}
