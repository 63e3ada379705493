import { type Account, isService } from "../model/account.ts";

/**
 * Whether the account gets mails that anybody can ask for: not one that is shut out, and none of a machine, to which nobody
 * signs in.
 */
export function isMailable(account: Account): boolean {
  return account.active && !isService(account);
}
