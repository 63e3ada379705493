import type { Context, MiddlewareHandler } from "hono";
import { type Guard, isOpenTo, takenSchemes } from "../authz/guard.ts";
import { judge, withIdentity } from "../authz/guards/authentication.ts";
import { allow, forbidden } from "../authz/verdict.ts";
import { isUnsafe } from "../http/csrf.ts";
import { noRoute, type RouteFacts, type SecurityRequest } from "../http/request.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import type { AppContext } from "../routes/app.ts";
import { arrived, type RequestOrigin } from "../routes/arrival.ts";
import { checkPlainIdentifiers } from "../routes/declaration.ts";
import { noteGuard } from "../routes/plain.ts";
import { beginRequest, checkCsrf, expose, requestOf, send } from "../routes/run.ts";
import type { CurrentUser, Vocabulary } from "../routes/vocabulary.ts";
import { checkSchemes, checkWords, toGuard } from "../routes/words.ts";
import type { Decision, LoginStateOptions } from "../security.ts";

/** The guards outside of declared routes: as middleware, and on a request. */
export interface RequestChecks<V extends Vocabulary> {
  /** `plain`: for requests of which no route declares the parameters. */
  compile(authz: unknown, label: string, plain: boolean): { readonly guard: Guard; readonly facts: RouteFacts };
  middleware(authz: unknown): MiddlewareHandler;
  check(request: Request | Context, authz: unknown, from: RequestOrigin | undefined): Promise<Decision<V, boolean>>;
  checkLoginState(
    request: Request | Context,
    options: LoginStateOptions<string>,
    from: RequestOrigin | undefined,
  ): Promise<Decision<V, boolean>>;
}

/** Makes the checks of one system. */
export function requestChecks<V extends Vocabulary>(app: AppContext): RequestChecks<V> {
  const { system } = app;

  const compile = (authz: unknown, label: string, plain: boolean): { guard: Guard; facts: RouteFacts } => {
    const guard = toGuard(authz, label);
    const description = guard.describe();
    checkWords(description, app.words, app.authenticator, undefined, label);
    if (plain) checkPlainIdentifiers(description, system, label);
    const named = takenSchemes(description, system.defaultSchemes);
    const schemes = checkSchemes(description, named, false, label);
    const authn = schemes === named ? undefined : schemes;
    const open = isOpenTo(description.rule);
    return { guard, facts: { ...noRoute, label, realm: description.realm, authn, schemes, open } };
  };

  const middleware = (authz: unknown): MiddlewareHandler => {
    const { guard, facts } = compile(authz, "security.guard()", true);
    const guarding: MiddlewareHandler = async (c, next) => {
      const rq = beginRequest(system, facts, c);
      let verdict: Awaited<ReturnType<typeof guard.check>>;
      try {
        verdict = await judge(rq, guard);
        if (verdict.kind === "allow") verdict = await checkCsrf(rq);
      } catch (error) {
        const answer = app.refusals.error(rq, error);
        if (answer === undefined) throw error;
        return send(app, rq, await answer);
      }
      if (verdict.kind !== "allow") return send(app, rq, await app.refusals.verdict(rq, verdict));
      expose(app, rq, c);
      await (isUnsafe(rq.method) ? system.events.within(rq, next) : next());
      const answer = await send(app, rq, c.res);
      // Put over the former answer, Hono would let that one's cookies and headers win.
      c.res = undefined;
      c.res = answer;
      return undefined;
    };
    const { text, open, realm } = guard.describe();
    const schemes = facts.authn ?? system.defaultSchemes;
    noteGuard(guarding, { guard: text, schemes, open, ...(realm === undefined ? {} : { realm }) });
    return guarding;
  };

  const decide = async (rq: SecurityRequest, guard: Guard): Promise<Decision<V, boolean>> => {
    try {
      let verdict = await judge(rq, guard);
      if (verdict.kind === "allow") verdict = await checkCsrf(rq);
      if (verdict.kind !== "allow") {
        return { allowed: false, response: await send(app, rq, await app.refusals.verdict(rq, verdict)) };
      }
    } catch (error) {
      const answer = app.refusals.error(rq, error);
      if (answer === undefined) throw error;
      return { allowed: false, response: await send(app, rq, await answer) };
    }
    const identity = rq.identity ?? null;
    return {
      allowed: true,
      user: (identity?.account ?? null) as CurrentUser<V> | null,
      identity,
      cookies: rq.cookies,
    };
  };

  const check = async (
    request: Request | Context,
    authz: unknown,
    from: RequestOrigin | undefined,
  ): Promise<Decision<V, boolean>> => {
    const { guard, facts } = compile(authz, "security.check()", true);
    return decide(arrived(system, request, facts, from), guard);
  };

  /** The schemes of `checkLoginState`: a key is recognised also where it is refused, so that its owner learns why. */
  const loginSchemes: readonly string[] = Object.freeze([
    // It asks for no scope, so what is limited to some is not taken.
    ...system.defaultSchemes.filter((name) => name !== "oauth"),
    ...(app.authenticator.names.includes("apiKey") ? ["apiKey"] : []),
  ]);
  const loginState = ({ permission, allowApiKey = false }: LoginStateOptions<string>): Guard => {
    if (permission !== undefined && !app.words.permissions.has(permission)) {
      throw new ConfigurationError("checkLoginState.permission", `there is no permission "${permission}"`);
    }
    return {
      check: (rq) =>
        withIdentity(rq, loginSchemes, ({ account, via }) => {
          if (via === "apiKey" && !allowApiKey) return forbidden("API keys are not admitted here");
          if (permission === undefined || account.permissions.has(permission)) return allow;
          return forbidden(`lacks the permission ${permission}`);
        }),
      describe: () => ({ text: "signed in", authenticated: true }),
    };
  };

  return {
    compile,
    middleware,
    check,
    checkLoginState: async (request, options, from) =>
      decide(arrived(system, request, loginFacts, from), loginState(options)),
  };
}

const loginFacts: RouteFacts = { ...noRoute, label: "security.checkLoginState()", json: true };

/** The request that a guard or a declared route has seen. */
export function requestAt(c: Context): SecurityRequest {
  const rq = requestOf(c);
  if (rq === undefined) throw new PortcullisError("no_request", "this request passed no declared route and no guard");
  return rq;
}
