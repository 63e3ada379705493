import type { Remedy } from "../authn/gates.ts";
import type { Guessed, PasswordAttempt } from "../authn/password-proof.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import type { Account } from "../model/account.ts";
import { type Answer, refused } from "./endpoint.ts";
import type { Kernel } from "./feature.ts";
import { isUnproved } from "./first-proof.ts";

/** A reason, and what can be done about it. */
export interface Reason {
  readonly key: MessageKey;
  readonly remedy: Remedy | undefined;
}

/** What may be told of a sign-in with a password; undefined: no more than to who guessed wrongly. */
export interface SignInReasons {
  /** Where the password was not right, or nobody has it. */
  readonly failed: Reason | undefined;
  /** Where a gate is against who has the right one. */
  refused(key: MessageKey, remedy: Remedy | undefined): Reason | undefined;
}

/**
 * Whoever registers a stranger's address gets one answer, be it free or taken. So must who signs in with that pair then: until
 * an address was proved, what is told depends on what this browser did itself, and never on whether there is an account.
 * Where it registered this very pair, it is told to confirm the address first. `registrationTellsMore` says where that is no
 * question.
 */
export function signInReasons(
  kernel: Kernel,
  { rq, account, identity, attribute, password }: PasswordAttempt & { readonly rq: SecurityRequest },
  { looked }: Guessed,
): SignInReasons {
  // Of everybody, whatever the guess was: the same work.
  const here =
    identity !== undefined &&
    kernel.browserMark.registered(rq, { names: [kernel.proof.nameOf(identity, attribute)], password });
  const { confirmation } = kernel.services;
  const confirms = here && looked && !kernel.revealAccounts && confirmation?.required === true;
  const failed = confirms && kernel.revealAccountState ? confirmation.refusal : undefined;
  return {
    failed,
    refused(key, remedy) {
      if (!kernel.revealAccounts && (account === undefined || registrationTellsMore(kernel, account))) return failed;
      return toldReason(kernel, key) === undefined ? undefined : { key, remedy };
    },
  };
}

/**
 * Whether the right password of this account may have been set by who registered a stranger's address, and does not know yet
 * whether that was free. Where no address is ever confirmed, that is over where nobody can register, and once the account was
 * signed in to: the first sign-in has said it.
 */
function registrationTellsMore(kernel: Kernel, account: Account): boolean {
  if (!isUnproved(account)) return false;
  if (kernel.services.confirmation !== undefined) return true;
  return kernel.features.has("registration") && (account.loginCount ?? 0) === 0;
}

/**
 * What to tell who has shown the right password, or used a mailed link, and is stopped by a gate. That is no outsider, and the
 * guess is spent like a wrong one: beyond the limits right and wrong get one answer. Undefined: no more than a failed proof is
 * told (`revealAccountState: false`, or the refusal has no reason of its own).
 */
export function toldReason(kernel: Pick<Kernel, "revealAccountState">, key: MessageKey): MessageKey | undefined {
  return kernel.revealAccountState && key !== "GENERIC_AUTHN_FAILED" ? key : undefined;
}

/**
 * The answer to a sign-in that a gate refused: its reason at the field that named the account, and a button for what can be
 * done about it where the address is known that it is to be done for.
 */
export function refusedSignIn(
  kernel: Kernel,
  key: MessageKey,
  remedy: Remedy | undefined,
  named: {
    readonly field?: string;
    readonly email?: string | undefined;
    /** What a failed proof is answered here. */
    readonly failure?: Answer;
  },
): Answer {
  const reason = toldReason(kernel, key);
  const { field, email, failure = refused("GENERIC_AUTHN_FAILED") } = named;
  if (reason === undefined) return failure;
  const fault = [{ key: reason }];
  const answer = {
    kind: "invalid",
    ...(field === undefined ? { form: fault } : { fields: { [field]: fault } }),
  } as const;
  const path = remedy === undefined ? undefined : kernel.path(remedy.endpoint);
  if (remedy === undefined || path === undefined) return answer;
  // Texts are in the caller's language: a program needs a word that stays.
  const told = { ...answer, response: { pending: remedy.endpoint } };
  if (email === undefined || email === "") return told;
  return { ...told, offer: { path, text: remedy.text, label: remedy.label, fields: { email } } };
}
