import { sessionOnly } from "../../authn/scheme.ts";
import { checkPeer } from "../../http/connection.ts";
import { type CsrfFault, isUnsafe } from "../../http/csrf.ts";
import { isJson, parseMediaType } from "../../http/media-type.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { type Awaitable, settled } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { Identity } from "../../model/identity.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { Session } from "../../model/session.ts";
import type { Guard, GuardDescription, GuardWords, NoWords } from "../guard.ts";
import { allow, type Forbidden, type Stale, type Unauthenticated, type Verdict } from "../verdict.ts";

/** Limits of a freshness check. */
export interface FreshOptions {
  /** A proof of identity is fresh for so many minutes; default: the system's `freshness.within`. 0: never fresh by time. */
  readonly within?: number;
  /** A check that passed holds for so many minutes more; default: the system's `freshness.grace`. */
  readonly grace?: number;
}

/** A guard behind which somebody is signed in. */
export interface SignedInWords<Scheme extends string = never> extends GuardWords {
  readonly role: never;
  readonly permission: never;
  readonly object: never;
  readonly parameter: never;
  readonly identified: never;
  readonly scheme: Scheme;
  readonly scope: never;
  readonly user: true;
}

/** Who is calling, by these schemes or by whoever was found already. */
export function withIdentity(
  rq: SecurityRequest,
  schemes: readonly string[] | undefined,
  decide: (identity: Identity) => Awaitable<Verdict>,
): Awaitable<Verdict> {
  const identity =
    rq.identity !== undefined && (schemes === undefined || schemes.includes(rq.identity.via))
      ? rq.identity
      : rq.system.identify(rq, schemes);
  if (identity instanceof Promise) {
    return identity.then((found) => (found === undefined ? refuse(rq, schemes) : decide(found)));
  }
  return identity === undefined ? refuse(rq, schemes) : decide(identity);
}

function refuse(rq: SecurityRequest, schemes: readonly string[] | undefined): Unauthenticated {
  return {
    kind: "unauthenticated",
    schemes: (rq.rejected ? rq.route.schemes : undefined) ?? schemes ?? rq.route.authn ?? rq.system.defaultSchemes,
    realm: rq.route.realm,
  };
}

/**
 * What a guard says of a request; the one way to ask it. A connection without an address throws LostConnectionError. A bad
 * credential that is found on the way refuses: an alternative that needs none does not make up for it.
 */
export function judge(rq: SecurityRequest, guard: Guard): Awaitable<Verdict> {
  checkPeer(rq.peer);
  const verdict = settled(guard.check(rq));
  return verdict instanceof Promise ? verdict.then((said) => unlessRejected(rq, said)) : unlessRejected(rq, verdict);
}

function unlessRejected(rq: SecurityRequest, verdict: Verdict): Verdict {
  return rq.rejected ? refuse(rq, undefined) : verdict;
}

/** Who is calling, or nobody (`rq.identity`), for a guard that lets both in: but not who sent what is not good. */
export function withAnybody(rq: SecurityRequest, decide: () => Awaitable<Verdict>): Awaitable<Verdict> {
  const identity = rq.identity ?? rq.system.identify(rq);
  if (identity instanceof Promise) return identity.then(() => (rq.rejected ? refuse(rq, undefined) : decide()));
  return rq.rejected ? refuse(rq, undefined) : decide();
}

/** Signed in by any scheme that the route accepts: what `"AUTH"` stands for. */
export const signedIn: Guard<SignedInWords> = Object.freeze({
  check: (rq: SecurityRequest) => withIdentity(rq, undefined, () => allow),
  describe: (): GuardDescription => ({ text: "signed in", rule: { kind: "signedIn" }, authenticated: true }),
});

/**
 * Signed in by one of these schemes (none named: by those that the route accepts), and, where `within` or `grace` is
 * given, with a proof that is fresh enough. Tried in the order in which they are named.
 */
export function authRequired<const Scheme extends string = never>(
  ...schemes: readonly Scheme[]
): Guard<SignedInWords<Scheme>>;
export function authRequired(options: FreshOptions): Guard<SignedInWords>;
export function authRequired<const Schemes extends readonly string[]>(
  ...args: readonly [...schemes: Schemes, options: FreshOptions]
): Guard<SignedInWords<Schemes[number]>>;
export function authRequired(...args: readonly (string | FreshOptions)[]): Guard<SignedInWords<string>> {
  const last = args.at(-1);
  const options = typeof last === "object" ? last : undefined;
  const schemes = args.filter((arg) => typeof arg === "string");
  if (options === null || schemes.length + (options === undefined ? 0 : 1) !== args.length || Array.isArray(options)) {
    throw new ConfigurationError(
      "authRequired",
      "names of schemes are expected, and at most one object of limits, at the end",
    );
  }
  const named = schemes.length === 0 ? undefined : Object.freeze(schemes);
  const limits = options === undefined ? undefined : checkFreshOptions(options, "authRequired");
  const text = `signed in${named === undefined ? "" : ` by ${named.join(" or ")}`}${limits === undefined ? "" : `, ${limits.text}`}`;
  return {
    check: (rq) =>
      withIdentity(rq, named, (identity) => (limits === undefined ? allow : checkFresh(rq, identity, limits))),
    describe: () => ({
      text,
      rule: {
        kind: "signedIn",
        ...(named === undefined ? {} : { schemes: named }),
        ...(limits === undefined ? {} : { fresh: { within: limits.within, grace: limits.grace } }),
      },
      authenticated: true,
      ...(named === undefined ? {} : { schemes: named }),
    }),
  };
}

/** Signed in by an auth token. */
export function authTokenRequired(): Guard<SignedInWords<"token">> {
  return authRequired("token");
}

/** Signed in by HTTP Basic (RFC 7617), with a realm of its own where one is given. */
export function httpAuthRequired(realm?: string): Guard<SignedInWords<"basic">> {
  const schemes = Object.freeze(["basic"] as const);
  return {
    check(rq) {
      const verdict = withIdentity(rq, schemes, () => allow);
      const named = (found: Verdict): Verdict =>
        found.kind === "unauthenticated" && realm !== undefined ? { ...found, realm } : found;
      return verdict instanceof Promise ? verdict.then(named) : named(verdict);
    },
    describe: () => ({
      text: `signed in by basic${realm === undefined ? "" : ` in the realm "${realm}"`}`,
      rule: { kind: "signedIn", schemes },
      authenticated: true,
      schemes,
      ...(realm === undefined ? {} : { realm }),
    }),
  };
}

/** Signed in, with a proof of identity that is recent enough; otherwise the caller is asked to prove again who they are. */
export function fresh(options: FreshOptions = {}): Guard<SignedInWords> {
  const limits = checkFreshOptions(options, "fresh");
  return {
    check: (rq) => withIdentity(rq, undefined, (identity) => checkFresh(rq, identity, limits)),
    describe: () => ({
      text: limits.text,
      rule: { kind: "signedIn", fresh: { within: limits.within, grace: limits.grace } },
      authenticated: true,
    }),
  };
}

interface FreshLimits {
  readonly within: number | undefined;
  readonly grace: number | undefined;
  readonly text: string;
}

const minute = 60_000;

function checkFreshOptions(options: FreshOptions, guard: string): FreshLimits {
  checkKnown(guard, options, ["within", "grace"]);
  for (const [name, value] of Object.entries(options)) {
    if (typeof value !== "number" || !(value >= 0) || !Number.isFinite(value)) {
      throw new ConfigurationError(`${guard}.${name}`, "must be a number of minutes, 0 or more");
    }
  }
  const { within, grace } = options;
  return {
    within: within === undefined ? undefined : within * minute,
    grace: grace === undefined ? undefined : grace * minute,
    text: within === undefined ? "fresh" : `fresh within ${within} min`,
  };
}

/** A proof from the future (a clock that went back) is not fresh, and one whose time is not known never is. */
function checkFresh(rq: SecurityRequest, identity: Identity, limits: FreshLimits): Verdict {
  const { system } = rq;
  const within = limits.within ?? system.freshness.within;
  const grace = limits.grace ?? system.freshness.grace;
  const now = system.now();
  const at = identity.authenticatedAt;
  const old = (): Stale => ({ kind: "stale", within: within / minute, grace: grace / minute });
  if (at === null) return old();
  if (now - at >= 0 && now - at < within) {
    if (grace > 0) system.markFresh(identity, now + grace);
    return allow;
  }
  // The grace may come from another guard's check, which was more lenient: this guard's own times bound it.
  const until = Math.min(identity.session?.freshUntil ?? 0, at + within + grace);
  return now >= at && now < until && grace > 0 ? allow : old();
}

/** Nobody is signed in; who is goes to the page behind sign-in. */
export function anonymousRequired(): Guard<NoWords> {
  const turned: Verdict = { kind: "redirected", to: "afterSignIn", status: 400, key: "ANONYMOUS_USER_REQUIRED" };
  const decide = (identity: Identity | undefined): Verdict => (identity === undefined ? allow : turned);
  return {
    check(rq) {
      const identity = rq.identity ?? rq.system.identify(rq);
      return identity instanceof Promise ? identity.then(decide) : decide(identity);
    },
    describe: () => ({ text: "not signed in", rule: { kind: "anonymous" }, authenticated: false }),
  };
}

/** Open to everybody, but a request that may change something and that nobody signed in makes must carry a CSRF token. */
export function unauthCsrf(): Guard<NoWords>;
export function unauthCsrf(...options: readonly unknown[]): Guard<NoWords> {
  checkNothing("unauthCsrf", options);
  const decide = async (rq: SecurityRequest, identity: Identity | undefined): Promise<Verdict> => {
    // Signed-in requests are checked by the route itself.
    if (identity !== undefined) return allow;
    if (!rq.system.csrf.sameOrigin(rq)) return csrfFault("CSRF_ORIGIN");
    const fault = await csrfTokenFault(rq);
    return fault === undefined ? allow : csrfFault(fault);
  };
  return {
    async check(rq) {
      const identity = rq.identity ?? (await rq.system.identify(rq));
      return isUnsafe(rq.method) ? decide(rq, identity) : allow;
    },
    describe: () => ({
      text: "anybody with a CSRF token",
      rule: { kind: "csrf" },
      open: "CSRF token required",
      authenticated: false,
    }),
  };
}

/** What a guard without options is given in JavaScript would do nothing. */
export function checkNothing(guard: string, options: readonly unknown[]): void {
  if (options.length > 0) {
    throw new ConfigurationError(guard, "takes no options; the token is in the field csrf_token or the header");
  }
}

/** The refusal for a missing or wrong CSRF token. */
export function csrfFault(key: "CSRF_MISSING" | "CSRF_INVALID" | "CSRF_ORIGIN"): Forbidden {
  return { kind: "forbidden", status: 400, key, reason: key };
}

/** What is wrong with the CSRF token that the request carries: in a header, or as the field `csrf_token` of its body. */
export async function csrfTokenFault(rq: SecurityRequest): Promise<CsrfFault | undefined> {
  const { csrf } = rq.system;
  const token = csrf.fromHeader(rq) ?? (await bodyToken(rq));
  const fault = csrf.verify(rq, token);
  if (fault !== "CSRF_INVALID") return fault;
  // Known by an auth token or Basic, in a browser that is signed in too: what its sign-in answered is as good.
  return csrf.verify(rq, token, await sessionBeside(rq));
}

/** The session of the cookie, where the caller is known by something else. Who is calling stays as it is. */
async function sessionBeside(rq: SecurityRequest): Promise<Session | undefined> {
  const { identity, session } = rq;
  if (identity === undefined || identity.session !== undefined) return undefined;
  if (rq.cookie(rq.system.cookies.name("session")) === undefined) return undefined;
  const beside = await rq.system.identify(rq, sessionOnly);
  rq.identity = identity;
  rq.session = session;
  return beside?.session;
}

/** The token in the field `csrf_token` of a form, or the member of a JSON object. */
async function bodyToken(rq: SecurityRequest): Promise<string | undefined> {
  const type = parseMediaType(rq.header("content-type") ?? "")?.essence ?? "";
  if (!isJson(type) && type !== "application/x-www-form-urlencoded" && type !== "multipart/form-data") return undefined;
  const body = await rq.body();
  if (body.kind === "json") {
    const { value } = body;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, "csrf_token")) return undefined;
    const { csrf_token: token } = value as { readonly csrf_token: unknown };
    return typeof token === "string" ? token : undefined;
  }
  if (body.kind !== "form") return undefined;
  const values = body.entries.filter(([name]) => name === "csrf_token");
  const value = values.length === 1 ? values[0]?.[1] : undefined;
  return typeof value === "string" ? value : undefined;
}
