import type { ChangeOptions } from "../../datastore/user-operations.ts";
import { passwordFaultKey } from "../../i18n/password-faults.ts";
import type { Account } from "../../model/account.ts";
import type { Kernel } from "../feature.ts";
import type { Fault } from "../fields.ts";
import { tellPasswordSet } from "../owner-notices.ts";

/** What is wrong with a password by the policy. `whose`: an account, or what is known of a new one. */
export async function policyFaults(
  kernel: Pick<Kernel, "policy">,
  whose: Account | { readonly email: string; readonly username?: string | null },
  password: string,
): Promise<readonly Fault[]> {
  const identities = [whose.email, whose.username].filter(
    (identity): identity is string => typeof identity === "string" && identity !== "",
  );
  const found = await kernel.policy.check(password, "id" in whose ? { identities, account: whose } : { identities });
  return found.map((fault) => ({
    key: passwordFaultKey(fault),
    ...(fault.params === undefined ? {} : { params: fault.params }),
    ...(fault.text === undefined ? {} : { text: fault.text }),
  }));
}

/**
 * Sets somebody's password for an administrator, the command line or the application: asks the policy, stores the hash, ends
 * everything that hung on the old one, and tells it (`passwordSet`), the owner by mail. Whoever is signed in changes their own by `/change`.
 * Returns what is wrong with it by the policy (nothing: it is set). Throws WithdrawnError.
 */
export async function setCheckedPassword(
  kernel: Pick<Kernel, "policy" | "users" | "system" | "mail" | "path" | "link">,
  account: Account,
  password: string,
  options: ChangeOptions = {},
): Promise<readonly Fault[]> {
  const faults = await policyFaults(kernel, account, password);
  if (faults.length > 0) return faults;
  const done: ChangeOptions["done"] = async (after, tx) => {
    await options.done?.(after, tx);
    await tellPasswordSet(kernel, after, tx);
  };
  const tell = (): unknown => {
    kernel.system.events.emit("passwordSet", { userId: account.id });
    return options.tell?.();
  };
  await kernel.users.setPassword(account, password, { ...options, done, tell });
  return [];
}
