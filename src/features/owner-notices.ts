import type { Account } from "../model/account.ts";
import type { Mails } from "../views/mail.ts";
import { isService } from "./api-keys/index.ts";
import { changeEmailMails } from "./change-email/mails.ts";
import { changePasswordMails } from "./change-password/mails.ts";
import type { Kernel } from "./feature.ts";
import { recoverLink } from "./links.ts";
import { usernamesMails } from "./usernames/mails.ts";

/** Mails that the owner of an account gets whatever features are on: somebody else may change every account. */
export const ownerMails: Pick<Mails, "passwordChanged" | "emailChanged" | "usernameChanged"> = {
  ...changePasswordMails,
  emailChanged: changeEmailMails.emailChanged,
  usernameChanged: usernamesMails.usernameChanged,
};

type Telling = Pick<Kernel, "mail" | "path" | "link">;

/** A service account is nobody's, and a system without a sender of mails tells nobody. */
const isTold = ({ mail }: Telling, owner: Account): boolean => mail.enabled && !isService(owner);

/** Tells the owner that somebody else has set their password: an administrator, an operator or the application. */
export function tellPasswordSet(kernel: Telling, owner: Account): void {
  if (isTold(kernel, owner)) kernel.mail.send(undefined, "passwordChanged", owner, recoverLink(kernel));
}

/**
 * Tells the owner that somebody else has changed their address or username: at the old address, which is theirs for certain, in
 * the language of the account as it was, and at the new one.
 */
export function tellIdentityChanged(kernel: Telling, before: Account, after: Account): void {
  if (!isTold(kernel, before)) return;
  const { mail } = kernel;
  const old = { email: before.email, of: before };
  if (after.email !== before.email) {
    for (const to of [old, after]) mail.send(undefined, "emailChanged", to, { newEmail: after.email });
  }
  if (after.username === before.username) return;
  mail.send(undefined, "usernameChanged", old, after.username === null ? {} : { username: after.username });
}
