import { sessionOnly } from "../../authn/scheme.ts";
import { authRequired, fresh } from "../../authz/guards/authentication.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { decoyOf } from "../../model/decoy.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { UniqueConflictError } from "../../model/errors.ts";
import type { Ticket } from "../../model/session.ts";
import type { ListView } from "../../views/contract.ts";
import { formPage } from "../../views/pages.ts";
import { issueFor, ownAccount } from "../account-state.ts";
import { changedUser, flag, text, textOrNull, timeOrNull } from "../answers.ts";
import type { MailToSend } from "../delivery.ts";
import { type Answer, done, type Endpoint, endpoint, goTo, invalid, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { emailField, hiddenField } from "../fields.ts";
import { applyProof, firstProofPage, readFirstProof } from "../first-proof.ts";
import { linkDone, linkEndpoint, linkRefusal, recoverLink } from "../links.ts";
import { isMailable } from "../mailable.ts";
import { moment } from "../moment.ts";
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
 * (`/change-email/<token>`) has proved the new address. Then all other sessions, tokens and pending links end. What waits for its
 * link is shown there; `/cancel-change-email` takes it back.
 */
export function changeEmail(options: ChangeEmailOptions = {}): Feature {
  checkOptions("changeEmail", options, { within: "string" });
  const within = milliseconds("changeEmail.within", options.within ?? "2h");
  return {
    name: "changeEmail",
    linkLife: within,
    pages: { changeEmail: formPage, changeEmailConfirm: formPage },
    mails: changeEmailMails,
    endpoints: (kernel) => [change(kernel, within), cancel(kernel), confirm(kernel)],
  };
}

/** The change that waits for its link to be opened. */
async function pendingOf(kernel: Kernel, rq: SecurityRequest): Promise<Ticket | undefined> {
  const { identity } = rq;
  return identity && (await kernel.tickets.waiting(purpose, { userId: identity.account.id }))[0];
}

function addressOf(ticket: Ticket): string {
  return ticket.payload["email"] as string;
}

async function pendingView(kernel: Kernel, rq: SecurityRequest): Promise<ListView | undefined> {
  const pending = await pendingOf(kernel, rq);
  const path = kernel.path("cancel_change_email");
  if (pending === undefined || path === undefined) return undefined;
  const { catalogue } = rq;
  return {
    label: catalogue.text("CHANGE_EMAIL_PENDING"),
    rows: [
      {
        id: pending.id,
        title: addressOf(pending),
        badge: catalogue.text("CHANGE_EMAIL_PENDING"),
        facts: [{ label: catalogue.text("CHANGE_EMAIL_PENDING_UNTIL"), ...moment(catalogue, pending.expiresAt) }],
        actions: [{ path, text: catalogue.text("SUBMIT_CANCEL_CHANGE_EMAIL"), hidden: { id: pending.id } }],
      },
    ],
    empty: "",
    actions: [],
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
    answers: {
      shown: { current_email: text, pending_email: textOrNull, pending_until: timeOrNull },
      done: { current_email: text, ...changedUser },
    },
    fields: { email: emailField({ label: "LABEL_EMAIL_NEW", reaches: kernel.mail.reaches }) },
    list: (rq) => pendingView(kernel, rq),
    async show(rq) {
      const pending = rq.wantsJson ? await pendingOf(kernel, rq) : undefined;
      return {
        current_email: rq.identity?.account.email,
        pending_email: pending === undefined ? null : addressOf(pending),
        pending_until: pending === undefined ? null : new Date(pending.expiresAt).toISOString(),
      };
    },
    async submit({ rq, fields }) {
      const account = await ownAccount(kernel, rq);
      if (account === undefined) return refused("UNAUTHENTICATED");
      const { email } = fields;
      // A database that was taken over may hold the address in another case.
      if (email === account.email.toLowerCase()) return invalid({ email: [{ key: "EMAIL_IS_YOURS" }] });
      const objection = await rq.system.events.ask("changeEmail", { user: account, newEmail: email }, rq);
      if (objection !== undefined) return refused(objection.refuse);
      // Before it is told whether the address is taken.
      const mayMail = await kernel.limits.mail(rq, email);
      const owner = await kernel.users.find("email", email, { ignoreCase: true });
      if (owner !== undefined && kernel.revealAccounts) {
        return invalid({ email: [{ key: "EMAIL_ALREADY_ASSOCIATED", params: { email } }] });
      }
      if (mayMail) {
        // Also where the address is taken: neither the answer, nor what is shown as pending, nor the caller's own mailbox
        // tells which it is. That ticket's link goes to nobody.
        const nobody = owner === undefined ? undefined : decoyOf(email, owner);
        const request = { purpose, user: account, payload: { email }, life: within, replacesOlder: true };
        const token = await issueFor(kernel, rq, request, async (issued, tx) => {
          const link = kernel.link("change_email_confirm", issued);
          const told = owner !== undefined && isMailable(owner) ? owner : decoyOf(email, owner);
          const mails: readonly MailToSend[] = [
            { name: "changeEmailRequested", to: account, data: { newEmail: email, ...recoverLink(kernel) } },
            { name: "addressInUse", to: told, data: recoverLink(kernel) },
            { name: "changeEmailInstructions", to: nobody ?? { email, of: account }, data: { link, within } },
          ];
          await kernel.mail.sendAll(rq, mails, { tx });
        });
        if (token === undefined) return refused("UNAUTHENTICATED");
        rq.system.events.emit("changeEmailInstructionsSent", { user: nobody ?? account, newEmail: email }, rq);
      }
      kernel.browserMark.set(rq, account);
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

/** Its own endpoint, since less is asked than of a change: whoever holds the session may only leave things as they are. */
function cancel(kernel: Kernel): Endpoint {
  const back = (): string | undefined => kernel.path("change_email");
  return endpoint({
    name: "cancel_change_email",
    path: "/cancel-change-email",
    methods: ["POST"],
    authz: authRequired(),
    page: "changeEmail",
    title: "TITLE_CHANGE_EMAIL",
    submitLabel: "SUBMIT_CANCEL_CHANGE_EMAIL",
    answers: { done: { cancelled: flag } },
    fields: { id: hiddenField(64, { optional: true }) },
    back,
    // Its button stands on the page of the change, with what it is about.
    show: () => goTo(back() ?? "/", { key: "FORM_STALE" }),
    async submit({ rq, fields }) {
      const account = rq.identity?.account;
      if (account === undefined) return refused("UNAUTHENTICATED");
      const pending = await pendingOf(kernel, rq);
      // The page's button names the change that was shown; a program means the one that there is.
      const meant = pending !== undefined && (fields.id === "" || fields.id === pending.id);
      // Whichever comes first, this or the link: the other one finds it gone.
      const cancelled = meant && (await kernel.tickets.cancel(pending));
      if (cancelled) {
        rq.system.events.emit("changeEmailCancelled", { user: account, newEmail: addressOf(pending) }, rq);
      }
      const message = { key: cancelled ? "CHANGE_EMAIL_CANCELLED" : "CHANGE_EMAIL_NOT_PENDING" } as const;
      return done(back() ?? "/", { message, response: { cancelled } });
    },
  });
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
    // Only a session of the account goes on: elsewhere than where the change was asked for, everybody is signed out.
    intro: async ({ account }, rq) => ({
      key:
        (await rq.system.identify(rq, sessionOnly))?.account.id === account.id
          ? "INTRO_CHANGE_EMAIL_CONFIRM"
          : "INTRO_CHANGE_EMAIL_CONFIRM_ELSEWHERE",
    }),
    submitLabel: "SUBMIT_CHANGE_EMAIL_CONFIRM",
    ...firstProofPage(kernel, { moves: true }),
    introAsking: "INTRO_CHANGE_EMAIL_CONFIRM_ASKING",
    invalid: "INVALID_CHANGE_EMAIL_TOKEN",
    invalidTo,
    spaPage: "changeEmail",
    async submit({ rq, fields, link }): Promise<Answer> {
      const { account, ticket } = link;
      const email = ticket.payload["email"] as string;
      const own = (await rq.system.identify(rq))?.account.id === account.id;
      const gone = (): Answer => linkRefusal(kernel, rq, invalidTo(rq), "INVALID_CHANGE_EMAIL_TOKEN");
      // The new address has never been proved for this account: elsewhere than where it was asked for, it is a first proof.
      const proof = await readFirstProof(kernel, rq, account, fields, { moves: true });
      if ("answer" in proof) return proof.answer;
      let now: Account | undefined;
      try {
        // As the account was: whoever moved it may have changed its language with it.
        const old = { email: account.email, of: account };
        now = await applyProof(kernel, rq, link, proof, {
          email,
          mails: (after) => [{ name: "emailChanged", to: old, data: { newEmail: after.email } }],
          tell: (user) => rq.system.events.emit("emailChanged", { user, oldEmail: account.email }),
        });
      } catch (error) {
        // Somebody else took the address meanwhile.
        if (!(error instanceof UniqueConflictError)) throw error;
        return gone();
      }
      if (now === undefined) return gone();
      if (own) await kernel.signIn.renew(rq, now);
      const to = kernel.destinations.chosen("afterChangeEmail", rq) ?? kernel.destinations.afterSignIn(rq);
      return linkDone(kernel, rq, to, { key: "CHANGE_EMAIL_CONFIRMED" }, now);
    },
  });
}
