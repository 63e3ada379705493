import type { Account } from "../../model/account.ts";
import type { Kernel } from "../feature.ts";
import { type Fault, type Field, passwordField } from "../fields.ts";
import { policyFaults } from "./checked-password.ts";

/** The two fields in which somebody chooses a password. */
export function newPasswordFields<Name extends string, Again extends string>(
  kernel: Kernel,
  name: Name,
  again: Again,
): Readonly<Record<Name | Again, Field<string>>> {
  return {
    [name]: passwordField({
      label: name === "password" ? "LABEL_PASSWORD" : "LABEL_PASSWORD_NEW",
      autocomplete: "new-password",
      hint: { key: "HINT_PASSWORD_LENGTH", params: { min: kernel.policy.minLength } },
    }),
    [again]: passwordField({ label: "LABEL_PASSWORD_CONFIRM", autocomplete: "new-password" }),
  } as Readonly<Record<Name | Again, Field<string>>>;
}

/** What is wrong with a new password, by field; undefined when it can be used. `whose`: an account, or what is known of a new one. */
export async function newPasswordFaults<Name extends string, Again extends string>(
  kernel: Kernel,
  whose: Account | { readonly email: string; readonly username?: string | null },
  values: Readonly<Record<Name | Again, string>>,
  name: Name,
  again: Again,
): Promise<Record<string, Fault[]> | undefined> {
  const faults: Record<string, Fault[]> = {};
  const password = values[name];
  const found = await policyFaults(kernel, whose, password);
  if (found.length > 0) faults[name] = [...found];
  if (password.normalize("NFKD") !== values[again].normalize("NFKD")) {
    faults[again] = [{ key: "RETYPE_PASSWORD_MISMATCH" }];
  }
  return Object.keys(faults).length === 0 ? undefined : faults;
}
