import type { Context } from "hono";
import type { Catalogue, MessageArguments, MessageKey } from "../i18n/catalogue.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { BadCredential, Identity } from "../model/identity.ts";
import type { Session } from "../model/session.ts";
import { randomId } from "../secrets/random.ts";
import { readBody } from "./body.ts";
import type { BodyLimits } from "./body-limits.ts";
import { noteContext, notePeer, type Peer } from "./connection.ts";
import { type CookieAttributes, cookieNames, parseCookie, serializeCookie } from "./cookies.ts";
import { wantsJson } from "./negotiation.ts";
import type { CompiledParameters, ParameterFault, ParsedBody } from "./parameters.ts";
import { checkRoutePath } from "./route-path.ts";
import type { System } from "./system.ts";

/** One or more parameters are missing, unexpected or wrong: 400 with all faults by name. */
export class ParameterError extends Error {
  readonly faults: readonly ParameterFault[];
  constructor(faults: readonly ParameterFault[]) {
    super(`invalid parameters: ${faults.map((fault) => fault.name).join(", ")}`);
    this.name = "ParameterError";
    this.faults = faults;
  }
}

/** What the request knows of its bag; the bag itself belongs to a later room. */
export interface RequestBagSlot {
  readonly dirty: boolean;
}

/** What the route that is being called says; what guards and schemes need of it. */
export interface RouteFacts {
  /** "GET /store/:sid", for messages. */
  readonly label: string;
  /** The schemes that this route accepts; undefined: the system's. */
  readonly authn: readonly string[] | undefined;
  readonly realm: string | undefined;
  /** Every scheme that this route takes, its guard's among them; undefined: those of `authn`. */
  readonly schemes?: readonly string[] | undefined;
  /** True: it is open to who is not signed in, so that a bad credential is passed over. */
  readonly open?: boolean;
  readonly parameters: CompiledParameters | undefined;
  /** False: only the path's parameters are looked at. */
  readonly declaresParams: boolean;
  /** True once the route is mounted under a prefix that has parameters itself: they belong to the route's too. */
  prefixed?: boolean;
  /** Account pages answer with `meta` and `response`, application routes with problem details. */
  readonly kind: "account" | "application";
  /** What its bodies may cost; undefined: the system's limits. */
  readonly body?: BodyLimits;
  /** The guard in words, for developers. */
  readonly guard?: string;
  /** The page to come back to after a detour, where the request itself cannot be repeated. */
  readonly back?: () => string | undefined;
  /** True: every answer is JSON, whatever the caller accepts. */
  readonly json?: boolean;
}

/** The facts of a request that no declared route stands for, as with `security.check(request, guard)`. */
export const noRoute: RouteFacts = {
  label: "request",
  authn: undefined,
  realm: undefined,
  parameters: undefined,
  declaresParams: false,
  kind: "application",
};

/**
 * One request's life as guards, schemes and endpoints see it: what came in, who is calling once that is known, and the
 * cookies that will go out. Made once a request.
 */
export class SecurityRequest {
  readonly request: Request;
  readonly system: System;
  readonly route: RouteFacts;
  /** The Hono context, where there is one. */
  readonly context: Context | undefined;
  /** Where the connection comes from, as it was when the request arrived. */
  readonly peer: Peer;
  /** Who is calling, once a scheme has found out. */
  identity: Identity | undefined = undefined;
  /** The session of the cookie: with `identity`, or an anonymous visitor's who has a session bag. */
  session: Session | undefined = undefined;
  /** What the schemes answered so far, by name. */
  tried: Map<string, Awaitable<Identity | BadCredential | undefined>> | undefined = undefined;
  /** True once a credential was found that was sent on purpose, for this route, and is not good: nobody is calling. */
  rejected = false;
  /** The session bag, once somebody asked for it (authn/bag.ts). */
  bag: RequestBagSlot | undefined = undefined;
  /** True once the answer is kept out of caches (http/answer.ts). */
  protected = false;
  /** Why the request was refused, for developers; undefined: it was not. */
  refused: string | undefined = undefined;
  /** What the browser is told to forget with this answer (W3C Clear Site Data); undefined: nothing. */
  clearSiteData: string | undefined = undefined;
  /** The value of the visitor's CSRF cookie that this answer sets (http/csrf.ts). */
  visitor: string | undefined = undefined;
  /** Null: there is none; undefined: not looked at yet. */
  #cookieHeader: string | null | undefined = undefined;
  #nonce: string | undefined = undefined;
  #cookies: Map<string, string> | undefined = undefined;
  #parameters: Awaitable<Readonly<Record<string, unknown>>> | undefined = undefined;
  #body: Promise<ParsedBody> | undefined = undefined;
  #url: URL | undefined = undefined;
  #catalogue: Catalogue | undefined = undefined;

  constructor(system: System, request: Request, route: RouteFacts, context?: Context) {
    this.system = system;
    this.request = request;
    this.route = route;
    this.context = context;
    this.peer = notePeer(request, context?.env);
    if (context !== undefined) noteContext(request, context);
    system.visits?.set(request, this);
  }

  /** Takes over what a guard before this one (as middleware) found out: nothing is looked up, or restored, twice. */
  adopt(outer: SecurityRequest): void {
    this.session = outer.session;
    // What was found for one realm is not found for another; a session belongs to all.
    const session = outer.tried?.get("session");
    if (outer.route.realm === this.route.realm) this.tried = outer.tried;
    else if (session !== undefined) this.tried = new Map([["session", session]]);
    this.bag = outer.bag;
    this.visitor = outer.visitor;
  }

  get method(): string {
    return this.request.method;
  }

  /** The request's URL. Its host is the client's word: never build links from it. */
  get url(): URL {
    this.#url ??= new URL(this.request.url);
    return this.#url;
  }

  /** A value for the `nonce` of scripts and styles in this answer's page; asked for, it stands in the page's CSP too. */
  get nonce(): string {
    this.#nonce ??= randomId(16);
    return this.#nonce;
  }

  /** The nonce where a page asked for it. */
  get usedNonce(): string | undefined {
    return this.#nonce;
  }

  /** The path as it was sent, without the query. */
  get path(): string {
    const { url } = this.request;
    const start = url.indexOf("/", url.indexOf("//") + 2);
    const mark = url.indexOf("?", start);
    return start < 0 ? "/" : url.slice(start, mark < 0 ? undefined : mark);
  }

  header(name: string): string | undefined {
    return this.request.headers.get(name) ?? undefined;
  }

  /** The value of a cookie; undefined also when it came twice. */
  cookie(name: string): string | undefined {
    if (this.#cookieHeader === undefined) this.#cookieHeader = this.request.headers.get("cookie");
    return this.#cookieHeader === null ? undefined : parseCookie(this.#cookieHeader, name);
  }

  /** The names of the cookies that came and begin so, the oldest first. */
  cookieNames(prefix: string): readonly string[] {
    return cookieNames(this.request.headers.get("cookie"), prefix);
  }

  /** The value of a cookie as the client will send it next: what this answer sets, else what came. */
  cookieAfterwards(name: string): string | undefined {
    const set = this.#cookies?.get(name);
    if (set === undefined) return this.cookie(name);
    const value = set.slice(name.length + 1, set.indexOf(";"));
    return value === "" ? undefined : value;
  }

  /** The client's address: the socket's unless proxies are declared. */
  get address(): string | undefined {
    return this.system.clientAddress(this);
  }

  /** The texts in this caller's language, which is chosen when the first one is asked for. */
  get catalogue(): Catalogue {
    this.#catalogue ??= this.system.catalogues.for(this);
    return this.#catalogue;
  }

  /** A text in this caller's language. Throws PortcullisError `message` when a placeholder has no value. */
  text<K extends MessageKey>(key: K, ...params: MessageArguments<K>): string {
    return this.catalogue.text(key, ...params);
  }

  /** What this request said something in (`Content-Language`); undefined while it needed no text. */
  get spoken(): string | undefined {
    return this.#catalogue?.language;
  }

  /** True when the caller is to be answered in JSON. */
  get wantsJson(): boolean {
    return this.route.json === true || this.system.wantsJson(this);
  }

  /** How `wantsJson` is decided unless the application replaces it. */
  get negotiatesJson(): boolean {
    return wantsJson(this.header("content-type"), this.header("accept"));
  }

  /** Adds a cookie to the answer; the last one of a name counts. */
  setCookie(name: string, value: string, attributes: CookieAttributes): void {
    this.#cookies ??= new Map();
    this.#cookies.set(name, serializeCookie(name, value, attributes));
  }

  /** Removes a cookie at the client. */
  clearCookie(name: string, attributes: CookieAttributes): void {
    this.setCookie(name, "", { ...attributes, maxAge: 0 });
  }

  /** The cookies that go out with the answer, as header values. */
  get cookies(): readonly string[] {
    return this.#cookies === undefined ? none : [...this.#cookies.values()];
  }

  /** The body by its declared media type, read once within the limits. Rejects with BodyError. */
  body(): Promise<ParsedBody> {
    this.#body ??= this.#readBody();
    return this.#body;
  }

  async #readBody(): Promise<ParsedBody> {
    if (this.method === "GET" || this.method === "HEAD") return { kind: "none" };
    // The application's handler may want to read the body itself afterwards.
    const copy = this.route.kind === "application" && !this.route.declaresParams ? this.request.clone() : this.request;
    return readBody(copy, this.route.body ?? this.system.bodyLimits);
  }

  /** The route's declared parameters, converted. Throws or rejects with ParameterError or BodyError. */
  parameters(): Awaitable<Readonly<Record<string, unknown>>> {
    this.#parameters ??= this.#convert();
    return this.#parameters;
  }

  #convert(): Awaitable<Readonly<Record<string, unknown>>> {
    const compiled = this.route.parameters;
    if (compiled === undefined) {
      if (this.context === undefined) return {};
      checkRoutePath(this.context, true);
      return this.context.req.param();
    }
    const prefixed = this.route.prefixed === true;
    if (!this.route.declaresParams && compiled.names.length === 0 && !prefixed) return nothing;
    // Of an application that a plain one mounts, nothing looked at the whole path when it started.
    if (this.context !== undefined) checkRoutePath(this.context, false);
    const path = this.context?.req.param() ?? {};
    const { url } = this.request;
    const rawPath = this.path;
    const mark = url.indexOf("?");
    // A route that declares no parameters leaves query and body to its handler.
    if (!this.route.declaresParams) {
      return settle(compiled.convert({ path, rawPath, prefixed, query: "", body: undefined }));
    }
    const query = mark < 0 ? "" : url.slice(mark + 1);
    if (this.method === "GET" || this.method === "HEAD")
      return settle(compiled.convert({ path, rawPath, prefixed, query, body: undefined, head: this }));
    return this.body().then((body) => settle(compiled.convert({ path, rawPath, prefixed, query, body, head: this })));
  }
}

const none: readonly string[] = Object.freeze([]);
const nothing: Readonly<Record<string, unknown>> = Object.freeze({});

type Converted = Awaited<ReturnType<CompiledParameters["convert"]>>;

function settle(result: Awaitable<Converted>): Awaitable<Readonly<Record<string, unknown>>> {
  return result instanceof Promise ? result.then(unwrap) : unwrap(result);
}

function unwrap(result: Converted): Readonly<Record<string, unknown>> {
  if (!result.ok) throw new ParameterError(result.faults);
  return result.value;
}
