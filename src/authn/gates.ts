import type { SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { CredentialFault } from "../model/identity.ts";

/**
 * Why somebody passes through the gates: to get a session, to use one request (HTTP Basic), to be restored from a
 * remember credential, to renew an auth token, or to prove again who they are. At "refresh" the methods are those of the
 * sign-in that the token goes back to: a gate that they satisfied lets pass; one that parks refuses.
 */
export type Purpose = "sign-in" | "request" | "restore" | "refresh" | "reauthenticate";

/** What a gate decides on. */
export interface GateAttempt {
  readonly rq: SecurityRequest;
  readonly account: Account;
  readonly purpose: Purpose;
  /** How the user proved who they are so far. */
  readonly methods: readonly string[];
  /** At "restore": how they had proved it when the remember credential was made. */
  readonly remembered: readonly string[];
}

/** An endpoint that mends what a gate refuses for, such as the one that mails the confirmation link again. */
export interface Remedy {
  /** The endpoint's name. It takes the address of the account as its field `email`. */
  readonly endpoint: string;
  /** What pressing the button does, and what stands on it. */
  readonly text: MessageKey;
  readonly label: MessageKey;
}

/** Pass; refuse with a message; or park: something more is needed, and until then nothing exists that gives access. */
export type GateVerdict =
  | "pass"
  | {
      readonly refuse: MessageKey;
      readonly field?: string;
      /** What the user can do about it; pages offer it as a button. */
      readonly remedy?: Remedy;
    }
  | {
      /** Kept with the parked sign-in, never shown. */
      readonly park: Readonly<Record<string, unknown>>;
      /** Where a browser goes on. */
      readonly path: string;
      /** What a JSON client is told beside `pending` (the gate's name), `path` and `shown_for`, such as `{ tf_required: true }`. */
      readonly answer: Readonly<Record<string, unknown>>;
      /** Wrong guesses that the parked sign-in takes; default 5. */
      readonly attempts?: number;
    };

/** A condition that every sign-in must meet, on every channel. Features add theirs. */
export interface Gate {
  readonly name: string;
  /**
   * Gates are asked in rising order: active 200, confirmed 300, deletion 350, second factor 400. One that takes time stands
   * behind 300: before it, the time would tell who has registered an address whether it was free. A lockout is no gate: it
   * refuses guesses, and whoever proves who they are by mail gets in.
   */
  readonly order: number;
  check(attempt: GateAttempt): Awaitable<GateVerdict>;
}

/** Why a request whose credential is right is refused all the same. */
export function gateFault({ gate, verdict }: { gate: string; verdict: Exclude<GateVerdict, "pass"> }): CredentialFault {
  const said = "refuse" in verdict ? verdict.refuse : "it asks for a further step, which such a request cannot take";
  return { why: `it is right, but the gate "${gate}" does not let its user in: ${said}` };
}

/** The last gate: what the application hung before sign-ins (`security.events.before("signIn", …)`). */
export const hookGate: Gate = {
  name: "before-hooks",
  order: Number.MAX_SAFE_INTEGER,
  async check({ rq, account, purpose, methods }) {
    const attempt = { user: account, methods, purpose };
    return (await rq.system.events.ask("signIn", attempt, rq)) ?? "pass";
  },
};

/** The gate of the core: an account that is not active gets nowhere. */
export const activeGate: Gate = {
  name: "active",
  order: 200,
  check: ({ account }) => (account.active ? "pass" : { refuse: "DISABLED_ACCOUNT" }),
};
