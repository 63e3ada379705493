import type { FamilyMember, FamilyOrigin, PresentedMember, TokenFamilies } from "../../authn/token-families.ts";
import { findTokenOwner, type TokenOwner, tokenOwner } from "../../authn/tokens/owner.ts";
import type { Afterwards } from "../../datastore/changing.ts";
import type { Transaction } from "../../datastore/contract.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { randomId } from "../../secrets/random.ts";
import { open, seal } from "../../secrets/signed.ts";
import type { TokenFamiliesContext } from "../feature.ts";
import type { TrackedFamily } from "./tables.ts";

/** How the families of one running system live; times in milliseconds. */
export interface FamilyRules {
  readonly carrier: "cookie" | "body";
  readonly idle: number;
  readonly absolute: number;
  readonly grace: number;
}

/** What a refresh token says. It is signed: nothing that is stored, nor any older token, helps to make one. */
interface TokenPayload {
  /** Whom it is for, by uniquifier, so that what ends all of a user's credentials ends it too. */
  readonly o: TokenOwner;
  readonly f: string;
  /** Its generation in the family. */
  readonly g: number;
  /** How and when the user had proved who they are. */
  readonly m: readonly string[];
  readonly a: number;
}

/** Longer texts are refused before any work; with the cookie's name it stays below what browsers keep. */
export const maxTokenLength = 2_048;

const purpose = "refresh-token";
const firstGeneration = 1;
/** What Flask-Security calls a family that nobody has named. */
const defaultName = "default";

/**
 * Keeps the families. A token's successor is not drawn but follows from family and generation, and so does its time, in whole
 * seconds, which every database keeps. So all requests that present one token at once get one and the same pair,
 * whichever process answers, and there is exactly one token of each generation. Whoever gets it in the grace, thief or
 * owner, holds a copy of the same token: the first to come back with it after the other has used it ends the family, one
 * generation later than without a grace, but as surely.
 */
export function createFamilies(context: TokenFamiliesContext, rules: FamilyRules): TokenFamilies {
  const { datastore, changing, users, ring, system } = context;
  const cookieName = system.cookies.name("refresh");
  const attributes = (maxAge?: number) => ({ ...system.cookies.attributes(maxAge), sameSite: "Strict" as const });

  const find = async (family: string): Promise<TrackedFamily | undefined> =>
    (await datastore.findOne("refreshTracker", { refreshFamily: family })) as TrackedFamily | undefined;
  const read = (text: string): TokenPayload | undefined =>
    text.length > maxTokenLength ? undefined : open<TokenPayload>(ring, purpose, text, system.now()).payload;
  const isOver = ({ revokedAt, expiresAt, lastUsedAt }: TrackedFamily): boolean => {
    const now = system.now();
    return revokedAt !== null || now >= expiresAt.getTime() || now - lastUsedAt.getTime() >= rules.idle;
  };

  const member = (
    rq: SecurityRequest,
    family: string,
    generation: number,
    origin: FamilyOrigin,
    at: number,
    expiresAt: number,
  ): FamilyMember => {
    const payload: TokenPayload = {
      o: tokenOwner(origin.account),
      f: family,
      g: generation,
      m: origin.methods,
      a: origin.authenticatedAt,
    };
    const text = seal(ring, purpose, payload, expiresAt);
    return {
      family,
      at,
      expiresAt,
      hand() {
        if (rules.carrier === "body") return { refresh_token: text };
        const left = Math.min(expiresAt, at + rules.idle) - system.now();
        rq.setCookie(cookieName, text, attributes(Math.max(0, Math.floor(left / 1000))));
        return {};
      },
    };
  };

  type Reason = "signOut" | "reuse";

  /** In a change of its user. True for the one that ended it. */
  const revokeWithin = async (
    tx: Transaction,
    family: string,
    userId: number,
    reason: Reason,
    afterwards: Afterwards,
  ): Promise<boolean> => {
    const where = { refreshFamily: family, revokedAt: null };
    // In the order of what ends all of a user's credentials, so that none waits for the other.
    await tx.delete("session", { tokenFamily: family });
    const ended = (await tx.update("refreshTracker", where, { revokedAt: new Date(system.now()) })) === 1;
    if (ended) afterwards(() => system.events.emit("refreshTrackerRevoked", { userId, family, reason }));
    return ended;
  };

  /** True for the one that ended it. */
  const revoke = async (family: string, reason: Reason): Promise<boolean> => {
    const row = await find(family);
    if (row === undefined) return false;
    const { userId } = row;
    // A user who is removed at this moment takes the family along. A session that is made of another one of the family comes
    // before, and ends with it, or after.
    const take = (tx: Transaction) => tx.update("user", { id: userId }, { updateDatetime: new Date(system.now()) });
    const tell = (ended: boolean): void => {
      if (ended && reason === "reuse") system.events.emit("refreshTokenReused", { userId, family });
    };
    return changing(userId, { take, tell }, (tx, afterwards) => revokeWithin(tx, family, userId, reason, afterwards));
  };

  /** Two parties hold copies of one token, and nobody can tell which is the thief: both are out. */
  const reused = async (family: string): Promise<undefined> => {
    await revoke(family, "reuse");
  };

  /** Whether a token of this generation is the newest one, or has been until just now. */
  const counts = ({ gen, lastUsedAt }: TrackedFamily, generation: number): boolean =>
    gen === generation ||
    // In either direction: the clock may have been set back since.
    (gen === generation + 1 && Math.abs(system.now() - lastUsedAt.getTime()) < rules.grace);

  /** A family from the future began now: the clock was set back, and it lives no longer for it. In whole seconds. */
  const asOfNow = async (row: TrackedFamily): Promise<TrackedFamily> => {
    const ahead = Math.floor((row.createDatetime.getTime() - system.now()) / 1000) * 1000;
    if (!(ahead > 0)) return row;
    const back = (time: Date): Date => new Date(time.getTime() - ahead);
    const times = { createDatetime: back(row.createDatetime), expiresAt: back(row.expiresAt) };
    await datastore.update("refreshTracker", { refreshFamily: row.refreshFamily }, times);
    return { ...row, ...times };
  };

  const take = async (
    rq: SecurityRequest,
    { f: family, g: generation }: TokenPayload,
    origin: FamilyOrigin,
  ): Promise<FamilyMember | undefined> => {
    const now = system.now();
    const at = now - (now % 1000);
    const won = await datastore.update(
      "refreshTracker",
      { refreshFamily: family, gen: generation, revokedAt: null },
      { gen: generation + 1, lastUsedAt: new Date(at) },
    );
    // Who lost the race finds what the winner has written.
    const row = await find(family);
    if (row === undefined || isOver(row)) return undefined;
    if (won === 1) return member(rq, family, generation + 1, origin, at, row.expiresAt.getTime());
    if (row.gen !== generation + 1 || !counts(row, generation)) return reused(family);
    return member(rq, family, generation + 1, origin, row.lastUsedAt.getTime(), row.expiresAt.getTime());
  };

  const presented = async (rq: SecurityRequest, body: boolean): Promise<string | undefined> => {
    if (rules.carrier === "cookie") return rq.cookie(cookieName);
    if (!body) return undefined;
    const sent = await rq.body();
    if (sent.kind !== "json" || typeof sent.value !== "object" || sent.value === null) return undefined;
    const text: unknown = Object.hasOwn(sent.value, "refresh_token")
      ? (sent.value as { readonly refresh_token: unknown }).refresh_token
      : undefined;
    return typeof text === "string" ? text : undefined;
  };

  return {
    byCookie: rules.carrier === "cookie",
    async begin(rq, tx, origin) {
      const family = randomId(32);
      const now = system.now();
      const at = now - (now % 1000);
      const expiresAt = Math.min(at + rules.absolute, origin.until ?? Infinity);
      await tx.insert("refreshTracker", {
        refreshFamily: family,
        gen: firstGeneration,
        expiresAt: new Date(expiresAt),
        revokedAt: null,
        lastUsedAt: new Date(at),
        createDatetime: new Date(now),
        name: defaultName,
        userId: origin.account.id,
      });
      return member(rq, family, firstGeneration, origin, at, expiresAt);
    },

    async recognise(rq, text): Promise<PresentedMember | undefined> {
      const payload = read(text);
      if (payload === undefined) return undefined;
      const found = await find(payload.f);
      const row = found === undefined ? undefined : await asOfNow(found);
      if (row === undefined || isOver(row)) return undefined;
      if (row.gen === null || row.gen < payload.g) return undefined;
      if (!counts(row, payload.g)) return reused(payload.f);
      const account: Account | undefined = await findTokenOwner(users.find, payload.o);
      if (account === undefined || account.id !== row.userId) return undefined;
      // A proof from the future is not fresh, and its tokens must not say that it will be.
      const authenticatedAt = payload.a > system.now() ? 0 : payload.a;
      const origin: FamilyOrigin = { account, methods: payload.m, authenticatedAt };
      return { ...origin, take: () => take(rq, payload, origin) };
    },

    async alive(family) {
      const row = await find(family);
      return row !== undefined && row.revokedAt === null;
    },

    async endPresented(rq, options) {
      const text = await presented(rq, options?.body === true);
      if (text === undefined) return;
      const payload = read(text);
      if (payload !== undefined) await revoke(payload.f, "signOut");
      if (rules.carrier === "cookie") rq.clearCookie(cookieName, attributes());
    },

    async end(family) {
      await revoke(family, "signOut");
    },

    async endWithin(tx, family, afterwards) {
      const row = await tx.findOne("refreshTracker", { refreshFamily: family });
      if (row === undefined) return;
      await revokeWithin(tx, family, (row as unknown as TrackedFamily).userId, "signOut", afterwards);
    },

    async purge() {
      const now = system.now();
      await datastore.delete("refreshTracker", { expiresAt: { lte: new Date(now) } });
      await datastore.delete("refreshTracker", { lastUsedAt: { lte: new Date(now - rules.idle) } });
    },
  };
}
