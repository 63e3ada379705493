import type { EventSource } from "../events/events.ts";
import { type Account, isService } from "../model/account.ts";
import type { Kernel } from "./feature.ts";
import { recoverLink } from "./links.ts";

type Telling = Pick<Kernel, "mail" | "path" | "link">;

/** A service account is nobody's, and a system without a sender of mails tells nobody. */
const isTold = ({ mail }: Telling, owner: Account): boolean => mail.enabled && !isService(owner);

/** Tells the owner that somebody else has set their password: an administrator, an operator or the application. */
export function tellPasswordSet(kernel: Telling, owner: Account): void {
  if (isTold(kernel, owner)) kernel.mail.send(undefined, "passwordChanged", owner, recoverLink(kernel));
}

/**
 * Tells that somebody else than the owner has changed an address or username: the listeners, and the owner by mail. That goes to
 * the old address, which is theirs for certain, in the language of the account as it was, and to the new one.
 */
export function tellIdentityChanged(
  kernel: Telling & Pick<Kernel, "system">,
  before: Account,
  after: Account,
  rq?: EventSource,
): void {
  const { mail, system } = kernel;
  const told = isTold(kernel, before);
  const old = { email: before.email, of: before };
  if (after.email !== before.email) {
    system.events.emit("emailChanged", { user: after, oldEmail: before.email }, rq);
    for (const to of told ? [old, after] : []) mail.send(undefined, "emailChanged", to, { newEmail: after.email });
  }
  if (after.username === before.username) return;
  system.events.emit("usernameChanged", { user: after, oldUsername: before.username }, rq);
  if (!told) return;
  mail.send(undefined, "usernameChanged", old, after.username === null ? {} : { username: after.username });
}
