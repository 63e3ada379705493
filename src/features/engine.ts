import type { Context } from "hono";
import type { EndpointCheck } from "../authn/limits/limits.ts";
import { sessionOnly } from "../authn/scheme.ts";
import { isOpenTo, takenSchemes } from "../authz/guard.ts";
import { csrfFault, csrfTokenFault, judge } from "../authz/guards/authentication.ts";
import type { Forbidden } from "../authz/verdict.ts";
import { seeOther } from "../http/answer.ts";
import { accountLimits, BodyError } from "../http/body-limits.ts";
import { isUnsafe } from "../http/csrf.ts";
import { isScript } from "../http/negotiation.ts";
import { type RouteFacts, SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import type { Awaitable } from "../model/awaitable.ts";
import { isRehearsal, markInternal, rehearsed, send } from "../routes/run.ts";
import type { Answer, Endpoint, EndpointMethod } from "./endpoint.ts";
import { readField } from "./field-schema.ts";
import type { Fault } from "./fields.ts";
import { type EngineContext, type FormState, faultsAsJson, nextOf, page, untouched, withNext } from "./form-page.ts";
import { forAnother, isForAnother, shownForField } from "./shown-for.ts";

/** Makes the handler of one endpoint for one method. */
export function endpointHandler(
  context: EngineContext,
  endpoint: Endpoint,
  method: EndpointMethod,
): (c: Context) => Promise<Response> {
  const description = endpoint.authz.describe();
  const facts: RouteFacts = {
    label: `${method} ${endpoint.path}`,
    authn: endpoint.authn,
    realm: undefined,
    schemes: takenSchemes(description, endpoint.authn ?? context.system.defaultSchemes),
    open: isOpenTo(description.rule),
    // Account endpoints parse their own fields.
    parameters: undefined,
    declaresParams: false,
    kind: "account",
    body: accountLimits(context.system.bodyLimits, Math.max(context.system.accountBytes, endpoint.bodyBytes ?? 0)),
    guard: description.text,
    back: () => endpoint.back?.() ?? ownPage(endpoint),
    json: endpoint.page === undefined,
  };
  const limit = context.limits.endpoint(endpoint.name, endpoint.limits);
  return async (c) => {
    const rq = new SecurityRequest(context.system, c.req.raw, facts, c);
    const respond = async (): Promise<Response> => {
      try {
        const verdict = await judge(rq, endpoint.authz);
        const acting = await actingAsAnother(rq, endpoint);
        if (acting !== undefined) return await context.refusals.verdict(rq, acting);
        if (verdict.kind !== "allow") return await context.refusals.verdict(rq, verdict);
        if (isRehearsal(c)) return rehearsed();
        return method === "GET" && endpoint.page !== undefined
          ? await show(context, endpoint, rq)
          : await submit(context, endpoint, rq, limit);
      } catch (error) {
        const known = context.refusals.error(rq, error);
        if (known === undefined) throw markInternal(error, rq);
        return known;
      }
    };
    return send(context, rq, await context.system.events.within(rq, respond));
  };
}

/** Where an endpoint's own form stands, unless that depends on a link. */
function ownPage({ methods, path }: Endpoint): string | undefined {
  return methods.includes("GET") && !path.includes(":") ? path : undefined;
}

/** 405 for the methods that nothing at this path has (RFC 9110 15.5.6): a page that leads on, to programs JSON. */
export function methodNotAllowed(
  context: EngineContext,
  path: string,
  endpoints: readonly Endpoint[],
  methods: readonly string[] = endpoints.flatMap((endpoint) => endpoint.methods),
): (c: Context) => Promise<Response> {
  const facts: RouteFacts = {
    label: path,
    authn: endpoints[0]?.authn,
    realm: undefined,
    parameters: undefined,
    declaresParams: false,
    kind: "account",
  };
  const allow = methods.join(", ");
  const own = endpoints.find(({ page }) => page !== undefined);
  return async (c) => {
    const rq = new SecurityRequest(context.system, c.req.raw, facts, c);
    // Where a page of it can be opened, and else the page that its button stands on.
    const back =
      (own && ownPage(own)) ?? endpoints.map((endpoint) => endpoint.back?.()).find((there) => there !== undefined);
    const refused = (): Awaitable<Response> =>
      context.refusals.message(rq, 405, "method_not_allowed", "METHOD_NOT_ALLOWED", {
        headers: { allow },
        links: back === undefined ? [] : [{ href: back, text: rq.text("LINK_GO_ON") }],
      });
    const [only] = endpoints;
    if (only?.page === undefined || endpoints.length > 1 || back !== undefined || !isShown(rq)) return refused();
    try {
      // A button that stands on no page of its own, such as the one that signs out: whoever typed the address finds it here.
      const verdict = await judge(rq, only.authz);
      if (verdict.kind === "allow" && rq.identity === undefined && only.doneForNobody !== undefined) {
        const links = only.links(rq, nextOf(rq, {}));
        const extra = { headers: { allow }, links, heading: only.title };
        return await send(
          context,
          rq,
          await context.refusals.message(rq, 405, "method_not_allowed", only.doneForNobody, extra),
        );
      }
      if (verdict.kind !== "allow" || rq.identity === undefined) return refused();
      const shown = await page(context, only, rq, untouched, 405);
      shown.headers.set("allow", allow);
      return await send(context, rq, shown);
    } catch (error) {
      const known = context.refusals.error(rq, error);
      if (known === undefined) throw markInternal(error, rq);
      return known;
    }
  };
}

/** Whether a person looks at the answer to a request that changes nothing. */
function isShown(rq: SecurityRequest): boolean {
  return (rq.method === "GET" || rq.method === "HEAD") && !rq.wantsJson && !isScript((name) => rq.header(name));
}

/** Whoever acts as somebody else reaches none of the pages that change or tell what the account is guarded by. */
async function actingAsAnother(rq: SecurityRequest, endpoint: Endpoint): Promise<Forbidden | undefined> {
  if (endpoint.whileImpersonating === true) return undefined;
  let acts = rq.identity?.impersonator !== undefined;
  if (!acts && rq.cookie(rq.system.cookies.name("impersonator")) !== undefined) {
    // Also where the endpoint asks for no session: in this browser nobody else's credential counts meanwhile.
    const asked = rq.identity;
    acts = (await rq.system.identify(rq, sessionOnly))?.impersonator !== undefined;
    if (!acts) rq.identity = asked;
  }
  if (!acts) return undefined;
  return { kind: "forbidden", status: 403, key: "IMPERSONATION_REFUSED", reason: "acts as another user" };
}

async function show(context: EngineContext, endpoint: Endpoint, rq: SecurityRequest): Promise<Response> {
  const shown = await endpoint.show(rq);
  if (isAnswer(shown)) return answer(context, endpoint, rq, shown, {});
  if (!asJson(endpoint, rq)) {
    const typed = await endpoint.initial?.(rq);
    return page(context, endpoint, rq, typed === undefined ? untouched : { ...untouched, typed });
  }
  const user = rq.identity === undefined ? {} : { user: rq.identity.account.securityPayload() };
  const subject = await endpoint.shownFor?.(rq);
  const named = subject === undefined ? {} : { [shownForField]: subject };
  return context.refusals.json(rq, 200, { csrf_token: rq.system.csrf.token(rq), ...user, ...named, ...shown });
}

/** Whether this is answered in JSON: asked for, or all that there is. */
function asJson(endpoint: Endpoint, rq: SecurityRequest): boolean {
  return endpoint.page === undefined || rq.wantsJson;
}

function isAnswer(shown: Answer | Readonly<Record<string, unknown>>): shown is Answer {
  return typeof shown["kind"] === "string";
}

async function submit(
  context: EngineContext,
  endpoint: Endpoint,
  rq: SecurityRequest,
  limit: EndpointCheck | undefined,
): Promise<Response> {
  const body = isUnsafe(rq.method) ? await bodyFields(rq) : queryFields(rq);
  if (endpoint.page === undefined && (await rq.body()).kind === "form") {
    throw new BodyError(415, "unsupported_media_type", "JSON is expected");
  }
  const csrf = await csrfFailure(rq, endpoint);
  if (csrf !== undefined) {
    if (asJson(endpoint, rq) || csrf === "CSRF_ORIGIN") return context.refusals.verdict(rq, csrfFault(csrf));
    return again(context, endpoint, rq, body, csrf === "CSRF_INVALID");
  }
  // Some endpoints ask only here who it is.
  const acting = await actingAsAnother(rq, endpoint);
  if (acting !== undefined) return context.refusals.verdict(rq, acting);
  if (endpoint.page !== undefined && (await isForAnother(endpoint, rq, body))) {
    if (!asJson(endpoint, rq)) return again(context, endpoint, rq, body, true);
    return faultsAsJson(context, rq, { ...untouched, form: [await forAnother(endpoint, rq)] });
  }
  const values: Record<string, unknown> = {};
  const faults: Record<string, readonly Fault[]> = {};
  const from = isUnsafe(rq.method) && (await rq.body()).kind === "json" ? "json" : "text";
  for (const [name, field] of Object.entries(endpoint.fields)) {
    const parsed = readField(field, Object.hasOwn(body, name) ? body[name] : undefined, from);
    if ("fault" in parsed) faults[name] = [parsed.fault];
    else values[name] = parsed.value;
  }
  if (endpoint.strict === true) {
    const unknown = Object.keys(body).find((name) => name !== "csrf_token" && !Object.hasOwn(endpoint.fields, name));
    if (unknown !== undefined) {
      return answer(context, endpoint, rq, { kind: "invalid", form: [unexpected(unknown)] }, body);
    }
  }
  if (Object.keys(faults).length > 0) return answer(context, endpoint, rq, { kind: "invalid", fields: faults }, body);
  await limit?.(rq, values);
  const result = await endpoint.submit({ rq, fields: values, body, next: nextOf(rq, body) });
  return answer(context, endpoint, rq, result, body);
}

/**
 * Whose page was open for too long, or shown for somebody who is not signed in any more, sees it as it is now, with a new
 * token. What was typed stays, unless it was meant for another account.
 */
async function again(
  context: EngineContext,
  endpoint: Endpoint,
  rq: SecurityRequest,
  body: Readonly<Record<string, unknown>>,
  fromPage: boolean,
): Promise<Response> {
  // From a page of ours there may be nothing left to send: whoever wanted to sign in is signed in.
  const shown = fromPage ? await endpoint.show(rq) : undefined;
  if (shown !== undefined && isAnswer(shown)) return answer(context, endpoint, rq, shown, {});
  const another = await isForAnother(endpoint, rq, body);
  const stale = { key: cookieIsMissing(rq, body) ? "COOKIE_NOT_SENT" : "FORM_STALE" } as const;
  const form = [another ? await forAnother(endpoint, rq) : stale];
  const typed = another ? ((await endpoint.initial?.(rq)) ?? {}) : body;
  return page(context, endpoint, rq, { typed, fields: {}, form }, 400);
}

/**
 * Whether a form that nobody signed in was shown came without the cookie that its page had set: the browser keeps none (or was
 * started anew), and sending the form again helps only once it does.
 */
function cookieIsMissing(rq: SecurityRequest, body: Readonly<Record<string, unknown>>): boolean {
  const ofNobody = rq.identity === undefined && !Object.hasOwn(body, shownForField);
  return ofNobody && Object.hasOwn(body, "csrf_token") && rq.cookie(rq.system.cookies.name("csrf")) === undefined;
}

function unexpected(name: string): Fault {
  return { key: "UNEXPECTED_FIELD", params: { name: name.slice(0, 64) } };
}

/** The query's fields under their names, each there once. */
function queryFields(rq: SecurityRequest): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = Object.create(null);
  for (const [name, value] of rq.url.searchParams) {
    if (name in fields) throw new BodyError(400, "malformed_form", `"${name.slice(0, 64)}" is there twice`);
    fields[name] = value;
  }
  return fields;
}

/** The body's fields under their names: of a form its values, of JSON an object's own members. */
async function bodyFields(rq: SecurityRequest): Promise<Readonly<Record<string, unknown>>> {
  const body = await rq.body();
  const fields: Record<string, unknown> = Object.create(null);
  if (body.kind === "form") {
    for (const [name, value] of body.entries) {
      // Which of two values counts is what request smuggling between parsers lives on: neither.
      if (name in fields) throw new BodyError(400, "malformed_form", `the field "${name.slice(0, 64)}" was sent twice`);
      fields[name] = value;
    }
  } else if (body.kind === "json" && body.value !== null) {
    if (typeof body.value !== "object" || Array.isArray(body.value)) {
      throw new BodyError(400, "malformed_json", "an object with one member for each field is expected");
    }
    for (const [name, value] of Object.entries(body.value)) fields[name] = value;
  }
  return fields;
}

/**
 * Every POST must come from one of our own pages, by its origin. Whoever is signed in by a scheme that a browser sends
 * along by itself needs a token too, and so does a form that nobody signed in sends.
 */
async function csrfFailure(
  rq: SecurityRequest,
  endpoint: Endpoint,
): Promise<"CSRF_MISSING" | "CSRF_INVALID" | "CSRF_ORIGIN" | undefined> {
  const { csrf } = rq.system;
  if (!isUnsafe(rq.method)) return undefined;
  const identity = rq.identity ?? (await rq.system.identify(rq));
  if (identity !== undefined && !csrf.ambient(identity) && !csrf.asks(identity)) return undefined;
  if (!csrf.sameOrigin(rq)) return "CSRF_ORIGIN";
  if (identity !== undefined && !csrf.asks(identity)) return undefined;
  if (identity === undefined) {
    // No form reaches it, and a script of another site neither, as its origin was looked at.
    if (endpoint.page === undefined || endpoint.doneForNobody !== undefined) return undefined;
    if (csrf.unauthenticated === "never") return undefined;
    if (csrf.unauthenticated === "forms" && (await rq.body()).kind !== "form") return undefined;
  }
  return csrfTokenFault(rq);
}

async function answer(
  context: EngineContext,
  endpoint: Endpoint,
  rq: SecurityRequest,
  result: Answer,
  body: Readonly<Record<string, unknown>>,
): Promise<Response> {
  switch (result.kind) {
    case "download":
      if (rq.wantsJson && typeof result.content !== "string") return context.refusals.json(rq, 200, result.content);
      return new Response(fileOf(result.content), {
        headers: {
          "content-type": typeof result.content === "string" ? "text/csv; charset=utf-8" : "application/json",
          // Never shown on this origin: what a user once typed is in it (RFC 6266).
          "content-disposition": `attachment; filename="${result.filename}"`,
          "cache-control": "no-store",
          "x-content-type-options": "nosniff",
        },
      });
    case "document":
      return new Response(result.html, {
        headers: {
          "content-type": "text/html; charset=utf-8",
          // CSP level 3: "sandbox" gives it an origin of its own, without scripts and forms.
          "content-security-policy":
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
          "cache-control": "no-store",
          "x-content-type-options": "nosniff",
          "x-frame-options": "DENY",
          "referrer-policy": "no-referrer",
        },
      });
    case "failed":
      return context.refusals.message(rq, result.status, codes[result.status], result.key, {
        ...(result.links === undefined ? {} : { links: result.links }),
      });
    case "notFound":
      return context.refusals.message(rq, 404, "not_found", "NOT_FOUND");
    case "goTo":
      flash(context, rq, result.message);
      return seeOther(result.to, 302);
    case "done": {
      if (asJson(endpoint, rq)) return context.refusals.json(rq, result.status ?? 200, result.response ?? {});
      flash(context, rq, result.message);
      const next = nextOf(rq, body);
      if (result.followNext === false) return seeOther(withNext(result.to, next), 302);
      return seeOther(next ?? result.to, 302);
    }
    case "invalid": {
      const { fields = {}, form = [], offer, response } = result;
      const more = { ...(offer === undefined ? {} : { offer }), ...(response === undefined ? {} : { response }) };
      const state: FormState = { typed: body, fields, form, ...more };
      return asJson(endpoint, rq) ? faultsAsJson(context, rq, state) : page(context, endpoint, rq, state);
    }
  }
}

function fileOf(content: Readonly<Record<string, unknown>> | string): string {
  return typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`;
}

const codes = { 401: "unauthenticated", 403: "forbidden", 409: "conflict" } as const;

function flash(context: EngineContext, rq: SecurityRequest, message: Fault | undefined): void {
  if (message === undefined) return;
  const { key, params } = message;
  context.bags.open(rq).flash(rq.catalogue.category(key), rq.text(key as MessageKey, params));
}
