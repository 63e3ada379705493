import type { SecurityRequest } from "../../http/request.ts";
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
  const second = passwordField({
    label: "LABEL_PASSWORD_CONFIRM",
    autocomplete: "new-password",
    // Whether it may really be left out depends on the request: `newPasswordFaults` sees to that.
    optional: !kernel.retypeInJson,
  });
  return {
    [name]: passwordField({
      label: name === "password" ? "LABEL_PASSWORD" : "LABEL_PASSWORD_NEW",
      autocomplete: "new-password",
      hint: { key: "HINT_PASSWORD_LENGTH", params: { min: kernel.policy.minLength } },
    }),
    [again]: { ...second, required: true },
  } as Readonly<Record<Name | Again, Field<string>>>;
}

/**
 * What is wrong with a new password, by field; undefined when it can be used. `whose`: an account, or what is known of a new
 * one. `rq`: the request that brought it, which must be read.
 */
export async function newPasswordFaults<Name extends string, Again extends string>(
  kernel: Kernel,
  rq: SecurityRequest,
  whose: Account | { readonly email: string; readonly username?: string | null },
  values: Readonly<Record<Name | Again, string>>,
  name: Name,
  again: Again,
): Promise<Record<string, Fault[]> | undefined> {
  const faults: Record<string, Fault[]> = {};
  const password = values[name];
  const found = await policyFaults(kernel, whose, password);
  if (found.length > 0) faults[name] = [...found];
  const second = values[again];
  if (second === "") {
    // Only a person at a form mistypes what they do not see.
    const mayBeLeftOut = !kernel.retypeInJson && (await rq.body()).kind === "json";
    if (!mayBeLeftOut) faults[again] = [{ key: "PASSWORD_NOT_PROVIDED" }];
  } else if (password.normalize("NFKD") !== second.normalize("NFKD")) {
    faults[again] = [{ key: "RETYPE_PASSWORD_MISMATCH" }];
  }
  return Object.keys(faults).length === 0 ? undefined : faults;
}
