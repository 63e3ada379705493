import { sessionOnly } from "../authn/scheme.ts";
import type { Transaction } from "../datastore/contract.ts";
import type { AddressProof } from "../datastore/user-operations.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { changedAccount } from "./account-state.ts";
import type { MailToSend } from "./delivery.ts";
import { type Answer, invalid, refused } from "./endpoint.ts";
import type { Kernel } from "./feature.ts";
import { type Field, type FieldValues, passwordField } from "./fields.ts";
import type { LinkDefinition, OpenLink } from "./links.ts";
import { newPasswordFaults } from "./passwords/new-password.ts";

// Anybody can register an address. Until a mail to it was answered, nobody knows whose the account is: its password, its
// sessions and whatever was set up with them may be a stranger's, who waits for the owner to come and use it. So the first
// proof of an address ends all of it, unless the proof comes from the browser that began the account, or with its password.

/** What may be sent with a link that proves an address: the account's password, or a new one. */
export interface FirstProofFields extends Readonly<Record<string, Field<unknown>>> {
  readonly password: Field<string>;
  readonly new_password: Field<string>;
  readonly new_password_confirm: Field<string>;
}

/** Which address a link proves. */
interface ProvedAddress {
  /** True: another one than the account has, so that no proof of before counts for it. */
  readonly moves?: boolean;
}

/** What using the link comes to. */
export interface FirstProof extends Pick<AddressProof, "first" | "password" | "endsAccess"> {
  readonly moves: boolean;
}

/** Whether nobody has proved yet that this account's address is theirs. */
export function isUnproved({ email, confirmedAt }: Account): boolean {
  return email !== "" && confirmedAt === null;
}

/** Whether a link was mailed to another address than the account has now. */
export function mailedElsewhere({ ticket, account }: OpenLink): boolean {
  const { email } = ticket.payload;
  return typeof email === "string" && email !== account.email;
}

/** The part of a link's definition by which its page asks what a first proof needs. */
export function firstProofPage(
  kernel: Kernel,
  proved: ProvedAddress = {},
): Required<Pick<LinkDefinition<FirstProofFields>, "fields" | "asks" | "introAsking">> {
  return {
    fields: {
      password: passwordField({ autocomplete: "current-password", optional: true }),
      new_password: passwordField({
        label: "LABEL_PASSWORD_NEW",
        autocomplete: "new-password",
        hint: { key: "HINT_PASSWORD_LENGTH", params: { min: kernel.policy.minLength } },
        lead: "FIRST_PROOF_OR",
        optional: true,
      }),
      new_password_confirm: passwordField({
        label: "LABEL_PASSWORD_CONFIRM",
        autocomplete: "new-password",
        optional: true,
      }),
    },
    asks: async (rq, { account }) => (await standing(kernel, rq, account, proved)) === "asked",
    introAsking: "INTRO_FIRST_PROOF",
  };
}

/**
 * How an account and this request stand to each other. "proved": nothing new. "own": it was begun in this browser. "asked": who
 * holds the link must show the password, or replace it. "unasked": there is no password to show, so everything ends.
 */
async function standing(
  kernel: Kernel,
  rq: SecurityRequest,
  account: Account,
  { moves = false }: ProvedAddress,
): Promise<"proved" | "own" | "asked" | "unasked"> {
  if (!moves && !isUnproved(account)) return "proved";
  if (kernel.browserMark.shows(rq, account)) return "own";
  // A session counts where the address is the one that it was made with. A change of address is asked for in a session, and
  // by links of the asker's own a stranger could be lured into one: there the mark alone counts.
  if (!moves && (await signedInHere(rq, account))) return "own";
  return account.password === null || !kernel.features.has("passwords") ? "unasked" : "asked";
}

async function signedInHere(rq: SecurityRequest, account: Account): Promise<boolean> {
  const identity = await rq.system.identify(rq, sessionOnly);
  if (identity?.session === undefined || identity.impersonator !== undefined) return false;
  return identity.account.id === account.id && identity.account.fsUniquifier === account.fsUniquifier;
}

/** The link is good and stays so: a program tells it from a wrong password by `pending`. */
const needsPassword: Answer = {
  kind: "invalid",
  fields: { password: [{ key: "FIRST_PROOF_NEEDS_PASSWORD" }] },
  response: { pending: "first_proof" },
};

/**
 * Looks at what was sent with a link: what using it comes to, or the answer to who has not shown enough. A guess at the password
 * goes through the limits of every check of a password.
 */
export async function readFirstProof(
  kernel: Kernel,
  rq: SecurityRequest,
  account: Account,
  fields: FieldValues<FirstProofFields>,
  proved: ProvedAddress = {},
): Promise<FirstProof | { readonly answer: Answer }> {
  const { moves = false } = proved;
  const how = await standing(kernel, rq, account, proved);
  const first = how !== "proved" && !moves;
  if (fields.new_password !== "") {
    // Never passed over in silence: who sent it believes that it counts from now on.
    if (how === "proved" || !kernel.features.has("passwords")) {
      return { answer: invalid({}, [{ key: "UNEXPECTED_FIELD", params: { name: "new_password" } }]) };
    }
    const faults = await newPasswordFaults(kernel, rq, account, fields, "new_password", "new_password_confirm");
    if (faults !== undefined) return { answer: invalid(faults) };
    const objection = await rq.system.events.ask("resetPassword", { user: account }, rq);
    if (objection !== undefined) return { answer: refused(objection.refuse) };
    return { first, moves, password: fields.new_password, endsAccess: true };
  }
  const { password } = fields;
  if (password === "") {
    if (how === "asked") return { answer: needsPassword };
  } else if (how === "unasked") {
    // There is nothing that it could be checked against.
    return { answer: invalid({}, [{ key: "UNEXPECTED_FIELD", params: { name: "password" } }]) };
  } else if (!(await kernel.proof.check({ rq, account, password, authType: "password" }))) {
    // Also where none is asked for: who sends one believes that it is checked.
    return { answer: invalid({ password: [{ key: "INVALID_PASSWORD" }] }) };
  }
  return how === "unasked" ? { first, moves, password: null, endsAccess: true } : { first, moves };
}

/** What a reset comes to, whose link sets a new password in any case. */
export async function resetProof(
  kernel: Kernel,
  rq: SecurityRequest,
  account: Account,
  password: string,
): Promise<FirstProof> {
  const how = await standing(kernel, rq, account, {});
  return { first: how !== "proved", moves: false, password, endsAccess: how === "asked" || how === "unasked" };
}

/** What else a proof changes. */
export interface ProofOptions {
  /** The address that the account moves to. */
  readonly email?: string;
  /** Only as long as no other proof has come first. */
  readonly onlyFirst?: boolean;
  /** Done in the same transaction; false: nothing is proved. */
  readonly also?: (tx: Transaction) => Promise<boolean>;
  /** What is mailed of it in the same transaction, beside the notice of a new password. */
  readonly mails?: (after: Account) => readonly MailToSend[];
  /** What is told of it once it is done, beside what the proof came to. */
  readonly tell?: (after: Account) => void;
}

/**
 * Uses the link up and stores what it comes to, in one transaction. The account as it is from then on: read later, it may be one
 * that was reset meanwhile. Undefined: the link was used, or the account changed, in the meantime. Who holds the
 * mailbox chooses by their request in which language mails are written to it.
 */
export async function applyProof(
  kernel: Kernel,
  rq: SecurityRequest,
  link: OpenLink,
  { moves, ...proof }: FirstProof,
  { email, onlyFirst, also, mails, tell }: ProofOptions = {},
): Promise<Account | undefined> {
  const { account } = link;
  // What ends because a stranger may have begun it, their choice of a language goes with.
  const mailLanguage = rq.system.catalogues.asked(rq)?.language ?? (proof.endsAccess === true ? null : undefined);
  // As it was when the decision was made: a proof, a reset or a change of address at the same moment waits for this one, or has
  // won already. A sign-in with the former password does, too.
  const as = {
    fsUniquifier: account.fsUniquifier,
    active: true,
    ...(account.email === "" ? {} : { email: account.email }),
    ...(onlyFirst === true ? { confirmedAt: null } : {}),
  };
  const onlyIf = async (tx: Transaction): Promise<boolean> =>
    (await link.redeem(tx)) && (also === undefined || (await also(tx)));
  const proved = { ...proof, mailLanguage, ...(email === undefined ? {} : { email }) };
  const now = await changedAccount((told) => kernel.users.prove(account, proved, { as, onlyIf, ...told }), {
    async also(after, tx) {
      const list = [...(mails?.(after) ?? []), ...proofMails(kernel, after, proof)];
      if (list.length > 0) await kernel.mail.sendAll(rq, list, { tx });
    },
    tell(after) {
      tellProof(rq, after, proof);
      tell?.(after);
    },
  });
  if (now !== undefined) kernel.browserMark.clear(rq, account);
  return now;
}

function proofMails(kernel: Kernel, to: Account, { password }: Pick<FirstProof, "password">): readonly MailToSend[] {
  if (typeof password !== "string" || !kernel.features.has("recovery")) return [];
  return [{ name: "resetNotice", to, data: { recover: kernel.link("forgot_password") } }];
}

/** Tells the listeners what a proof came to; `account` is the new state. */
function tellProof(rq: SecurityRequest, account: Account, proof: Omit<FirstProof, "moves">): void {
  const { events } = rq.system;
  if (proof.first === true) events.emit("userConfirmed", { user: account });
  if (proof.endsAccess === true) events.emit("registrationDisowned", { user: account });
  if (typeof proof.password === "string") events.emit("passwordReset", { user: account });
}

/**
 * Who signs in by a link holds the mailbox: mails are written to it in their language from now on. After the answer, and only
 * where it changes.
 */
export function keepLanguage(kernel: Kernel, rq: SecurityRequest, account: Account): void {
  const mailLanguage = rq.system.catalogues.asked(rq)?.language;
  if (mailLanguage === undefined || mailLanguage === account.mailLanguage) return;
  kernel.background(() => kernel.users.update(account, { mailLanguage }));
}
