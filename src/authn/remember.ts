import type { Datastore, Operations } from "../datastore/contract.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { restarted } from "../model/lifetime.ts";
import type { RememberCredential } from "../model/session.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { constantTimeEqual, randomId, sha256 } from "../secrets/random.ts";
import { type Ending, endDevice } from "./ending.ts";

/** The long-lived credentials behind "remember me": each use replaces the secret. */
export interface RememberCredentials {
  /** Makes one. `hand` sets its cookie, to be called once everything is stored. */
  create(
    rq: SecurityRequest,
    account: Account,
    methods: readonly string[],
    lineage: string,
    tx: Operations,
  ): Promise<{ readonly id: string; readonly hand: () => void }>;
  /**
   * The caller's credential when it is valid, with a new secret set as cookie. A secret that had been replaced ends the device
   * that it is of, as its owner would; one that never was its secret changes nothing.
   */
  use(rq: SecurityRequest): Promise<RememberCredential | undefined>;
  /** Removes the caller's credential and its cookie. */
  revoke(rq: SecurityRequest, tx?: Operations): Promise<void>;
}

/** A secret that was just replaced is still taken for so long, in milliseconds: a browser sends several requests at once. */
const grace = 30_000;
const idLength = 22;
/** The random part of a secret: 128 bits. */
const seedLength = 22;
const secretLength = seedLength + 43;
/** Of secrets that were made before they were signed. */
const olderLength = 43;

const purpose = "remember";

/**
 * A new secret of this credential. It is signed: so one that was replaced long ago is told from one that never was, though
 * only the newest two are stored.
 */
function newSecret(ring: KeyRing, id: string): string {
  const seed = randomId(16);
  return seed + ring.sign(purpose, `${id}.${seed}`);
}

/** Whether this was once the secret of this credential. Of the older, unsigned ones nobody can tell. */
function wasSecret(ring: KeyRing, id: string, secret: string): boolean {
  return ring.verify(purpose, `${id}.${secret.slice(0, seedLength)}`, secret.slice(seedLength));
}

/** What they need. */
export interface RememberContext extends Ending {
  readonly datastore: Datastore;
  readonly ring: KeyRing;
  /** In milliseconds, counted from the last sign-in. */
  readonly life: number;
}

/** Makes the remember credentials of one running system. */
export function createRememberCredentials(context: RememberContext): RememberCredentials {
  const { datastore, ring, life } = context;
  const presented = (rq: SecurityRequest): { id: string; secret: string } | undefined => {
    const value = rq.cookie(rq.system.cookies.name("remember"));
    const length = (value?.length ?? 0) - idLength - 1;
    if (value === undefined || value[idLength] !== "." || (length !== secretLength && length !== olderLength)) {
      return undefined;
    }
    return { id: value.slice(0, idLength), secret: value.slice(idLength + 1) };
  };
  const set = (rq: SecurityRequest, id: string, secret: string, expiresAt: number): void => {
    const seconds = Math.max(0, Math.floor((expiresAt - rq.system.now()) / 1000));
    rq.setCookie(rq.system.cookies.name("remember"), `${id}.${secret}`, rq.system.cookies.attributes(seconds));
  };
  const clear = (rq: SecurityRequest): void =>
    rq.clearCookie(rq.system.cookies.name("remember"), rq.system.cookies.attributes());

  return {
    async create(rq, account, methods, lineage, tx) {
      const id = randomId(16);
      const secret = newSecret(ring, id);
      const at = rq.system.now();
      await tx.insert("remember", {
        id,
        userId: account.id,
        uniquifier: account.fsUniquifier,
        secretHash: sha256(secret),
        previousHash: null,
        rotatedAt: at,
        methods,
        lineage,
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
        const secret = newSecret(ring, credential.id);
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
      clear(rq);
      // Ids are no secret: who has one and makes the rest up ends nothing.
      if (!replaced && !wasSecret(ring, credential.id, cookie.secret)) return undefined;
      // The id is right and the secret was right once: two parties hold copies of one credential, and nobody can tell
      // which is the thief. Both are out.
      const owner = { id: credential.userId, fsUniquifier: credential.uniquifier };
      await endDevice(context, owner, { session: undefined, credential });
      rq.system.events.emit("rememberReused", { userId: credential.userId }, rq);
      return undefined;
    },

    async revoke(rq, tx = datastore) {
      const cookie = presented(rq);
      if (cookie === undefined) return;
      await tx.delete("remember", { id: cookie.id, secretHash: sha256(cookie.secret) });
      clear(rq);
    },
  };
}
