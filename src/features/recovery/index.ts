import type { Transaction } from "../../datastore/contract.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { decoyOf } from "../../model/decoy.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { formPage } from "../../views/pages.ts";
import { signInAnswers } from "../answers.ts";
import { type Answer, type Endpoint, invalid, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { applyProof, mailedElsewhere, resetProof } from "../first-proof.ts";
import { linkDone, linkEndpoint, linkOutcome, linkRefusal } from "../links.ts";
import { emitOnceCommitted, mailRequest } from "../mail-request.ts";
import { checkOptions } from "../options.ts";
import { linksTo, wantsToken } from "../passwords/index.ts";
import { newPasswordFaults, newPasswordFields } from "../passwords/new-password.ts";
import { recoveryMails } from "./mails.ts";

/** Options of the feature `recovery`. */
export interface RecoveryOptions {
  /** How long a link works; default "1h". */
  readonly within?: Duration;
  /** Sign in whoever set a new password; default false. A second factor is asked all the same. */
  readonly signIn?: boolean;
}

/** What other features do with recovery. */
export interface RecoveryService {
  /** Mails a link that sets a new password; of several, only the newest works. */
  send(rq: SecurityRequest, account: Account, tx: Transaction): Promise<void>;
}

const purpose = "reset";

/** `/reset` mails a link, `/reset/<token>` sets a new password by it and ends everything that hung on the old one. */
export function recovery(options: RecoveryOptions = {}): Feature {
  checkOptions("recovery", options, { within: "string", signIn: "boolean" });
  const within = milliseconds("recovery.within", options.within ?? "1h");
  return {
    name: "recovery",
    linkLife: within,
    requires: ["passwords"],
    pages: { forgotPassword: formPage, resetPassword: formPage },
    mails: recoveryMails,
    services: (kernel) => ({ recovery: service(kernel, within) }),
    endpoints: (kernel) => [forgotPassword(kernel), resetPassword(kernel, options.signIn === true)],
  };
}

function service(kernel: Kernel, within: number): RecoveryService {
  return {
    async send(rq, given, tx) {
      if (given.email === "") return;
      // A new password would end the only link that takes the account back.
      const leaving = (await kernel.services.accountDeletion?.pending(given, tx)) === true;
      const account = leaving ? decoyOf(given.email, given) : given;
      const payload = { email: account.email };
      const request = { purpose, user: account, payload, life: within, replacesOlder: true };
      const token = await kernel.tickets.issue(request, tx);
      const data = { link: kernel.link("reset_password", token), within };
      await kernel.mail.send(rq, "resetInstructions", account, data, { tx });
      emitOnceCommitted(kernel, tx, "resetInstructionsSent", { user: account });
    },
  };
}

function forgotPassword(kernel: Kernel): Endpoint {
  return mailRequest(kernel, {
    name: "forgot_password",
    path: "/reset",
    page: "forgotPassword",
    title: "TITLE_FORGOT_PASSWORD",
    intro: "INTRO_FORGOT_PASSWORD",
    submitLabel: "SUBMIT_FORGOT_PASSWORD",
    links: (rq, next) => linksTo(kernel, rq, next, ["login", "LINK_LOGIN"], ["register", "LINK_REGISTER"]),
    send: async (rq, account, tx) => kernel.services.recovery?.send(rq, account, tx),
    message: (email) =>
      kernel.revealAccounts ? { key: "PASSWORD_RESET_REQUEST", params: { email } } : { key: "GENERIC_RECOVERY" },
    to: () => kernel.path("forgot_password") ?? "/",
  });
}

function resetPassword(kernel: Kernel, signIn: boolean): Endpoint {
  const to = (rq: SecurityRequest): string =>
    kernel.destinations.chosen("afterReset", rq) ??
    (signIn ? undefined : kernel.path("login")) ??
    kernel.destinations.afterSignIn(rq);
  const invalidTo = (rq: SecurityRequest): string =>
    kernel.destinations.chosen("resetError", rq) ?? kernel.path("forgot_password") ?? "/";
  return linkEndpoint(kernel, {
    name: "reset_password",
    path: "/reset",
    purpose,
    page: "resetPassword",
    title: "TITLE_RESET_PASSWORD",
    intro: "INTRO_RESET_PASSWORD",
    submitLabel: "SUBMIT_RESET_PASSWORD",
    fields: newPasswordFields(kernel, "password", "password_confirm"),
    invalid: "INVALID_RESET_PASSWORD_TOKEN",
    invalidTo,
    spaPage: "reset",
    ...(signIn ? { answers: { ...signInAnswers, token: true } } : {}),
    async submit({ rq, fields, link }): Promise<Answer> {
      const { account } = link;
      const gone = (): Answer => linkRefusal(kernel, rq, invalidTo(rq), "INVALID_RESET_PASSWORD_TOKEN");
      if (mailedElsewhere(link)) return gone();
      const faults = await newPasswordFaults(kernel, rq, account, fields, "password", "password_confirm");
      if (faults !== undefined) return invalid(faults);
      const objection = await rq.system.events.ask("resetPassword", { user: account }, rq);
      if (objection !== undefined) return refused(objection.refuse);
      // The link is used up together with the change: of many at once, one wins, and its password is the stored one.
      // Who read the mail has the address, too.
      const proof = await resetProof(kernel, rq, account, fields.password);
      const now = await applyProof(kernel, rq, link, proof);
      if (now === undefined) return gone();
      const message = { key: signIn ? "PASSWORD_RESET" : "PASSWORD_RESET_NO_LOGIN" } as const;
      if (!signIn) return linkDone(kernel, rq, to(rq), message, now);
      const outcome = await kernel.signIn.complete(rq, { account: now, methods: ["reset"], token: wantsToken(rq) });
      // The password is set whatever the gates say to the sign-in.
      return linkOutcome(kernel, rq, outcome, {
        to: to(rq),
        message,
        refusal: () => linkDone(kernel, rq, kernel.path("login") ?? to(rq), { key: "PASSWORD_RESET_NO_LOGIN" }, now),
      });
    },
  });
}
