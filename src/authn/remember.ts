import type { Datastore, Operations } from "../datastore/contract.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { restarted } from "../model/lifetime.ts";
import type { RememberCredential, Session } from "../model/session.ts";
import { constantTimeEqual, randomId, sha256 } from "../secrets/random.ts";

/** The long-lived credentials behind "remember me": each use replaces the secret. */
export interface RememberCredentials {
  /** Makes one. `hand` sets its cookie, to be called once everything is stored. */
  create(
    rq: SecurityRequest,
    account: Account,
    methods: readonly string[],
    tx: Operations,
  ): Promise<{ readonly id: string; readonly hand: () => void }>;
  /** The caller's credential when it is valid, with a new secret set as cookie. A secret that had been replaced revokes it, and ends its sessions. */
  use(rq: SecurityRequest): Promise<RememberCredential | undefined>;
  /** Removes the caller's credential (and the one that this session was made of) and its cookie. */
  revoke(rq: SecurityRequest, session: Session | undefined): Promise<void>;
}

/** A secret that was just replaced is still taken for so long, in milliseconds: a browser sends several requests at once. */
const grace = 30_000;
const idLength = 22;
const valueLength = idLength + 1 + 43;

/** Makes the remember credentials of one running system. `life` in milliseconds, counted from the last sign-in. */
export function createRememberCredentials(datastore: Datastore, life: number): RememberCredentials {
  const presented = (rq: SecurityRequest): { id: string; secret: string } | undefined => {
    const value = rq.cookie(rq.system.cookies.name("remember"));
    if (value === undefined || value.length !== valueLength || value[idLength] !== ".") return undefined;
    return { id: value.slice(0, idLength), secret: value.slice(idLength + 1) };
  };
  const set = (rq: SecurityRequest, id: string, secret: string, expiresAt: number): void => {
    const seconds = Math.max(0, Math.floor((expiresAt - rq.system.now()) / 1000));
    rq.setCookie(rq.system.cookies.name("remember"), `${id}.${secret}`, rq.system.cookies.attributes(seconds));
  };
  const clear = (rq: SecurityRequest): void =>
    rq.clearCookie(rq.system.cookies.name("remember"), rq.system.cookies.attributes());

  const endSessions = async (rememberId: string, userId: number | undefined): Promise<void> => {
    await datastore.delete("session", { rememberId });
    if (userId !== undefined) await datastore.bus?.publish(userId);
  };

  return {
    async create(rq, account, methods, tx) {
      const id = randomId(16);
      const secret = randomId(32);
      const at = rq.system.now();
      await tx.insert("remember", {
        id,
        userId: account.id,
        uniquifier: account.fsUniquifier,
        secretHash: sha256(secret),
        previousHash: null,
        rotatedAt: at,
        methods,
        createdAt: at,
        expiresAt: at + life,
      });
      return { id, hand: () => set(rq, id, secret, at + life) };
    },

    async use(rq) {
      const cookie = presented(rq);
      if (cookie === undefined) return undefined;
      const row = await datastore.findOne("remember", { id: cookie.id });
      const at = rq.system.now();
      if (row === undefined) {
        clear(rq);
        return undefined;
      }
      const credential = row as unknown as RememberCredential;
      if (at >= credential.expiresAt) {
        await datastore.delete("remember", { id: credential.id });
        clear(rq);
        return undefined;
      }
      const hash = sha256(cookie.secret);
      if (constantTimeEqual(hash, credential.secretHash)) {
        const secret = randomId(32);
        // From before the clock was set back: it lives no longer for it.
        const times = restarted(credential, at) ?? {};
        const { expiresAt } = { ...credential, ...times };
        const won = await datastore.update(
          "remember",
          { id: credential.id, secretHash: credential.secretHash },
          { secretHash: sha256(secret), previousHash: credential.secretHash, rotatedAt: at, ...times },
        );
        // Who lost the race was a moment late: the winner's answer brings the new secret to the browser.
        if (won === 1) set(rq, credential.id, secret, expiresAt);
        return credential;
      }
      const replaced = credential.previousHash !== null && constantTimeEqual(hash, credential.previousHash);
      // In either direction: the clock may have been set back since.
      if (replaced && Math.abs(at - credential.rotatedAt) < grace) return credential;
      // The id is right and the secret was right once: two parties hold copies of one credential, and nobody can tell
      // which is the thief. Both are out.
      clear(rq);
      await datastore.delete("remember", { id: credential.id });
      await endSessions(credential.id, credential.userId);
      rq.system.events.emit("rememberReused", { userId: credential.userId }, rq);
      return undefined;
    },

    async revoke(rq, session) {
      const cookie = presented(rq);
      const id = session?.rememberId ?? undefined;
      if (id !== undefined) {
        await datastore.delete("remember", { id });
        // Parallel requests may have made more than one session of it.
        await endSessions(id, session?.userId ?? undefined);
      }
      if (cookie !== undefined) {
        if (cookie.id !== id) await datastore.delete("remember", { id: cookie.id, secretHash: sha256(cookie.secret) });
        clear(rq);
      }
    },
  };
}
