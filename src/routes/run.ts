import type { Context } from "hono";
import type { BagKeeper } from "../authn/bag.ts";
import type { Guard } from "../authz/guard.ts";
import { csrfFault, csrfTokenFault, judge } from "../authz/guards/authentication.ts";
import type { Refusals } from "../authz/refusal.ts";
import { allow, type Verdict } from "../authz/verdict.ts";
import { finish, protect } from "../http/answer.ts";
import { isUnsafe } from "../http/csrf.ts";
import { type RouteFacts, SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import type { Awaitable } from "../model/awaitable.ts";

/** What running a guarded request needs. */
export interface Runner {
  readonly system: System;
  readonly refusals: Refusals;
  readonly bags: BagKeeper;
}

/** The security side of a request that enters a guard. */
export function beginRequest(system: System, facts: RouteFacts, c: Context): SecurityRequest {
  const rq = new SecurityRequest(system, c.req.raw, facts, c);
  const outer = requestOf(c);
  if (outer !== undefined) rq.adopt(outer);
  return rq;
}

/**
 * A key of the environment that a request is handed to the application with, which no client can set: a rehearsal asks the
 * guard and ends where the handler would begin, so that tests can try every route without doing what it does.
 */
export const rehearsal: unique symbol = Symbol("portcullis.rehearsal");

/** True where the guard alone is asked. */
export function isRehearsal(c: Context): boolean {
  return (c.env as { readonly [rehearsal]?: true } | undefined)?.[rehearsal] === true;
}

/** The answer where a handler would begin. */
export function rehearsed(): Response {
  return new Response(null, { status: 204, headers: { "x-portcullis-rehearsal": "let in" } });
}

/** What an application's handler is given. */
export type GuardedHandler = (c: Context, params: Readonly<Record<string, unknown>>) => Awaitable<Response>;

/**
 * One guarded request: guard, CSRF, parameters, handler, session bag. Without I/O on the way it is one synchronous call.
 */
export function runGuarded(
  runner: Runner,
  facts: RouteFacts,
  guard: Guard,
  c: Context,
  handler: GuardedHandler,
): Awaitable<Response> {
  const rq = beginRequest(runner.system, facts, c);
  let params: Readonly<Record<string, unknown>>;
  try {
    const verdict = judge(rq, guard);
    if (verdict instanceof Promise || isUnsafe(rq.method)) return slow(runner, rq, verdict, c, handler);
    if (verdict.kind !== "allow") {
      const answer = runner.refusals.verdict(rq, verdict);
      return answer instanceof Promise ? answer.then((page) => send(runner, rq, page)) : send(runner, rq, answer);
    }
    if (isRehearsal(c)) return send(runner, rq, rehearsed());
    const found = rq.parameters();
    if (found instanceof Promise) return slow(runner, rq, verdict, c, handler);
    params = found;
  } catch (error) {
    return failed(runner, rq, error);
  }
  return invoke(runner, rq, c, params, handler);
}

async function slow(
  runner: Runner,
  rq: SecurityRequest,
  first: Awaitable<Verdict>,
  c: Context,
  handler: GuardedHandler,
): Promise<Response> {
  let params: Readonly<Record<string, unknown>>;
  try {
    let verdict = await first;
    if (verdict.kind === "allow") verdict = await checkCsrf(rq);
    if (verdict.kind !== "allow") return await send(runner, rq, await runner.refusals.verdict(rq, verdict));
    if (isRehearsal(c)) return await send(runner, rq, rehearsed());
    params = await rq.parameters();
  } catch (error) {
    return failed(runner, rq, error);
  }
  return invoke(runner, rq, c, params, handler);
}

/** Runs the handler. What it throws is the application's own and goes to its error handler. */
function invoke(
  runner: Runner,
  rq: SecurityRequest,
  c: Context,
  params: Readonly<Record<string, unknown>>,
  handler: GuardedHandler,
): Awaitable<Response> {
  expose(runner, rq, c);
  protect(rq);
  let response: Awaitable<Response>;
  try {
    // What a handler changes is told with the request in which it happened. Reading requests are spared the cost of that.
    response = isUnsafe(rq.method) ? runner.system.events.within(rq, () => handler(c, params)) : handler(c, params);
  } catch (error) {
    carry(rq, c);
    throw error;
  }
  if (!(response instanceof Promise)) return send(runner, rq, response);
  return response.then(
    (answer) => send(runner, rq, answer),
    (error: unknown) => {
      carry(rq, c);
      throw error;
    },
  );
}

/** A remember credential that was replaced on the way must reach the browser, also with the answer to an error. */
function carry(rq: SecurityRequest, c: Context): void {
  const { cookies } = rq;
  if (cookies.length > 0 || rq.identity !== undefined) c.header("cache-control", "no-store");
  for (const cookie of cookies) c.header("set-cookie", cookie, { append: true });
}

/** Puts who is calling and the session bag where handlers find them. */
export function expose(runner: Runner, rq: SecurityRequest, c: Context): void {
  const identity = rq.identity ?? null;
  c.set("identity", identity);
  c.set("user", identity === null ? null : identity.account);
  c.set("session", runner.bags.open(rq));
  c.set(contextKey, rq);
}

/** Where the request stands among Hono's context variables. */
const contextKey = "portcullis";

/** The security side of the request that this Hono context is about; undefined outside of guarded routes. */
export function requestOf(c: Context): SecurityRequest | undefined {
  return c.get(contextKey) as SecurityRequest | undefined;
}

/** Sends the answer with what the request collected: the bag is written first, so what is answered is also kept. */
export function send(runner: Runner, rq: SecurityRequest, response: Response): Awaitable<Response> {
  if (rq.bag?.dirty !== true) return finish(rq, response);
  return runner.bags.save(rq).then(
    () => finish(rq, response),
    async (error: unknown) => {
      // What was to be kept is not kept: the answer must not say otherwise.
      const answer = runner.refusals.error(rq, error);
      if (answer === undefined) throw error;
      return finish(rq, await answer);
    },
  );
}

/** Errors that happened before a handler was called, or around it, with the request. */
const internal: WeakMap<object, SecurityRequest> = new WeakMap();

/** Notes that an error is not the handler's. */
export function markInternal(error: unknown, rq: SecurityRequest): unknown {
  const marked = typeof error === "object" && error !== null ? error : new Error(String(error));
  internal.set(marked, rq);
  return marked;
}

/** The request of an error that happened on the way to a handler, or around it; undefined for a handler's own. */
export function internalRequest(error: unknown): SecurityRequest | undefined {
  return typeof error === "object" && error !== null ? internal.get(error) : undefined;
}

async function failed(runner: Runner, rq: SecurityRequest, error: unknown): Promise<Response> {
  const answer = runner.refusals.error(rq, error);
  if (answer === undefined) throw markInternal(error, rq);
  return send(runner, rq, await answer);
}

/**
 * Whoever is signed in by something that a browser sends along by itself must show that the request comes from our own
 * pages: by its origin, and for the schemes of the option `csrf.schemes` by a token.
 */
export async function checkCsrf(rq: SecurityRequest): Promise<Verdict> {
  const identity = rq.identity;
  if (identity === undefined || !isUnsafe(rq.method)) return allow;
  const { csrf } = rq.system;
  const tokenNeeded = csrf.asks(identity);
  if (!tokenNeeded && !csrf.ambient(identity)) return allow;
  if (!csrf.sameOrigin(rq)) return csrfFault("CSRF_ORIGIN");
  if (!tokenNeeded) return allow;
  const fault = await csrfTokenFault(rq);
  return fault === undefined ? allow : csrfFault(fault);
}
