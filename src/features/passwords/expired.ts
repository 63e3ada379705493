import type { Gate } from "../../authn/gates.ts";
import type { SignIn } from "../../authn/sign-in.ts";
import { open } from "../../authz/guards/open.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { displayName } from "../../model/account.ts";
import { changedAccount } from "../account-state.ts";
import { signInAnswers } from "../answers.ts";
import { type Answer, type Endpoint, endpoint, goTo, invalid, outcomeAnswer, refused } from "../endpoint.ts";
import type { FeatureKernel, Kernel } from "../feature.ts";
import { recoverLink } from "../links.ts";
import { refusedSignIn } from "../refused-sign-in.ts";
import { newPasswordFaults, newPasswordFields } from "./new-password.ts";

const name = "expired_password";
const path = "/expired-password";

/**
 * The gate of the policy's `maxAge`: a sign-in with a password that is too old waits until there is a new one, and a request,
 * a refresh or a remember credential that rests on one is refused. It comes after the second factor: whoever has only the
 * password does not choose the next one.
 */
export function expiredPasswordGate(kernel: FeatureKernel, maxAge: number): Gate {
  return {
    name,
    order: 500,
    async check({ account, purpose, methods, remembered }) {
      const proved = purpose === "restore" ? remembered : methods;
      if (purpose === "reauthenticate" || !proved.includes("password")) return "pass";
      const storedAt = (await kernel.history.storedAt(account.id)) ?? account.createDatetime.getTime();
      if (kernel.system.now() - storedAt < maxAge) return "pass";
      return { park: {}, path: kernel.path(name) ?? path, answer: { password_expired: true } };
    },
  };
}

/** `/expired-password`: a new password in the place of one that is too old, by who has just signed in with that. */
export function expiredPassword(kernel: Kernel): Endpoint {
  const { signIn, destinations } = kernel;
  const nobody = (rq: SecurityRequest): Answer =>
    rq.wantsJson ? refused("GENERIC_AUTHN_FAILED") : goTo(kernel.path("login") ?? "/");
  return endpoint({
    name,
    path,
    authz: open("to whoever waits to sign in"),
    page: "expiredPassword",
    title: "TITLE_EXPIRED_PASSWORD",
    intro: "INTRO_EXPIRED_PASSWORD",
    submitLabel: "SUBMIT_EXPIRED_PASSWORD",
    fields: newPasswordFields(kernel, "password", "password_confirm"),
    limits: { perAddress: "60/1h" },
    answers: signInAnswers,
    show: async (rq) => ((await signIn.parked(rq, name)) === undefined ? nobody(rq) : {}),
    async account(rq) {
      const parked = await signIn.parked(rq, name);
      return parked && displayName(parked.account);
    },
    // Of two sign-ins that were begun in one browser, the newer one waits: no form of the other's changes its password.
    shownFor: async (rq) => (await signIn.parked(rq, name))?.id,
    async submit({ rq, fields }) {
      const account = (await signIn.parked(rq, name))?.account;
      if (account === undefined) return nobody(rq);
      const faults = await newPasswordFaults(kernel, rq, account, fields, "password", "password_confirm");
      if (faults !== undefined) return invalid(faults);
      if (account.password !== null && (await kernel.hasher.verify(fields.password, account.password)).ok) {
        return invalid({ password: [{ key: "PASSWORD_IS_THE_SAME" }] });
      }
      const objection = await rq.system.events.ask("changePassword", { user: account }, rq);
      if (objection !== undefined) return refused(objection.refuse);
      const change: Parameters<SignIn["resume"]>[3] = ({ id }, consume) =>
        changedAccount((told) => kernel.users.setPassword(id, fields.password, { onlyIf: consume, ...told }), {
          async also(after, tx) {
            // The notice of the feature that changes passwords otherwise, where it is on.
            if (!kernel.features.has("changePassword")) return;
            await kernel.mail.send(rq, "passwordChanged", after, recoverLink(kernel), { tx });
          },
          tell: (user) => rq.system.events.emit("passwordChanged", { user }),
        });
      return outcomeAnswer(rq, await signIn.resume(rq, name, [], change), {
        to: destinations.afterSignIn(rq),
        message: { key: "PASSWORD_CHANGE" },
        refusal: (key, remedy) => refusedSignIn(kernel, key, remedy, { email: account.email }),
      });
    },
  });
}
