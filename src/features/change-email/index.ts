import { fresh } from "../../authz/guards/authentication.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { displayName } from "../../model/account.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { UniqueConflictError } from "../../model/errors.ts";
import { formPage } from "../../views/pages.ts";
import { changedUser, text } from "../answers.ts";
import { type Answer, done, type Endpoint, endpoint, invalid, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { emailField } from "../fields.ts";
import { linkDone, linkEndpoint, linkRefusal } from "../links.ts";
import { checkOptions } from "../options.ts";
import { changeEmailMails } from "./mails.ts";

/** Options of the feature `changeEmail`. */
export interface ChangeEmailOptions {
  /** How long the link to the new address works; default "2h". */
  readonly within?: Duration;
}

const purpose = "change-email";

/**
 * `/change-email` mails a link to the new address and a notice to the old one; nothing changes before the link
 * (`/change-email/<token>`) has proved the new address. Then all other sessions, tokens and pending links end.
 */
export function changeEmail(options: ChangeEmailOptions = {}): Feature {
  checkOptions("changeEmail", options, { within: "string" });
  const within = milliseconds("changeEmail.within", options.within ?? "2h");
  return {
    name: "changeEmail",
    pages: { changeEmail: formPage, changeEmailConfirm: formPage },
    mails: changeEmailMails,
    endpoints: (kernel) => [change(kernel, within), confirm(kernel)],
  };
}

function change(kernel: Kernel, within: number): Endpoint {
  return endpoint({
    name: "change_email",
    path: "/change-email",
    authz: fresh(),
    page: "changeEmail",
    title: "TITLE_CHANGE_EMAIL",
    intro: "INTRO_CHANGE_EMAIL",
    submitLabel: "SUBMIT_CHANGE_EMAIL",
    // Beside the budgets of the client's address and of the mailbox: each request sends mails.
    limits: { perIdentity: "30/1h" },
    answers: { shown: { current_email: text }, done: { current_email: text, ...changedUser } },
    fields: { email: emailField({ label: "LABEL_EMAIL_NEW" }) },
    show: (rq) => ({ current_email: rq.identity?.account.email }),
    async submit({ rq, fields }) {
      const account = rq.identity && (await kernel.users.get(rq.identity.account.id));
      if (account === undefined) return refused("UNAUTHENTICATED");
      const { email } = fields;
      const taken = { key: "EMAIL_ALREADY_ASSOCIATED", params: { email } } as const;
      // A database that was taken over may hold the address in another case.
      if (email === account.email.toLowerCase()) return invalid({ email: [taken] });
      const objection = await rq.system.events.ask("changeEmail", { user: account, newEmail: email }, rq);
      if (objection !== undefined) return refused(objection.refuse);
      // Before it is told whether the address is taken.
      const mayMail = await kernel.limits.mail(rq, email);
      const owner = await kernel.users.find("email", email, { ignoreCase: true });
      if (owner !== undefined && kernel.revealAccounts) return invalid({ email: [taken] });
      kernel.background(async () => {
        if (!mayMail) return;
        // Also where the address is taken: neither the answer nor the caller's own mailbox tells which it is.
        kernel.mail.send(rq, "changeEmailRequested", account, { newEmail: email, ...recoverLink(kernel) });
        if (owner !== undefined) {
          if (owner.active) kernel.mail.send(rq, "addressInUse", owner, recoverLink(kernel));
          return;
        }
        const token = await kernel.tickets.issue({
          purpose,
          user: account,
          payload: { email },
          life: within,
          replacesOlder: true,
        });
        const link = kernel.link("change_email_confirm", token);
        kernel.mail.send(rq, "changeEmailInstructions", { email }, { link, within, current: displayName(account) });
        kernel.system.events.emit("changeEmailInstructionsSent", { user: account, newEmail: email });
      });
      return done(kernel.path("change_email") ?? "/", {
        message: { key: "CHANGE_EMAIL_SENT", params: { email } },
        response: {
          current_email: account.email,
          user: account.securityPayload(),
          csrf_token: rq.system.csrf.token(rq),
        },
      });
    },
  });
}

function recoverLink(kernel: Kernel): { readonly recover?: string } {
  return kernel.path("forgot_password") === undefined ? {} : { recover: kernel.link("forgot_password") };
}

function confirm(kernel: Kernel): Endpoint {
  const invalidTo = (rq: SecurityRequest): string =>
    kernel.destinations.chosen("changeEmailError", rq) ?? kernel.path("change_email") ?? "/";
  return linkEndpoint(kernel, {
    name: "change_email_confirm",
    path: "/change-email",
    purpose,
    page: "changeEmailConfirm",
    title: "TITLE_CHANGE_EMAIL_CONFIRM",
    intro: "INTRO_CHANGE_EMAIL_CONFIRM",
    submitLabel: "SUBMIT_CHANGE_EMAIL_CONFIRM",
    fields: {},
    invalid: "INVALID_CHANGE_EMAIL_TOKEN",
    invalidTo,
    spaPage: "changeEmail",
    async submit({ rq, link }): Promise<Answer> {
      const { account, ticket } = link;
      const email = ticket.payload["email"] as string;
      const own = (await rq.system.identify(rq))?.account.id === account.id;
      try {
        const changed = await kernel.users.setEmail(account, email, { onlyIf: (tx) => link.redeem(tx) });
        if (!changed) return invalid({});
      } catch (error) {
        // Somebody else took the address meanwhile.
        if (!(error instanceof UniqueConflictError)) throw error;
        return rq.wantsJson
          ? refused("INVALID_CHANGE_EMAIL_TOKEN")
          : linkRefusal(kernel, rq, invalidTo(rq), { key: "INVALID_CHANGE_EMAIL_TOKEN" });
      }
      const now = (await kernel.users.get(account.id)) ?? account;
      if (own) await kernel.signIn.renew(rq, now);
      rq.system.events.emit("emailChanged", { user: now, oldEmail: account.email });
      kernel.mail.send(rq, "emailChanged", { email: account.email }, { newEmail: now.email });
      const to = kernel.destinations.chosen("afterChangeEmail", rq) ?? kernel.destinations.afterSignIn(rq);
      return linkDone(kernel, rq, to, { key: "CHANGE_EMAIL_CONFIRMED" }, now);
    },
  });
}
