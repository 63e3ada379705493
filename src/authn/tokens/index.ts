import type { CredentialCache } from "../../datastore/cache.ts";
import type { AccountLookup, Users } from "../../datastore/user-operations.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { type Awaitable, andThen } from "../../model/awaitable.ts";
import { inTime } from "../../model/deadline.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { PortcullisError } from "../../model/errors.ts";
import {
  type BadCredential,
  boundIdentity,
  type CredentialFault,
  endOf,
  type Identity,
  isFault,
} from "../../model/identity.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { KeyRing } from "../../secrets/keyring.ts";
import { sha256 } from "../../secrets/random.ts";
import { quoted } from "../authenticator.ts";
import { badCredential, because, type CredentialDescription } from "../scheme.ts";
import type { SignIn } from "../sign-in.ts";
import type { TokenFamilies } from "../token-families.ts";
import { type CarriedToken, describeCarriers, tokenReader } from "./carriers.ts";
import { accessTypes } from "./claims.ts";
import { tokenFault } from "./faults.ts";
import { fsaTokens } from "./fsa.ts";
import { type IssuedToken, readIssued, signatureFault } from "./issuers.ts";
import { jwtTokens } from "./jwt.ts";
import { opaqueTokens } from "./opaque.ts";
import type { TokenSettings } from "./options.ts";
import type { rowSubjects } from "./owner.ts";
import type { SharedTokens } from "./shared.ts";
import type { OpenedToken, TokenCarrier, TokenFacts, TokenFormat } from "./token.ts";

/** A verified token as the cache holds it. */
export interface LiveToken {
  readonly userId: number;
  /** Without `via`, which says by which scheme it was taken, and without `carrier`. */
  readonly identity: Identity;
  /** Taken until then, grace included. */
  readonly until: number;
  /** Not taken before that: a token from the future, of before the clock was set back, would live longer. */
  readonly from: number;
  readonly expiresAt: number;
  readonly realm: string;
  /** The issuer that it came from; undefined: it is one of ours. */
  readonly issuer: string | undefined;
  readonly opened: OpenedToken | undefined;
  /** The identity as it was handed out last: a warm request makes none anew. */
  readonly handed: Map<string, Identity>;
}

/** What `createToken` may be told. */
export interface TokenOverrides {
  /** Default: the option `tokens.life`. */
  readonly life?: Duration;
  /** Limits the token to these; it is then taken by the scheme "oauth" alone. */
  readonly scopes?: readonly string[];
  /** The realm of the routes that it is for; default the application's. */
  readonly realm?: string;
  /**
   * Hands on how and when this user (and nobody else) proved who they are. The token is no more than the credential behind it:
   * it ends no later, is for the same realm and limited to its scopes. Without it the token is never fresh.
   */
  readonly identity?: Identity;
}

const overrideNames: readonly (keyof TokenOverrides)[] = ["life", "scopes", "realm", "identity"];

/** Makes and verifies tokens. */
export interface Tokens {
  /** For the sign-in pipeline alone: whoever calls it makes somebody's credential. */
  issue(
    account: Account,
    facts: {
      /** When the user proved who they are, and when the token ends, in epoch milliseconds. */
      readonly authenticatedAt: number;
      readonly expiresAt: number;
      readonly methods: readonly string[];
      readonly family: string | undefined;
    },
  ): string;
  /** Life of an auth token in milliseconds. */
  readonly life: number;
  /** Whether a token can be limited to scopes: our own, or one of another issuer. */
  readonly scoped: boolean;
  /** A token for an application to hand out, no more than `source`: the credential through which the account was seen. */
  create(account: Account, overrides: TokenOverrides, source?: Identity): string;
  /**
   * The request's token, verified, for its realm: of several the first good one. Undefined: none, or one in a cookie that is
   * not good. Refused: one in a header or parameter that is not good, also beside a good one.
   */
  read(
    rq: SecurityRequest,
    via: string,
    wanted: (identity: Identity) => boolean,
  ): Awaitable<Identity | BadCredential | undefined>;
  /** Where the token of this identity stood. */
  place(identity: Identity): string;
  /** The challenge of the schemes that take tokens (RFC 6750 3); undefined where none is taken from `Authorization`. */
  challenge(realm: string, rq: SecurityRequest): string | undefined;
  /** Where tokens are looked for, for the API's description. */
  carriers(): readonly CredentialDescription[];
  /** What is told to who came with a token that lacks one of these scopes (RFC 6750 3.1). */
  insufficient(scopes: readonly string[]): string;
  /** Forgets what is cached of this token. The user whose it is; undefined: not known. */
  uncache(token: string): Promise<number | undefined>;
  setCookie(rq: SecurityRequest, token: string): void;
  clearCookie(rq: SecurityRequest): void;
}

/** What tokens need. */
export interface TokensContext {
  readonly ring: KeyRing;
  readonly settings: TokenSettings;
  readonly realm: string;
  readonly cookie: string;
  readonly users: Users;
  /** How a token that is not cached finds its user. */
  readonly lookup: AccountLookup;
  /** How tokens name users. */
  readonly subjects: ReturnType<typeof rowSubjects>;
  /** The user of an issuer's token, as they are now. */
  readonly again: (user: { readonly id: number }) => Promise<Account | undefined>;
  readonly cache: CredentialCache<LiveToken>;
  /** What other processes have found tokens of other issuers to be; undefined: each verifies for itself. */
  readonly shared: SharedTokens | undefined;
  readonly scopes: ReadonlySet<string>;
  readonly now: () => number;
  /** Longest chain of renewals in milliseconds: as long as a session lives. */
  readonly absolute: number;
  /** Undefined: no token can be renewed, and one that says so is of no use. */
  readonly families: TokenFamilies | undefined;
  readonly signIn: () => SignIn;
}

/** In what a token for this account would be more than the credential that it is made from; undefined: in nothing. */
function excessOver(
  identity: Identity,
  account: Account,
  wanted: { readonly scopes: readonly string[] | undefined; readonly realm: string | undefined },
  now: number,
): string | undefined {
  const { scopes: limits, realm, impersonator, rated } = identity;
  if (identity.account.id !== account.id) return "the identity is somebody else's";
  if (impersonator !== undefined) return "the identity is that of an administrator who acts as this user";
  if (rated === true) return "the identity's credential may be used only so often, which a token cannot say";
  if (limits !== undefined && wanted.scopes?.every((scope) => limits.includes(scope)) !== true) {
    return "the identity is limited to scopes; the token must be limited to some of them";
  }
  if (realm !== undefined && wanted.realm !== undefined && wanted.realm !== realm) {
    return "the identity is for another realm";
  }
  // A token passes for its user, with all that they may: it has no room for less.
  const { roles, permissions } = identity.account;
  if (
    [...account.roles].some((role) => !roles.has(role)) ||
    [...account.permissions].some((permission) => !permissions.has(permission))
  ) {
    return "the identity has not all roles and permissions of its user, and a token would have";
  }
  const end = endOf(identity);
  return end !== undefined && end <= now ? "the identity's credential is over" : undefined;
}

/** Gates may change their mind about tokens of other issuers without a change of the user: they are asked again after that. */
const issuedLife = 60_000;

function formatOf({ ring, settings, realm, subjects }: TokensContext): TokenFormat {
  if (settings.type === "fsa") return fsaTokens(ring, settings.grace, subjects.name);
  if (settings.type === "opaque") return opaqueTokens(ring, realm, settings.grace);
  const { issuer, audience, delay, grace } = settings;
  return jwtTokens(ring, settings.keys, { issuer, audience, types: accessTypes, delay, grace }, realm, subjects.id);
}

/** Limited to scopes, it is less than its user. */
function ofScopes(scopes: readonly string[] | undefined, identity: Identity): Identity {
  return scopes === undefined ? identity : boundIdentity({ ...identity, scopes });
}

/** What is known of when a token was made: not before this. */
function beginOf({ since, authenticatedAt }: OpenedToken): number {
  return Math.max(since ?? 0, authenticatedAt ?? 0);
}

/** Makes the tokens of one running system. */
export function createTokens(context: TokensContext): Tokens {
  const { settings, cache, users, lookup, now } = context;
  const format = formatOf(context);
  const carried = tokenReader(settings, context.cookie);

  const seal = (
    facts: Omit<TokenFacts, "expiresAt" | "issuedAt" | "since"> & { since?: number },
    life: number,
    end?: number,
  ): string => {
    const issuedAt = now();
    const expiresAt = Math.min(issuedAt + life, end ?? Infinity);
    return format.seal({ ...facts, issuedAt, since: facts.since ?? issuedAt, expiresAt });
  };

  const ours = (hash: string, opened: OpenedToken): Awaitable<LiveToken | CredentialFault> => {
    const stamp = cache.stamp();
    return andThen(opened.find(lookup), (account) => {
      if (account === undefined || !account.active) return tokenFault("ended");
      const { family } = opened;
      if (family === undefined) return taken(hash, opened, account, stamp);
      return andThen(context.families?.alive(family), (alive) =>
        alive === true ? taken(hash, opened, account, stamp) : tokenFault("ended"),
      );
    });
  };

  const taken = (hash: string, opened: OpenedToken, account: Account, stamp: number): LiveToken => {
    const { methods, authenticatedAt, expiresAt, realm, scopes, family } = opened;
    const live: LiveToken = {
      userId: account.id,
      identity: ofScopes(scopes, {
        account,
        via: "token",
        methods,
        authenticatedAt,
        tokenHash: hash,
        expiresAt,
        realm,
        ...(family === undefined ? {} : { tokenFamily: family }),
      }),
      until: expiresAt + settings.grace,
      from: beginOf(opened) - settings.delay,
      expiresAt,
      realm,
      issuer: undefined,
      opened,
      handed: new Map(),
    };
    cache.keep(hash, live, stamp);
    return live;
  };

  /** Whose it is, as they are now: verified here, or lately by another process. */
  const ownerOf = async (rq: SecurityRequest, token: IssuedToken, hash: string): Promise<Account | CredentialFault> => {
    const { issuer, claims } = token;
    const shared = rq.route.kind === "account" ? undefined : await context.shared?.look(hash, issuer.rules.issuer);
    const known = shared?.user === undefined ? undefined : await context.again(shared.user);
    if (known !== undefined && shared?.counts(known) === true) return known;
    const fault = await signatureFault(token, now());
    if (fault !== undefined) return fault;
    const meant = await inTime(issuer.user(claims, users), rq.system.deadline, "tokens.issuers.user");
    const account = meant === undefined || meant === null ? undefined : await context.again(meant);
    if (account === undefined) return tokenFault("user", issuer.rules.issuer);
    await shared?.keep(account);
    return account;
  };

  const issued = async (rq: SecurityRequest, text: string, hash: string): Promise<LiveToken | CredentialFault> => {
    const stamp = cache.stamp();
    const token = readIssued(text, settings.issuers, now());
    if (isFault(token)) return token;
    const account = await ownerOf(rq, token, hash);
    if (isFault(account)) return account;
    const { claims, issuer, expiresAt, scopes } = token;
    const methods = token.methods.length === 0 ? ["issuer"] : token.methods;
    const admitted = await context.signIn().admitOrFault(rq, { account, methods }, "token");
    if (isFault(admitted)) return { ...admitted, issuer: issuer.rules.issuer };
    const at = claims["auth_time"];
    const live: LiveToken = {
      userId: account.id,
      identity: ofScopes(scopes, {
        ...admitted,
        // The proof was made elsewhere; only what the issuer says of its time counts.
        authenticatedAt: typeof at === "number" && at * 1000 <= now() ? at * 1000 : null,
        tokenHash: hash,
        expiresAt,
        realm: issuer.realm,
      }),
      until: expiresAt + settings.grace,
      from: 0,
      expiresAt,
      realm: issuer.realm,
      issuer: issuer.rules.issuer,
      opened: undefined,
      handed: new Map(),
    };
    cache.keep(hash, live, stamp, issuedLife);
    return live;
  };

  const load = (rq: SecurityRequest, text: string): Awaitable<LiveToken | CredentialFault> => {
    // The cache goes by the hash: a dump of the memory, or a look at its keys, gives no token away.
    const hash = sha256(text);
    const live = rq.route.kind === "account" ? undefined : cache.get(hash);
    if (live !== undefined) {
      const at = now();
      if (at < live.until && at >= live.from) return live;
      cache.drop(hash);
      return tokenFault(at < live.until ? "early" : "expired", live.issuer);
    }
    const at = now();
    const opened = format.open(text, at);
    if (typeof opened === "object") {
      return beginOf(opened) - settings.delay > at ? tokenFault("early") : ours(hash, opened);
    }
    const own = tokenFault(opened);
    if (settings.issuers.length === 0) return own;
    return andThen(issued(rq, text, hash), (found) =>
      // It is none of theirs: what is wrong with it as one of ours says more.
      isFault(found) && found.issuer === undefined && (format.type === "jwt" || opened !== "form") ? own : found,
    );
  };

  const setCookie = (rq: SecurityRequest, token: string): void => {
    const maxAge = Math.ceil(settings.life / 1000);
    rq.setCookie(context.cookie, token, { ...rq.system.cookies.attributes(maxAge) });
  };

  /** In the last part of its life a token in the cookie is replaced by a new one of the same kind. */
  const renew = (rq: SecurityRequest, { opened, expiresAt, identity, realm }: LiveToken): void => {
    const time = now();
    if (opened === undefined || expiresAt - time >= settings.renewal * settings.life) return;
    const { authenticatedAt, methods, scopes, since } = opened;
    // One that a refresh token stands behind is renewed by that; the chain of the others ends where a session would.
    if (opened.family !== undefined || since === undefined || time - since >= context.absolute) return;
    const facts = { account: identity.account, authenticatedAt, methods, realm, scopes, family: undefined };
    setCookie(rq, seal({ ...facts, since }, settings.life, since + context.absolute));
  };

  const hand = (
    rq: SecurityRequest,
    live: LiveToken,
    via: string,
    carrier: TokenCarrier,
    wanted: (identity: Identity) => boolean,
  ): Identity | CredentialFault => {
    if (live.realm !== (rq.route.realm ?? context.realm)) return tokenFault("realm", live.issuer);
    if (!wanted(live.identity)) {
      return tokenFault(live.identity.scopes === undefined ? "unscoped" : "scoped", live.issuer);
    }
    if (carrier === "cookie" && settings.renewal > 0) renew(rq, live);
    const key = `${via} ${carrier}`;
    let identity = live.handed.get(key);
    if (identity === undefined) {
      identity = { ...live.identity, via, carrier };
      live.handed.set(key, identity);
    }
    return identity;
  };

  const places: Readonly<Record<TokenCarrier, BadCredential>> = {
    header: badCredential(settings.header.toLowerCase()),
    bearer: badCredential("authorization"),
    cookie: badCredential("cookie"),
    parameter: badCredential(settings.parameter),
    query: badCredential(settings.query ?? ""),
  };

  type Wanted = (identity: Identity) => boolean;
  type Found = Identity | BadCredential | undefined;

  /** Goes on with the carriers from `start`; `before` is who the token of an earlier one says. */
  const readFrom = (
    rq: SecurityRequest,
    via: string,
    wanted: Wanted,
    start: number,
    before: Identity | undefined,
  ): Awaitable<Found> => {
    if (start >= carried.count) return before;
    const token = carried(rq, start);
    if (token === undefined) return before;
    if (token instanceof Promise) {
      return token.then((found) => (found === undefined ? before : take(rq, via, wanted, found, before)));
    }
    return take(rq, via, wanted, token, before);
  };

  const take = (
    rq: SecurityRequest,
    via: string,
    wanted: Wanted,
    token: CarriedToken,
    before: Identity | undefined,
  ): Awaitable<Found> => {
    if (token.carrier === "cookie" && before !== undefined) return readFrom(rq, via, wanted, token.next, before);
    const live = load(rq, token.text);
    if (live instanceof Promise) return live.then((loaded) => judge(rq, via, wanted, token, before, loaded));
    return judge(rq, via, wanted, token, before, live);
  };

  const judge = (
    rq: SecurityRequest,
    via: string,
    wanted: Wanted,
    token: CarriedToken,
    before: Identity | undefined,
    live: LiveToken | CredentialFault,
  ): Awaitable<Found> => {
    const found = isFault(live) ? live : hand(rq, live, via, token.carrier, wanted);
    // A browser keeps a cookie that is over; whatever else a client sends, it means.
    if (isFault(found) && token.carrier !== "cookie") return because(places[token.carrier], found);
    return readFrom(rq, via, wanted, token.next, before ?? (isFault(found) ? undefined : found));
  };

  return {
    life: settings.life,
    scoped: settings.type !== "fsa" || settings.issuers.some(({ ignoreScopes }) => !ignoreScopes),
    issue(account, { authenticatedAt, expiresAt, methods, family }) {
      const issuedAt = now();
      const since = authenticatedAt;
      return format.seal({
        account,
        authenticatedAt,
        methods,
        issuedAt,
        since,
        expiresAt,
        realm: context.realm,
        scopes: undefined,
        family,
      });
    },
    create(account, overrides, source) {
      checkKnown("createToken", overrides, overrideNames);
      const { life, scopes, realm, identity } = overrides;
      const refuse = (message: string): never => {
        throw new PortcullisError("invalid_token_request", message);
      };
      for (const scope of scopes ?? []) {
        if (!context.scopes.has(scope)) refuse(`there is no scope ${JSON.stringify(scope)} in the option scopes`);
      }
      let end = Infinity;
      for (const behind of [identity, source]) {
        if (behind === undefined) continue;
        const excess = excessOver(behind, account, { scopes, realm }, now());
        if (excess !== undefined) refuse(excess);
        end = Math.min(end, endOf(behind) ?? end);
      }
      const facts = {
        account,
        authenticatedAt: identity?.authenticatedAt ?? null,
        methods: identity?.methods ?? [],
        realm: realm ?? identity?.realm ?? source?.realm ?? context.realm,
        scopes,
        // Signed out where the one behind it is.
        family: identity?.tokenFamily ?? source?.tokenFamily,
        // Renewed in a cookie, its chain ends where the credential behind it does.
        ...(end === Infinity ? {} : { since: Math.min(now(), end - context.absolute) }),
      };
      return seal(facts, life === undefined ? settings.life : milliseconds("createToken.life", life), end);
    },
    read: (rq, via, wanted) => readFrom(rq, via, wanted, 0, undefined),
    place: ({ carrier = "header" }) => places[carrier].refused,
    challenge(realm, rq) {
      if (!settings.carriers.includes("bearer")) return undefined;
      // An error is only told to who came with something.
      const authorization = rq.header("authorization")?.toLowerCase();
      const sent = settings.bearer.some((word) => authorization?.startsWith(`${word.toLowerCase()} `));
      return `${settings.bearer[0]} realm=${quoted(realm)}${sent ? ', error="invalid_token"' : ""}`;
    },
    carriers: () => describeCarriers(settings, context.cookie),
    insufficient: (scopes) => `${settings.bearer[0]} error="insufficient_scope", scope=${quoted(scopes.join(" "))}`,
    async uncache(token) {
      const hash = sha256(token);
      const live = cache.get(hash);
      cache.drop(hash);
      await context.shared?.forget(hash);
      if (live !== undefined) return live.userId;
      const opened = format.open(token, now());
      return typeof opened === "object" ? (await opened.find(lookup))?.id : undefined;
    },
    setCookie,
    clearCookie: (rq) => rq.clearCookie(context.cookie, rq.system.cookies.attributes()),
  };
}
