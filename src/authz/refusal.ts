import { LastAdministratorError } from "../datastore/administrators.ts";
import {
  envelope,
  type JsonEnvelope,
  jsonResponse,
  languageHeaders,
  type Problem,
  problemResponse,
  seeOther,
} from "../http/answer.ts";
import { BodyError } from "../http/body-limits.ts";
import { LostConnectionError } from "../http/connection.ts";
import { isScript } from "../http/negotiation.ts";
import type { ParameterFault } from "../http/parameters.ts";
import { ParameterError, type SecurityRequest } from "../http/request.ts";
import { AmbiguousPathError } from "../http/route-path.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import { passwordFaultText } from "../i18n/password-faults.ts";
import { type Awaitable, andThen } from "../model/awaitable.ts";
import { DeadlineError, inTime } from "../model/deadline.ts";
import {
  DatastoreError,
  LimitedError,
  MissingTransactionError,
  OverloadedError,
  PortcullisError,
} from "../model/errors.ts";
import { PasswordRefusedError } from "../passwords/refused.ts";
import type { FlashMessage, PageLink } from "../views/contract.ts";
import type { PageSender } from "../views/frame.ts";
import { type Diverted, type Forbidden, reasonOf, type Stale, type Unauthenticated, type Verdict } from "./verdict.ts";

/** What an application may do in the place of the built-in answers. Undefined as the answer: the built-in one. */
export interface Handlers {
  /** Nobody is signed in by an accepted scheme. */
  readonly unauthenticated?: (rq: SecurityRequest, verdict: Told<Unauthenticated>) => Awaitable<Response | undefined>;
  /** The caller may not; `verdict.lacking` says what is missing. */
  readonly unauthorized?: (rq: SecurityRequest, verdict: Told<Forbidden>) => Awaitable<Response | undefined>;
  /** The proof of identity is too old; `verdict.within` and `verdict.grace` say what the guard asks for. */
  readonly reauthenticate?: (rq: SecurityRequest, verdict: Told<Stale>) => Awaitable<Response | undefined>;
  /** Turns the body of an account endpoint's JSON answer into a response. */
  readonly renderJson?: (body: JsonEnvelope, status: number, rq: SecurityRequest) => Response;
  /** Turns an application route's error into a response. */
  readonly renderProblem?: (problem: Problem, rq: SecurityRequest) => Awaitable<Response | undefined>;
  /** Is this caller to be answered in JSON? */
  readonly wantsJson?: (rq: SecurityRequest) => boolean;
}

/**
 * A refusal as a handler is told of it. `headers` belong to the answer: a 401 without `WWW-Authenticate` is none (RFC 9110
 * 15.5.2). They are added to an answer of 401 or 403 that has none of that name.
 */
export type Told<V extends Unauthenticated | Forbidden | Stale> = V & {
  readonly headers: Readonly<Record<string, string>>;
};

/** Where pages go on; undefined where the feature is off. */
export interface PagePaths {
  readonly login: string | undefined;
  /** True: `login` is the application's own page, which may leave the browser with any credential that browsers keep. */
  readonly ownLogin?: boolean;
  /** The parameter of the page `login` that says where to come back to; default "next". */
  readonly returnParameter?: string;
  readonly verify: string | undefined;
  readonly afterSignIn: (rq: SecurityRequest) => string;
  /** The application's own page for 403. */
  readonly unauthorized: string | undefined;
}

/** Turns everything that ends a request early into a response: one place for account pages, application routes and middleware. */
export interface Refusals {
  /** The status of an object that is not there, where a guard says so. */
  readonly notFoundStatus: number;
  verdict(rq: SecurityRequest, verdict: Exclude<Verdict, { kind: "allow" }>): Awaitable<Response>;
  /** An error thrown on the way; undefined when it is none of ours and belongs to the application. */
  error(rq: SecurityRequest, error: unknown): Awaitable<Response> | undefined;
  /** A message with a status, as JSON or as a page. */
  message(
    rq: SecurityRequest,
    status: number,
    code: string,
    key: MessageKey,
    extra?: RefusalExtra,
  ): Awaitable<Response>;
  /** The same in words of the application's own. */
  said(rq: SecurityRequest, status: number, code: string, text: string, extra?: RefusalExtra): Awaitable<Response>;
  /** A JSON answer of an account endpoint. */
  json(rq: SecurityRequest, status: number, response: Readonly<Record<string, unknown>>): Response;
}

/** What else an answer holds. */
export interface RefusalExtra {
  readonly members?: Readonly<Record<string, unknown>>;
  /** What a page says beside the message. */
  readonly detail?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly page?: "error" | "unauthorized";
  /** A page's heading, where that is not what the status says. */
  readonly heading?: MessageKey;
  /** Where a page offers to go on, beside the start. */
  readonly links?: readonly PageLink[];
  readonly parameters?: Readonly<Record<string, string | number>>;
}

/** What the refusals need. */
export interface RefusalContext {
  readonly pages: PageSender;
  readonly paths: PagePaths;
  readonly handlers: Handlers;
  /** True: errors of application routes are written for everybody in the same format, for browsers too. */
  readonly oneFormat?: boolean;
  /** The status where an object's rule says that there is no such object; default 404. */
  readonly notFoundStatus?: number;
  /** Keeps a message for the next page. */
  readonly flash: (rq: SecurityRequest, category: FlashMessage["category"], text: string) => void;
  /** Whether a message waits for the next page already. */
  readonly flashWaits: (rq: SecurityRequest) => boolean;
  /** What JSON callers of a stale session are told beside `reauth_required`: which ways to prove it there are. */
  readonly reauthenticationWays: (rq: SecurityRequest) => Awaitable<Readonly<Record<string, unknown>>>;
}

/** Makes the refusals of one running system. */
export function createRefusals(context: RefusalContext): Refusals {
  const { pages, paths, handlers, notFoundStatus = 404 } = context;
  let toldOfLost = false;
  /** As many as there are routes. */
  const toldOfPaths = new Set<string>();

  const json = (rq: SecurityRequest, status: number, response: Readonly<Record<string, unknown>>): Response => {
    const body = envelope(status, response);
    return handlers.renderJson?.(body, status, rq) ?? jsonResponse(status, body, languageHeaders(rq));
  };

  const message: Refusals["message"] = (rq, status, code, key, extra = {}) =>
    said(rq, status, code, rq.text(key as MessageKey, extra.parameters), extra);

  /** Whether a person reads the answer: a script that takes anything gets the status and JSON, and no way to a page. */
  const forPerson = (rq: SecurityRequest): boolean =>
    !rq.wantsJson && (handlers.wantsJson !== undefined || !isScript((name) => rq.header(name)));

  const said: Refusals["said"] = (rq, status, code, text, extra = {}) => {
    const inOneFormat = context.oneFormat === true && rq.route.kind === "application";
    // Where the application decides who is answered in JSON, its word is the last.
    if (!inOneFormat && forPerson(rq) && (handlers.wantsJson !== undefined || !prefersProblem(rq))) {
      const shown = extra.detail === undefined ? text : `${text} ${extra.detail}`;
      const links = [...(extra.links ?? []), ...wayHome(rq)];
      return pages
        .notice(rq, extra.page ?? "error", status, shown, links, extra.heading)
        .then((page) => withHeaders(page, extra.headers));
    }
    if (rq.route.kind === "account") {
      // Flask-Security's answers have no code; a program must know these from what a new token does not mend.
      const named = csrfCode.test(code) ? { code } : {};
      return withHeaders(json(rq, status, { errors: [text], ...named, ...extra.members }), extra.headers);
    }
    const problem: Problem = {
      status,
      code,
      title: text,
      ...(extra.members === undefined ? {} : { members: extra.members }),
    };
    const language = languageHeaders(rq);
    const headers = extra.headers === undefined ? language : { ...language, ...extra.headers };
    if (handlers.renderProblem === undefined) return problemResponse(problem, headers);
    const taken = (own: Response | undefined): Response =>
      own === undefined ? problemResponse(problem, headers) : withHeaders(own, extra.headers);
    const own = inTime(handlers.renderProblem(problem, rq), rq.system.deadline, "handlers.renderProblem");
    return own instanceof Promise ? own.then(taken) : taken(own);
  };

  /** The page that was asked for, to come back to; only a GET can be repeated, for others it is where their form stands. */
  const here = (rq: SecurityRequest): string | undefined =>
    rq.system.redirects.safe(
      rq.method === "GET" || rq.method === "HEAD" ? rq.url.pathname + query(rq.url) : rq.route.back?.(),
    );

  const detour = (rq: SecurityRequest, path: string, key: MessageKey, parameter = "next"): Response => {
    // Whoever was just told something ("You are signed out.") knows why; and what they were told must not be contradicted.
    if (!context.flashWaits(rq)) context.flash(rq, rq.catalogue.category(key), rq.text(key as "UNAUTHENTICATED"));
    const next = here(rq);
    const mark = path.includes("?") ? "&" : "?";
    return seeOther(next === undefined ? path : `${path}${mark}${parameter}=${encodeURIComponent(next)}`, 302);
  };

  const unauthenticated = (rq: SecurityRequest, verdict: Unauthenticated): Awaitable<Response> => {
    rq.system.events.emit("userUnauthenticated", { path: rq.path }, rq);
    if (handlers.unauthenticated === undefined) return turnAway(rq, verdict);
    const headers = challenged(rq.system.challenges(verdict.schemes, verdict.realm, rq));
    const told = { ...verdict, headers };
    const own = inTime(handlers.unauthenticated(rq, told), rq.system.deadline, "handlers.unauthenticated");
    return andThen(own, (answer) => (answer === undefined ? turnAway(rq, verdict) : withChallenge(answer, headers)));
  };

  /** Whether the page to sign in on can leave a browser with what the route takes. */
  const comesBack = (rq: SecurityRequest, schemes: readonly string[], challenges: readonly string[]): boolean =>
    paths.ownLogin === true
      ? rq.system.keptByBrowsers(schemes)
      : challenges.length === 0 && schemes.includes("session");

  const turnAway = (rq: SecurityRequest, verdict: Unauthenticated): Awaitable<Response> => {
    const challenges = rq.system.challenges(verdict.schemes, verdict.realm, rq);
    // Whoever signs in and comes back would send the same bad credential again.
    const browser = !rq.rejected && forPerson(rq) && comesBack(rq, verdict.schemes, challenges);
    const { login } = paths;
    // A page of the application's own may be closed itself: it must not send the browser to itself.
    if (browser && login !== undefined && !leadsHere(rq, login)) {
      return detour(rq, login, "UNAUTHENTICATED", paths.returnParameter);
    }
    return message(rq, 401, "unauthenticated", "UNAUTHENTICATED", {
      headers: challenged(challenges),
    });
  };

  const noteRefusal = (rq: SecurityRequest, reason: string): void => {
    rq.system.log("a request was refused", { route: rq.route.label, reason });
    const user = rq.identity?.account;
    // Without a user it may be anybody, without limit: the log has it.
    if (user !== undefined) rq.system.events.emit("permissionDenied", { user, reason }, rq);
  };

  const divert = (rq: SecurityRequest, verdict: Diverted): Awaitable<Response> => {
    const { passed, reason, location, json: body, status, flash, headers } = verdict;
    if (!passed) noteRefusal(rq, reason);
    if (location !== undefined && forPerson(rq)) {
      if (flash !== undefined) context.flash(rq, flash.category, flash.text);
      return seeOther(location, 302);
    }
    if (body !== undefined) return jsonResponse(status, body, headers);
    return message(rq, status, "checkpoint_failed", "UNAUTHORIZED", {
      headers,
      page: status === 403 ? "unauthorized" : "error",
      ...(flash === undefined ? {} : { detail: flash.text }),
    });
  };

  const unauthorized = async (rq: SecurityRequest, verdict: Forbidden): Promise<Response> => {
    noteRefusal(rq, verdict.reason);
    const { scopes } = verdict;
    const via = rq.identity?.via;
    const told = scopes === undefined || via === undefined ? undefined : rq.system.insufficient(via, scopes);
    const headers = challenged(told === undefined ? [] : [told]);
    const handled = handlers.unauthorized?.(rq, { ...verdict, headers });
    const replaced = await inTime(handled, rq.system.deadline, "handlers.unauthorized");
    if (replaced !== undefined) return withChallenge(replaced, headers);
    const own = paths.unauthorized;
    // That page itself may be forbidden: it must not send the browser to itself.
    if (verdict.status === 403 && forPerson(rq) && own !== undefined && !leadsHere(rq, own)) {
      context.flash(rq, "error", rq.text("UNAUTHORIZED"));
      return seeOther(own, 302);
    }
    const refused = scopes === undefined ? "forbidden" : "insufficient_scope";
    return message(rq, verdict.status, verdict.status === 400 ? verdict.key.toLowerCase() : refused, verdict.key, {
      page: verdict.status === 403 ? "unauthorized" : "error",
      headers,
    });
  };

  const reauthenticate = async (rq: SecurityRequest, verdict: Stale): Promise<Response> => {
    const replaced = await inTime(
      handlers.reauthenticate?.(rq, { ...verdict, headers: {} }),
      rq.system.deadline,
      "handlers.reauthenticate",
    );
    if (replaced !== undefined) return replaced;
    if (forPerson(rq) && paths.verify !== undefined && rq.identity?.via === "session") {
      return detour(rq, paths.verify, "REAUTHENTICATION_REQUIRED");
    }
    return message(rq, 401, "reauthentication_required", "REAUTHENTICATION_REQUIRED", {
      members: { reauth_required: true, ...(await context.reauthenticationWays(rq)) },
    });
  };

  return {
    json,
    message,
    said,
    notFoundStatus,
    verdict(rq, verdict) {
      rq.refused = reasonOf(verdict);
      switch (verdict.kind) {
        case "unauthenticated":
          return unauthenticated(rq, verdict);
        case "forbidden":
          return unauthorized(rq, verdict);
        case "stale":
          return reauthenticate(rq, verdict);
        case "notFound":
          if (notFoundStatus === 403) return unauthorized(rq, absent);
          return message(rq, notFoundStatus, "not_found", "NOT_FOUND");
        case "diverted":
          return divert(rq, verdict);
        case "redirected":
          if (forPerson(rq)) {
            // Where they wanted to go once they are signed in, which they are.
            const next = rq.url.searchParams.get(paths.returnParameter ?? "next");
            return seeOther(rq.system.redirects.safe(next) ?? paths.afterSignIn(rq), 302);
          }
          return message(rq, verdict.status, "anonymous_required", verdict.key);
      }
    },
    error(rq, error) {
      if (error instanceof ParameterError || error instanceof PortcullisError) rq.refused = error.message;
      if (error instanceof ParameterError) {
        const errors = error.faults.map((fault) => ({ name: fault.name, code: fault.code, message: hint(rq, fault) }));
        return message(rq, 400, "invalid_parameters", "INVALID_INPUT", {
          members: { parameters: errors },
          detail: errors.map((fault) => `${fault.name}: ${fault.message}`).join("; "),
        });
      }
      if (error instanceof PasswordRefusedError) {
        const reasons = error.faults.map((fault) => passwordFaultText(fault, rq.catalogue));
        return message(rq, 400, "invalid_parameters", "INVALID_INPUT", {
          members: { parameters: reasons.map((message) => ({ name: error.field, code: "invalid", message })) },
          detail: `${error.field}: ${reasons.join(" ")}`,
        });
      }
      if (error instanceof BodyError) {
        const keys: Record<number, MessageKey> = { 413: "PAYLOAD_TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE" };
        return message(rq, error.status, error.code, keys[error.status] ?? "INVALID_REQUEST", {
          // What is left of the body is not read: the connection can't carry another request (RFC 9110 15.5.14).
          ...(error.status === 413 ? { headers: { connection: "close" } } : {}),
        });
      }
      if (error instanceof LostConnectionError) {
        if (!toldOfLost) {
          // Once: whoever likes can send more of them.
          toldOfLost = true;
          rq.system.log("a request was refused: its connection tells no client address", {
            mend: "none where the client reset the connection; a host of your own must hand on the socket with its address",
          });
        }
        return message(rq, 400, error.code, "INVALID_REQUEST");
      }
      if (error instanceof AmbiguousPathError) {
        if (!toldOfPaths.has(error.path)) {
          toldOfPaths.add(error.path);
          rq.system.log("a guarded route is closed: its path has one name twice", {
            route: `${rq.method} ${error.path}`,
            parameter: `:${error.parameter}`,
            mend: "rename the parameter of the prefix or of the route; a guard could only ask about one of them",
          });
        }
        return message(rq, 500, error.code, "UNAUTHORIZED");
      }
      if (error instanceof LastAdministratorError) {
        return message(rq, 409, error.code, "LAST_ADMINISTRATOR");
      }
      if (error instanceof LimitedError) {
        return message(rq, 429, error.code, "TOO_MANY_ATTEMPTS", {
          parameters: { seconds: error.retryAfter },
          headers: { "retry-after": String(error.retryAfter) },
        });
      }
      if (error instanceof OverloadedError) {
        return message(rq, 503, "overloaded", "SERVER_BUSY", {
          parameters: { seconds: error.retryAfter },
          headers: { "retry-after": String(error.retryAfter) },
        });
      }
      if (error instanceof DeadlineError) {
        rq.system.log("a function of the application did not answer in time", {
          route: rq.route.label,
          function: error.what,
        });
        return message(rq, 503, "unavailable", "SERVER_BUSY", {
          parameters: { seconds: retryAfter },
          headers: { "retry-after": String(retryAfter) },
        });
      }
      // A mistake in the application is no outage: nobody need try again.
      if (error instanceof DatastoreError && !(error instanceof MissingTransactionError)) {
        rq.system.log("the datastore failed", { route: rq.route.label, error: error.message });
        return message(rq, 503, "unavailable", "SERVER_BUSY", {
          parameters: { seconds: retryAfter },
          headers: { "retry-after": String(retryAfter) },
        });
      }
      return undefined;
    },
  };
}

/** An object that is not there, where that looks like a refusal. */
const absent: Forbidden = Object.freeze({
  kind: "forbidden",
  status: 403,
  key: "UNAUTHORIZED",
  reason: "no such object",
});

/** A page that only says something must not be a dead end; the start itself may be what could not be shown. */
function wayHome(rq: SecurityRequest): readonly PageLink[] {
  return rq.path === "/" ? [] : [{ href: "/", text: rq.text("LINK_HOME") }];
}

const csrfCode = /^csrf_/;

/** After so many seconds a client may try again when the datastore, or the application, did not answer. */
const retryAfter = 5;

function withHeaders(response: Response, headers: RefusalExtra["headers"]): Response {
  for (const [name, value] of Object.entries(headers ?? {})) response.headers.append(name, value);
  return response;
}

/** One field with several challenges says the same as several fields (RFC 9110 11.6.1). */
function challenged(challenges: readonly string[]): Readonly<Record<string, string>> {
  return challenges.length === 0 ? {} : { "www-authenticate": challenges.join(", ") };
}

/** The application's own answer with what it must not lack. */
function withChallenge(response: Response, headers: Readonly<Record<string, string>>): Response {
  const lacking = Object.entries(headers).filter(([name]) => !response.headers.has(name));
  if (lacking.length === 0 || (response.status !== 401 && response.status !== 403)) return response;
  // The headers of some answers, such as those of fetch(), can't be changed.
  return withHeaders(new Response(response.body, response), Object.fromEntries(lacking));
}

const credentialName =
  /^(?:auth(?:entication)?|access|refresh|id)[-_]?token$|^api[-_]?key$|^session(?:[-_]?id)?$|^sid$|^remember$/i;
/** Shorter values under such a name are the application's own: a conference session, a store's number. */
const credentialLength = 40;

/**
 * What is said of a parameter, in the caller's language. The words of the application's schema stay as they are; those that a
 * schema library brings are English, and other languages say what kind of fault it is.
 */
function hint(rq: SecurityRequest, { code, message, words, own }: ParameterFault): string {
  if (/^en\b/.test(rq.catalogue.language)) return message;
  if (words !== undefined) return rq.text(words.key, words.params);
  return own === true && !librarysOwn.test(message) ? message : rq.text(hints[code]);
}

/** How the messages begin that zod, valibot and arktype bring. */
const librarysOwn =
  /^(?:Invalid |Too (?:small|big)\b|Unrecognized key|Required$|Expected |must be |(?:\S+ )+(?:must be|was) )/;

const hints = {
  missing: "PARAMETER_MISSING",
  unexpected: "PARAMETER_UNEXPECTED",
  duplicate: "PARAMETER_DUPLICATE",
  invalid: "PARAMETER_INVALID",
} as const;

/** Whether a page is the one that is asked for. */
function leadsHere(rq: SecurityRequest, page: string): boolean {
  return URL.parse(page, "https://here.invalid")?.pathname === rq.url.pathname;
}

/** The query without credentials that somebody put there: they must not be repeated in a Location (ASVS 14.2.1). */
function query(url: URL): string {
  const held = [...url.searchParams].some(([name, value]) => isCredential(name, value));
  if (!held) return url.search;
  const kept = new URLSearchParams([...url.searchParams].filter(([name, value]) => !isCredential(name, value)));
  return kept.size === 0 ? "" : `?${kept}`;
}

function isCredential(name: string, value: string): boolean {
  return value.length >= credentialLength && credentialName.test(name);
}

/** Programs that say nothing of what they accept get problem details from routes that no browser signs in to. */
function prefersProblem(rq: SecurityRequest): boolean {
  const accept = rq.header("accept");
  return rq.route.kind === "application" && (accept === undefined || !accept.includes("text/html"));
}
