import type { Context, Hono, MiddlewareHandler } from "hono";
import { secure } from "./assembly/secure.ts";
import { assemble } from "./assembly.ts";
import type { AuditTrail } from "./audit/trail.ts";
import type { ApiKey } from "./authn/api-keys.ts";
import type { Lockout } from "./authn/limits/store.ts";
import type { BuiltInScheme } from "./authn/schemes/options.ts";
import type { TokenOverrides } from "./authn/tokens/index.ts";
import type { CacheName, Uncache } from "./authz/caches.ts";
import type { ExplainedCase, Explanation } from "./authz/explain.ts";
import type { Asked, AskedOptions } from "./datastore/access-state.ts";
import type { CacheStats } from "./datastore/cache.ts";
import type { Roles } from "./datastore/roles.ts";
import type { Users } from "./datastore/user-operations.ts";
import type { UserReference } from "./datastore/user-reference.ts";
import type { UserTransfer } from "./datastore/user-transfer.ts";
import type { EventHub } from "./events/events.ts";
import type { KeyRequest } from "./features/api-keys/for-owner.ts";
import type { Device } from "./features/sessions/devices.ts";
import type { ObjectRule } from "./http/system.ts";
import type { Account } from "./model/account.ts";
import type { OwnColumns, OwnSecrets } from "./model/column.ts";
import { commandLine } from "./model/command-line.ts";
import type { Identity } from "./model/identity.ts";
import type { AnyOptions, SecurityOptions, UserOf } from "./options.ts";
import type { RequestOrigin } from "./routes/arrival.ts";
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
import type { Html, PageLink } from "./views/index.ts";

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
  /** The parameter that held it, for the answer that says what is wrong with it; default "password". */
  readonly field?: string;
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
   * the two, in whatever process. `work` reads, asks, and hands `asked` to what makes the change (`security.users`,
   * `security.roles`, `security.setPassword`, `security.devices.end`, `security.apiKeys.revoke`); it is called again when something of
   * `concerned` was changed meanwhile, and what it did before counts for nothing. `actorId`: who makes the change, where what
   * they may is asked about; `work` reads them anew.
   */
  askAndDo<T>(
    concerned: { readonly userId?: number; readonly actorId?: number; readonly role?: V["role"] },
    work: (asked: Asked) => Promise<T>,
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
  setPassword(user: UserReference, password: string, options?: AskedOptions): Promise<readonly string[]>;
  /**
   * Removes a user for good as an administrator would: `accountDeletion({ onDelete })` removes the application's own data
   * first. `users.delete` asks it for nothing. Throws UnknownUserError, WithdrawnError, LastAdministratorError.
   */
  removeUser(user: UserReference, options?: AskedOptions): Promise<void>;
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
   * Which of these values of columns of your own must be unique and belong to another user, in words; nothing: none of them.
   * `thrown`: what storing them threw; a UniqueConflictError tells of values that are the same for the database alone.
   */
  takenOwnValues(values: Readonly<Record<string, unknown>>, thrown?: unknown): Promise<readonly string[]>;
  /**
   * The hash of a password as it would be stored. With `check: true` the policy is asked first (length, patterns, your own
   * validators …), about a password of this `user`: rejects with PasswordRefusedError, whose `faults` say why, and
   * which a handler may leave to become 400 at the field.
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
    end(user: UserReference, id: string, options?: AskedOptions): Promise<boolean>;
  };
  /** API keys of users; undefined where the feature is off. */
  readonly apiKeys:
    | {
        /** Makes a key within the feature's bounds; `text` is the key itself, shown this once. */
        create(
          user: UserReference,
          request: KeyRequest,
          options?: AskedOptions,
        ): Promise<{ readonly key: ApiKey; readonly text: string }>;
        /** The user's keys, the newest first, without their secrets. */
        of(user: UserReference): Promise<readonly ApiKey[]>;
        /** Ends a key from the next request on. False: the user has no such key. */
        revoke(user: UserReference, id: string, options?: AskedOptions): Promise<boolean>;
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
