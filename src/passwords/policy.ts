import type { Awaitable } from "../model/awaitable.ts";
import { ConfigurationError } from "../model/errors.ts";
import { isCommonPassword } from "./common-passwords.ts";
import { isWellFormed, MAXIMUM_PASSWORD_BYTES, normalizePassword } from "./normal-form.ts";
import { checkNames, flag, wholeNumber } from "./options.ts";

/** The message keys of the faults that the policy itself finds. */
export type PolicyFaultKey =
  | "PASSWORD_INVALID_LENGTH"
  | "PASSWORD_TOO_COMMON"
  | "PASSWORD_IS_IDENTITY"
  | "PASSWORD_ILLEGAL";

/** Why a new password is refused: the key of a message and its parameters. */
export interface PolicyFault<Key extends string = PolicyFaultKey> {
  readonly key: Key;
  readonly params?: Readonly<Record<string, string | number>>;
}

/** Whose password it is going to be: e-mail address, user name and whatever else they are known by. */
export interface PasswordContext {
  readonly identities: readonly string[];
  /** The account, where there is one already. */
  readonly account?: { readonly id: number };
}

/** A further check, of passwords that passed the others. It is given the NFKD form; a rejection refuses the password. */
export type PasswordValidator = (
  password: string,
  context: PasswordContext,
) => Awaitable<readonly PolicyFault<string>[]>;

/** Which new passwords are accepted. There are no rules of composition (NIST SP 800-63B). */
export interface PasswordPolicyOptions {
  /** In code points of the NFKD form; 8 by default. */
  readonly minLength?: number;
  /** In code points of the NFKD form; 128 by default, at most 1024. More than 1024 bytes are never accepted. */
  readonly maxLength?: number;
  /** Allows a `minLength` below 8. */
  readonly allowShortPasswords?: boolean;
  /** Accepts the most common passwords. */
  readonly allowCommonPasswords?: boolean;
  /** Further checks, in order; all are asked. */
  readonly validators?: readonly PasswordValidator[];
}

/** Decides on new passwords; one that is already stored is never checked again. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly maxLength: number;
  /** What is wrong with the password; nothing when it is accepted. */
  check(password: string, context: PasswordContext): Promise<PolicyFault<string>[]>;
}

const NAMES = ["minLength", "maxLength", "allowShortPasswords", "allowCommonPasswords", "validators"];
const SAFE_MINIMUM = 8;
const CONTROL_CHARACTER = /\p{Cc}/u;

/** Makes a policy; throws a ConfigurationError that names the option, such as `passwords.policy.minLength`. */
export function createPasswordPolicy(options: PasswordPolicyOptions = {}): PasswordPolicy {
  const path = "passwords.policy";
  checkNames(path, options, NAMES);
  const minLength = wholeNumber(`${path}.minLength`, options.minLength, SAFE_MINIMUM, 1, MAXIMUM_PASSWORD_BYTES);
  const maxLength = wholeNumber(
    `${path}.maxLength`,
    options.maxLength,
    Math.max(128, minLength),
    1,
    MAXIMUM_PASSWORD_BYTES,
  );
  const shortAllowed = flag(`${path}.allowShortPasswords`, options.allowShortPasswords);
  if (minLength < SAFE_MINIMUM && !shortAllowed) {
    throw new ConfigurationError(`${path}.minLength`, `below ${SAFE_MINIMUM} only with allowShortPasswords: true`);
  }
  if (maxLength < minLength) throw new ConfigurationError(`${path}.maxLength`, `less than minLength (${minLength})`);
  const commonAllowed = flag(`${path}.allowCommonPasswords`, options.allowCommonPasswords);
  const validators = checkValidators(options.validators, `${path}.validators`);
  const lengthFault: PolicyFault = {
    key: "PASSWORD_INVALID_LENGTH",
    params: { length: minLength, maximum: maxLength },
  };

  return {
    minLength,
    maxLength,
    async check(password, context) {
      if (typeof password !== "string") return [{ key: "PASSWORD_ILLEGAL" }];
      if (password.length > 2 * maxLength) return [lengthFault]; // normalising never makes fewer code points
      if (!isWellFormed(password) || CONTROL_CHARACTER.test(password)) return [{ key: "PASSWORD_ILLEGAL" }];
      const normal = normalizePassword(password);
      if (normal === undefined) return [lengthFault];
      const length = [...normal].length;
      if (length < minLength || length > maxLength) return [lengthFault];

      const faults: PolicyFault<string>[] = [];
      if (isIdentity(normal, context.identities)) faults.push({ key: "PASSWORD_IS_IDENTITY" });
      if (!commonAllowed && (await isCommonPassword(normal))) faults.push({ key: "PASSWORD_TOO_COMMON" });
      if (faults.length > 0) return faults;
      for (const validator of validators) faults.push(...(await validator(normal, context)));
      return faults;
    },
  };
}

/** Whether the password is one of the identities, or the local part of one that is an e-mail address. */
function isIdentity(normal: string, identities: readonly string[]): boolean {
  const password = folded(normal);
  return identities.some((identity) => {
    const name = folded(identity);
    const at = name.lastIndexOf("@");
    return name === password || (at > 0 && name.slice(0, at) === password);
  });
}

function folded(text: string): string {
  return text.normalize("NFKD").toLowerCase().normalize("NFKD");
}

function checkValidators(validators: unknown, path: string): readonly PasswordValidator[] {
  if (validators === undefined) return [];
  if (!Array.isArray(validators)) throw new ConfigurationError(path, "a list of functions is expected");
  for (const [index, validator] of validators.entries()) {
    if (typeof validator !== "function") throw new ConfigurationError(`${path}[${index}]`, "a function is expected");
  }
  return validators;
}
