import type { Gate, Remedy } from "../../authn/gates.ts";
import type { Transaction } from "../../datastore/contract.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { formPage } from "../../views/pages.ts";
import { signInAnswers } from "../answers.ts";
import type { MailToSend } from "../delivery.ts";
import type { Answer, Endpoint } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { applyProof, firstProofPage, mailedElsewhere, readFirstProof } from "../first-proof.ts";
import { linkDone, linkEndpoint, linkOutcome, linkRefusal } from "../links.ts";
import { emitOnceCommitted, mailRequest } from "../mail-request.ts";
import { checkOptions } from "../options.ts";
import { linksTo } from "../passwords/index.ts";
import type { Reason } from "../refused-sign-in.ts";
import { confirmationMails } from "./mails.ts";

/** Options of the feature `confirmation`. */
export interface ConfirmationOptions {
  /** How long a link works; default "2d". */
  readonly within?: Duration;
  /** False: people sign in before their address is confirmed, and `user.confirmedAt` tells. Default true. */
  readonly required?: boolean;
  /** Sign in whoever confirmed; default false. A second factor is asked all the same. */
  readonly signIn?: boolean;
}

/** What other features do with confirmation. */
export interface ConfirmationService {
  /** Whether an address must be confirmed before its account is used. */
  readonly required: boolean;
  /** What a sign-in before that is told. */
  readonly refusal: Reason;
  /** Mails a link that proves the account's address, with `also` before it; of several links, only the newest works. */
  send(rq: SecurityRequest, account: Account, tx: Transaction, also?: readonly MailToSend[]): Promise<void>;
}

const purpose = "confirm";

/** `/confirm` mails a link, `/confirm/<token>` proves by it that the address is the account's. */
export function confirmation(options: ConfirmationOptions = {}): Feature {
  checkOptions("confirmation", options, { within: "string", required: "boolean", signIn: "boolean" });
  const within = milliseconds("confirmation.within", options.within ?? "2d");
  return {
    name: "confirmation",
    linkLife: within,
    pages: { sendConfirmation: formPage, confirmEmail: formPage },
    mails: confirmationMails,
    gates: () => (options.required === false ? [] : [confirmedGate]),
    services: (kernel) => ({ confirmation: service(kernel, within, options.required !== false) }),
    endpoints: (kernel) => [sendConfirmation(kernel), confirmEmail(kernel, options.signIn === true)],
  };
}

const sendAgain: Remedy = {
  endpoint: "send_confirmation",
  text: "INTRO_SEND_CONFIRMATION",
  label: "SUBMIT_SEND_CONFIRMATION",
};

const refusal: Reason = { key: "CONFIRMATION_REQUIRED", remedy: sendAgain };

const confirmedGate: Gate = {
  name: "confirmed",
  order: 300,
  check: ({ account, methods }) =>
    // Whoever signs in by what was mailed to the address has it; where there is no address, there is nothing to confirm.
    account.email === "" || account.confirmedAt !== null || methods.includes("email")
      ? "pass"
      : { refuse: refusal.key, remedy: sendAgain },
};

function service(kernel: Kernel, within: number, required: boolean): ConfirmationService {
  return {
    required,
    refusal,
    async send(rq, account, tx, also = []) {
      if (account.email === "") return;
      // An address that was changed meanwhile is not confirmed by an older mail.
      const payload = { email: account.email };
      const request = { purpose, user: account, payload, life: within, replacesOlder: true };
      const token = await kernel.tickets.issue(request, tx);
      const data = { link: kernel.link("confirm_email", token), within };
      await kernel.mail.sendAll(rq, [...also, { name: "confirmation", to: account, data }], { tx });
      emitOnceCommitted(kernel, tx, "confirmInstructionsSent", { user: account });
    },
  };
}

function sendConfirmation(kernel: Kernel): Endpoint {
  return mailRequest(kernel, {
    name: "send_confirmation",
    path: "/confirm",
    page: "sendConfirmation",
    title: "TITLE_SEND_CONFIRMATION",
    intro: "INTRO_SEND_CONFIRMATION",
    submitLabel: "SUBMIT_SEND_CONFIRMATION",
    links: (rq, next) => linksTo(kernel, rq, next, ["login", "LINK_LOGIN"]),
    objection: (account) => (account.confirmedAt === null ? undefined : { key: "ALREADY_CONFIRMED" }),
    gets: (account) => account.confirmedAt === null,
    send: async (rq, account, tx) => kernel.services.confirmation?.send(rq, account, tx),
    message: (email) => ({ key: "CONFIRMATION_REQUEST", params: { email } }),
    to: () => kernel.path("send_confirmation") ?? "/",
  });
}

function confirmEmail(kernel: Kernel, signIn: boolean): Endpoint {
  const to = (rq: SecurityRequest): string =>
    kernel.destinations.chosen("afterConfirm", rq) ??
    (rq.identity === undefined ? kernel.path("login") : undefined) ??
    kernel.destinations.afterSignIn(rq);
  const invalidTo = (rq: SecurityRequest): string =>
    kernel.destinations.chosen("confirmError", rq) ?? kernel.path("send_confirmation") ?? "/";
  return linkEndpoint(kernel, {
    name: "confirm_email",
    path: "/confirm",
    purpose,
    page: "confirmEmail",
    title: "TITLE_CONFIRM_EMAIL",
    intro: "INTRO_CONFIRM_EMAIL",
    submitLabel: "SUBMIT_CONFIRM_EMAIL",
    ...firstProofPage(kernel),
    invalid: "INVALID_CONFIRMATION_TOKEN",
    invalidTo,
    spaPage: "confirm",
    ...(signIn ? { answers: signInAnswers } : {}),
    async submit({ rq, fields, link }): Promise<Answer> {
      const { account } = link;
      const already = (): Answer => linkRefusal(kernel, rq, invalidTo(rq), "ALREADY_CONFIRMED");
      // The address was changed since the mail.
      if (mailedElsewhere(link)) {
        return linkRefusal(kernel, rq, invalidTo(rq), "INVALID_CONFIRMATION_TOKEN");
      }
      const proof = await readFirstProof(kernel, rq, account, fields);
      if ("answer" in proof) return proof.answer;
      const now = await applyProof(kernel, rq, link, proof, { onlyFirst: true });
      if (now === undefined) return already();
      if (!signIn) return linkDone(kernel, rq, to(rq), { key: "EMAIL_CONFIRMED" }, now);
      const outcome = await kernel.signIn.complete(rq, { account: now, methods: ["confirm"] });
      // The address is confirmed whatever the gates say to the sign-in.
      return linkOutcome(kernel, rq, outcome, {
        to: to(rq),
        message: { key: "EMAIL_CONFIRMED" },
        refusal: () => linkDone(kernel, rq, to(rq), { key: "EMAIL_CONFIRMED" }, now),
      });
    },
  });
}
