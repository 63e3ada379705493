import { type Context, Hono, type MiddlewareHandler } from "hono";
import { type AnyOptions, type Assembly, assemble } from "./assembly.ts";
import type { AuditTrail } from "./audit/trail.ts";
import type { Lockout } from "./authn/limits/store.ts";
import type { TokenOverrides } from "./authn/tokens/index.ts";
import type { CredentialCache } from "./datastore/cache.ts";
import type { Roles } from "./datastore/roles.ts";
import { UnknownUserError, type UserReference, type Users } from "./datastore/users.ts";
import type { EventHub } from "./events/events.ts";
import { isUnsafe } from "./http/csrf.ts";
import { noRoute, type RouteFacts, SecurityRequest } from "./http/request.ts";
import type { ObjectRule } from "./http/system.ts";
import type { Account } from "./model/account.ts";
import type { OwnColumns } from "./model/column.ts";
import { commandLine } from "./model/command-line.ts";
import { PortcullisError } from "./model/errors.ts";
import type { Identity } from "./model/identity.ts";
import type { User } from "./model/user.ts";
import type { BuiltInScheme, SecurityOptions, UserOf } from "./options.ts";
import { createApp } from "./routes/app.ts";
import { beginRequest, checkCsrf, expose, requestOf, send } from "./routes/run.ts";
import type { App, RouteRecord } from "./routes/types.ts";
import type { Authz, CurrentUser, GuardedEnv, SignsIn, Vocabulary } from "./routes/vocabulary.ts";
import { checkSchemes, checkWords, toGuard } from "./routes/words.ts";
import { type Html, html, type PageLink } from "./views/index.ts";

/** What a plain check of a request found. */
export type Decision<V extends Vocabulary, SignedIn extends boolean> =
  | {
      readonly allowed: true;
      readonly user: SignedIn extends true ? CurrentUser<V> : CurrentUser<V> | null;
      readonly identity: SignedIn extends true ? Identity : Identity | null;
      /** Cookies that must go out with the answer, as `Set-Cookie` values. */
      readonly cookies: readonly string[];
    }
  | { readonly allowed: false; readonly response: Response };

/** What `createToken` may be told. */
export type CreateTokenOptions<Scope extends string> = Omit<TokenOverrides, "scopes"> & {
  /** Limits the token to these; it is then taken by the scheme "oauth" alone. */
  readonly scopes?: readonly Scope[];
};

/** A page of the application's own in the frame of the account pages. */
export interface OwnPage {
  readonly title: string;
  readonly content: Html;
  /** Links in the page's head. */
  readonly links?: readonly PageLink[];
  /** Default 200. */
  readonly status?: number;
}

/** A running system. */
export interface Security<V extends Vocabulary> {
  /** A Hono application whose routes must be declared. The one that is served also answers the account pages. */
  app(): App<V>;
  /** The account pages alone, to be mounted in a plain Hono application: `hono.route("/", security.accounts())`. */
  accounts(): Hono;
  /** The same guards as middleware of a plain Hono application: `hono.get("/", security.guard(authRequired()), handler)`. */
  guard<const A extends Authz<V, string>>(authz: A): MiddlewareHandler<GuardedEnv<V, SignsIn<A>>>;
  /** The same guards on a web-standard request. */
  check<const A extends Authz<V, string>>(request: Request, authz: A): Promise<Decision<V, SignsIn<A>>>;
  readonly users: Users<V["user"], V["role"]>;
  readonly roles: Roles<V["role"], V["permission"]>;
  readonly events: EventHub;
  /** Accounts that are locked against guessing, a page at a time; `users.unlock()` takes a lock off. */
  lockouts(page?: { readonly after?: number; readonly limit?: number }): Promise<readonly Lockout[]>;
  /** The trail: who did what, when, from where, with which result. */
  readonly audit: AuditTrail;
  /** The hash of a password as it would be stored. */
  hashPassword(password: string): Promise<string>;
  /**
   * True when the password is this user's. Takes the same time when there is no such user. Each failure counts for the
   * account's limits; past them it throws LimitedError. Where strangers can call this, limit them by their address too.
   */
  verifyPassword(user: { readonly id: number } | undefined, password: string): Promise<boolean>;
  /**
   * A token for this user: limited to `scopes`, for the routes of a `realm`, with a `life` of its own. Throws PortcullisError
   * `invalid_token_request` for what such a token can't be, UnknownUserError when there is no such user.
   */
  createToken(user: UserReference, overrides?: CreateTokenOptions<V["scope"]>): Promise<string>;
  /** Puts a token into the cookie of the carrier "cookie". */
  setTokenCookie(c: Context, token: string): void;
  /** Takes the token out of the cookie. */
  clearTokenCookie(c: Context): void;
  /** A CSRF token for a form or script on the page that is being made. */
  csrfToken(c: Context): string;
  /** A hidden input with the CSRF token, for a form of your own. */
  csrfField(c: Context): Html;
  /** A button that signs out; undefined when the feature is off. */
  signOutButton(c: Context, text?: string): Html | undefined;
  /** A page of your own in the frame of the account pages: title, style sheet, flash messages, security headers. */
  page(c: Context, page: OwnPage): Promise<Response>;
  /**
   * An answer for whatever a handler has to say: text, bytes and streams under the option `routes.contentType`, everything
   * else as JSON with the conversions of `routes.json`; generators are written item by item.
   */
  answer(c: Context, value: unknown, status?: number): Response | Promise<Response>;
  /** The account pages' routes with their guards. */
  accessMatrix(): readonly RouteRecord[];
  /** Forgets what is cached of a user (or of everybody), in every process: for changes made past these operations. */
  invalidate(user?: { readonly id: number }): Promise<void>;
  /** How the caches are doing. */
  cacheStats(): Readonly<Record<"session" | "token" | "basic", ReturnType<CredentialCache<never>["stats"]>>>;
  /** What goes out by mail and text message. */
  readonly delivery: {
    /** Resolves when nothing waits to be sent any more: for tests, and before a script ends. */
    idle(): Promise<void>;
    /** Rejects with the reason when the sender of mails could send none. */
    verifyMail(): Promise<void>;
    /** Sends a mail to this address at once. Rejects with the reason when it could not be handed over. */
    sendTestMail(to: string): Promise<void>;
  };
  /** Removes sessions, tickets and credentials that are over. Also done each hour. */
  purge(): Promise<void>;
  /** Ends the connections; requests after it fail. */
  close(): Promise<void>;
}

/** Starts a system: checks the options, opens the datastore, wires the parts. Throws ConfigurationError with the option's path. */
export async function portcullis<
  const Role extends string = never,
  const Permission extends string = never,
  const Objects extends Readonly<Record<string, ObjectRule>> = Record<never, ObjectRule>,
  const Columns extends OwnColumns = Record<never, never>,
  const SchemeName extends string = never,
  Bag extends object = Record<string, unknown>,
  const Scope extends string = never,
>(
  options: SecurityOptions<Role, Permission, Objects, Columns, SchemeName, Bag, Scope>,
): Promise<
  Security<{
    readonly role: Role;
    readonly permission: Permission;
    readonly object: keyof Objects & string;
    readonly scheme: BuiltInScheme | SchemeName;
    readonly scope: Scope;
    readonly user: UserOf<Columns>;
    readonly session: Bag;
  }>
> {
  // The types say more than the run time checks; checkOptions looks at every value again.
  const security = secure(await assemble(options as unknown as AnyOptions));
  commandLine()?.systems.add(security);
  return security as never;
}

function secure<V extends Vocabulary>(assembly: Assembly): Security<V> {
  const { kernel, app } = assembly;
  const { system } = kernel;

  const compile = (authz: unknown, label: string): { guard: ReturnType<typeof toGuard>; facts: RouteFacts } => {
    const guard = toGuard(authz, label);
    const description = guard.describe();
    checkWords(description, app.words, app.authenticator, undefined, label);
    const others = description.schemes === undefined || description.otherSchemes === true;
    checkSchemes(description, [...(description.schemes ?? []), ...(others ? system.defaultSchemes : [])], label);
    return { guard, facts: { ...noRoute, label, realm: description.realm } };
  };
  const requestAt = (c: Context): SecurityRequest => {
    const rq = requestOf(c);
    if (rq === undefined) throw new PortcullisError("no_request", "this request passed no declared route and no guard");
    return rq;
  };

  const middleware = (authz: unknown): MiddlewareHandler => {
    const { guard, facts } = compile(authz, "security.guard()");
    return async (c, next) => {
      const rq = beginRequest(system, facts, c);
      let verdict: Awaited<ReturnType<typeof guard.check>>;
      try {
        verdict = await guard.check(rq);
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
  };

  const check = async (request: Request, authz: unknown): Promise<Decision<V, boolean>> => {
    const { guard, facts } = compile(authz, "security.check()");
    const rq = new SecurityRequest(system, request, facts);
    try {
      let verdict = await guard.check(rq);
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

  return {
    app: () => createApp<V>(app),
    accounts() {
      const hono = new Hono();
      app.accounts.register((method, path, handler) => hono.on(method, path, handler));
      return hono;
    },
    guard: (authz) => middleware(authz) as never,
    check: (request, authz) => check(request, authz) as never,
    users: toldUsers(kernel) as unknown as Users<V["user"] & User, V["role"]>,
    roles: kernel.roles as unknown as Roles<V["role"], V["permission"]>,
    events: system.events,
    lockouts: (page) => kernel.limits.locked(page),
    audit: assembly.audit,
    hashPassword: (password) => kernel.hasher.hash(password),
    async verifyPassword(user, password) {
      const account: Account | undefined = user === undefined ? undefined : await kernel.users.get(user.id);
      return kernel.proof.check({ rq: undefined, account, password, authType: "check" });
    },
    async createToken(user, overrides = {}) {
      const id = typeof user === "number" ? user : user.id;
      const account = await kernel.users.get(id);
      if (account === undefined) throw new UnknownUserError(id);
      return assembly.tokens.create(account, overrides as TokenOverrides);
    },
    setTokenCookie: (c, token) => assembly.tokens.setCookie(requestAt(c), token),
    clearTokenCookie: (c) => assembly.tokens.clearCookie(requestAt(c)),
    csrfToken: (c) => system.csrf.token(requestAt(c)),
    csrfField: (c) => html`<input type="hidden" name="csrf_token" value="${system.csrf.token(requestAt(c))}">`,
    signOutButton(c, text) {
      const path = kernel.path("logout");
      if (path === undefined) return undefined;
      const rq = requestAt(c);
      const label = text ?? rq.text("SUBMIT_LOGOUT");
      const token = system.csrf.token(rq);
      return html`<form method="post" action="${path}"><input type="hidden" name="csrf_token" value="${token}"><button type="submit" class="quiet">${label}</button></form>`;
    },
    page(c, { title, content, links, status }) {
      const rq = requestAt(c);
      const { pages } = assembly;
      const frame = pages.frame(rq, title, links ?? [], app.bags.open(rq).flashes());
      return pages.send(rq, pages.views.elements.layout(frame, content), status ?? 200);
    },
    answer: assembly.answer,
    accessMatrix: () => app.accounts.records,
    invalidate: (user) => assembly.invalidate(user?.id),
    cacheStats: assembly.cacheStats,
    delivery: {
      idle: assembly.delivery.idle,
      verifyMail: assembly.delivery.verifyMail,
      sendTestMail: assembly.delivery.sendTestMail,
    },
    purge: assembly.purge,
    close: assembly.close,
  };
}

/** What the application itself does to an account is told; features tell what they do in words of their own. */
function toldUsers({ users, system: { events } }: Assembly["kernel"]): Users {
  const idOf = (user: UserReference): number => (typeof user === "number" ? user : user.id);
  return {
    ...users,
    async setPassword(user, password, options) {
      const done = await users.setPassword(user, password, options);
      if (done) events.emit("passwordSet", { userId: idOf(user) });
      return done;
    },
    async setUniquifier(user) {
      await users.setUniquifier(user);
      events.emit("accessReset", { userId: idOf(user) });
    },
    async resetAccess(user) {
      await users.resetAccess(user);
      events.emit("accessReset", { userId: idOf(user) });
    },
  };
}
