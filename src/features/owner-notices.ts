import type { Transaction } from "../datastore/contract.ts";
import type { EventSource } from "../events/events.ts";
import { type Account, isService } from "../model/account.ts";
import type { MailToSend } from "./delivery.ts";
import type { Kernel } from "./feature.ts";
import { recoverLink } from "./links.ts";

type Telling = Pick<Kernel, "mail" | "path" | "link">;

/** A service account is nobody's, and a system without a sender of mails tells nobody. */
const isTold = ({ mail }: Telling, owner: Account): boolean => mail.enabled && !isService(owner);

/** Tells the owner, with the change, that somebody else has set their password: an administrator, an operator or the application. */
export async function tellPasswordSet(kernel: Telling, owner: Account, tx: Transaction): Promise<void> {
  if (isTold(kernel, owner)) await kernel.mail.send(undefined, "passwordChanged", owner, recoverLink(kernel), { tx });
}

/**
 * Tells the owner by mail, with the change, that somebody else has changed an address or username. That goes to the old address,
 * which is theirs for certain, in the language of the account as it was, and to the new one.
 */
export async function mailIdentityChanged(
  kernel: Telling,
  before: Account,
  after: Account,
  tx?: Transaction,
): Promise<void> {
  if (!isTold(kernel, before)) return;
  const old = { email: before.email, of: before };
  const mails: MailToSend[] = [];
  if (after.email !== before.email) {
    const data = { newEmail: after.email };
    mails.push({ name: "emailChanged", to: old, data }, { name: "emailChanged", to: after, data });
  }
  if (after.username !== before.username) {
    const data = after.username === null ? {} : { username: after.username };
    mails.push({ name: "usernameChanged", to: old, data });
  }
  if (mails.length > 0) await kernel.mail.sendAll(undefined, mails, { tx });
}

/** Tells the listeners the same. */
export function emitIdentityChanged(
  { system: { events } }: Pick<Kernel, "system">,
  before: Account,
  after: Account,
  rq?: EventSource,
): void {
  if (after.email !== before.email) events.emit("emailChanged", { user: after, oldEmail: before.email }, rq);
  if (after.username !== before.username) {
    events.emit("usernameChanged", { user: after, oldUsername: before.username }, rq);
  }
}
