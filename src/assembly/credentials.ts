import { type ApiKeys, createApiKeys } from "../authn/api-keys.ts";
import { activeGate, hookGate } from "../authn/gates.ts";
import { createRememberCredentials } from "../authn/remember.ts";
import { siteDataHeader, type Times } from "../authn/session-options.ts";
import { createSignIn, type SignIn } from "../authn/sign-in.ts";
import type { TokenFamilies } from "../authn/token-families.ts";
import { createTokens, type Tokens } from "../authn/tokens/index.ts";
import type { TokenSettings } from "../authn/tokens/options.ts";
import { loginSubjects, rowSubjects } from "../authn/tokens/owner.ts";
import type { Caches } from "../authz/caches.ts";
import type { CallbackUsers } from "../datastore/callback-users.ts";
import type { RowUsers } from "../datastore/user-operations.ts";
import type { UserReference } from "../datastore/user-reference.ts";
import { checkGates, tokenFamilies } from "../features/composition.ts";
import type { Feature, FeatureKernel } from "../features/feature.ts";
import type { Account } from "../model/account.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { AnyOptions } from "../options.ts";
import type { KeyRing } from "../secrets/keyring.ts";

/** What sign-ins and the credentials that they give are made of. */
export interface CredentialsContext {
  readonly base: FeatureKernel;
  readonly features: readonly Feature[];
  readonly ring: KeyRing;
  readonly issuing: TokenSettings;
  readonly realm: string;
  /** The whole name of the cookie that carries an auth token. */
  readonly tokenCookie: string;
  readonly caches: Caches;
  /** Undefined: the users are in the datastore. */
  readonly callbacks: CallbackUsers | undefined;
  readonly rowUsers: RowUsers;
  readonly again: (user: UserReference) => Promise<Account | undefined>;
  readonly times: Times;
  readonly mayImpersonate: (administrator: Account, user: Account) => boolean;
}

/** The sign-in, and what a user is recognised by later. */
export interface Credentials {
  /** Undefined: auth tokens cannot be renewed. */
  readonly families: TokenFamilies | undefined;
  readonly tokens: Tokens;
  readonly signIn: SignIn;
  /** Undefined: the feature apiKeys is off. */
  readonly apiKeys: ApiKeys | undefined;
}

/** Wires them. Throws ConfigurationError where one asks for what another has not. */
export function wireCredentials(options: AnyOptions, context: CredentialsContext): Credentials {
  const { base, features, ring, issuing, realm, tokenCookie, caches, callbacks, rowUsers, again, times } = context;
  const { datastore, users, sessions, tickets, limits } = base;
  const { now, log, events } = base.system;
  const families = tokenFamilies(features, { ...base, ring, tokenLife: issuing.life });
  if (families !== undefined && issuing.type === "fsa") {
    throw new ConfigurationError(
      "tokens.type",
      '"fsa" tokens have no room for what the feature refresh needs; take "opaque" or "jwt"',
    );
  }
  const tokens = createTokens({
    ring,
    settings: issuing,
    realm,
    cookie: tokenCookie,
    users,
    lookup: callbacks === undefined ? rowUsers.lookup : (attribute, value) => users.find(attribute, value),
    subjects: callbacks === undefined ? rowSubjects(rowUsers) : loginSubjects(callbacks.byLogin),
    again,
    cache: caches.token,
    shared: caches.sharedTokens,
    scopes: new Set(options.scopes ?? []),
    now,
    absolute: times.absolute,
    families,
    signIn: () => signIn,
  });
  const gates = checkGates([
    ...[activeGate, hookGate].map((part) => ({ feature: undefined, part })),
    ...features.flatMap(({ name: feature, gates: of }) => (of?.(base) ?? []).map((part) => ({ feature, part }))),
  ]);
  const signIn: SignIn = createSignIn({
    datastore,
    changing: base.changing,
    invalidate: caches.changed,
    users,
    sessions,
    remember: createRememberCredentials({ datastore, ring, life: times.remember, sessions, families }),
    tickets,
    limits,
    tokens,
    families,
    gates,
    signedIn: features.flatMap((feature) => feature.signedIn ?? []),
    pendingLife: times.pending,
    clearSiteData: siteDataHeader(options.sessions?.clearSiteData),
    mayImpersonate: context.mayImpersonate,
  });
  const keySettings = features.find((feature) => feature.apiKeys !== undefined)?.apiKeys;
  const apiKeys =
    keySettings === undefined
      ? undefined
      : createApiKeys({
          settings: keySettings,
          datastore,
          changing: base.changing,
          users,
          cache: caches.apiKey,
          limits,
          events,
          signIn: () => signIn,
          now,
          log,
        });
  if (apiKeys !== undefined && options.schemes?.some(({ name }) => name === "apiKey") !== true) {
    throw new ConfigurationError("schemes", "add apiKey(): without it no route could take the keys of apiKeys()");
  }
  return { families, tokens, signIn, apiKeys };
}
