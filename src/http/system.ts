import type { EventHub } from "../events/events.ts";
import type { Catalogues } from "../i18n/languages.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Identity } from "../model/identity.ts";
import type { BodyLimits } from "./body-limits.ts";
import type { CredentialWatch } from "./credential-watch.ts";
import type { Csrf } from "./csrf.ts";
import type { CookieJar } from "./jar.ts";
import type { Redirects } from "./redirect.ts";
import type { SecurityRequest } from "./request.ts";

/**
 * An object kind's check: may this user, in this mode, reach that object? True: yes; false: no (403); undefined: there is
 * no such object (404). Where several parameters identify it, `id` is the list of their values. Throwing closes the route.
 */
export type ObjectCheck = (
  user: Account,
  // biome-ignore lint/suspicious/noExplicitAny: the application's rule says which type its identifier has
  id: any,
  mode: string | undefined,
) => Awaitable<boolean | undefined>;

/**
 * A check with the same rule as a condition for the database, for lists: `security.visibleWhere()` gives it. `Condition` is
 * of the application's choice: an expression of Kysely, Drizzle's `SQL`, Prisma's `where`, text with parameters.
 */
export interface ListedObjectRule<Condition = unknown> {
  readonly check: ObjectCheck;
  /** The condition that holds of the objects for which `check` says true. Undefined or null: there is none in this mode. */
  readonly where: (user: Account, mode: string | undefined) => Condition;
  /** See `TypedObjectRule`. */
  readonly id?: "number" | "text";
}

/**
 * A check that says what its identifier is (of several parameters: each): a route that would hand it anything else refuses to
 * start. Only `"text"` is handed what stands in a path without a declaration.
 */
export interface TypedObjectRule {
  readonly check: ObjectCheck;
  readonly id: "number" | "text";
}

/** The rule of an object kind: its check, alone, with the type of its identifier, or with a condition for lists. */
export type ObjectRule = ObjectCheck | ListedObjectRule | TypedObjectRule;

/**
 * Who is in which group, by a function for each group, or by one for all. Only true lets in; throwing closes the route.
 */
export type GroupCheck<Group extends string> =
  | ((user: Account, group: Group) => Awaitable<boolean | undefined>)
  | { readonly [Name in Group]: (user: Account, group: Name) => Awaitable<boolean | undefined> };

/** What the application's own functions say of a user. */
export interface Decisions {
  /** True for a name that the option `groups` declares: any other is a role. */
  isGroup(name: string): boolean;
  /** `rq` as with `object`. */
  inGroup(rq: SecurityRequest | undefined, account: Account, group: string): Awaitable<boolean>;
  /** The same, never from the cache: also of an account that is not stored like this. */
  inGroupNow(account: Account, group: string): Promise<boolean>;
  /** True for a kind of object that the option `objects` has a rule for. */
  isObject(kind: string): boolean;
  /** What the rule says of its identifier; undefined: nothing, so it is handed what a route declares, and nothing beyond. */
  identifier(kind: string): "number" | "text" | undefined;
  /** What the rule says; `rq` is the request that it is asked for, undefined: none in particular. */
  object(
    rq: SecurityRequest | undefined,
    kind: string,
    account: Account,
    id: unknown,
    mode: string | undefined,
  ): Awaitable<boolean | undefined>;
  /** The rule's `where`; undefined: it has none. */
  where(kind: string): ListedObjectRule["where"] | undefined;
}

/** Who may act on whose account. */
export interface Acting {
  /**
   * Whether that account is in no group that counts and that the actor is not in, and the application's own rule says yes.
   * `actor` null: the operator of the command line, whom groups do not bind. What fails refuses; it never throws.
   */
  mayActOn(actor: Account | null, target: Account): Promise<boolean>;
  /** The same of an account as a change would make it. Nobody is exempt from it with their own: they may not be in that group yet. */
  mayMake(actor: Account | null, future: Account): Promise<boolean>;
  /** Whether an account is in no group that counts and that the actor is not in, whatever the application's own rule says. */
  withinGroups(actor: Account, account: Account): Promise<boolean>;
  /** Whether nothing is out of reach: the actor is in all groups that count, and there is no rule of the application's own. */
  isUnbound(actor: Account | null): Promise<boolean>;
}

/** How recent a proof of identity must be; both in milliseconds. */
export interface FreshnessLimits {
  /** A proof is fresh for so long. */
  readonly within: number;
  /** A check that passed holds for so long for the same session. */
  readonly grace: number;
}

/** What one request can reach of the running system: the composition root makes it, each part belongs to its room. */
export interface System {
  /** Epoch milliseconds: the one clock. */
  now(): number;
  log(message: string, details?: Record<string, unknown>): void;
  /** Finds out who is calling by these schemes (undefined: the route's, else the system's), in the order of the list. */
  identify(rq: SecurityRequest, schemes?: readonly string[]): Awaitable<Identity | undefined>;
  /** The `WWW-Authenticate` values for these schemes. */
  challenges(schemes: readonly string[], realm: string | undefined, rq: SecurityRequest): readonly string[];
  /** Whether one of these schemes takes a credential that a page can leave a browser with, such as a cookie. */
  keptByBrowsers(schemes: readonly string[]): boolean;
  /** What a client of this scheme is told whose credential lacks one of the scopes (RFC 6750 3.1). */
  insufficient(scheme: string, scopes: readonly string[]): string | undefined;
  /** The names of the schemes that a request is tried with where nothing is said. */
  readonly defaultSchemes: readonly string[];
  readonly decisions: Decisions;
  readonly acting: Acting;
  /** So many milliseconds a function of the application may take on the way to a handler. */
  readonly deadline: number;
  /** So many milliseconds a function of the application may take inside a transaction. */
  readonly hookDeadline: number;
  readonly freshness: FreshnessLimits;
  /** A freshness check passed: its grace begins. */
  markFresh(identity: Identity, until: number): void;
  clientAddress(rq: SecurityRequest): string | undefined;
  /** Tells the operator why a credential of this scheme was refused. */
  readonly credentials: CredentialWatch;
  wantsJson(rq: SecurityRequest): boolean;
  /** Of an application's routes that declare none of their own. */
  readonly bodyLimits: BodyLimits;
  /** So many bytes an account endpoint takes that does not declare more. */
  readonly accountBytes: number;
  readonly csrf: Csrf;
  /** What a form calls the account that it was shown for: worth nothing elsewhere. */
  readonly formNames: {
    of(account: Pick<Account, "id">): string;
    /** Whether it is this account that a form names so. */
    isOf(account: Pick<Account, "id">, name: string): boolean;
  };
  readonly cookies: CookieJar;
  readonly redirects: Redirects;
  /** The session bag of this caller, as guards see it. */
  bag(rq: SecurityRequest): {
    get(key: string): unknown;
    flash(category: "info" | "success" | "warning" | "error", text: string): void;
  };
  /**
   * The path of a route or account page that has this name, its parameters filled in; `own` into the query where its path has none of
   * that name. Throws PortcullisError `no_route`.
   */
  namedPath(
    name: string,
    params: Readonly<Record<string, string | number>>,
    own?: Readonly<Record<string, string | number>>,
  ): string;
  readonly events: EventHub;
  /** Where requests are noted by what the host was given, for what stands around them; undefined: nobody asks. */
  readonly visits?: WeakMap<Request, SecurityRequest> | undefined;
  /** The texts by language; those of one request are `rq.text(key)`. */
  readonly catalogues: Catalogues<SecurityRequest>;
}
