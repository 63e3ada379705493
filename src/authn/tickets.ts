import type { Datastore, Operations } from "../datastore/contract.ts";
import { endTickets } from "../datastore/pending.ts";
import { decoyRow } from "../datastore/rehearsal.ts";
import { decoy } from "../model/decoy.ts";
import { restarted } from "../model/lifetime.ts";
import type { Row } from "../model/schema.ts";
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
  /** The lineage of the session in which it is asked for: with that its user, or an administrator, ends it too. */
  readonly begunIn?: string;
}

/** Whatever is mailed, pending or to be used once: the secret goes out, its hash stays. */
export interface Tickets {
  /** Returns the text that redeems the ticket: 43 + 22 characters of base64url and a dot. */
  issue(request: TicketRequest, tx?: Operations): Promise<string>;
  /** The ticket when it is of this purpose, not expired, not consumed, has attempts left and its user did not change since. Changes nothing. */
  peek(purpose: string, text: string): Promise<Ticket | undefined>;
  /**
   * The tickets of a purpose that still wait to be redeemed, by id or by user, the newest first: for saying so to their owner,
   * never for acting on it, since no secret was asked for.
   */
  waiting(purpose: string, which: { readonly id: string } | { readonly userId: number }): Promise<readonly Ticket[]>;
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
  /** Ends one that waits; false: it was redeemed, or has ended, before. */
  cancel(ticket: Pick<Ticket, "id" | "purpose">): Promise<boolean>;
  /** Removes what is long over. */
  purge(): Promise<number>;
}

const idLength = 22;
const newestFirst = [{ field: "createdAt", direction: "desc" }] as const;
const textLength = idLength + 1 + 43;

interface TicketUser {
  readonly id: number;
  readonly fsUniquifier: string;
}

/** Makes the tickets of one running system. */
export function createTickets(datastore: Datastore, now: () => number): Tickets {
  /** Whether it may still be redeemed, as far as the ticket itself says. */
  const waits = (ticket: Ticket, afterAttempt: boolean): boolean =>
    ticket.consumedAt === null && now() < ticket.expiresAt && (ticket.attemptsLeft > 0 || afterAttempt);

  /** Whether the user of a ticket did not change since. */
  const sameUser = async ({ id, fsUniquifier }: TicketUser): Promise<boolean> => {
    const user = await datastore.findOne("user", { id });
    return user?.["fsUniquifier"] === fsUniquifier;
  };

  const read = async (
    purpose: string,
    text: string,
    operations: Operations,
    afterAttempt: boolean,
    isSame: (user: TicketUser) => Promise<boolean>,
  ): Promise<Ticket | undefined> => {
    if (text.length !== textLength || text[idLength] !== ".") return undefined;
    const row = await operations.findOne("ticket", { id: text.slice(0, idLength) });
    if (row === undefined) return undefined;
    let ticket = row as unknown as Ticket;
    if (!constantTimeEqual(sha256(text.slice(idLength + 1)), ticket.secretHash)) return undefined;
    if (ticket.purpose !== purpose || !waits(ticket, afterAttempt)) return undefined;
    if (ticket.userId !== null && !(await isSame({ id: ticket.userId, fsUniquifier: ticket.uniquifier ?? "" }))) {
      return undefined;
    }
    const times = restarted(ticket, now());
    if (times !== undefined) {
      await operations.update("ticket", { id: ticket.id, createdAt: ticket.createdAt }, { ...times });
      ticket = { ...ticket, ...times };
    }
    return ticket;
  };

  const end = async (userId: number, purpose?: string, tx: Operations = datastore): Promise<void> => {
    await endTickets(tx, userId, purpose === undefined ? {} : { purpose });
  };

  const issue: Tickets["issue"] = async (request, given) => {
    const { purpose, user, payload, life, attempts, replacesOlder, begunIn } = request;
    const replaces = replacesOlder === true && user !== undefined;
    if (replaces && given === undefined) return datastore.transaction((tx) => issue(request, tx));
    const tx = given ?? datastore;
    const id = randomId(16);
    const secret = randomId(32);
    const at = now();
    // The ticket of a decoy belongs to nobody, and no text redeems it, the one that is returned here neither.
    const nobodys = decoy(user) === undefined ? undefined : decoyRow(at);
    const row: Row = {
      purpose,
      userId: user?.id ?? null,
      uniquifier: user?.fsUniquifier ?? null,
      lineage: begunIn ?? null,
      secretHash: sha256(secret),
      payload: payload ?? {},
      attemptsLeft: attempts ?? 1,
      createdAt: at,
      expiresAt: at + life,
      consumedAt: null,
      ...nobodys,
      id,
    };
    if (!replaces) {
      await tx.insert("ticket", row);
      return `${id}.${secret}`;
    }
    // The user's row first: of two at once, the second one waits, and then ends the ticket of the first.
    const { fsUniquifier } = user;
    if (nobodys !== undefined) await tx.insert("ticket", row);
    else if (tx.insertIf !== undefined) await tx.insertIf("ticket", row, "user", { id: user.id, fsUniquifier });
    else if ((await tx.update("user", { id: user.id, fsUniquifier }, { fsUniquifier })) > 0)
      await tx.insert("ticket", row);
    await tx.delete("ticket", { userId: user.id, purpose, id: { not: id } });
    return `${id}.${secret}`;
  };

  return {
    issue,
    peek: (purpose, text) => read(purpose, text, datastore, false, sameUser),
    async waiting(purpose, which) {
      const rows = await datastore.find("ticket", { ...which, purpose }, { orderBy: newestFirst, limit: 100 });
      const waiting = (rows as unknown as readonly Ticket[]).filter((ticket) => waits(ticket, false));
      // They are all of one user.
      const id = waiting[0]?.userId ?? null;
      if (id === null) return waiting;
      const user = await datastore.findOne("user", { id });
      return waiting.filter(({ uniquifier }) => uniquifier === user?.["fsUniquifier"]);
    },
    async redeem(purpose, text, { tx = datastore, afterAttempt = false } = {}) {
      // The user's row before the ticket's, as by what ends all tickets of a user: neither waits for the other.
      const ticket = await read(
        purpose,
        text,
        tx,
        afterAttempt,
        async ({ id, fsUniquifier }) => (await tx.update("user", { id, fsUniquifier }, { fsUniquifier })) === 1,
      );
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
    cancel: async ({ id, purpose }) => (await datastore.delete("ticket", { id, purpose, consumedAt: null })) > 0,
    purge: () => datastore.delete("ticket", { expiresAt: { lt: now() - 86_400_000 } }),
  };
}
