import type { Remedy } from "../authn/gates.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import { type Answer, refused } from "./endpoint.ts";
import type { Kernel } from "./feature.ts";

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
