import type { Awaitable } from "../../model/awaitable.ts";
import type { Label } from "../../model/label.ts";
import type { StrengthHintKey } from "./strength.ts";

/** The message keys of the faults that the policy itself finds. */
export type PolicyFaultKey =
  | "PASSWORD_INVALID_LENGTH"
  | "PASSWORD_TOO_COMMON"
  | "PASSWORD_IS_IDENTITY"
  | "PASSWORD_IS_SITE_WORD"
  | "PASSWORD_ILLEGAL"
  | "PASSWORD_BLANK"
  | "PASSWORD_TOO_SIMPLE"
  | "PASSWORD_REUSED"
  | "PASSWORD_PATTERN"
  | "PASSWORD_BREACHED"
  | "PASSWORD_REFUSED"
  | "PASSWORD_BREACHED_SITE_ERROR"
  | StrengthHintKey;

/** Why a new password is refused: the key of a message and its parameters, or a text of your own under a key of your own. */
export interface PolicyFault<Key extends string = PolicyFaultKey> {
  readonly key: Key;
  readonly params?: Readonly<Record<string, string | number>>;
  /** Said in the place of the key's message: one text, or one by language (`{ en: "…", de: "…" }`). */
  readonly text?: Label;
}

/** Whose password it is going to be. */
export interface PasswordContext {
  /** E-mail address, user name and whatever else they are known by. */
  readonly identities: readonly string[];
  /** The account where there is one already: its former passwords are refused where the option `history` says so. */
  readonly account?: { readonly id: number } | undefined;
}

/**
 * A check of the application's own. It is given the NFKD form; what it throws refuses the password, a PasswordRefusedError with
 * its faults.
 *
 *     (password) => /z/.test(password) ? [] : [{ key: "NEEDS_Z", text: { en: "A z is missing.", de: "Ein z fehlt." } }]
 */
export type PasswordValidator = (
  password: string,
  context: PasswordContext,
) => Awaitable<readonly PolicyFault<string>[]>;

/** A check of the policy: what a validator gets, and the password as it was typed. */
export type PolicyCheck = (
  password: string,
  context: PasswordContext,
  typed: string,
) => Awaitable<readonly PolicyFault<string>[]>;
