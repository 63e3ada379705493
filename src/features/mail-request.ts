import { open } from "../authz/guards/open.ts";
import type { Transaction } from "../datastore/contract.ts";
import type { SecurityEventName, SecurityEvents } from "../events/catalogue.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { decoyOf } from "../model/decoy.ts";
import type { PageLink } from "../views/contract.ts";
import { nextToken } from "./answers.ts";
import { type Answer, done, type Endpoint, type EndpointDefinition, endpoint, invalid } from "./endpoint.ts";
import type { Kernel } from "./feature.ts";
import { emailField, type Fault, type Field } from "./fields.ts";
import { isMailable } from "./mailable.ts";
import { onceCommitted } from "./postbox.ts";

/** A page on which somebody asks for a mail to the address of an account. */
export interface MailRequestDefinition
  extends Pick<
    EndpointDefinition<{ readonly email: Field<string> }>,
    "name" | "path" | "page" | "title" | "intro" | "submitLabel" | "show"
  > {
  readonly links: (rq: SecurityRequest, next: string | undefined) => readonly PageLink[];
  /** An answer in the place of everything else: to who is signed in, say. */
  readonly instead?: (rq: SecurityRequest, next: string | undefined) => Answer | undefined;
  /** Why this account gets none, where answers may tell; default: because it is off. */
  readonly objection?: (account: Account) => Fault | undefined;
  /** Whether an account that may be mailed gets one; default: each. */
  readonly gets?: (account: Account) => boolean;
  /**
   * Writes it down, all in this transaction: to an account that gets one, else to a decoy (`decoyOf`), so that it takes the same
   * work.
   */
  readonly send: (rq: SecurityRequest, account: Account, tx: Transaction, next: string | undefined) => Promise<unknown>;
  /** What is said, whoever asks; `email` as it was typed. */
  readonly message: (email: string) => Fault;
  /** Where the page goes on. */
  readonly to: () => string;
}

/** Tells the listeners of what is to be mailed, once it is stored. The request does not wait for them. */
export function emitOnceCommitted<Name extends SecurityEventName>(
  { system: { events }, background }: Pick<Kernel, "system" | "background">,
  tx: Transaction,
  name: Name,
  event: SecurityEvents[Name],
): void {
  onceCommitted(tx, () => background(async () => events.emit(name, event)));
}

const off = (account: Account): Fault | undefined => (isMailable(account) ? undefined : { key: "DISABLED_ACCOUNT" });

/**
 * Asking for a mail: one answer at one cost for every address. The budgets are asked for known and unknown ones alike, what
 * is sent is made after the answer, and what a full mailbox does not get, the answer does not tell.
 */
export function mailRequest(kernel: Kernel, definition: MailRequestDefinition): Endpoint {
  const { instead, objection = off, gets = () => true, send, message, to, ...rest } = definition;
  return endpoint({
    ...rest,
    authz: open("to ask for a mail"),
    fields: { email: emailField() },
    initial: (rq) => ({ email: rq.identity?.account.email ?? "" }),
    answers: { done: nextToken },
    async submit({ rq, fields: { email }, next }) {
      const other = instead?.(rq, next);
      if (other !== undefined) return other;
      const mayMail = await kernel.limits.mail(rq, email);
      const account = await kernel.users.find("email", email, { ignoreCase: true });
      if (kernel.revealAccounts) {
        const fault = account === undefined ? ({ key: "USER_DOES_NOT_EXIST" } as const) : objection(account);
        if (fault !== undefined) return invalid({ email: [fault] });
      }
      if (mayMail) {
        const served = account !== undefined && isMailable(account) && gets(account);
        const to = served ? account : decoyOf(email, account);
        await kernel.datastore.transaction((tx) => send(rq, to, tx, next));
      }
      return done(to(), {
        message: message(email),
        response: { csrf_token: rq.system.csrf.token(rq) },
        followNext: false,
      });
    },
  });
}
