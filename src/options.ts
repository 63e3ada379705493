import { auditTables } from "./audit/tables.ts";
import type { SessionDeclaration } from "./authn/bag.ts";
import { checkEmails, type IdentityDefinition } from "./authn/identity-attributes.ts";
import { type LimitOptions, type LimitRules, limitRules } from "./authn/limits/options.ts";
import type { PasswordCheck } from "./authn/password-proof.ts";
import type { Scheme, SchemePlan } from "./authn/scheme.ts";
import { type BuiltInScheme, checkSchemes } from "./authn/schemes/options.ts";
import {
  checkSessionless,
  hasSessions,
  optionTimes,
  type SiteData,
  siteDataHeader,
  type Times,
} from "./authn/session-options.ts";
import type { TokenOptions } from "./authn/tokens/options.ts";
import type { ManagesOptions } from "./authz/acting.ts";
import type { Handlers } from "./authz/refusal.ts";
import { checkVocabulary } from "./authz/vocabulary.ts";
import type { CacheOptions } from "./datastore/cache-options.ts";
import type { GetUserPass } from "./datastore/callback-users.ts";
import type { DatastoreProvider } from "./datastore/contract.ts";
import { withoutDatastore } from "./datastore/without.ts";
import type { PhoneOptions } from "./delivery/phone.ts";
import type { MailOptions, SmsOptions } from "./features/delivery.ts";
import type { DestinationOptions, SpaOptions } from "./features/destinations.ts";
import type { Feature } from "./features/feature.ts";
import { checkTrustedProxies, type TrustedProxies } from "./http/address.ts";
import type { BodyLimits } from "./http/body-limits.ts";
import type { CsrfOptions } from "./http/csrf.ts";
import { isLoopbackOrigin } from "./http/origin.ts";
import { checkedOrigins } from "./http/redirect.ts";
import type { SecurityRequest } from "./http/request.ts";
import type { GroupCheck, ObjectRule } from "./http/system.ts";
import type { LanguageOptions, MessageOptions } from "./i18n/languages.ts";
import type { PayloadMaker } from "./model/account.ts";
import type { OwnColumns, OwnFields } from "./model/column.ts";
import type { Duration } from "./model/duration.ts";
import { ConfigurationError } from "./model/errors.ts";
import { checkNames, type OptionKinds } from "./model/option-kinds.ts";
import { checkColumns, checkTables } from "./model/own-names.ts";
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
  /** Who may act on whose account, beyond what roles and permissions say: `{ groups, check }`. */
  readonly manages?: ManagesOptions<NoInfer<Group>>;
  /** The permissions that routes and code may name. */
  readonly permissions?: readonly Permission[];
  /** The scopes that routes and tokens may name. */
  readonly scopes?: readonly Scope[];
  /**
   * Rules by kind of object: `(user, id, mode) => true | false | undefined`, or that as `check` beside a condition for the
   * database, `{ check, where: (user, mode) => … }`, for `security.visibleWhere()`.
   */
  readonly objects?: Objects & Readonly<Record<string, ObjectRule>>;
  /**
   * So long a function of yours may take on the way to a handler: rules of objects and groups, guards, checks, schemes, hooks; and
   * on an account page: checks of new passwords, `onDelete` and `export` of `accountDeletion`.
   * Past it the request is answered with 503, and what the function says later counts for nothing. At most "1h"; default "10s".
   */
  readonly ruleDeadline?: Duration;
  /**
   * So long a hook of yours may take that runs inside a transaction (`registration({ onRegister })`): others wait meanwhile
   * for what it has locked. Past it everything is undone. At most "1h"; default "2s".
   */
  readonly hookDeadline?: Duration;
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
    /**
     * What browsers are told to forget when somebody signs out (`Clear-Site-Data`): "cache" is what they keep of answers,
     * "storage" what scripts keep (localStorage, IndexedDB, service workers). Default ["cache"]; []: nothing.
     */
    readonly clearSiteData?: readonly SiteData[];
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
    /**
     * True: cookies without `Secure` and `__Host-`, for plain HTTP; never in production. False: with them also where every
     * origin is plain HTTP on this machine, which Safari does not take. Default: as the origins are.
     */
    readonly allowInsecure?: boolean;
  };
  /**
   * Proxies whose `X-Forwarded-For` is believed: `{ hops: 1 }`, or a list of addresses and networks, where "unix" is whatever
   * comes through a Unix socket. Default: none, with a line in the log where it looks as if there were one; [] says so.
   */
  readonly trustedProxies?: TrustedProxies;
  /** How often somebody may try, and what locks an account against guessing. Always on; see docs/limits.md. */
  readonly limits?: LimitOptions;
  /** Limits of request bodies; a route may declare its own. */
  readonly body?: Partial<BodyLimits> & {
    /** So many bytes an account endpoint takes, of JSON and of forms, unless it declares more itself; default 16 KiB. */
    readonly accountBytes?: number;
  };
  /** Conversions of parameters for classes of your own: `casts: [cast(House, (value) => …)]` from `portcullis/params`. */
  readonly casts?: readonly Cast<unknown>[];

  /** Goes before the path of each account page; default "", none. */
  readonly prefix?: string;
  /** Paths of your own for account pages, by the endpoint's name: `{ login: "/sign-in" }`. A slash at the end is part of the path. */
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
   * False: who gives the right password and is not let in (the account is switched off, say) gets the answer to a wrong one.
   * Otherwise they are told the reason, within the limits, if the account's address was ever proved. Before that, the browser
   * that registered this very pair is told to confirm the address first, be it taken or free, and no other is told anything,
   * unless `revealAccounts` is on. Without the feature `confirmation` no address is ever proved: there the reason is told where
   * there is no `registration` either, or, by the sign-ins that `tracking` counts, once the account was signed in to.
   * Default: true.
   */
  readonly revealAccountState?: boolean;

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

/** The user of an application with these columns. */
export type UserOf<Columns extends OwnColumns> = User & OwnFields<Columns>;

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

const sections: OptionKinds = {
  secretKeys: "any",
  origins: "any",
  datastore: "any",
  getUserPass: "any",
  features: "list",
  roles: "list",
  groups: "list",
  groupCheck: "any",
  manages: { groups: "list", check: "function" },
  permissions: "list",
  objects: "object",
  ruleDeadline: "any",
  hookDeadline: "any",
  columns: "object",
  tables: "object",
  authn: "list",
  schemes: "list",
  realm: "text",
  emails: "any",
  identities: "list",
  session: "object",
  sessions: {
    enabled: "flag",
    idle: "any",
    absolute: "any",
    remember: "any",
    pending: "any",
    cached: "any",
    clearSiteData: "any",
  },
  scopes: "list",
  caches: "object",
  tokens: "object",
  freshness: { within: "any", grace: "any" },
  passwords: { hashing: "any", check: "function", policy: "any", retypeInJson: "flag", wrapHasher: "function" },
  audit: { keep: "any", required: "flag", queue: "count" },
  csrf: { schemes: "any", unauthenticated: "any", cookie: "any", header: "text" },
  cookies: { prefix: "any", allowInsecure: "flag" },
  trustedProxies: "any",
  body: {
    bytes: "count",
    depth: "count",
    members: "count",
    fields: "count",
    fieldNameBytes: "count",
    multipartBytes: "count",
    partHeadBytes: "count",
    partHeaders: "count",
    accountBytes: "count",
  },
  casts: "list",
  limits: "object",
  prefix: "any",
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
  languages: { offered: "list", default: "text", choose: "function", ofUser: "function", own: "object" },
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
  revealAccountState: "flag",
  migrate: "any",
  log: "function",
  clock: "function",
};

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Refuses what is unknown, of the wrong type or contradictory, with the option's path and the mend. */
export function checkOptions(options: AnyOptions): {
  readonly origins: readonly string[];
  readonly times: Times;
  readonly limits: LimitRules;
} {
  if (typeof options !== "object" || options === null) throw new ConfigurationError("options", "an object is expected");
  checkNames(sections, options);
  checkVocabulary(options);
  checkColumns(options.columns ?? {});
  checkTables(options.tables ?? {}, { ...coreTables, ...auditTables });
  checkSchemes(options);
  checkTrustedProxies(options.trustedProxies);
  const origins = checkOrigins(options);
  const { datastore, prefix, tokens, csrf, migrate } = options;
  if (!withoutDatastore(options) && typeof datastore?.open !== "function") {
    throw new ConfigurationError("datastore", 'is missing; for a start: sqlite("app.db") from "portcullis/sqlite"');
  }
  if (prefix !== undefined && prefix !== "" && !/^(?:\/[A-Za-z0-9._~-]+)+$/.test(prefix)) {
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
  if (options.revealAccounts === true && options.revealAccountState === false) {
    throw new ConfigurationError("revealAccountState", "false contradicts revealAccounts: true; leave out one of them");
  }
  const cached = options.sessions?.cached;
  if (cached !== undefined && !(Number.isInteger(cached) && cached >= 0)) {
    throw new ConfigurationError("sessions.cached", "must be a whole number, 0 or more");
  }
  siteDataHeader(options.sessions?.clearSiteData);
  checkEmails(options);
  checkPaths(options);
  if (!hasSessions(options)) checkSessionless(options);
  return { origins, times: optionTimes(options), limits: limitRules(options.limits ?? {}) };
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

function checkPaths({ paths }: AnyOptions): void {
  for (const [name, path] of Object.entries(paths ?? {})) {
    if (typeof path !== "string" || !/^(?:\/[A-Za-z0-9._~-]+)+\/?$/.test(path)) {
      throw new ConfigurationError(`paths.${name}`, 'must be a path, such as "/sign-in"');
    }
  }
}
