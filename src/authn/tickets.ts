import type { Datastore, Operations } from "../datastore/contract.ts";
import { restarted } from "../model/lifetime.ts";
import type { Ticket } from "../model/session.ts";
import { constantTimeEqual, randomId, sha256 } from "../secrets/random.ts";

/** What a ticket is issued for. */
export interface TicketRequest {
  /** "confirm", "reset", "sign-in" … A ticket of one purpose is never accepted for another. */
  readonly purpose: string;
  readonly user: { readonly id: number; readonly fsUniquifier: string } | undefined;
  readonly payload?: Readonly<Record<string, unknown>>;
  /** Life in milliseconds. */
  readonly life: number;
  /** Wrong guesses that it takes; default 1. */
  readonly attempts?: number;
  /** Ends the user's older tickets of this purpose: of several mails only the newest one's link works. */
  readonly replacesOlder?: boolean;
}

/** Whatever is mailed, pending or to be used once: the secret goes out, its hash stays. */
export interface Tickets {
  /** Returns the text that redeems the ticket: 43 + 22 characters of base64url and a dot. */
  issue(request: TicketRequest, tx?: Operations): Promise<string>;
  /** The ticket when it is of this purpose, not expired, not consumed, has attempts left and its user did not change since. Changes nothing. */
  peek(purpose: string, text: string): Promise<Ticket | undefined>;
  /**
   * Consumes it: of many at once exactly one gets it. `afterAttempt`: the caller has taken an attempt for this very guess,
   * so that it counts even if it was the last one.
   */
  redeem(
    purpose: string,
    text: string,
    options?: { readonly tx?: Operations; readonly afterAttempt?: boolean },
  ): Promise<Ticket | undefined>;
  /** Takes one attempt away before a guess is checked; false when none was left. */
  attempt(ticket: Ticket): Promise<boolean>;
  /**
   * Ends what is pending for a user, of one purpose or all of them: what was mailed or begun before the account changed must
   * not work after it.
   */
  end(userId: number, purpose?: string, tx?: Operations): Promise<void>;
  /** Removes what is long over. */
  purge(): Promise<number>;
}

const idLength = 22;
const textLength = idLength + 1 + 43;

/** Makes the tickets of one running system. */
export function createTickets(datastore: Datastore, now: () => number): Tickets {
  const read = async (
    purpose: string,
    text: string,
    operations: Operations,
    afterAttempt: boolean,
  ): Promise<Ticket | undefined> => {
    if (text.length !== textLength || text[idLength] !== ".") return undefined;
    const row = await operations.findOne("ticket", { id: text.slice(0, idLength) });
    if (row === undefined) return undefined;
    let ticket = row as unknown as Ticket;
    if (!constantTimeEqual(sha256(text.slice(idLength + 1)), ticket.secretHash)) return undefined;
    if (ticket.purpose !== purpose || ticket.consumedAt !== null) return undefined;
    if ((ticket.attemptsLeft <= 0 && !afterAttempt) || now() >= ticket.expiresAt) return undefined;
    if (ticket.userId !== null) {
      const user = await operations.findOne("user", { id: ticket.userId });
      if (user === undefined || user["fsUniquifier"] !== ticket.uniquifier) return undefined;
    }
    const times = restarted(ticket, now());
    if (times !== undefined) {
      await operations.update("ticket", { id: ticket.id, createdAt: ticket.createdAt }, { ...times });
      ticket = { ...ticket, ...times };
    }
    return ticket;
  };

  const end = async (userId: number, purpose?: string, tx: Operations = datastore): Promise<void> => {
    await tx.delete("ticket", purpose === undefined ? { userId } : { userId, purpose });
  };

  const issue: Tickets["issue"] = async (request, given) => {
    const { purpose, user, payload, life, attempts, replacesOlder } = request;
    if (replacesOlder === true && user !== undefined && given === undefined) {
      return datastore.transaction(async (tx) => {
        // Takes the user's row: of two at once the second one sees, and ends, the ticket of the first.
        await tx.update("user", { id: user.id, fsUniquifier: user.fsUniquifier }, { fsUniquifier: user.fsUniquifier });
        return issue(request, tx);
      });
    }
    const tx = given ?? datastore;
    if (replacesOlder === true && user !== undefined) await end(user.id, purpose, tx);
    const id = randomId(16);
    const secret = randomId(32);
    const at = now();
    await tx.insert("ticket", {
      id,
      purpose,
      userId: user?.id ?? null,
      uniquifier: user?.fsUniquifier ?? null,
      secretHash: sha256(secret),
      payload: payload ?? {},
      attemptsLeft: attempts ?? 1,
      createdAt: at,
      expiresAt: at + life,
      consumedAt: null,
    });
    return `${id}.${secret}`;
  };

  return {
    issue,
    peek: (purpose, text) => read(purpose, text, datastore, false),
    async redeem(purpose, text, { tx = datastore, afterAttempt = false } = {}) {
      const ticket = await read(purpose, text, tx, afterAttempt);
      if (ticket === undefined) return undefined;
      const at = now();
      const won = await tx.update("ticket", { id: ticket.id, consumedAt: null }, { consumedAt: at });
      return won === 1 ? { ...ticket, consumedAt: at } : undefined;
    },
    async attempt(ticket) {
      // Compare-and-set in a loop: of two guesses at once each must take its own attempt away.
      let left = ticket.attemptsLeft;
      while (left > 0) {
        const won = await datastore.update(
          "ticket",
          { id: ticket.id, attemptsLeft: left, consumedAt: null },
          { attemptsLeft: left - 1 },
        );
        if (won === 1) return true;
        const row = await datastore.findOne("ticket", { id: ticket.id });
        if (row === undefined || row["consumedAt"] !== null) return false;
        left = row["attemptsLeft"] as number;
      }
      return false;
    },
    end,
    purge: () => datastore.delete("ticket", { expiresAt: { lt: now() - 86_400_000 } }),
  };
}
