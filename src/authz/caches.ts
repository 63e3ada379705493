import type { LiveKey } from "../authn/api-keys.ts";
import type { LivePassword } from "../authn/scheme.ts";
import type { LiveSession } from "../authn/sessions.ts";
import { createSharedPasswords, type SharedPasswords } from "../authn/shared-passwords.ts";
import type { LiveToken, Tokens } from "../authn/tokens/index.ts";
import { createSharedTokens, type SharedTokens } from "../authn/tokens/shared.ts";
import { type CacheEntry, type CacheStats, type CredentialCache, createCredentialCache } from "../datastore/cache.ts";
import { type CacheKind, type CacheOptions, type CacheRule, cacheRules } from "../datastore/cache-options.ts";
import type { Datastore } from "../datastore/contract.ts";
import { type Decided, type DecisionCache, localDecisions, sharedDecisions } from "../datastore/decision-cache.ts";
import { createSharedValues } from "../datastore/shared-cache.ts";
import { PortcullisError } from "../model/errors.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { groupKey, objectKey } from "./decisions.ts";

/** The caches that there are. */
export type CacheName = "session" | "apiKey" | CacheKind;

/** Who is meant: a user that was read before, or its id as an object; by login where the users are the application's own. */
export type CachedUser = { readonly id: number } | string;

/** Takes entries out of the caches, for changes that Portcullis does not see. Effective on the next request. */
export interface Uncache {
  /** All verified passwords of the user. */
  password(user: CachedUser): Promise<void>;
  /** One token. */
  token(token: string): Promise<void>;
  /** What was said of the user and this group. */
  group(user: CachedUser, group: string): Promise<void>;
  /** What was said of the user and this object, in this mode. */
  object(kind: string, user: CachedUser, id: unknown, mode?: string): Promise<void>;
  /** All that is cached of the user. */
  user(user: CachedUser): Promise<void>;
  /** Everything. */
  all(): Promise<void>;
}

/** The caches of one running system. */
export interface Caches {
  readonly session: CredentialCache<LiveSession>;
  readonly token: CredentialCache<LiveToken>;
  readonly password: CredentialCache<LivePassword>;
  readonly apiKey: CredentialCache<LiveKey>;
  readonly group: DecisionCache | undefined;
  readonly object: DecisionCache | undefined;
  readonly sharedPasswords: SharedPasswords | undefined;
  readonly sharedTokens: SharedTokens | undefined;
  /** Forgets what is cached of this user, or of everybody, here and in the other processes. */
  invalidate(userId: number | undefined): Promise<void>;
  /** The same after a change whose transaction has announced it. */
  changed(userId: number | undefined): Promise<void>;
  /** `idOfLogin` says which id a login has, where users go by login. */
  uncache(tokens: Tokens, idOfLogin: ((login: string) => Promise<number>) | undefined): Uncache;
  stats(): Readonly<Record<CacheName, CacheStats>>;
}

/** What making them needs. */
export interface CachesContext {
  readonly options: { readonly sessions?: { readonly cached?: number }; readonly caches?: CacheOptions };
  /** Whether a datastore tells of changes of users. */
  readonly told: boolean;
  readonly datastore: Datastore;
  readonly ring: KeyRing;
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

/** Milliseconds that others take a verified token's word for, where the option says nothing. */
const sharedTokenLife = 60_000;

const none: CacheStats = Object.freeze({ size: 0, hits: 0, misses: 0, hitRate: 0 });

/** What this process does not have, the shared cache is asked for. */
function together(local: CacheStats, shared: CacheStats | undefined): CacheStats {
  if (shared === undefined) return local;
  const hits = local.hits + shared.hits;
  const { misses } = shared;
  return { size: local.size, hits, misses, hitRate: hits + misses === 0 ? 0 : hits / (hits + misses) };
}

/** Makes the caches. Throws ConfigurationError. */
export function createCaches({ options, told, datastore, ring, now, log }: CachesContext): Caches {
  const { bus } = datastore;
  const size = options.sessions?.cached ?? 10_000;
  const rules = cacheRules(options.caches ?? {}, size, told);
  const store = options.caches?.store;
  const shared = store === undefined ? undefined : createSharedValues({ cache: store.open(), ring, now, log });
  const here: { invalidate(userId: number | undefined): void }[] = [];
  const local = <Entry extends CacheEntry>(rule: CacheRule | undefined): CredentialCache<Entry> => {
    const cache = createCredentialCache<Entry>(rule === undefined ? undefined : bus, rule?.size ?? 1, now, rule?.life);
    here.push(cache);
    return cache;
  };
  const decisions = (kind: "group" | "object"): DecisionCache | undefined => {
    const rule = rules[kind];
    if (rule === undefined) return undefined;
    return shared === undefined || !rule.shared || rule.life === undefined
      ? localDecisions(local<Decided>(rule))
      : sharedDecisions(shared, kind, rule.life);
  };
  const session = local<LiveSession>(size > 0 ? { size, life: undefined, shared: false } : undefined);
  // Where an uncache does not reach the other processes, what they share is looked up each time.
  const inFront = (rule: CacheRule | undefined): CacheRule | undefined =>
    rule?.shared === true && (!told || bus?.reachesOthers !== true) ? undefined : rule;
  const token = local<LiveToken>(inFront(rules.token));
  const password = local<LivePassword>(inFront(rules.password));
  const sharedPasswords =
    shared === undefined || rules.password?.shared !== true || rules.password.life === undefined
      ? undefined
      : createSharedPasswords(shared, ring, rules.password.life);
  const sharedTokens =
    shared === undefined || rules.token?.shared !== true
      ? undefined
      : createSharedTokens(shared, rules.token.life ?? sharedTokenLife);
  const apiKey = local<LiveKey>(rules.token);
  const group = decisions("group");
  const object = decisions("object");
  /** Nobody else can see what this store holds: one entry can be dropped without telling more. */
  const alone = datastore.dialect === "memory" || datastore.dialect === "none";

  const forgetHere = async (userId: number | undefined, announced = false): Promise<void> => {
    for (const cache of here) cache.invalidate(userId);
    await bus?.publish(userId, announced);
  };
  const forgetAll = async (userId: number | undefined): Promise<void> => {
    await forgetHere(userId);
    await shared?.forget(userId);
    // Whose a token is may just be found out, from what was true of the user before.
    if (userId !== undefined) await sharedTokens?.forgetOwners();
  };
  const forget = async (userId: number | undefined, announced: boolean): Promise<void> => {
    await forgetHere(userId, announced);
    try {
      await shared?.forget(userId);
    } catch (error) {
      // The change itself is done, and each entry is compared with the account's state or ends soon.
      log("the shared cache could not be told of a change", { error: String(error) });
    }
  };
  const forgetDecision = async (kind: "group" | "object", userId: number, key: string): Promise<void> => {
    const cache = kind === "group" ? group : object;
    await cache?.forget(userId, key);
    // Where other processes have their own, they are told of the user.
    if (rules[kind]?.shared === false && !alone && cache !== undefined) await forgetHere(userId);
  };

  return {
    session,
    token,
    password,
    apiKey,
    group,
    object,
    sharedPasswords,
    sharedTokens,
    invalidate: (userId) => forget(userId, false),
    changed: (userId) => forget(userId, true),
    uncache(tokens, idOfLogin) {
      const idOf = async (user: CachedUser): Promise<number> => {
        if (typeof user !== "string") return user.id;
        if (idOfLogin !== undefined) return idOfLogin(user);
        throw new PortcullisError(
          "invalid_field",
          "uncache: a user with an id is expected: users here do not go by login",
        );
      };
      return {
        password: async (user) => forgetAll(await idOf(user)),
        async token(text) {
          const userId = await tokens.uncache(text);
          if (userId !== undefined && !alone) await forgetHere(userId);
        },
        async group(user, name) {
          const id = await idOf(user);
          await forgetDecision("group", id, groupKey(id, name));
        },
        async object(kind, user, id, mode) {
          const userId = await idOf(user);
          const key = objectKey(kind, userId, id, mode);
          if (key === undefined) {
            throw new PortcullisError(
              "invalid_field",
              "uncache.object: id: a text, a number or a list of those is expected",
            );
          }
          await forgetDecision("object", userId, key);
        },
        user: async (user) => forgetAll(await idOf(user)),
        all: () => forgetAll(undefined),
      };
    },
    stats: () => ({
      session: session.stats(),
      token: together(token.stats(), sharedTokens?.stats()),
      password: together(password.stats(), sharedPasswords?.stats()),
      apiKey: apiKey.stats(),
      group: group?.stats() ?? none,
      object: object?.stats() ?? none,
    }),
  };
}
