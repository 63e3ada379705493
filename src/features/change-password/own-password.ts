import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { changedAccount, ownAccount, unchanged } from "../account-state.ts";
import { type Answer, invalid, refused } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { recoverLink } from "../links.ts";
import { newPasswordFaults } from "../passwords/new-password.ts";

/** A value with the name of its field. */
type Named = readonly [field: string, value: string];

/**
 * Whoever is signed in changes their own password: the present one is proved (an account without one sets its first), the
 * policy and the hooks are asked, everything that hung on the old one ends, and the owner is told where mails are sent. The
 * answer says why it was not done; the caller goes on with the changed account.
 */
export async function changeOwnPassword(
  kernel: Kernel,
  rq: SecurityRequest,
  { present, chosen, again }: { readonly present: Named; readonly chosen: Named; readonly again?: Named },
): Promise<{ readonly answer: Answer } | { readonly account: Account }> {
  const no = (answer: Answer): { readonly answer: Answer } => ({ answer });
  const account = await ownAccount(kernel, rq);
  if (account === undefined) return no(refused("UNAUTHENTICATED"));
  const [presentField, old] = present;
  const [chosenField, password] = chosen;
  if (account.password !== null) {
    if (old === "") return no(invalid({ [presentField]: [{ key: "PASSWORD_NOT_PROVIDED" }] }));
    if (!(await kernel.proof.check({ rq, account, password: old, authType: "password" }))) {
      return no(invalid({ [presentField]: [{ key: "INVALID_PASSWORD" }] }));
    }
    if (old.normalize("NFKD") === password.normalize("NFKD")) {
      return no(invalid({ [presentField]: [{ key: "PASSWORD_IS_THE_SAME" }] }));
    }
  }
  const [againField, typedAgain] = again ?? chosen;
  const values: Readonly<Record<string, string>> = { [chosenField]: password, [againField]: typedAgain };
  const faults = await newPasswordFaults(kernel, rq, account, values, chosenField, againField);
  if (faults !== undefined) return no(invalid(faults));
  const objection = await rq.system.events.ask("changePassword", { user: account }, rq);
  if (objection !== undefined) return no(refused(objection.refuse));
  const now = await changedAccount(
    (told) => kernel.users.setPassword(account, password, { onlyIf: unchanged(rq), ...told }),
    {
      async also(after, tx) {
        if (!kernel.features.has("changePassword")) return;
        await kernel.mail.send(rq, "passwordChanged", after, recoverLink(kernel), { tx });
      },
      tell: (user) => rq.system.events.emit("passwordChanged", { user }),
    },
  );
  if (now === undefined) return no(refused("REAUTHENTICATION_REQUIRED"));
  return { account: now };
}
