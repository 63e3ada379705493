import { fresh } from "../../authz/guards/authentication.ts";
import { formPage } from "../../views/pages.ts";
import { changedUser } from "../answers.ts";
import { done, type Endpoint, endpoint } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { passwordField } from "../fields.ts";
import { wantsToken } from "../passwords/index.ts";
import { newPasswordFields } from "../passwords/new-password.ts";
import { changeOwnPassword } from "./own-password.ts";

/** `/change`: a new password for who is signed in. Their other sessions, tokens and pending links end; this session goes on. */
export function changePassword(): Feature {
  return {
    name: "changePassword",
    requires: ["passwords"],
    pages: { changePassword: formPage },
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
    submitLabel: "SUBMIT_CHANGE_PASSWORD",
    answers: { shown: { active_password: { type: "boolean" } }, done: changedUser, token: true },
    fields: {
      // An account that has no password sets its first one here.
      password: passwordField({ label: "LABEL_PASSWORD_PRESENT", autocomplete: "current-password", optional: true }),
      ...newPasswordFields(kernel, "new_password", "new_password_confirm"),
    },
    // There is no present one to ask for.
    omits: (rq) => (rq.identity?.account.password == null ? ["password"] : []),
    intro: (rq) => ({
      key: rq.identity?.account.password == null ? "INTRO_SET_PASSWORD" : "INTRO_CHANGE_PASSWORD",
    }),
    show: (rq) => ({ active_password: rq.identity?.account.password != null }),
    async submit({ rq, fields }) {
      const changed = await changeOwnPassword(kernel, rq, {
        present: ["password", fields.password],
        chosen: ["new_password", fields.new_password],
        again: ["new_password_confirm", fields.new_password_confirm],
      });
      if ("answer" in changed) return changed.answer;
      const now = changed.account;
      const renewed = await kernel.signIn.renew(rq, now, { token: wantsToken(rq) });
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
