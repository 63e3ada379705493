import { auditTables } from "./audit/tables.ts";
import type { SessionDeclaration } from "./authn/bag.ts";
import type { IdentityDefinition } from "./authn/identity-attributes.ts";
import { type LimitOptions, type LimitRules, limitRules } from "./authn/limits/options.ts";
import type { PasswordCheck } from "./authn/password-proof.ts";
import type { Scheme, SchemePlan } from "./authn/scheme.ts";
import type { TokenOptions } from "./authn/tokens/options.ts";
import { checkGroups } from "./authz/groups.ts";
import type { Handlers } from "./authz/refusal.ts";
import type { CacheOptions } from "./datastore/cache-options.ts";
import type { GetUserPass } from "./datastore/callback-users.ts";
import type { DatastoreProvider } from "./datastore/contract.ts";
import { withoutDatastore } from "./datastore/without.ts";
import type { PhoneOptions } from "./delivery/phone.ts";
import type { MailOptions, SmsOptions } from "./features/delivery.ts";
import type { DestinationOptions, SpaOptions } from "./features/destinations.ts";
import type { Feature } from "./features/feature.ts";
import type { TrustedProxies } from "./http/address.ts";
import type { BodyLimits } from "./http/body.ts";
import type { CsrfOptions } from "./http/csrf.ts";
import { isLoopbackOrigin } from "./http/origin.ts";
import { checkedOrigins } from "./http/redirect.ts";
import type { SecurityRequest } from "./http/request.ts";
import type { GroupCheck, ObjectRule } from "./http/system.ts";
import type { LanguageOptions, MessageOptions } from "./i18n/languages.ts";
import type { PayloadMaker } from "./model/account.ts";
import { namedColumns, type OwnColumns, type OwnFields } from "./model/column.ts";
import { type Duration, milliseconds } from "./model/duration.ts";
import { ConfigurationError } from "./model/errors.ts";
import { permissionOfRole } from "./model/permission-role.ts";
import { coreTables } from "./model/tables.ts";
import type { User } from "./model/user.ts";
import type { PasswordHasher } from "./passwords/hasher.ts";
import type { HashingOptions } from "./passwords/hashing-options.ts";
import type { PasswordPolicyOptions } from "./passwords/policy.ts";
import type { CorsOptions } from "./routes/around/cors.ts";
import type { Mode, RouteOptions } from "./routes/around/options.ts";
import type { OpenApiOptions } from "./routes/openapi/options.ts";
import type { Cast } from "./routes/parameters/cast.ts";
import type { ViewOptions } from "./views/contract.ts";

/** An attribute that identifies a user at sign-in. */
export type IdentityOption = "email" | "username";

/** Everything that `portcullis()` can be told. Whatever is unknown or contradictory refuses to start. */
export interface SecurityOptions<
  Role extends string = never,
  Permission extends string = never,
  Objects extends Readonly<Record<string, ObjectRule>> = Record<never, ObjectRule>,
  Columns extends OwnColumns = Record<never, never>,
  SchemeName extends string = never,
  Bag extends object = Record<string, unknown>,
  Scope extends string = never,
  Group extends string = never,
> {
  /** Keys of at least 32 characters; the first signs, all verify, so that keys can be changed without signing anybody out. */
  readonly secretKeys: readonly string[];
  /** The origins under which this server is reached, such as "https://acme.example"; the first one is used in links. */
  readonly origins: readonly string[];
  /** `sqlite("acme.db")`, `postgres(url)`, `mysql(url)`, `memory()` or an adapter of your own. */
  readonly datastore?: DatastoreProvider | undefined;
  /**
   * In the place of a datastore, for an application that has a user table of its own and no account pages: finds the stored
   * hash of the password (or more of the user) by login. Who is in a group says `groupCheck`, who may reach an object `objects`.
   */
  readonly getUserPass?: GetUserPass;
  /** The parts of the account system, from `portcullis/features`. */
  readonly features?: readonly Feature[];

  /** The roles that routes and code may name. They are created in the database when they are missing. */
  readonly roles?: readonly Role[];
  /** The groups that routes may name beside the roles. Who is in one, `groupCheck` says. */
  readonly groups?: readonly Group[];
  /** `(user, group) => boolean`, or a function for each group: `{ staff: (user) => … }`. */
  readonly groupCheck?: NoInfer<GroupCheck<Group>>;
  /** The permissions that routes and code may name. */
  readonly permissions?: readonly Permission[];
  /** The scopes that routes and tokens may name. */
  readonly scopes?: readonly Scope[];
  /** Rules by kind of object: `(user, id, mode) => true | false | undefined`. */
  readonly objects?: Objects & Readonly<Record<string, ObjectRule>>;
  /** Columns of your own on the user. */
  readonly columns?: Columns;
  /** Other names for the tables, by their logical name: `{ user: "users" }`. */
  readonly tables?: Readonly<Record<string, string>>;

  /** The schemes that a route accepts where it says nothing, in the order in which they are tried; default token, then session. */
  readonly authn?: readonly (BuiltInScheme | NoInfer<SchemeName>)[];
  /** More schemes: `httpd()`, `param()`, `password()`, `digest({ … })`, `oauth()`, `fake()`, and your own. */
  readonly schemes?: readonly ((Scheme | SchemePlan) & { readonly name: SchemeName })[];
  /** The realm in challenges; default "Login Required". */
  readonly realm?: string;
  /**
   * "optional": an account may do without an e-mail address; `user.email` is "" then. Nobody can mail it anything: no notices,
   * no recovery by link. Needs another identity, and `tokens.type` other than "fsa". Default "required".
   */
  readonly emails?: "required" | "optional";
  /** By what users say who they are, in this order; default ["email"]. */
  readonly identities?: readonly (IdentityOption | IdentityDefinition)[];

  /** What the session bag holds: `session: sessionOf<{ cart: string[] }>()`. */
  readonly session?: SessionDeclaration<Bag>;
  readonly sessions?: {
    /** False: whoever signs in gets tokens only, in JSON; no session, no remember credential. Default true. */
    readonly enabled?: boolean;
    /** A session ends after so long without a request; default "24h". */
    readonly idle?: Duration;
    /** However busy, a session ends after that; default "14d". */
    readonly absolute?: Duration;
    /** Life of a "keep me signed in" credential; default "30d". */
    readonly remember?: Duration;
    /** How long a sign-in waits for its second step; default "10m". */
    readonly pending?: Duration;
    /** Sessions and tokens that are kept in memory; default 10,000. 0: none, each request reads the row. */
    readonly cached?: number;
  };
  readonly tokens?: TokenOptions;
  /** How long decisions are believed, and how many: see docs/authorization.md. */
  readonly caches?: CacheOptions;
  readonly freshness?: {
    /** A proof of identity is fresh for so long; default "1h". */
    readonly within?: Duration;
    /** A check that passed holds for so long more; default "1h". */
    readonly grace?: Duration;
  };
  readonly passwords?: {
    readonly hashing?: HashingOptions;
    /**
     * Another way to check passwords, such as `ldap({ … })` from "portcullis/ldap": true and false decide, undefined leaves
     * it to the stored hash. Asked with the same limits, also of logins that nobody has.
     */
    readonly check?: PasswordCheck;
    readonly policy?: PasswordPolicyOptions;
    /**
     * False: JSON clients need not send a new password a second time, as `password_confirm` (`new_password_confirm`); where
     * they do, it must be the same. Pages always ask for it. Default true.
     */
    readonly retypeInJson?: boolean;
    /** Stands between the system and its hasher; for tests and measurements. */
    readonly wrapHasher?: (hasher: PasswordHasher) => PasswordHasher;
  };

  /** The trail of what happened: see docs/audit.md. */
  readonly audit?: {
    /** Entries older than that are removed; default: none. */
    readonly keep?: Duration;
    /** While the trail can't be written, sign-ins, registrations and changes of accounts are refused; default false. */
    readonly required?: boolean;
    /** So many entries wait in memory to be stored; what comes then goes to the log. Default 10,000. */
    readonly queue?: number;
  };

  readonly csrf?: CsrfOptions;
  readonly cookies?: {
    /** Goes before each cookie's name, to keep two applications on one host apart. */
    readonly prefix?: string;
    /** Cookies without `Secure` and `__Host-`, for plain HTTP. Never in production. */
    readonly allowInsecure?: boolean;
  };
  /** Proxies whose `X-Forwarded-For` is believed: `{ hops: 1 }` or a list of addresses and networks. Default: none. */
  readonly trustedProxies?: TrustedProxies;
  /** How often somebody may try, and what locks an account against guessing. Always on; see docs/limits.md. */
  readonly limits?: LimitOptions;
  /** Limits of request bodies. */
  readonly body?: Partial<BodyLimits>;
  /** Conversions of parameters for classes of your own: `casts: [cast(House, (value) => …)]` from `portcullis/params`. */
  readonly casts?: readonly Cast<unknown>[];

  /** Goes before the path of each account page; default none. */
  readonly prefix?: string;
  /** Paths of your own for account pages, by the endpoint's name: `{ login: "/sign-in" }`. */
  readonly paths?: Readonly<Record<string, string>>;
  /** Where pages go on when the request says no `next`. */
  readonly destinations?: DestinationOptions;
  /** Further origins that `next` may lead to, each written out: sub-domains of yours, say. They may not send forms here. */
  readonly redirectOrigins?: readonly string[];
  /** A single-page client draws the pages: what mailed links come to is told in the query of its own pages. */
  readonly spa?: SpaOptions;
  readonly views?: ViewOptions;
  /** Who sends the mails, and what they look like: `mail: { sender: smtp(url), from: "no-reply@acme.example" }`. */
  readonly mail?: MailOptions;
  readonly sms?: SmsOptions;
  /** How phone numbers are read that come without a country code. */
  readonly phone?: PhoneOptions;
  /** In which language a caller is answered. */
  readonly languages?: LanguageOptions<SecurityRequest>;
  /** Wording of your own: by message key for the default language, and by language: `{ de: { TITLE_LOGIN: "Hallo" } }`. */
  readonly messages?: MessageOptions;
  /** Functions of your own in the place of the built-in answers. */
  readonly handlers?: Handlers;
  /** What happens around each route: errors, hooks, headers, JSON. See docs/around-a-route.md. */
  readonly routes?: RouteOptions;
  /** Of which other origins scripts may read answers. Default: none. */
  readonly cors?: CorsOptions;
  /**
   * What comes over plain HTTP, but for this machine itself: "refuse" (421), "redirect" to the origin, or false. Default
   * "refuse" where all origins are https.
   */
  readonly secure?: "refuse" | "redirect" | false;
  /** "dev" and "debug" tell in headers and log lines who is calling, by which scheme, and why not; default "prod". */
  readonly mode?: Mode;
  /** True: the modes "dev" and "debug" also where others than developers may read answers. */
  readonly exposeInternals?: boolean;
  /** Serves the API's description (OpenAPI 3.1), for programs and as a page: `openapi: { authz: "AUTH" }`. Default: nowhere. */
  readonly openapi?: OpenApiOptions<NoInfer<Role>>;
  /** What JSON answers show of a user. */
  readonly securityPayload?: PayloadMaker;
  /** True: answers may tell whether an account exists. Friendlier to people, and to those who collect addresses. */
  readonly revealAccounts?: boolean;

  /**
   * "create" (default): an empty database gets its tables, another one is only checked. "check": only checked.
   * "always": what is missing is added at each start.
   */
  readonly migrate?: "create" | "check" | "always";
  /** Where log lines go; default standard error, as JSON lines. Nothing secret is in them. */
  readonly log?: (message: string, details?: Readonly<Record<string, unknown>>) => void;
  /** Epoch milliseconds; for tests. */
  readonly clock?: () => number;
}

/** The schemes that are always there. */
export type BuiltInScheme = "session" | "token" | "basic" | "none";

/** Their names. */
const builtInSchemes: readonly BuiltInScheme[] = ["token", "session", "basic", "none"];

/** The user of an application with these columns. */
export type UserOf<Columns extends OwnColumns> = User & OwnFields<Columns>;

/** The durations in milliseconds, with their defaults. */
export interface Times {
  readonly idle: number;
  readonly absolute: number;
  readonly remember: number;
  readonly pending: number;
  readonly within: number;
  readonly grace: number;
  /** Undefined: entries of the trail stay. */
  readonly audit: number | undefined;
}

/** The options with all their type parameters left open. */
export type AnyOptions = SecurityOptions<
  string,
  string,
  Readonly<Record<string, ObjectRule>>,
  OwnColumns,
  string,
  object,
  string,
  string
>;

/** What a value must be; "any" is looked at by the part that it is for. */
type Kind = "list" | "object" | "function" | "flag" | "text" | "count" | "any";

const kinds: Readonly<Record<Kind, readonly [test: (value: unknown) => boolean, expected: string]>> = {
  list: [(value) => Array.isArray(value), "a list is expected"],
  object: [(value) => typeof value === "object" && value !== null && !Array.isArray(value), "an object is expected"],
  function: [(value) => typeof value === "function", "a function is expected"],
  flag: [(value) => typeof value === "boolean", "true or false is expected"],
  text: [(value) => typeof value === "string" && value !== "", "a text is expected"],
  count: [(value) => Number.isSafeInteger(value) && (value as number) > 0, "a whole number, 1 or more, is expected"],
  any: [() => true, ""],
};

const sections: Readonly<Record<string, Kind | Readonly<Record<string, Kind>>>> = {
  secretKeys: "any",
  origins: "any",
  datastore: "any",
  getUserPass: "any",
  features: "list",
  roles: "list",
  groups: "list",
  groupCheck: "any",
  permissions: "list",
  objects: "object",
  columns: "object",
  tables: "object",
  authn: "list",
  schemes: "list",
  realm: "text",
  emails: "any",
  identities: "list",
  session: "object",
  sessions: { enabled: "flag", idle: "any", absolute: "any", remember: "any", pending: "any", cached: "any" },
  scopes: "list",
  caches: "object",
  tokens: "object",
  freshness: { within: "any", grace: "any" },
  passwords: { hashing: "any", check: "function", policy: "any", retypeInJson: "flag", wrapHasher: "function" },
  audit: { keep: "any", required: "flag", queue: "count" },
  csrf: { schemes: "any", unauthenticated: "any", cookie: "any", header: "text" },
  cookies: { prefix: "any", allowInsecure: "flag" },
  trustedProxies: "any",
  body: { bytes: "count", depth: "count", fields: "count", fieldNameBytes: "count", multipartBytes: "count" },
  casts: "list",
  limits: "object",
  prefix: "text",
  paths: "object",
  destinations: "object",
  redirectOrigins: "list",
  spa: "object",
  views: "any",
  mail: {
    sender: "object",
    from: "any",
    replyTo: "any",
    format: "any",
    templates: "object",
    layout: "function",
    queue: "object",
    outboxPage: "flag",
  },
  sms: { sender: "object", queue: "object" },
  phone: { region: "text" },
  languages: { offered: "list", default: "text", choose: "function", own: "object" },
  messages: "object",
  handlers: {
    unauthenticated: "function",
    unauthorized: "function",
    reauthenticate: "function",
    renderJson: "function",
    renderProblem: "function",
    wantsJson: "function",
  },
  routes: "object",
  cors: "object",
  secure: "any",
  mode: "any",
  exposeInternals: "flag",
  openapi: "object",
  securityPayload: "function",
  revealAccounts: "flag",
  migrate: "any",
  log: "function",
  clock: "function",
};

const tables = { ...coreTables, ...auditTables };
const reservedRoles: ReadonlySet<string> = new Set(["OPEN", "AUTH", "CLOSE"]);
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Refuses what is unknown, of the wrong type or contradictory, with the option's path and the mend. */
export function checkOptions(options: AnyOptions): {
  readonly origins: readonly string[];
  readonly times: Times;
  readonly limits: LimitRules;
} {
  if (typeof options !== "object" || options === null) throw new ConfigurationError("options", "an object is expected");
  checkNames(options);
  checkVocabulary(options);
  checkSchemes(options);
  const origins = checkOrigins(options);
  const { datastore, prefix, tokens, csrf, migrate } = options;
  if (!withoutDatastore(options) && typeof datastore?.open !== "function") {
    throw new ConfigurationError("datastore", 'is missing; for a start: sqlite("app.db") from "portcullis/sqlite"');
  }
  if (prefix !== undefined && !/^(?:\/[A-Za-z0-9._~-]+)+$/.test(prefix)) {
    throw new ConfigurationError("prefix", 'must be a path without a slash at its end, such as "/auth"');
  }
  for (const [path, header] of [
    ["tokens.header", tokens?.header],
    ["csrf.header", csrf?.header],
  ] as const) {
    if (header !== undefined && (!token.test(header) || /^(?:cookie|authorization|host)$/i.test(header))) {
      throw new ConfigurationError(path, "is no name for a header of its own");
    }
  }
  const cookiePrefix: unknown = options.cookies?.prefix ?? "";
  if (typeof cookiePrefix !== "string" || !/^[\w.-]{0,32}$/.test(cookiePrefix)) {
    throw new ConfigurationError("cookies.prefix", "must be at most 32 letters, digits and _ . -");
  }
  if (migrate !== undefined && !["create", "check", "always"].includes(migrate)) {
    throw new ConfigurationError("migrate", 'must be "create", "check" or "always"');
  }
  const cached = options.sessions?.cached;
  if (cached !== undefined && !(Number.isInteger(cached) && cached >= 0)) {
    throw new ConfigurationError("sessions.cached", "must be a whole number, 0 or more");
  }
  checkEmails(options);
  checkPaths(options);
  if (!hasSessions(options)) checkSessionless(options);
  return { origins, times: times(options), limits: limitRules(options.limits ?? {}) };
}

function checkEmails({ emails, identities, tokens }: AnyOptions): void {
  if (emails !== undefined && emails !== "required" && emails !== "optional") {
    throw new ConfigurationError("emails", 'must be "required" or "optional"');
  }
  if (emails !== "optional") return;
  const others = (identities ?? []).filter((item) => (typeof item === "string" ? item : item.attribute) !== "email");
  if (others.length === 0) {
    throw new ConfigurationError(
      "emails",
      'without an address nobody could sign in; say identities: ["email", "username"]',
    );
  }
  // They name their user by the address.
  if (tokens?.type === "fsa") throw new ConfigurationError("emails", '"optional" does not go with tokens.type "fsa"');
}

function checkNames(options: AnyOptions): void {
  for (const [name, value] of Object.entries(options)) {
    const known = Object.hasOwn(sections, name) ? sections[name] : undefined;
    if (known === undefined) {
      throw new ConfigurationError(name, `unknown option; known: ${Object.keys(sections).join(", ")}`);
    }
    if (value === undefined) continue;
    checkKind(name, value, typeof known === "string" ? known : "object");
    if (typeof known === "string") continue;
    for (const [inner, part] of Object.entries(value as object)) {
      const kind = Object.hasOwn(known, inner) ? known[inner] : undefined;
      if (kind === undefined) {
        throw new ConfigurationError(`${name}.${inner}`, `unknown option; known: ${Object.keys(known).join(", ")}`);
      }
      if (part !== undefined) checkKind(`${name}.${inner}`, part, kind);
    }
  }
}

function checkKind(path: string, value: unknown, kind: Kind): void {
  const [test, expected] = kinds[kind];
  if (!test(value)) throw new ConfigurationError(path, expected);
}

/** The schemes' names and the proxies, before anything is opened. */
function checkSchemes({ authn, schemes, trustedProxies, sessions, datastore }: AnyOptions): void {
  for (const [index, scheme] of (schemes ?? []).entries()) {
    const made: unknown = (scheme as Partial<Scheme & SchemePlan> | undefined)?.name;
    const { authenticate, make } = (scheme ?? {}) as Partial<Scheme & SchemePlan>;
    if (typeof made !== "string" || made === "" || (typeof authenticate !== "function" && typeof make !== "function")) {
      throw new ConfigurationError(
        `schemes[${index}]`,
        "a scheme is expected: httpd(), param() … (call it), or a name and a function authenticate of your own",
      );
    }
  }
  const known: readonly string[] = [
    ...builtInSchemes.filter((name) => name !== "session" || hasSessions({ sessions, datastore })),
    ...(schemes ?? []).map(({ name }) => name),
  ];
  if (authn?.length === 0) throw new ConfigurationError("authn", "name at least one scheme");
  for (const name of authn ?? []) {
    if (name === "apiKey") {
      throw new ConfigurationError("authn", 'leave "apiKey" out: a route takes keys only where its own authn says so');
    }
    if (!known.includes(name)) {
      throw new ConfigurationError("authn", `there is no scheme "${name}"; known: ${known.join(", ")}`);
    }
  }
  if (trustedProxies === undefined || Array.isArray(trustedProxies)) return;
  if (typeof trustedProxies !== "object" || Object.keys(trustedProxies).join() !== "hops") {
    throw new ConfigurationError("trustedProxies", "{ hops: 1 } or a list of addresses and networks is expected");
  }
}

function checkVocabulary(options: AnyOptions): void {
  for (const [path, words] of [
    ["roles", options.roles],
    ["groups", options.groups],
    ["permissions", options.permissions],
    ["scopes", options.scopes],
  ] as const) {
    const seen = new Set<string>();
    for (const [index, word] of (words ?? []).entries()) {
      const where = `${path}[${index}]`;
      if (typeof word !== "string" || word === "" || /[,\s]/.test(word) || word.length > 80) {
        throw new ConfigurationError(where, "must be a word of 1 to 80 characters without commas and white space");
      }
      if (path === "roles" && permissionOfRole(word) !== undefined)
        throw new ConfigurationError(where, `"${word}" stands for a permission of users`);
      if ((path === "roles" || path === "groups") && reservedRoles.has(word))
        throw new ConfigurationError(where, `"${word}" means something else in a route`);
      if (seen.has(word)) throw new ConfigurationError(where, `"${word}" is there twice`);
      seen.add(word);
    }
  }
  checkGroups(options);
  for (const [kind, rule] of Object.entries(options.objects ?? {})) {
    if (typeof rule !== "function")
      throw new ConfigurationError(`objects.${kind}`, "a function (user, id, mode) is expected");
  }
  for (const [field, definition] of Object.entries(options.columns ?? {})) {
    const path = `columns.${field}`;
    if (typeof definition?.definition?.type !== "string") {
      throw new ConfigurationError(path, "a column is expected, such as column.string({ nullable: true })");
    }
    if (!/^[a-z][A-Za-z0-9]{0,40}$/.test(field)) throw new ConfigurationError(path, "a name in camelCase is expected");
    if (
      Object.hasOwn(coreTables.user?.columns ?? {}, field) ||
      ["roles", "permissions", "ownPermissions", "hasRole", "hasPermission", "securityPayload", "toJSON"].includes(
        field,
      )
    ) {
      throw new ConfigurationError(path, "the user has this already");
    }
  }
  namedColumns(options.columns ?? {});
  for (const [table, name] of Object.entries(options.tables ?? {})) {
    if (!Object.hasOwn(tables, table)) {
      throw new ConfigurationError(`tables.${table}`, `unknown table; known: ${Object.keys(tables).join(", ")}`);
    }
    if (typeof name !== "string" || !/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name))
      throw new ConfigurationError(`tables.${table}`, "is no name for a table");
  }
}

function checkOrigins(options: AnyOptions): readonly string[] {
  if (!Array.isArray(options.origins) || options.origins.length === 0) {
    throw new ConfigurationError(
      "origins",
      'at least one is needed, such as "https://acme.example" or "http://localhost:3000"',
    );
  }
  const origins = [...checkedOrigins(options.origins)];
  for (const [index, origin] of origins.entries()) {
    if (origin.startsWith("http://") && !isLoopbackOrigin(origin) && options.cookies?.allowInsecure !== true) {
      throw new ConfigurationError(
        `origins[${index}]`,
        `${origin} is not encrypted; use https://, or say cookies: { allowInsecure: true } if you must`,
      );
    }
  }
  checkedOrigins(options.redirectOrigins ?? [], "redirectOrigins");
  return origins;
}

/** Sessions are rows: without a datastore there are none. */
export function hasSessions({
  sessions,
  datastore,
}: {
  readonly sessions?: AnyOptions["sessions"] | undefined;
  readonly datastore?: unknown;
}): boolean {
  return datastore !== undefined && sessions?.enabled !== false;
}

/** What says something about sessions where there are none. */
function checkSessionless({ session, sessions, csrf, datastore }: AnyOptions): void {
  const off = datastore === undefined ? "there is no datastore" : "sessions.enabled is false";
  for (const name of ["idle", "absolute", "remember"] as const) {
    if (sessions?.[name] !== undefined) throw new ConfigurationError(`sessions.${name}`, `leave it out: ${off}`);
  }
  if (session !== undefined) throw new ConfigurationError("session", `there is nothing to keep it with: ${off}`);
  if (Array.isArray(csrf?.schemes) && csrf.schemes.includes("session")) {
    throw new ConfigurationError("csrf.schemes", `leave "session" out: ${off}`);
  }
}

function checkPaths({ paths }: AnyOptions): void {
  for (const [name, path] of Object.entries(paths ?? {})) {
    if (typeof path !== "string" || !/^(?:\/[A-Za-z0-9._~-]+)+$/.test(path)) {
      throw new ConfigurationError(`paths.${name}`, 'must be a path without a slash at its end, such as "/sign-in"');
    }
  }
}

function times({ sessions, freshness, audit }: AnyOptions): Times {
  const result: Times = {
    idle: milliseconds("sessions.idle", sessions?.idle ?? "24h"),
    absolute: milliseconds("sessions.absolute", sessions?.absolute ?? "14d"),
    remember: milliseconds("sessions.remember", sessions?.remember ?? "30d"),
    pending: milliseconds("sessions.pending", sessions?.pending ?? "10m"),
    within: milliseconds("freshness.within", freshness?.within ?? "1h"),
    grace:
      freshness?.grace === "0s" || freshness?.grace === "0m"
        ? 0
        : milliseconds("freshness.grace", freshness?.grace ?? "1h"),
    audit: audit?.keep === undefined ? undefined : milliseconds("audit.keep", audit.keep),
  };
  if (result.idle > result.absolute) throw new ConfigurationError("sessions.idle", "is longer than sessions.absolute");
  return result;
}
