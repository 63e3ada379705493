import { fresh } from "../../authz/guards/authentication.ts";
import { formPage } from "../../views/pages.ts";
import { unchanged } from "../account-state.ts";
import { done, type Endpoint, endpoint, invalid, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { passwordField } from "../fields.ts";
import { wantsToken } from "../passwords/index.ts";
import { newPasswordFaults, newPasswordFields } from "../passwords/new-password.ts";
import { changePasswordMails } from "./mails.ts";

/** `/change`: a new password for who is signed in. Their other sessions, tokens and pending links end; this session goes on. */
export function changePassword(): Feature {
  return {
    name: "changePassword",
    requires: ["passwords"],
    pages: { changePassword: formPage },
    mails: changePasswordMails,
    endpoints: (kernel) => [change(kernel)],
  };
}

function change(kernel: Kernel): Endpoint {
  return endpoint({
    name: "change_password",
    path: "/change",
    authz: fresh(),
    page: "changePassword",
    title: "TITLE_CHANGE_PASSWORD",
    intro: "INTRO_CHANGE_PASSWORD",
    submitLabel: "SUBMIT_CHANGE_PASSWORD",
    fields: {
      // An account that has no password sets its first one here.
      password: passwordField({ label: "LABEL_PASSWORD_PRESENT", autocomplete: "current-password", optional: true }),
      ...newPasswordFields(kernel, "new_password", "new_password_confirm"),
    },
    show: (rq) => ({ active_password: rq.identity?.account.password != null }),
    async submit({ rq, fields }) {
      const account = rq.identity && (await kernel.users.get(rq.identity.account.id));
      if (account === undefined) return refused("UNAUTHENTICATED");
      if (account.password !== null) {
        if (fields.password === "") return invalid({ password: [{ key: "PASSWORD_NOT_PROVIDED" }] });
        if (!(await kernel.proof.check({ rq, account, password: fields.password, authType: "password" }))) {
          return invalid({ password: [{ key: "INVALID_PASSWORD" }] });
        }
        if (fields.password.normalize("NFKD") === fields.new_password.normalize("NFKD")) {
          return invalid({ password: [{ key: "PASSWORD_IS_THE_SAME" }] });
        }
      }
      const faults = await newPasswordFaults(kernel, rq, account, fields, "new_password", "new_password_confirm");
      if (faults !== undefined) return invalid(faults);
      const objection = await rq.system.events.ask("changePassword", { user: account }, rq);
      if (objection !== undefined) return refused(objection.refuse);
      const changed = await kernel.users.setPassword(account, fields.new_password, { onlyIf: unchanged(rq) });
      if (!changed) return refused("REAUTHENTICATION_REQUIRED");
      const now = (await kernel.users.get(account.id)) ?? account;
      const renewed = await kernel.signIn.renew(rq, now, { token: wantsToken(rq) });
      rq.system.events.emit("passwordChanged", { user: now });
      const recover = kernel.path("forgot_password");
      kernel.mail.send(
        rq,
        "passwordChanged",
        now,
        recover === undefined ? {} : { recover: kernel.link("forgot_password") },
      );
      return done(kernel.destinations.chosen("afterChangePassword", rq) ?? kernel.destinations.afterSignIn(rq), {
        message: { key: "PASSWORD_CHANGE" },
        response: {
          user: {
            ...now.securityPayload(),
            ...(renewed?.token === undefined ? {} : { authentication_token: renewed.token, ...renewed.members }),
          },
          csrf_token: rq.system.csrf.token(rq),
        },
      });
    },
  });
}
