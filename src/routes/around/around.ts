import { Context } from "hono";
import type { AddressRule } from "../../http/address.ts";
import { checkPeer, notePeer } from "../../http/connection.ts";
import { noRoute, SecurityRequest } from "../../http/request.ts";
import { type Awaitable, andThen } from "../../model/awaitable.ts";
import { inTime } from "../../model/deadline.ts";
import { PortcullisError } from "../../model/errors.ts";
import { type GuardedHandler, markInternal, requestOf } from "../run.ts";
import { allowReading, preflight } from "./cors.ts";
import { answerTo, type ErrorContext, isResponse } from "./errors.ts";
import type { AroundSettings, RequestHook, ResponseHook } from "./options.ts";
import { reportDetails, reportHeaders, reportOf } from "./report.ts";
import { type FromProxy, isSecure, secureTwin } from "./transport.ts";

/** What stands around every request of an application; undefined where the options ask for nothing. */
export interface Around {
  /** `plainHttp`: who may ask for which path over plain HTTP, by the client's address. */
  serve(request: Request, env: unknown, dispatch: () => Awaitable<Response>, plainHttp: PlainHttp): Awaitable<Response>;
}

/** Who may ask for which path over plain HTTP. */
type PlainHttp = ReadonlyMap<string, AddressRule>;

/** What it needs beside the settings. */
export interface AroundContext extends ErrorContext {
  readonly origins: readonly string[];
  readonly fromProxy: FromProxy;
}

/** Whether something around requests wants to know which route took one, and by whom. */
export function tracksRequests({ afterRequest, headers, mode }: AroundSettings): boolean {
  return afterRequest.length > 0 || headers.length > 0 || mode !== "prod";
}

/**
 * Makes what stands around the requests of an application: the transport, CORS, the hooks before and after, added headers,
 * the report for developers. Without a hook that waits, a request that was answered at once still is.
 */
export function createAround(settings: AroundSettings, context: AroundContext): Around | undefined {
  const { cors, secure, beforeRequest, afterRequest, headers, contentType, mode } = settings;
  const { visits } = context.system;
  let toldOfPlainHttp = false;
  const changes = cors !== undefined || headers.length > 0 || contentType !== undefined || mode !== "prod";
  if (!changes && secure === undefined && beforeRequest.length === 0 && afterRequest.length === 0) return undefined;

  /** The request as hooks see it: the one that a route took, else one of no route. */
  const seen = (request: Request, env: unknown): SecurityRequest =>
    visits?.get(request) ??
    new SecurityRequest(context.system, request, noRoute, new Context(request, { env: (env ?? {}) as object }));

  const failed = (request: Request, env: unknown, error: unknown): Awaitable<Response> => {
    const rq = seen(request, env);
    return answerTo(context, rq, markInternal(error, rq));
  };

  /** An answer that needs no route, or none. */
  const early = (request: Request, env: unknown, plainHttp: PlainHttp): Awaitable<Response | undefined> => {
    if (secure !== undefined && !isSecure(request, env, context.fromProxy) && !mayBePlain(request, env, plainHttp)) {
      return insecure(request, env);
    }
    const told = cors === undefined ? undefined : preflight(cors, request);
    if (told !== undefined || beforeRequest.length === 0) return told;
    // Hooks that go by the address must not be asked about none.
    checkPeer(notePeer(request, env));
    return firstAnswer(beforeRequest, seen(request, env), "routes.beforeRequest");
  };

  /** Also behind a declared proxy it is the client's network that counts. */
  const mayBePlain = (request: Request, env: unknown, plainHttp: PlainHttp): boolean => {
    if (plainHttp.size === 0 || (request.method !== "GET" && request.method !== "HEAD")) return false;
    const allows = plainHttp.get(new URL(request.url).pathname);
    const address = allows === undefined ? undefined : context.system.clientAddress(seen(request, env));
    return address !== undefined && allows?.(address) === true;
  };

  const insecure = (request: Request, env: unknown): Awaitable<Response> => {
    const twin = secure === "redirect" ? secureTwin(request, context.origins) : undefined;
    if (twin !== undefined) {
      return new Response(null, { status: 308, headers: { location: twin, "cache-control": "no-store" } });
    }
    if (!toldOfPlainHttp) {
      // Once: whoever likes can send more of them.
      toldOfPlainHttp = true;
      const proxy = "declare a proxy that does by trustedProxies and let it send X-Forwarded-Proto";
      context.system.log("a request over plain HTTP was refused", {
        mend: `serve it over HTTPS; ${proxy}; or say secure: false`,
      });
    }
    return context.refusals.message(seen(request, env), 421, "insecure_transport", "INSECURE_TRANSPORT");
  };

  const dressed = (request: Request, env: unknown, response: Response, began: number): Response => {
    if (!changes) return response;
    const rq = headers.length > 0 ? seen(request, env) : visits?.get(request);
    const add: (readonly [string, string])[] = [];
    for (const [name, value] of headers) {
      const made = typeof value === "string" ? value : value(response, rq as SecurityRequest);
      if (made !== undefined) add.push([name, made]);
    }
    if (contentType !== undefined && response.body !== null && !response.headers.has("content-type")) {
      add.push(["content-type", contentType]);
    }
    if (mode !== "prod") {
      const report = reportOf(rq, began);
      add.push(...reportHeaders(report));
      context.system.log("request", reportDetails(report, mode, rq, request, response.status));
    }
    if (add.length === 0 && cors === undefined) return response;
    return withHeaders(response, (fields) => {
      for (const [name, value] of add) fields.set(name, value);
      if (cors !== undefined) allowReading(cors, request, fields);
    });
  };

  const after = (request: Request, env: unknown, response: Response, began: number): Awaitable<Response> => {
    if (afterRequest.length === 0) return dressed(request, env, response, began);
    const last = lastAnswer(afterRequest, response, seen(request, env));
    return andThen(last, (answer) => dressed(request, env, answer, began));
  };

  return {
    serve(request, env, dispatch, plainHttp) {
      const began = mode === "prod" ? 0 : performance.now();
      const guarded = (work: () => Awaitable<Response>): Awaitable<Response> => {
        try {
          const answer = work();
          if (!(answer instanceof Promise)) return answer;
          return answer.catch((error: unknown) => failed(request, env, error));
        } catch (error) {
          return failed(request, env, error);
        }
      };
      const answer = guarded(() => andThen(early(request, env, plainHttp), (told) => told ?? dispatch()));
      return guarded(() => andThen(answer, (response) => after(request, env, response, began)));
    },
  };
}

/** The handler with the hooks of `beforeExec` before it. */
export function executing(hooks: readonly RequestHook[], handler: GuardedHandler): GuardedHandler {
  if (hooks.length === 0) return handler;
  const ask = (rq: SecurityRequest): Awaitable<Response | undefined> => {
    try {
      const told = firstAnswer(hooks, rq, "routes.beforeExec");
      if (!(told instanceof Promise)) return told;
      return told.catch((error: unknown) => {
        throw markInternal(error, rq);
      });
    } catch (error) {
      throw markInternal(error, rq);
    }
  };
  return (c, params) => {
    const rq = requestOf(c);
    if (rq === undefined) throw new PortcullisError("no_request", "this request passed no declared route");
    return andThen(ask(rq), (told) => told ?? handler(c, params));
  };
}

/** What the first hook that answers answers. */
function firstAnswer(
  hooks: readonly RequestHook[],
  rq: SecurityRequest,
  path: string,
): Awaitable<Response | undefined> {
  const from = (start: number): Awaitable<Response | undefined> => {
    for (let index = start; index < hooks.length; index += 1) {
      const answer = inTime((hooks[index] as RequestHook)(rq), rq.system.deadline, path);
      if (answer instanceof Promise) {
        return answer.then((told) => checked(told, path) ?? from(index + 1));
      }
      const told = checked(answer, path);
      if (told !== undefined) return told;
    }
    return undefined;
  };
  return from(0);
}

/** The response after all hooks saw it. */
function lastAnswer(hooks: readonly ResponseHook[], response: Response, rq: SecurityRequest): Awaitable<Response> {
  const from = (start: number, current: Response): Awaitable<Response> => {
    let answer = current;
    for (let index = start; index < hooks.length; index += 1) {
      const told = (hooks[index] as ResponseHook)(answer, rq);
      const made = inTime(told, rq.system.deadline, "routes.afterRequest");
      if (made instanceof Promise) {
        return made.then((told) => from(index + 1, checked(told, "routes.afterRequest") ?? answer));
      }
      answer = checked(made, "routes.afterRequest") ?? answer;
    }
    return answer;
  };
  return from(0, response);
}

/** A hook that answers something else than it may must not pass for one that let the request go on. */
function checked(answer: unknown, path: string): Response | undefined {
  if (answer === undefined || isResponse(answer)) return answer;
  throw new PortcullisError("invalid_hook", `a hook of ${path} answered with something else than a response`);
}

function withHeaders(response: Response, change: (headers: Headers) => void): Response {
  try {
    change(response.headers);
    return response;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Answers of fetch() and Response.redirect() have headers that can't be changed.
    const copy = new Response(response.body, response);
    change(copy.headers);
    return copy;
  }
}
