import type { Operations } from "../datastore/contract.ts";
import type { Users } from "../datastore/user-operations.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { lineageOf, type Ticket } from "../model/session.ts";
import type { GateVerdict, Purpose } from "./gates.ts";
import type { Attempt, Limits } from "./limits/limits.ts";
import type { JudgedPassage, Proof, SignIn, SignInOutcome } from "./sign-in.ts";
import type { Tickets } from "./tickets.ts";

const ticketPurpose = "sign-in";

/** What parking needs of the sign-in pipeline. */
export interface ParkingContext {
  readonly users: Users;
  readonly tickets: Tickets;
  readonly limits: Limits;
  /** For how long a parked sign-in waits, in milliseconds. */
  readonly life: number;
  /** Passes the gates that are left. */
  readonly goOn: (rq: SecurityRequest, passage: JudgedPassage) => Promise<SignInOutcome>;
}

/** Sign-ins that wait at a gate: a ticket each, and a cookie that carries it. */
export interface Parking extends Pick<SignIn, "parked" | "resume"> {
  /** Returns the id that names it. */
  park(
    rq: SecurityRequest,
    passage: JudgedPassage,
    gate: string,
    verdict: Extract<GateVerdict, { readonly park: unknown }>,
  ): Promise<string>;
  /** Voids the one of this caller. */
  drop(rq: SecurityRequest): Promise<void>;
}

interface Waiting {
  readonly ticket: Ticket | undefined;
  readonly account: Account | undefined;
}

/** Makes it for one running system. */
export function createParking({ users, tickets, limits, life, goOn }: ParkingContext): Parking {
  const pendingText = (rq: SecurityRequest): string | undefined => rq.cookie(rq.system.cookies.name("pending"));
  const clearPending = (rq: SecurityRequest): void =>
    rq.clearCookie(rq.system.cookies.name("pending"), rq.system.cookies.attributes());
  /** The ticket for which a request has taken an attempt. */
  const guessing = new WeakMap<SecurityRequest, { readonly ticket: Ticket; readonly guess: Attempt }>();
  /** A parked re-authentication belongs to the session that asked for it. */
  const belongs = (rq: SecurityRequest, ticket: Ticket): boolean =>
    ticket.payload["session"] === null || ticket.payload["session"] === rq.session?.idHash;

  /** What waits for a request, looked at once for all parts of its page, until it changes that itself. */
  const looked = new WeakMap<SecurityRequest, Promise<Waiting>>();
  const lookAt = (rq: SecurityRequest): Promise<Waiting> => {
    const waiting = looked.get(rq) ?? look(rq);
    looked.set(rq, waiting);
    return waiting;
  };
  const look = async (rq: SecurityRequest): Promise<Waiting> => {
    const text = pendingText(rq);
    const ticket = text === undefined ? undefined : await tickets.peek(ticketPurpose, text);
    const account = typeof ticket?.userId === "number" ? await users.get(ticket.userId) : undefined;
    return { ticket, account: account?.fsUniquifier === ticket?.uniquifier ? account : undefined };
  };

  /** It counts as a failure from the start, and goes on doing so where a gate behind refuses. */
  const settling = (guess: Attempt): NonNullable<Proof["guess"]> => ({
    settle: async (outcome) => {
      if (outcome === "letIn") await guess.succeed();
      else if (outcome === "unknown") await guess.spend();
    },
  });

  return {
    async park(rq, passage, gate, verdict) {
      const { proof, passed, purpose, identity } = passage;
      const text = await tickets.issue({
        purpose: ticketPurpose,
        user: proof.account,
        payload: {
          gate,
          park: verdict.park,
          passed,
          purpose,
          methods: proof.methods,
          remember: proof.remember === true,
          token: proof.token === true,
          tokenOnly: proof.session === false,
          session: identity?.session?.idHash ?? null,
        },
        ...(identity?.session === undefined ? {} : { begunIn: lineageOf(identity.session) }),
        life: life,
        attempts: verdict.attempts ?? 5,
      });
      const { cookies } = rq.system;
      rq.setCookie(cookies.name("pending"), text, cookies.attributes(Math.ceil(life / 1000)));
      return text.slice(0, text.indexOf("."));
    },

    async parked(rq, gate) {
      const { ticket, account } = await lookAt(rq);
      if (ticket === undefined || account === undefined || ticket.payload["gate"] !== gate) return undefined;
      if (!belongs(rq, ticket)) return undefined;
      const park = ticket.payload["park"] as Readonly<Record<string, unknown>>;
      return {
        id: ticket.id,
        account,
        gate,
        park,
        async attempt() {
          // Whoever has the password can begin again and again: the account's own budget ends that.
          looked.delete(rq);
          const guess = await limits.attempt(rq, { kind: "factor", account, name: undefined });
          if (!(await tickets.attempt(ticket))) {
            await guess.undo();
            return false;
          }
          guessing.set(rq, { ticket, guess });
          await guess.fail();
          return true;
        },
      };
    },

    async resume(rq, gate, methods, change) {
      const refused: SignInOutcome = { kind: "refused", key: "GENERIC_AUTHN_FAILED", field: undefined };
      const text = pendingText(rq);
      looked.delete(rq);
      // A guess for which this request has taken an attempt may be right also when it was the last one.
      const guessed = guessing.get(rq);
      const waiting = guessed?.ticket ?? (text === undefined ? undefined : await tickets.peek(ticketPurpose, text));
      // A ticket that waits elsewhere is left alone: only its own gate consumes it.
      if (text === undefined || waiting?.payload["gate"] !== gate || !belongs(rq, waiting)) return refused;
      let ticket: Ticket | undefined;
      const consume = async (tx?: Operations): Promise<boolean> => {
        const afterAttempt = guessed !== undefined;
        ticket = await tickets.redeem(ticketPurpose, text, { afterAttempt, ...(tx === undefined ? {} : { tx }) });
        return ticket !== undefined;
      };
      // As they were when they proved it: what has changed since then wins.
      const whose = async (): Promise<Account | undefined> => {
        const found = waiting.userId === null ? undefined : await users.get(waiting.userId);
        return found?.fsUniquifier === waiting.uniquifier ? found : undefined;
      };
      let account: Account | undefined;
      if (change === undefined) account = (await consume()) ? await whose() : undefined;
      else {
        const before = await whose();
        if (before !== undefined) account = await change(before, consume);
      }
      clearPending(rq);
      if (ticket === undefined || account === undefined) return refused;
      const payload = ticket.payload as {
        passed: string[];
        purpose: Purpose;
        methods: string[];
        remember: boolean;
        token: boolean;
        tokenOnly?: boolean;
      };
      return goOn(rq, {
        purpose: payload.purpose,
        proof: {
          account,
          methods: [...payload.methods, ...methods],
          remember: payload.remember,
          token: payload.token,
          ...(payload.tokenOnly === true ? { session: false } : {}),
          ...(guessed === undefined ? {} : { guess: settling(guessed.guess) }),
        },
        passed: [...payload.passed, gate],
        ...(payload.purpose === "reauthenticate" && rq.identity !== undefined ? { identity: rq.identity } : {}),
      });
    },

    async drop(rq) {
      const text = pendingText(rq);
      if (text === undefined) return;
      looked.delete(rq);
      await tickets.redeem(ticketPurpose, text);
      clearPending(rq);
    },
  };
}
