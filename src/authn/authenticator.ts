import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import { type Awaitable, andThen, settled } from "../model/awaitable.ts";
import { inTime } from "../model/deadline.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { type BadCredential, boundIdentity, type CredentialFault, type Identity, isFault } from "../model/identity.ts";
import { knownNames } from "../model/known-names.ts";
import type { CredentialDescription, Scheme } from "./scheme.ts";

/** Finds out who is calling. */
export interface Authenticator {
  /** The names of all schemes. */
  readonly names: readonly string[];
  /**
   * Schemes are tried in the order of the list; the first that knows who is calling decides. Unless the route is open, nobody
   * is calling (`rq.rejected`) where the request also carries a credential in a header or parameter, for a scheme that the
   * route takes, that is not good: whoever revoked a token must not see its bearer act as the owner of a cookie.
   */
  identify(rq: SecurityRequest, names: readonly string[]): Awaitable<Identity | undefined>;
  /** The challenges of these schemes, in the order of the list. */
  challenges(names: readonly string[], realm: string | undefined, rq: SecurityRequest): readonly string[];
  /** Whether one of these schemes takes a credential that browsers keep and send along by themselves. */
  keptByBrowsers(names: readonly string[], system: System): boolean;
  /** How this scheme's credentials travel; undefined: it does not say. */
  describe(name: string, system: System): readonly CredentialDescription[] | undefined;
  /** What a client of this scheme is told whose credential lacks one of the scopes. */
  insufficient(name: string, scopes: readonly string[]): string | undefined;
  /** Throws ConfigurationError when a name is not known. */
  check(names: readonly string[], path: string): void;
}

/**
 * Makes the authenticator from all schemes.
 *
 * @param own the application's own schemes among them, which may take so many milliseconds
 */
export function createAuthenticator(
  schemes: readonly Scheme[],
  realm: string,
  own: { readonly schemes: ReadonlySet<Scheme>; readonly deadline: number },
): Authenticator {
  const known = schemes.map((scheme) => scheme.name);
  const byName = new Map(schemes.map((scheme) => [scheme.name, scheme]));
  const resolved = new Map<readonly string[], Asked>();

  const resolve = (names: readonly string[]): Asked => {
    let asked = resolved.get(names);
    if (asked === undefined) {
      const list = [...new Set(names)].map((name) => byName.get(name)).filter((scheme) => scheme !== undefined);
      asked = { names, list, own: othersOf(list, list), besides: new Map() };
      // Lists come from declarations; a caller who makes one per request must not fill the memory.
      if (resolved.size < 1000) resolved.set(names, asked);
    }
    return asked;
  };

  /** The other schemes of the route's, by the place of the one that knows the caller. */
  const others = (asked: Asked, taken: readonly string[] | undefined): Others => {
    if (taken === undefined || taken === asked.names) return asked.own;
    let found = asked.besides.get(taken);
    if (found === undefined) {
      found = othersOf(asked.list, resolve(taken).list);
      if (asked.besides.size < 1000) asked.besides.set(taken, found);
    }
    return found;
  };

  const one = (rq: SecurityRequest, scheme: Scheme): Awaitable<Identity | BadCredential | undefined> => {
    if (rq.tried?.has(scheme.name) === true) return rq.tried.get(scheme.name);
    const asked = scheme.authenticate(rq);
    const result = own.schemes.has(scheme)
      ? andThen(inTime(asked, own.deadline, `the scheme ${scheme.name}`), bound)
      : settled(asked);
    // A scheme that saw nothing at once is quick to ask again; what took work is kept.
    if (result === undefined) return undefined;
    rq.tried ??= new Map();
    const { tried } = rq;
    if (!(result instanceof Promise)) {
      tried.set(scheme.name, result);
      return result;
    }
    const kept: Promise<Identity | BadCredential | undefined> = result.then((found) => {
      // Why it was refused is read from there.
      if (tried.get(scheme.name) === kept) tried.set(scheme.name, found);
      return found;
    });
    tried.set(scheme.name, kept);
    return kept;
  };

  const from = (
    rq: SecurityRequest,
    asked: Asked,
    start: number,
    bad: readonly string[],
  ): Awaitable<Identity | undefined> => {
    const { list } = asked;
    let places = bad;
    for (let index = start; index < list.length; index += 1) {
      const result = one(rq, list[index] as Scheme);
      if (result instanceof Promise) {
        const before = places;
        return result.then((found) => {
          if (found === undefined) return from(rq, asked, index + 1, before);
          if (isBad(found)) return from(rq, asked, index + 1, [...before, found.refused]);
          return settle(rq, asked, index, found, before);
        });
      }
      if (result === undefined) continue;
      if (!isBad(result)) return settle(rq, asked, index, result, places);
      places = [...places, result.refused];
    }
    return places.length > 0 && rq.route.open !== true ? reject(rq) : undefined;
  };

  /** Somebody is calling, unless something else that was sent is not good. What two schemes read is one credential. */
  const settle = (
    rq: SecurityRequest,
    asked: Asked,
    index: number,
    identity: Identity,
    bad: readonly string[],
  ): Awaitable<Identity | undefined> => {
    check(identity);
    if (rq.route.open !== true) {
      const rest = others(asked, rq.route.schemes)[index] as readonly Scheme[];
      if (bad.length > 0 || rest.length > 0) {
        const place = (asked.list[index] as Scheme).place?.(rq, identity);
        return bad.some((one) => one !== place) ? reject(rq, place) : beside(rq, identity, rest, 0, place);
      }
    }
    rq.identity = identity;
    return identity;
  };

  const beside = (
    rq: SecurityRequest,
    identity: Identity,
    rest: readonly Scheme[],
    start: number,
    place: string | undefined,
  ): Awaitable<Identity | undefined> => {
    for (let index = start; index < rest.length; index += 1) {
      const result = one(rq, rest[index] as Scheme);
      if (result instanceof Promise) {
        return result.then((found) =>
          found !== undefined && isBad(found) && found.refused !== place
            ? reject(rq, place)
            : beside(rq, identity, rest, index + 1, place),
        );
      }
      if (result !== undefined && isBad(result) && result.refused !== place) return reject(rq, place);
    }
    rq.identity = identity;
    return identity;
  };

  return {
    names: known,
    identify: (rq, names) => from(rq, resolve(names), 0, nowhere),
    challenges(names, routeRealm, rq) {
      const said: string[] = [];
      for (const scheme of resolve(names).list) {
        const challenge = scheme.challenge?.(routeRealm ?? realm, rq);
        if (challenge === undefined) continue;
        // Two schemes may have the same challenge (token and oauth): it is said once.
        for (const one of typeof challenge === "string" ? [challenge] : challenge) {
          if (!said.includes(one)) said.push(one);
        }
      }
      return said;
    },
    keptByBrowsers: (names, system) =>
      resolve(names).list.some(
        (scheme) =>
          scheme.describe?.(system).some((way) => way.in === "cookie") ??
          (own.schemes.has(scheme) && scheme.ambient === true),
      ),
    describe: (name, system) => byName.get(name)?.describe?.(system),
    insufficient: (name, scopes) => byName.get(name)?.insufficient?.(scopes),
    check(names, path) {
      for (const name of names) {
        if (!known.includes(name)) {
          throw new ConfigurationError(path, `there is no scheme "${name}"; ${knownNames(name, known)}`);
        }
      }
    },
  };
}

/** Schemes that are asked in this order. */
interface Asked {
  readonly names: readonly string[];
  readonly list: readonly Scheme[];
  /** The others where the route takes no more than these. */
  readonly own: Others;
  /** The others by the names of all that a route takes. */
  readonly besides: Map<readonly string[], Others>;
}

/**
 * The schemes that are asked as well once one of a list knows the caller: entry n belongs to the n-th scheme of the list. They
 * are those that were not asked before it and whose credentials are sent on purpose.
 */
type Others = readonly (readonly Scheme[])[];

function othersOf(list: readonly Scheme[], taken: readonly Scheme[]): Others {
  const all = [...new Set([...list, ...taken])].filter((scheme) => scheme.place !== undefined);
  return list.map((_, index) => all.filter((scheme) => !list.slice(0, index + 1).includes(scheme)));
}

/** An application may lend out a part of an account. */
function bound(found: Identity | BadCredential | undefined): Identity | BadCredential | undefined {
  if (found === undefined || isBad(found)) return found;
  check(found);
  return boundIdentity(found);
}

const nowhere: readonly string[] = Object.freeze([]);

/** Nobody is calling; `good` is the place of a credential that is not to blame. */
function reject(rq: SecurityRequest, good?: string): undefined {
  rq.rejected = true;
  for (const [scheme, fault] of faultsOf(rq, good)) rq.system.credentials.refused(scheme, fault);
  rq.identity = undefined;
  return undefined;
}

/** Why which schemes refused what the request carries; what stood in the place of a good credential is not counted. */
export function faultsOf(rq: SecurityRequest, good?: string): readonly (readonly [string, CredentialFault])[] {
  const faults: (readonly [string, CredentialFault])[] = [];
  for (const [scheme, found] of rq.tried ?? []) {
    if (found === undefined || found instanceof Promise || !isBad(found) || found.refused === good) continue;
    if (isFault(found)) faults.push([scheme, found]);
  }
  return faults;
}

function isBad(found: Identity | BadCredential): found is BadCredential {
  return typeof (found as Partial<BadCredential> | null)?.refused === "string";
}

function check(identity: Identity): void {
  // A scheme of the application's own that answers nobody by null or false must not let nobody in.
  if (typeof identity?.account !== "object" || identity.account === null || typeof identity.via !== "string") {
    throw new PortcullisError(
      "invalid_identity",
      "a scheme answered with something else than an identity or undefined",
    );
  }
}

/** A realm as a quoted string (RFC 9110 5.6.4). */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&").replace(/[^\x20-\x7e]/g, "?")}"`;
}
