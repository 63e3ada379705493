import type { AskedOptions } from "../datastore/access-state.ts";
import type { Account } from "../model/account.ts";
import type { Kernel } from "./feature.ts";

/**
 * Removes an account for somebody who manages users, on whatever way. Where the application has things of its own to remove
 * (`accountDeletion({ onDelete })`), they go first. Throws WithdrawnError, LastAdministratorError.
 */
export async function removeAccount(
  { users, services }: Pick<Kernel, "users" | "services">,
  account: Account,
  options?: AskedOptions,
): Promise<void> {
  await (services.accountDeletion === undefined
    ? users.delete(account, options)
    : services.accountDeletion.remove(account, options));
}
