import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import { type Awaitable, settled } from "../model/awaitable.ts";
import { inTime } from "../model/deadline.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import type { Identity } from "../model/identity.ts";
import type { CredentialDescription, Scheme } from "./scheme.ts";

/** Finds out who is calling. */
export interface Authenticator {
  /** The names of all schemes. */
  readonly names: readonly string[];
  /** Schemes are tried in the order of the list; the first that knows who is calling decides. */
  identify(rq: SecurityRequest, names: readonly string[]): Awaitable<Identity | undefined>;
  /** The challenges of these schemes, in the order of the list. */
  challenges(names: readonly string[], realm: string | undefined, rq: SecurityRequest): readonly string[];
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
  const resolved = new Map<readonly string[], readonly Scheme[]>();

  const resolve = (names: readonly string[]): readonly Scheme[] => {
    let list = resolved.get(names);
    if (list === undefined) {
      list = [...new Set(names)].map((name) => byName.get(name)).filter((scheme) => scheme !== undefined);
      // Lists come from declarations; a caller who makes one per request must not fill the memory.
      if (resolved.size < 1000) resolved.set(names, list);
    }
    return list;
  };

  const one = (rq: SecurityRequest, scheme: Scheme): Awaitable<Identity | undefined> => {
    if (rq.tried?.has(scheme.name) === true) return rq.tried.get(scheme.name);
    const asked = scheme.authenticate(rq);
    const result = own.schemes.has(scheme) ? inTime(asked, own.deadline, `the scheme ${scheme.name}`) : settled(asked);
    // A scheme that saw nothing at once is quick to ask again; what took work is kept.
    if (result !== undefined) {
      rq.tried ??= new Map();
      rq.tried.set(scheme.name, result);
    }
    return result;
  };

  const from = (rq: SecurityRequest, list: readonly Scheme[], start: number): Awaitable<Identity | undefined> => {
    for (let index = start; index < list.length; index += 1) {
      const result = one(rq, list[index] as Scheme);
      if (result instanceof Promise) {
        return result.then((identity) => (identity === undefined ? from(rq, list, index + 1) : settle(rq, identity)));
      }
      if (result !== undefined) return settle(rq, result);
    }
    return undefined;
  };

  return {
    names: known,
    identify: (rq, names) => from(rq, resolve(names), 0),
    challenges(names, routeRealm, rq) {
      const said: string[] = [];
      for (const scheme of resolve(names)) {
        const challenge = scheme.challenge?.(routeRealm ?? realm, rq);
        if (challenge === undefined) continue;
        // Two schemes may have the same challenge (token and oauth): it is said once.
        for (const one of typeof challenge === "string" ? [challenge] : challenge) {
          if (!said.includes(one)) said.push(one);
        }
      }
      return said;
    },
    describe: (name, system) => byName.get(name)?.describe?.(system),
    insufficient: (name, scopes) => byName.get(name)?.insufficient?.(scopes),
    check(names, path) {
      for (const name of names) {
        if (!known.includes(name)) {
          throw new ConfigurationError(path, `there is no scheme "${name}"; known: ${known.join(", ")}`);
        }
      }
    },
  };
}

function settle(rq: SecurityRequest, identity: Identity): Identity {
  // A scheme of the application's own that answers nobody by null or false must not let nobody in.
  if (typeof identity?.account !== "object" || identity.account === null || typeof identity.via !== "string") {
    throw new PortcullisError(
      "invalid_identity",
      "a scheme answered with something else than an identity or undefined",
    );
  }
  rq.identity = identity;
  return identity;
}

/** A realm as a quoted string (RFC 9110 5.6.4). */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&").replace(/[^\x20-\x7e]/g, "?")}"`;
}
