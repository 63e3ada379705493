import { type Context, Hono, type MiddlewareHandler } from "hono";
import { type Assembly, assemble } from "./assembly.ts";
import type { AuditTrail } from "./audit/trail.ts";
import type { ApiKey } from "./authn/api-keys.ts";
import { endDevice } from "./authn/ending.ts";
import type { Lockout } from "./authn/limits/store.ts";
import type { BuiltInScheme } from "./authn/schemes/options.ts";
import type { TokenOverrides } from "./authn/tokens/index.ts";
import { askAndDo } from "./authz/asking.ts";
import type { CacheName, Uncache } from "./authz/caches.ts";
import { visibleCondition, visibleObjects } from "./authz/decisions.ts";
import { type ExplainedCase, type Explanation, explain } from "./authz/explain.ts";
import { type Guard, isOpenTo, takenSchemes } from "./authz/guard.ts";
import { judge, withIdentity } from "./authz/guards/authentication.ts";
import { mayChangeRole } from "./authz/role-members.ts";
import { allow, forbidden } from "./authz/verdict.ts";
import type { AskedOptions } from "./datastore/access-state.ts";
import type { CacheStats } from "./datastore/cache.ts";
import type { Roles } from "./datastore/roles.ts";
import type { Users } from "./datastore/user-operations.ts";
import { UnknownUserError, type UserReference } from "./datastore/user-reference.ts";
import type { UserTransfer } from "./datastore/user-transfer.ts";
import type { EventHub } from "./events/events.ts";
import { createKeyFor, type KeyRequest } from "./features/api-keys/for-owner.ts";
import type { Fault } from "./features/fields.ts";
import { tellIdentityChanged, tellPasswordSet } from "./features/owner-notices.ts";
import { policyFaults, setCheckedPassword } from "./features/passwords/checked-password.ts";
import { signOutAction } from "./features/passwords/sign-out.ts";
import { type Device, devicesOf } from "./features/sessions/devices.ts";
import { isUnsafe } from "./http/csrf.ts";
import { noRoute, type RouteFacts, type SecurityRequest } from "./http/request.ts";
import type { ObjectRule } from "./http/system.ts";
import type { Account } from "./model/account.ts";
import type { OwnColumns, OwnSecrets } from "./model/column.ts";
import { commandLine } from "./model/command-line.ts";
import { ConfigurationError, PortcullisError } from "./model/errors.ts";
import { type Identity, sourceOf } from "./model/identity.ts";
import type { User } from "./model/user.ts";
import type { AnyOptions, SecurityOptions, UserOf } from "./options.ts";
import { PasswordRefusedError } from "./passwords/refused.ts";
import { createApp } from "./routes/app.ts";
import { arrived, type RequestOrigin } from "./routes/arrival.ts";
import { checkPlainIdentifiers } from "./routes/declaration.ts";
import { beginRequest, checkCsrf, expose, requestOf, send } from "./routes/run.ts";
import type { App, RouteRecord } from "./routes/types.ts";
import type {
  Authz,
  ConditionsOf,
  CurrentUser,
  GuardedEnv,
  IdentifiedByText,
  IdsOf,
  SignsIn,
  Vocabulary,
} from "./routes/vocabulary.ts";
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

/** What `checkLoginState` asks for. */
export interface LoginStateOptions<Permission extends string> {
  readonly permission?: Permission;
  /** True: API keys (the scheme "apiKey") are taken too. */
  readonly allowApiKey?: boolean;
}

/** What `hashPassword` may be told. */
export interface HashPasswordOptions {
  /** True: only a password that the policy accepts. */
  readonly check?: boolean;
  /** Whose it is going to be: their names are no passwords. */
  readonly user?: { readonly id?: number; readonly email?: string; readonly username?: string | null };
}

/** A page of the application's own in the frame of the account pages. */
export interface OwnPage {
  readonly title: string;
  readonly content: Html;
  /** Links in the page's head. */
  readonly links?: readonly PageLink[];
  /** Default 200. */
  readonly status?: number;
}

/** What a rule's `where` gives when it gives something. */
type Condition<T> = T extends Promise<infer Later> ? Promise<NonNullable<Later>> : NonNullable<T>;

/** A running system. */
export interface Security<V extends Vocabulary> {
  /** A Hono application whose routes must be declared. The one that is served also answers the account pages. */
  app(): App<V>;
  /** The account pages alone, to be mounted in a plain Hono application: `hono.route("/", security.accounts())`. */
  accounts(): Hono;
  /** The same guards as middleware of a plain Hono application: `hono.get("/", security.guard(authRequired()), handler)`. */
  guard<const A extends Authz<V, string, IdentifiedByText<V>>>(authz: A): MiddlewareHandler<GuardedEnv<V, SignsIn<A>>>;
  /**
   * The same guards on a request: Hono's context, or the web-standard request. A request that came through an application
   * or a guard of this system, or through `serve`, is known with its connection and its path parameters; of any other say
   * where it comes `from`, or no limit by address holds for it.
   */
  check<const A extends Authz<V, string, IdentifiedByText<V>>>(
    request: Request | Context,
    authz: A,
    from?: RequestOrigin,
  ): Promise<Decision<V, SignsIn<A>>>;
  /**
   * Who is calling, asked inside of a handler: 401 without a credential that is good now, 403 without the permission, and
   * for API keys unless `allowApiKey` admits them. `from` as with `check`.
   */
  checkLoginState(
    request: Request | Context,
    options?: LoginStateOptions<V["permission"]>,
    from?: RequestOrigin,
  ): Promise<Decision<V, true>>;
  /**
   * Those of the identifiers, in their order, whose object this user may reach in this mode: the rule of the option
   * `objects` that a route asks, asked for a list. For nobody (null): none. Rejects with what the rule throws.
   */
  visible<Id>(kind: V["object"], user: CurrentUser<V> | null, ids: Iterable<Id>, mode?: string): Promise<Id[]>;
  /**
   * The same rule as a condition for the application's own query: what the rule's `where` gives for this user and mode.
   * Throws rather than gives nothing, which query builders take for every row: ConfigurationError for an unknown kind and
   * for a rule without a `where`, PortcullisError `no_condition` for nobody and for a mode that `where` has nothing for.
   *
   *     db.selectFrom("store").selectAll().where(security.visibleWhere("store", c.var.user, "manage"))
   */
  visibleWhere<Kind extends keyof NonNullable<V["conditions"]> & string>(
    kind: Kind,
    user: CurrentUser<V>,
    mode?: string,
  ): Condition<NonNullable<V["conditions"]>[Kind]>;
  /**
   * Whether this user may act on that account as far as groups and the option `manages` go: what the management endpoints, the
   * administration and the command line ask before they do. Null: an operator, whom groups do not bind. Never rejects for a
   * rule that fails: that refuses.
   */
  mayActOn(actor: Account | CurrentUser<V> | null, target: Account): Promise<boolean>;
  /** The same of an account as a change would make it, one's own too: nobody makes a member of a group that they are not in. */
  mayMake(actor: Account | CurrentUser<V> | null, future: Account): Promise<boolean>;
  /**
   * The same of everybody who has this role, as they are and as they would be with these permissions in it (undefined: without
   * the role). False also where more than 1,000 have it and there is something to ask.
   */
  mayChangeRole(
    actor: Account | CurrentUser<V> | null,
    role: V["role"],
    permissions: Iterable<string> | undefined,
  ): Promise<boolean>;
  /**
   * Asks (by the three above) and then makes a change of who may do what, so that nothing of what was asked about changes between
   * the two, in whatever process. `work` reads, asks, and hands `onlyIf` to `security.users` or `security.roles`; it is called again
   * when something of `concerned` was changed meanwhile, and what it answered before counts for nothing. `actorId`: who makes the
   * change, where what they may is asked about; `work` reads them anew. `users.setPassword` takes `onlyIf` as its option `asked`.
   */
  askAndDo<T>(
    concerned: { readonly userId?: number; readonly actorId?: number; readonly role?: V["role"] },
    work: (onlyIf: NonNullable<AskedOptions["onlyIf"]>) => Promise<T>,
  ): Promise<T>;
  /** What a guard would say of this caller, with the reasons, each part of it on its own. Nothing is logged or told. */
  explain(authz: Authz<V, string>, of: ExplainedCase): Promise<Explanation>;
  readonly users: Users<V["user"], V["role"], V["permission"], NonNullable<V["secrets"]>>;
  readonly roles: Roles<V["role"], V["permission"]>;
  readonly events: EventHub;
  /** Accounts that are locked against guessing, a page at a time; `users.unlock()` takes a lock off. */
  lockouts(page?: { readonly after?: number; readonly limit?: number }): Promise<readonly Lockout[]>;
  /** The trail: who did what, when, from where, with which result. */
  readonly audit: AuditTrail;
  /**
   * Sets somebody's password as an administrator would: asks the policy, then stores it and ends what hung on the old one.
   * Returns what is wrong with it in words (none: it is set). `users.setPassword` asks nobody. Throws UnknownUserError.
   */
  setPassword(user: UserReference, password: string): Promise<readonly string[]>;
  /** What is wrong, in words, with a password for an account that is yet to be made; nothing when the policy accepts it. */
  passwordFaults(
    whose: { readonly email: string; readonly username?: string | null },
    password: string,
  ): Promise<readonly string[]>;
  /**
   * The values of the columns of your own that a new user gets, from texts by column: read as the registration's form reads
   * them where it has a field for the column, else by the column's type. What is wrong is said in words; a column that needs
   * a value and gets none is wrong too.
   */
  readOwnValues(texts: Readonly<Record<string, string>>): {
    readonly values: Readonly<Record<string, unknown>>;
    readonly faults: readonly string[];
  };
  /**
   * The hash of a password as it would be stored. With `check: true` the policy is asked first (length, patterns, your own
   * validators …), about a password of this `user`: rejects with PasswordRefusedError, whose `faults` say why.
   */
  hashPassword(password: string, options?: HashPasswordOptions): Promise<string>;
  /** True when the password is the one of this stored hash, of any known form. Counts nowhere: for hashes of your own. */
  checkPassword(password: string, hash: string | null | undefined): Promise<boolean>;
  /**
   * The user who signs in by this login and password; undefined: nobody, or one who is not active. Takes the same time
   * for unknown logins, and counts for the limits of the account and, with `c`, of the client's address. Throws LimitedError.
   */
  checkUserPassword(login: string, password: string, c?: Context): Promise<CurrentUser<V> | undefined>;
  /** Who is calling, as the guard found out; null: nobody, or a guard that did not look. */
  currentUser(c: Context): CurrentUser<V> | null;
  /**
   * Who is calling by the route's schemes, also where the guard did not look. Null: nobody, or somebody whose request is
   * not safe from other websites (a missing CSRF token). Throws PortcullisError `no_request` where there is no guard.
   */
  getUser(c: Context): Promise<CurrentUser<V> | null>;
  /** True when the caller's credential has this scope, or is limited to none; false for nobody. */
  userScope(c: Context, scope: V["scope"]): boolean;
  /**
   * True when the password is this user's. Takes the same time when there is no such user. Each failure counts for the
   * account's limits and, with `c`, for those of the client's address; past them it throws LimitedError.
   */
  verifyPassword(user: { readonly id: number } | undefined, password: string, c?: Context): Promise<boolean>;
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
  /** Where users are signed in. `users.endSessions` ends all of a user's. */
  readonly devices: {
    of(user: UserReference): Promise<readonly Device[]>;
    /** Signs one device out at once. False: the user has no such device. */
    end(user: UserReference, id: string): Promise<boolean>;
  };
  /** API keys of users; undefined where the feature is off. */
  readonly apiKeys:
    | {
        /** Makes a key within the feature's bounds; `text` is the key itself, shown this once. */
        create(user: UserReference, request: KeyRequest): Promise<{ readonly key: ApiKey; readonly text: string }>;
        /** The user's keys, the newest first, without their secrets. */
        of(user: UserReference): Promise<readonly ApiKey[]>;
        /** Ends a key from the next request on. False: the user has no such key. */
        revoke(user: UserReference, id: string): Promise<boolean>;
      }
    | undefined;
  /** Accounts from elsewhere, with their hashes, and for elsewhere: what `portcullis import` and `export` do. */
  readonly transfer: UserTransfer;
  /** Forgets what is cached of a user (or of everybody), in every process: for changes made past these operations. */
  invalidate(user?: { readonly id: number }): Promise<void>;
  /** How the caches are doing. */
  cacheStats(): Readonly<Record<CacheName, CacheStats>>;
  /** Takes single entries out of the caches, or all. */
  readonly uncache: Uncache;
  /** What goes out by mail and text message. */
  readonly delivery: {
    /** Resolves when nothing waits to be sent any more: for tests, and before a script ends. */
    idle(): Promise<void>;
    /** Rejects with the reason when the sender of mails could send none. */
    verifyMail(): Promise<void>;
    /** Sends a mail to this address at once. Rejects with the reason when it could not be handed over. */
    sendTestMail(to: string): Promise<void>;
  };
  /** The database's own clock, in epoch milliseconds; undefined where it has none but this process's. */
  databaseTime(): Promise<number | undefined>;
  /** Whether this process hears at present what others tell of changes; undefined: the store does not listen for that. */
  hearsOthers(): boolean | undefined;
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
  const Group extends string = never,
>(
  options: SecurityOptions<Role, Permission, Objects, Columns, SchemeName, Bag, Scope, Group>,
): Promise<
  Security<{
    readonly role: Role | Group;
    readonly permission: Permission;
    readonly object: keyof Objects & string;
    readonly conditions?: ConditionsOf<Objects>;
    readonly ids?: IdsOf<Objects>;
    readonly scheme: BuiltInScheme | SchemeName;
    readonly scope: Scope;
    readonly user: UserOf<Columns>;
    readonly secrets?: OwnSecrets<Columns>;
    readonly session: Bag;
  }>
> {
  commandLine()?.configurations.push(options);
  // The types say more than the run time checks; checkOptions looks at every value again.
  const security = secure(await assemble(options as unknown as AnyOptions));
  commandLine()?.systems.add(security);
  return security as never;
}

function secure<V extends Vocabulary>(assembly: Assembly): Security<V> {
  const { kernel, app } = assembly;
  const { system } = kernel;

  /** `plain`: for requests of which no route declares the parameters. */
  const compile = (
    authz: unknown,
    label: string,
    plain: boolean,
  ): { guard: ReturnType<typeof toGuard>; facts: RouteFacts } => {
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
  const wordsOf = (faults: readonly Fault[]): readonly string[] =>
    faults.map(({ key, params, text }) => text ?? system.catalogues.default.text(key, params));
  const accountOf = async (user: UserReference): Promise<Account> => {
    const account = await kernel.users.get(idOf(user));
    if (account === undefined) throw new UnknownUserError(idOf(user));
    return account;
  };
  const requestAt = (c: Context): SecurityRequest => {
    const rq = requestOf(c);
    if (rq === undefined) throw new PortcullisError("no_request", "this request passed no declared route and no guard");
    return rq;
  };

  const middleware = (authz: unknown): MiddlewareHandler => {
    const { guard, facts } = compile(authz, "security.guard()", true);
    return async (c, next) => {
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

  return {
    app: () => createApp<V>(app),
    accounts() {
      const hono = new Hono();
      const add: Parameters<typeof app.accounts.register>[0] = (method, path, handler) => {
        hono.on(method, path, handler);
      };
      app.accounts.register(add);
      app.description.register(add, () => app.accounts.described);
      return hono;
    },
    guard: (authz) => middleware(authz) as never,
    check: (request, authz, from) => check(request, authz, from) as never,
    checkLoginState: async (request, options = {}, from) =>
      decide(arrived(system, request, loginFacts, from), loginState(options)) as never,
    mayActOn: (actor, target) => system.acting.mayActOn(actor as Account | null, target),
    mayMake: (actor, future) => system.acting.mayMake(actor as Account | null, future),
    mayChangeRole: (actor, name, permissions) =>
      mayChangeRole(system.acting, kernel, actor as Account | null, { name, permissions }),
    askAndDo: (concerned, work) => askAndDo(kernel.datastore, concerned, work),
    visible: (kind, user, ids, mode) => visibleObjects(system.decisions, kind, user as Account | null, ids, mode),
    visibleWhere: (kind, user, mode) => visibleCondition(system.decisions, kind, user as Account | null, mode) as never,
    explain(authz, of) {
      const { guard, facts } = compile(authz, "security.explain()", false);
      return explain(system, guard, facts, of, app.refusals.notFoundStatus);
    },
    users: toldUsers(kernel) as unknown as Users<V["user"] & User, V["role"], V["permission"]>,
    roles: kernel.roles as unknown as Roles<V["role"], V["permission"]>,
    events: system.events,
    lockouts: (page) => kernel.limits.locked(page),
    audit: assembly.audit,
    async setPassword(user, password) {
      const account = await accountOf(user);
      const outcome = await setCheckedPassword(kernel, account, password);
      return outcome.kind === "refused" ? wordsOf(outcome.faults) : [];
    },
    async passwordFaults(whose, password) {
      return wordsOf(await policyFaults(kernel, whose, password));
    },
    readOwnValues(texts) {
      const { values, faults } = assembly.ownValues(texts);
      const said = (fault: Fault | string): string => (typeof fault === "string" ? fault : wordsOf([fault]).join());
      const lines = Object.entries(faults).flatMap(([name, list]) => list.map((fault) => `${name}: ${said(fault)}`));
      return { values, faults: lines };
    },
    async hashPassword(password, { check: checked = false, user } = {}) {
      const identities = [user?.email, user?.username].filter((name) => typeof name === "string");
      const known = user?.id === undefined ? { identities } : { identities, account: { id: user.id } };
      const faults = checked ? await kernel.policy.check(password, known) : [];
      if (faults.length > 0) throw new PasswordRefusedError(faults);
      return kernel.hasher.hash(password);
    },
    checkPassword: async (password, hash) => (await kernel.hasher.verify(password, hash)).ok,
    async checkUserPassword(login, password, c) {
      const account = await kernel.proof.find(login);
      const rq = c === undefined ? undefined : requestAt(c);
      const guess = await kernel.proof.guess({ rq, account, identity: login, password, authType: "check" });
      const found = guess.proved === "right" && account?.active === true ? account : undefined;
      await guess.settle(found === undefined ? "refused" : "letIn");
      return found as CurrentUser<V> | undefined;
    },
    currentUser: (c) => (requestOf(c)?.identity?.account ?? null) as CurrentUser<V> | null,
    async getUser(c) {
      // Without a guard nobody would send the cookies of a session that is restored on the way.
      const rq = requestAt(c);
      if (rq.identity === undefined) {
        await system.identify(rq);
        // Nobody has looked at this yet.
        if ((await checkCsrf(rq)).kind !== "allow") rq.identity = undefined;
      }
      return (rq.identity?.account ?? null) as CurrentUser<V> | null;
    },
    userScope(c, name) {
      const identity = requestOf(c)?.identity;
      return identity !== undefined && (identity.scopes === undefined || identity.scopes.includes(name));
    },
    async verifyPassword(user, password, c) {
      const rq = c === undefined ? undefined : requestAt(c);
      const account: Account | undefined = user === undefined ? undefined : await assembly.again(user);
      return kernel.proof.check({ rq, account, password, authType: "check" });
    },
    async createToken(user, overrides = {}) {
      const account = await assembly.again(user);
      if (account === undefined) throw new UnknownUserError(idOf(user));
      const source = typeof user === "object" ? sourceOf(user) : undefined;
      return assembly.tokens.create(account, overrides as TokenOverrides, source);
    },
    setTokenCookie: (c, token) => assembly.tokens.setCookie(requestAt(c), token),
    clearTokenCookie: (c) => assembly.tokens.clearCookie(requestAt(c)),
    csrfToken: (c) => system.csrf.token(requestAt(c)),
    csrfField: (c) => html`<input type="hidden" name="csrf_token" value="${system.csrf.token(requestAt(c))}">`,
    signOutButton(c, text) {
      const path = kernel.path("logout");
      if (path === undefined) return undefined;
      const action = signOutAction(requestAt(c), path);
      const inputs = Object.entries(action.hidden).map(
        ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
      );
      return html`<form method="post" action="${path}">${inputs}<button type="submit" class="quiet">${text ?? action.text}</button></form>`;
    },
    page(c, { title, content, links, status }) {
      const rq = requestAt(c);
      const { pages } = assembly;
      const frame = pages.frame(rq, title, links ?? [], app.bags.open(rq).flashes());
      return pages.send(rq, pages.views.elements.layout(frame, content), status ?? 200);
    },
    answer: assembly.answer,
    accessMatrix: () => [...app.accounts.records, ...app.description.records],
    devices: {
      of: async (user) => devicesOf(kernel, await accountOf(user)),
      async end(user, id) {
        const account = await accountOf(user);
        const device = (await devicesOf(kernel, account)).find((it) => it.id === id);
        if (device === undefined) return false;
        const count = await endDevice(kernel, account, device, { session: undefined });
        system.events.emit("sessionsEnded", { user: account, which: "one", count: count ?? 0 });
        return true;
      },
    },
    apiKeys: kernel.apiKeys && {
      async create(user, request) {
        if (typeof user === "object" && sourceOf(user) !== undefined) {
          throw new PortcullisError(
            "not_granted",
            "the user is seen through a credential that is less than the account",
          );
        }
        return createKeyFor(kernel, await accountOf(user), request);
      },
      of: async (user) => kernel.apiKeys?.of(idOf(user)) ?? [],
      revoke: async (user, id) => (await kernel.apiKeys?.revoke(idOf(user), id)) === true,
    },
    transfer: assembly.transfer,
    invalidate: (user) => assembly.invalidate(user?.id),
    cacheStats: assembly.cacheStats,
    uncache: assembly.uncache,
    delivery: {
      idle: assembly.delivery.idle,
      verifyMail: assembly.delivery.verifyMail,
      sendTestMail: assembly.delivery.sendTestMail,
    },
    databaseTime: async () => kernel.datastore.now?.(),
    hearsOthers: () => kernel.datastore.bus?.hears?.(),
    purge: assembly.purge,
    close: assembly.close,
  };
}

const loginFacts: RouteFacts = { ...noRoute, label: "security.checkLoginState()", json: true };

const idOf = (user: UserReference): number => (typeof user === "number" ? user : user.id);

/** What the application itself does to an account is told; features tell what they do in words of their own. */
function toldUsers(kernel: Assembly["kernel"]): Users {
  const {
    users,
    system: { events },
  } = kernel;
  /** Changes what names an account, and tells of it, the owner too, where nobody else's transaction may still undo it. */
  const renaming = async <T>(user: UserReference, change: () => Promise<T>): Promise<T> => {
    const before = await users.get(idOf(user));
    const changed = await change();
    const after = before === undefined ? undefined : await users.get(before.id);
    if (before === undefined || after === undefined) return changed;
    tellIdentityChanged(kernel, before, after);
    return changed;
  };
  return {
    ...users,
    setEmail: (user, ...args) => renaming(user, () => users.setEmail(user, ...args)),
    setUsername: (user, ...args) => renaming(user, () => users.setUsername(user, ...args)),
    edit: (user, ...args) => renaming(user, () => users.edit(user, ...args)),
    update: (user, set, tx) =>
      tx === undefined && ("email" in set || "username" in set)
        ? renaming(user, () => users.update(user, set))
        : users.update(user, set, tx),
    async setPassword(user, password, options) {
      const done = await users.setPassword(user, password, options);
      if (!done) return false;
      events.emit("passwordSet", { userId: idOf(user) });
      const owner = await users.get(idOf(user));
      if (owner !== undefined) tellPasswordSet(kernel, owner);
      return true;
    },
    async setUniquifier(user, options) {
      const done = await users.setUniquifier(user, options);
      if (done) events.emit("accessReset", { userId: idOf(user) });
      return done;
    },
    async resetAccess(user, options) {
      const done = await users.resetAccess(user, options);
      if (done) events.emit("accessReset", { userId: idOf(user) });
      return done;
    },
  };
}
