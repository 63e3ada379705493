import type { AskedOptions } from "../datastore/access-state.ts";
import type { CredentialCache } from "../datastore/cache.ts";
import type { Changing } from "../datastore/changing.ts";
import type { Datastore, Operations } from "../datastore/contract.ts";
import type { Users } from "../datastore/user-operations.ts";
import type { EventHub } from "../events/events.ts";
import type { SecurityRequest } from "../http/request.ts";
import { type Account, limitedAccount } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import { PortcullisError } from "../model/errors.ts";
import { boundIdentity, type CredentialFault, type Identity, isFault } from "../model/identity.ts";
import { restarted } from "../model/lifetime.ts";
import type { Table } from "../model/schema.ts";
import { table } from "../model/tables.ts";
import { constantTimeEqual, randomId, sha256 } from "../secrets/random.ts";
import type { Limits } from "./limits/limits.ts";
import { budgetOf, type Rate } from "./limits/rate.ts";
import type { SignIn } from "./sign-in.ts";

/** An API key as it is stored: of its secret only a hash. Times are epoch milliseconds. */
export interface ApiKey {
  /** 24 hexadecimal digits, no secret; the key begins with `<prefix>_<id>_`. */
  readonly id: string;
  readonly userId: number;
  readonly name: string;
  /** True: whatever its owner may, roles and scopes too. */
  readonly unlimited: boolean;
  /** What it is limited to: of these, those that the owner has when it is used. It has no roles. */
  readonly permissions: readonly string[];
  readonly scopes: readonly string[];
  /** How often it may be used. */
  readonly rate: Rate | null;
  /** The sign-in in which it was made; null: not in one, or before this was noted. */
  readonly lineage: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Written at most once a minute. */
  readonly lastUsedAt: number | null;
}

/** The row, with what is shown nowhere. */
interface StoredKey extends ApiKey {
  readonly secretHash: string;
  /** How its maker had proved who they are. */
  readonly methods: readonly string[];
}

/** In what a key was made. */
export interface KeyMaking extends AskedOptions {
  /** The sign-in in which it is made, as sessions have it; null: not by somebody who was signed in. */
  readonly lineage: string | null;
  /** Asked in the transaction that makes it, which holds the owner's row: false makes none. */
  readonly onlyIf?: (tx: Operations) => Promise<boolean>;
}

/** The table of API keys. */
export const apiKeyTable: Table = table("portcullis_api_key", ["id"], {
  id: { type: "key", length: 32 },
  userId: { type: "integer", index: true, references: { table: "user", column: "id", onDelete: "cascade" } },
  name: { type: "string", length: 100 },
  secretHash: { type: "key", length: 64 },
  unlimited: { type: "boolean" },
  permissions: { type: "list" },
  scopes: { type: "list" },
  methods: { type: "list" },
  lineage: { type: "key", length: 64, nullable: true },
  rate: { type: "string", length: 32, nullable: true },
  createdAt: { type: "epochMs" },
  expiresAt: { type: "epochMs", index: true },
  lastUsedAt: { type: "epochMs", nullable: true },
});

/** How keys are, in one running system. */
export interface ApiKeySettings {
  /** What keys begin with, for scanners that look for lost secrets. */
  readonly prefix: string;
  /** So many keys has a user at most. */
  readonly perUser: number;
}

/** A verified key as the cache holds it, under the hash of its text. */
export interface LiveKey {
  readonly userId: number;
  readonly identity: Identity;
  readonly key: ApiKey;
  usedAt: number;
}

/** What a new key is made of. */
export interface NewApiKey {
  readonly name: string;
  readonly unlimited: boolean;
  readonly permissions: readonly string[];
  readonly scopes: readonly string[];
  readonly rate: Rate | null;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** How who makes it has proved who they are: a second factor that was given then is not asked of the key. */
  readonly methods: readonly string[];
}

/** Makes, shows, ends and recognises API keys. */
export interface ApiKeys {
  readonly settings: ApiKeySettings;
  /**
   * Makes a key. `text` is the whole key, shown this once. Throws PortcullisError `too_many_keys`, and `not_granted` for a
   * permission that the owner does not have; WithdrawnError where the owner was changed since, or what it is asked by has
   * ended.
   */
  create(owner: Account, input: NewApiKey, making: KeyMaking): Promise<{ readonly key: ApiKey; readonly text: string }>;
  /** The user's keys, the newest first; expired ones too until they are removed. */
  of(userId: number, tx?: Operations): Promise<readonly ApiKey[]>;
  /** Ends a key of this user, from the next request on. False: the user has no such key. Throws WithdrawnError, UnknownUserError. */
  revoke(userId: number, id: string, options?: AskedOptions): Promise<boolean>;
  /** Whose key this text is, or why it is taken for nobody's. Never on account pages. Throws LimitedError when the key is used too often. */
  recognise(rq: SecurityRequest, text: string): Awaitable<Identity | CredentialFault>;
}

/** What keys need. */
export interface ApiKeysContext {
  readonly settings: ApiKeySettings;
  readonly datastore: Datastore;
  readonly changing: Changing;
  readonly users: Users;
  readonly cache: CredentialCache<LiveKey>;
  readonly limits: Limits;
  readonly events: EventHub;
  readonly signIn: () => SignIn;
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

const name = "apiKey";
const unknown: CredentialFault = { why: "the key is unknown, or was revoked" };
const expired: CredentialFault = { why: "the key has expired" };
const ownerless: CredentialFault = { why: "the key's owner is gone or not active" };
const notHere: CredentialFault = { why: "account pages take no keys" };
/** Gates may change their mind without a change of the user: they are asked again after that, in milliseconds. */
const cacheLife = 60_000;
const writeEvery = 60_000;

/** Makes the API keys of one running system. */
export function createApiKeys(context: ApiKeysContext): ApiKeys {
  const { settings, datastore, changing, users, cache, limits, events, now } = context;
  const shape = new RegExp(`^${settings.prefix}_([0-9a-f]{24})_([A-Za-z0-9_-]{43})$`);

  const shown = (row: StoredKey): ApiKey => {
    const { secretHash: _secret, methods: _methods, ...key } = row;
    return key;
  };

  /** A key from the future was made now: the clock was set back, and it lives no longer for it. */
  const asOfNow = async (row: StoredKey): Promise<StoredKey> => {
    const times = restarted(row, now());
    if (times === undefined) return row;
    await datastore.update(name, { id: row.id, createdAt: row.createdAt }, { ...times });
    return { ...row, ...times };
  };

  const load = async (rq: SecurityRequest, text: string, hash: string): Promise<LiveKey | CredentialFault> => {
    const [, id, secret] = shape.exec(text) ?? [];
    if (id === undefined || secret === undefined) return unknown;
    const stamp = cache.stamp();
    const found = (await datastore.findOne(name, { id })) as StoredKey | undefined;
    if (found === undefined || !constantTimeEqual(found.secretHash, sha256(secret))) return unknown;
    if (now() >= found.expiresAt) return expired;
    const row = await asOfNow(found);
    const account = await users.get(row.userId);
    if (account === undefined || !account.active) return ownerless;
    const methods = [...row.methods, name];
    const admitted = await context.signIn().admitAgain(rq, { account, methods });
    if (admitted !== true) return admitted;
    const live: LiveKey = {
      userId: account.id,
      key: shown(row),
      usedAt: row.lastUsedAt ?? 0,
      identity: boundIdentity({
        account: row.unlimited ? account : limitedAccount(account, row.permissions),
        via: name,
        methods: [name],
        // A key proves that somebody made it once, not that they are here: it is never fresh.
        authenticatedAt: null,
        apiKey: row.id,
        expiresAt: row.expiresAt,
        ...(row.rate === null ? {} : { rated: true }),
        ...(row.unlimited ? {} : { scopes: row.scopes }),
      }),
    };
    cache.keep(hash, live, stamp, cacheLife);
    return live;
  };

  const touch = (live: LiveKey): void => {
    const at = now();
    if (Math.abs(at - live.usedAt) < writeEvery) return;
    live.usedAt = at;
    datastore.update(name, { id: live.key.id }, { lastUsedAt: at }).catch((error: unknown) => {
      context.log("an API key's last use could not be noted", { error: String(error) });
    });
  };

  const use = (rq: SecurityRequest, live: LiveKey | CredentialFault): Awaitable<Identity | CredentialFault> => {
    if (isFault(live)) return live;
    if (now() >= live.key.expiresAt) return expired;
    const { rate } = live.key;
    if (rate === null) {
      touch(live);
      return live.identity;
    }
    const budget = budgetOf("apiKey.rate", rate);
    return limits.spend("apiKey", rq, live.identity.account, live.key.id, budget).then(() => {
      touch(live);
      return live.identity;
    });
  };

  return {
    settings,

    async create(owner, input, { lineage, onlyIf, asked }) {
      const missing = input.permissions.find((permission) => !owner.permissions.has(permission));
      if (missing !== undefined) {
        throw new PortcullisError("not_granted", `the owner does not have the permission "${missing}"`);
      }
      const id = Buffer.from(randomId(12), "base64url").toString("hex");
      const secret = randomId(32);
      const key: ApiKey = {
        id,
        userId: owner.id,
        name: input.name,
        unlimited: input.unlimited,
        permissions: input.permissions,
        scopes: input.scopes,
        rate: input.rate,
        lineage,
        createdAt: now(),
        expiresAt: input.expiresAt,
        lastUsedAt: null,
      };
      const still = { active: true, fsUniquifier: owner.fsUniquifier };
      // The owner's row is taken: of many at once, no more are made than there may be.
      await changing(owner.id, { asked, as: still, onlyIf, keepsCaches: true }, async (tx) => {
        if ((await tx.count(name, { userId: owner.id })) >= settings.perUser) {
          throw new PortcullisError("too_many_keys", `there are ${settings.perUser} keys already`);
        }
        await tx.insert(name, { ...key, secretHash: sha256(secret), methods: input.methods });
      });
      events.emit("apiKeyCreated", { user: owner, key: id, name: input.name });
      return { key, text: `${settings.prefix}_${id}_${secret}` };
    },

    async of(userId, tx = datastore) {
      const rows = await tx.find(
        name,
        { userId },
        { orderBy: [{ field: "createdAt", direction: "desc" }, { field: "id" }], limit: 1_000 },
      );
      return (rows as unknown as readonly StoredKey[]).map(shown);
    },

    revoke: (userId, id, options) =>
      changing(userId, options ?? {}, async (tx, afterwards) => {
        if ((await tx.delete(name, { id, userId })) === 0) return false;
        afterwards(() => events.emit("apiKeyRevoked", { userId, key: id }));
        return true;
      }),

    recognise(rq, text) {
      // What changes an account is for its owner's own hands.
      if (rq.route.kind === "account") return notHere;
      const hash = sha256(text);
      const kept = cache.get(hash);
      // One that was made in the future is looked at anew.
      const live = kept !== undefined && now() < kept.key.createdAt ? undefined : kept;
      return live === undefined ? load(rq, text, hash).then((loaded) => use(rq, loaded)) : use(rq, live);
    },
  };
}
