import type { EventHub } from "../events/events.ts";
import type { Catalogues } from "../i18n/languages.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Identity } from "../model/identity.ts";
import type { BodyLimits } from "./body.ts";
import type { Csrf } from "./csrf.ts";
import type { CookieJar } from "./jar.ts";
import type { Redirects } from "./redirect.ts";
import type { SecurityRequest } from "./request.ts";

/**
 * An object kind's check: may this user, in this mode, reach that object? True: yes; false: no (403); undefined: there is
 * no such object (404). Throwing closes the route.
 */
export type ObjectRule = (
  user: NonNullable<Identity["account"]>,
  // biome-ignore lint/suspicious/noExplicitAny: the application's rule says which type its identifier has
  id: any,
  mode: string | undefined,
) => Awaitable<boolean | undefined>;

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
  /** The names of the schemes that a request is tried with where nothing is said. */
  readonly defaultSchemes: readonly string[];
  objectRule(kind: string): ObjectRule | undefined;
  readonly freshness: FreshnessLimits;
  /** A freshness check passed: its grace begins. */
  markFresh(identity: Identity, until: number): void;
  clientAddress(rq: SecurityRequest): string | undefined;
  wantsJson(rq: SecurityRequest): boolean;
  readonly bodyLimits: BodyLimits;
  readonly csrf: Csrf;
  readonly cookies: CookieJar;
  readonly redirects: Redirects;
  readonly events: EventHub;
  /** Where requests are noted by what the host was given, for what stands around them; undefined: nobody asks. */
  readonly visits?: WeakMap<Request, SecurityRequest> | undefined;
  /** The texts by language; those of one request are `rq.text(key)`. */
  readonly catalogues: Catalogues<SecurityRequest>;
}
