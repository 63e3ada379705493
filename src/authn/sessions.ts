import type { AskedOptions } from "../datastore/access-state.ts";
import { newUniquifier } from "../datastore/account-row.ts";
import type { CredentialCache } from "../datastore/cache.ts";
import type { Afterwards, Changing, Telling } from "../datastore/changing.ts";
import type { Datastore, SessionBundle, Transaction } from "../datastore/contract.ts";
import { holdAccount } from "../datastore/held-account.ts";
import { endBegun, endTickets } from "../datastore/pending.ts";
import type { Roles } from "../datastore/roles.ts";
import type { Account, accountFactory } from "../model/account.ts";
import { type Awaitable, settled } from "../model/awaitable.ts";
import { boundIdentity, type Identity } from "../model/identity.ts";
import { restarted } from "../model/lifetime.ts";
import type { Row } from "../model/schema.ts";
import { lineageOf, type RememberCredential, type Session } from "../model/session.ts";
import { sha256 } from "../secrets/random.ts";

/** How long sessions live, in milliseconds. */
export interface SessionLimits {
  /** Without a request for so long, a session is over. */
  readonly idle: number;
  /** However busy, a session is over after that. */
  readonly absolute: number;
}

/** A session as the cache holds it. */
export interface LiveSession {
  readonly userId: number | null;
  readonly session: Session;
  /** Undefined for an anonymous visitor who has a session bag. */
  readonly identity: Identity | undefined;
  lastSeenAt: number;
  /** When `lastSeenAt` was last written to the row. */
  writtenAt: number;
}

/** What reading and ending sessions needs. Creating them is the sign-in pipeline's alone (authn/sign-in.ts). */
export interface SessionsContext {
  /** False: none are made or read; whoever signs in gets tokens. */
  readonly enabled: boolean;
  readonly datastore: Datastore;
  readonly changing: Changing;
  readonly roles: Roles;
  readonly cache: CredentialCache<LiveSession>;
  readonly account: ReturnType<typeof accountFactory>;
  readonly limits: SessionLimits;
  /** May this administrator act as that user? Asked at each request: false ends it. */
  readonly mayImpersonate: (administrator: Account, user: Account) => boolean;
  /** May they also by their groups and by the application's own rule? */
  readonly mayActOn: (administrator: Account, user: Account) => Promise<boolean>;
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

/** What keeps a device signed in. */
export interface DeviceRows {
  readonly session: Session | undefined;
  readonly credential: Pick<RememberCredential, "id" | "lineage"> | undefined;
}

/** Who ends a device on purpose: its user in this session, or an administrator or the application. */
export interface EndedBy extends AskedOptions, Telling<number> {
  readonly session: Session | undefined;
  /** True: all auth tokens end too, since none says where it belongs. */
  readonly tokens?: boolean;
}

/** What ends in the transaction that ends sessions; returns how many sessions went with it. */
export type EndedAlong = (tx: Transaction, afterwards: Afterwards) => Promise<number>;

/** Where a list of sessions goes on. */
export type SessionKey = Pick<Session, "expiresAt" | "idHash">;

/** Reads and ends sessions. */
export interface Sessions {
  /** False: none are made or read; whoever signs in gets tokens. */
  readonly enabled: boolean;
  readonly limits: SessionLimits;
  /** A warm session by the id in its cookie, without I/O; undefined when it is not in the cache or the cache can't be trusted now. */
  warm(id: string): LiveSession | undefined;
  /** The session from the database, put into the cache; undefined when there is none or it is over. */
  load(id: string): Awaitable<LiveSession | undefined>;
  /**
   * Ends one session at once, with what keeps its device signed in: its remember credential, and every session made of that.
   * `also`: what ends in the same transaction.
   */
  end(session: Session, also?: (tx: Transaction, afterwards: Afterwards) => Promise<void>): Promise<void>;
  /** The user's sessions that are not over, the last used first; at most 200. Not those in which somebody else acts as them. */
  of(account: Account): Promise<readonly Session[]>;
  /** The sessions of all users that are not over, those that end last first; `after`: the last one of the page before. */
  page(options: { readonly after?: SessionKey | undefined; readonly limit: number }): Promise<readonly Session[]>;
  /** The session with this row key, when it is not over. */
  find(idHash: string): Promise<Session | undefined>;
  /** The row of this id, whether or not it still lets anybody in. */
  row(id: string): Promise<Session | undefined>;
  /** The user's remember credentials that are not over. */
  remembered(account: Account): Promise<readonly RememberCredential[]>;
  /**
   * Ends what keeps one device of a user signed in (this session, this credential and every session made of it) and what was
   * begun in its sign-in and is not finished: mailed links that somebody who was signed in there asked for. `also`: what ends
   * in the same transaction. `by` somebody: of earlier sign-ins nobody knows on which device they were; so what was begun in
   * any sign-in but that of `by` ends. Returns how many sessions. Throws WithdrawnError, with nothing ended, when the session
   * of `by` is over itself.
   */
  endDevice(
    account: Pick<Account, "id" | "fsUniquifier">,
    device: DeviceRows,
    also?: EndedAlong,
    by?: EndedBy,
  ): Promise<number>;
  /**
   * Ends all sessions, remember credentials and auth tokens of the user, and what was begun in a session and is not finished,
   * but not what belongs to `kept`. `also`: what ends in the same transaction. Returns how many sessions. Throws
   * WithdrawnError, with nothing ended, when `kept` is over itself. `tell` is told how many once it is done.
   */
  endOthers(account: Account, kept: Session, also?: EndedAlong, tell?: (ended: number) => void): Promise<number>;
  /** The row was changed (`announced`: and that was announced with it): what the cache knows of it is worth nothing. */
  forget(session: Pick<Session, "userId">, announced?: boolean): Promise<void>;
  /** A freshness check passed: its grace is noted. */
  extendFreshness(session: Session, until: number): void;
}

/** `lastSeenAt` is written at most that often, in milliseconds: a read must not become a write each time. */
const writeEvery = 60_000;

/** Makes the reader of sessions of one running system. */
export function createSessions(context: SessionsContext): Sessions {
  const { datastore, changing, cache, limits, now, log } = context;

  const alive = (live: LiveSession, at: number): boolean =>
    at < live.session.expiresAt && at - live.lastSeenAt < limits.idle;

  const touch = (live: LiveSession, at: number): void => {
    live.lastSeenAt = at;
    const every = Math.min(writeEvery, limits.idle / 4);
    // One from the future is written too: the clock was set back, and the session would be idle for longer.
    if (Math.abs(at - live.writtenAt) < every) return;
    live.writtenAt = at;
    datastore.update("session", { idHash: live.session.idHash }, { lastSeenAt: at }).catch((error: unknown) => {
      log("a session's last use could not be noted", { error: String(error) });
    });
  };

  /** Auth tokens belong to no device: with this, those that were handed out are worth nothing. */
  const endedTokens = (): Row => ({ fsTokenUniquifier: newUniquifier() });

  /** Of two who end each other at once, one stays. */
  const isThere =
    ({ idHash, userId }: Session) =>
    async (tx: Transaction): Promise<boolean> =>
      (await tx.count("session", { idHash, userId })) > 0;

  const bundle = (idHash: string): Awaitable<SessionBundle | undefined> =>
    datastore.loadSession === undefined ? threeQueries(idHash) : datastore.loadSession(idHash);

  const threeQueries = async (idHash: string): Promise<SessionBundle | undefined> => {
    const session = await datastore.findOne("session", { idHash });
    if (session === undefined) return undefined;
    const userId = session["userId"] as number | null;
    if (userId === null) return { session, user: undefined, roles: [] };
    const user = await datastore.findOne("user", { id: userId });
    return { session, user, roles: await context.roles.ofUser(userId) };
  };

  /**
   * A session from the future begins now: the clock was set back. Its proof is not fresh, and is not once the clock has caught
   * up either.
   */
  const asOfNow = (row: Session): Session => {
    const at = now();
    const times = restarted(row, at);
    if (times === undefined) return row;
    const authenticatedAt = row.authenticatedAt !== null && row.authenticatedAt > at ? null : row.authenticatedAt;
    const changes = { ...times, lastSeenAt: Math.min(row.lastSeenAt, at), authenticatedAt, freshUntil: null };
    datastore
      .update("session", { idHash: row.idHash, createdAt: row.createdAt }, changes)
      .catch((error: unknown) => log("a session from the future could not be mended", { error: String(error) }));
    return { ...row, ...changes };
  };

  /** What the rows say, or undefined when the session is over. */
  const judge = (row: Session, user: Row | undefined, roles: readonly Row[]): LiveSession | undefined => {
    const session = asOfNow(row);
    const seen = { lastSeenAt: session.lastSeenAt, writtenAt: session.lastSeenAt };
    if (session.userId === null) return { userId: null, session, identity: undefined, ...seen };
    if (user === undefined || user["active"] !== true || user["fsUniquifier"] !== session.uniquifier) return undefined;
    const identity: Identity = {
      account: context.account(user, roles),
      via: "session",
      methods: session.methods,
      authenticatedAt: session.authenticatedAt,
      session,
    };
    return { userId: session.userId, session, identity, ...seen };
  };

  /**
   * A session in which an administrator acts as somebody else ends with the administrator's own, and when they may no
   * longer; it hangs on two users, so it is not kept in the cache.
   */
  const impersonated = async (found: SessionBundle, ownHash: string): Promise<LiveSession | undefined> => {
    const session = found.session as unknown as Session;
    const owning = await bundle(ownHash);
    if (owning === undefined) return undefined;
    const own = judge(owning.session as unknown as Session, owning.user, owning.roles);
    const live = judge(session, found.user, found.roles);
    const at = now();
    const administrator = own?.identity?.account;
    if (own === undefined || administrator?.id !== session.impersonatorId || !alive(own, at)) return undefined;
    if (live?.identity === undefined || !alive(live, at)) return undefined;
    if (own.session.impersonatorId !== null || !context.mayImpersonate(administrator, live.identity.account)) {
      return undefined;
    }
    if (!(await context.mayActOn(administrator, live.identity.account))) return undefined;
    touch(own, at);
    touch(live, at);
    return { ...live, identity: boundIdentity({ ...live.identity, impersonator: administrator }) };
  };

  const take = (id: string, found: SessionBundle | undefined, stamp: number): Awaitable<LiveSession | undefined> => {
    if (found === undefined) return undefined;
    const ownHash = found.session["impersonatorSession"];
    if (typeof ownHash === "string") return impersonated(found, ownHash);
    const live = judge(found.session as unknown as Session, found.user, found.roles);
    const at = now();
    if (live === undefined || !alive(live, at)) return undefined;
    touch(live, at);
    // An anonymous bag carries no authority and is read each time: no bus tells of its changes.
    if (live.identity !== undefined) cache.keep(id, live, stamp);
    return live;
  };

  /** The cache goes by the id, which is not kept anywhere: what hangs on the user is dropped, here and elsewhere. */
  const forget = async ({ userId }: Pick<Session, "userId">, announced = false): Promise<void> => {
    if (userId === null) return;
    cache.invalidate(userId);
    await datastore.bus?.publish(userId, announced);
  };

  return {
    enabled: context.enabled,
    limits,
    async of(account) {
      const at = now();
      const rows = await datastore.find(
        "session",
        { userId: account.id, impersonatorId: null, expiresAt: { gt: at }, lastSeenAt: { gt: at - limits.idle } },
        { orderBy: [{ field: "lastSeenAt", direction: "desc" }], limit: 200 },
      );
      const found = rows as unknown as readonly Session[];
      return found.filter(({ uniquifier }) => uniquifier === account.fsUniquifier);
    },
    async page({ after, limit }) {
      const at = now();
      const alike = { userId: { not: null }, lastSeenAt: { gt: at - limits.idle } } as const;
      const orderBy = [
        { field: "expiresAt", direction: "desc" },
        { field: "idHash", direction: "desc" },
      ] as const;
      // Two queries by the index on the end: those that end with the last one of the page before, then what ends earlier.
      const same =
        after === undefined || after.expiresAt <= at
          ? []
          : await datastore.find(
              "session",
              { ...alike, expiresAt: after.expiresAt, idHash: { lt: after.idHash } },
              { orderBy, limit },
            );
      const before = after === undefined ? {} : { lt: after.expiresAt };
      const rest =
        same.length >= limit
          ? []
          : await datastore.find(
              "session",
              { ...alike, expiresAt: { gt: at, ...before } },
              { orderBy, limit: limit - same.length },
            );
      return [...same, ...rest] as unknown as readonly Session[];
    },
    async find(idHash) {
      const at = now();
      const row = await datastore.findOne("session", {
        idHash,
        userId: { not: null },
        expiresAt: { gt: at },
        lastSeenAt: { gt: at - limits.idle },
      });
      return row as unknown as Session | undefined;
    },
    async row(id) {
      return (await datastore.findOne("session", { idHash: sha256(id) })) as unknown as Session | undefined;
    },
    async remembered(account) {
      const where = { userId: account.id, expiresAt: { gt: now() } };
      const rows = (await datastore.find("remember", where, {
        limit: 200,
      })) as unknown as readonly RememberCredential[];
      return rows.filter(({ uniquifier }) => uniquifier === account.fsUniquifier);
    },
    endDevice(account, { session, credential }, also, by) {
      const { id: userId, fsUniquifier } = account;
      const own = by?.session;
      const take = async (tx: Transaction): Promise<void> => {
        // Where it has changed since, all of this has ended, but for what goes on after the change: that ends with the tokens.
        const held = by?.tokens !== true && (await holdAccount(tx, { id: userId, fsUniquifier }));
        if (by === undefined || held) return;
        await tx.update("user", { id: userId }, { ...endedTokens(), updateDatetime: new Date(now()) });
      };
      const rules = { take, asked: by?.asked, onlyIf: own && isThere(own), tell: by?.tell };
      return changing(userId, rules, async (tx, afterwards) => {
        let ended = (await also?.(tx, afterwards)) ?? 0;
        if (session !== undefined) ended += await tx.delete("session", { idHash: session.idHash, userId });
        const rememberId = credential?.id ?? session?.rememberId ?? undefined;
        if (rememberId !== undefined) {
          ended += await tx.delete("session", { rememberId, userId });
          await tx.delete("remember", { id: rememberId, userId });
        }
        const lineage = session === undefined ? credential?.lineage : lineageOf(session);
        if (typeof lineage === "string") {
          // One that has taken its place since it was looked for is the same sign-in.
          const alike = { userId, lineage };
          ended += await tx.delete("session", own === undefined ? alike : { ...alike, idHash: { not: own.idHash } });
          await endTickets(tx, userId, { lineage });
        }
        if (by !== undefined) await endBegun(tx, userId, by.session);
        return ended;
      });
    },
    endOthers({ id: userId }, kept, also, tell) {
      return changing(userId, { set: endedTokens(), onlyIf: isThere(kept), tell }, async (tx, afterwards) => {
        const families = (await also?.(tx, afterwards)) ?? 0;
        const ended = families + (await tx.delete("session", { userId, idHash: { not: kept.idHash } }));
        const { rememberId } = kept;
        await tx.delete("remember", rememberId === null ? { userId } : { userId, id: { not: rememberId } });
        await endBegun(tx, userId, kept);
        return ended;
      });
    },
    warm(id) {
      const live = cache.get(id);
      if (live === undefined) return undefined;
      const at = now();
      // One that was made in the future is looked at anew.
      if (at < live.session.createdAt || !alive(live, at)) {
        cache.drop(id);
        return undefined;
      }
      touch(live, at);
      return live;
    },
    load(id) {
      const stamp = cache.stamp();
      const found = settled(bundle(sha256(id)));
      return found instanceof Promise ? found.then((rows) => take(id, rows, stamp)) : take(id, found, stamp);
    },
    end(session, also) {
      const { idHash, userId, uniquifier, rememberId } = session;
      const take = async (tx: Transaction): Promise<void> => {
        // Where it has changed, all of these have ended.
        if (userId !== null && uniquifier !== null) await holdAccount(tx, { id: userId, fsUniquifier: uniquifier });
      };
      return changing(userId ?? "nobody", { take }, async (tx, afterwards) => {
        await also?.(tx, afterwards);
        await tx.delete("session", { idHash });
        await tx.delete("session", { impersonatorSession: idHash });
        if (rememberId === null) return;
        // Parallel requests may have made more than one session of it.
        await tx.delete("session", { rememberId });
        await tx.delete("remember", { id: rememberId });
      });
    },
    forget,
    extendFreshness(session, until) {
      if (session.freshUntil !== null && until - session.freshUntil < writeEvery) return;
      datastore
        .update("session", { idHash: session.idHash }, { freshUntil: until })
        .then(() => forget(session))
        .catch((error: unknown) => log("a grace period could not be noted", { error: String(error) }));
    },
  };
}
