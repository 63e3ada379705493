import { inTime } from "../model/deadline.ts";
import { type Duration, milliseconds } from "../model/duration.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { type BreachedOptions, breachedCheck } from "./checks/breached.ts";
import type { PasswordContext, PasswordValidator, PolicyCheck, PolicyFault } from "./checks/check.ts";
import {
  checkStrengthOptions,
  createStrengthEstimator,
  type StrengthEstimator,
  type StrengthOptions,
  strengthCheck,
} from "./checks/strength.ts";
import { consistsOfWords, wordsOfIdentities } from "./checks/words.ts";
import { isCommonPassword } from "./common-passwords.ts";
import { isWellFormed, MAXIMUM_PASSWORD_BYTES, normalizePassword } from "./normal-form.ts";
import { flag, wholeNumber } from "./options.ts";
import { PasswordRefusedError } from "./refused.ts";

export type { PasswordContext, PasswordValidator, PolicyFault } from "./checks/check.ts";

/** The policy's own checks by name, in the order in which they are asked. */
export type PolicyCheckName =
  | "length"
  | "characters"
  | "patterns"
  | "identity"
  | "siteWords"
  | "common"
  | "strength"
  | "history"
  | "breached";

/** The checks that can be left out by name; the others are off unless they are asked for, or have an option of their own. */
export type OmissibleCheckName = "characters" | "identity" | "siteWords" | "common";

/** Which new passwords are accepted. By default there are no rules of composition (NIST SP 800-63B). */
export interface PasswordPolicyOptions {
  /** In code points of the NFKD form; 8 by default. */
  readonly minLength?: number;
  /** In code points of the NFKD form; 128 by default, at most 1024. More than 1024 bytes are never accepted. */
  readonly maxLength?: number;
  /** Allows a `minLength` below 8. */
  readonly allowShortPasswords?: boolean;
  /** Accepts the most common passwords. */
  readonly allowCommonPasswords?: boolean;
  /** Leaves checks out, by name. Weaker: whatever only they refuse is accepted. */
  readonly allowWithoutChecks?: readonly OmissibleCheckName[];
  /** Words that are refused as passwords beside the site's name and hosts: products, the company, the place. */
  readonly siteWords?: readonly string[];
  /** Refuses what zxcvbn finds easy to guess; needs @zxcvbn-ts/core and @zxcvbn-ts/language-en. Default: not asked. */
  readonly strength?: StrengthOptions;
  /** Refuses what is on the list of stolen passwords; true: with the defaults. Default: not asked. */
  readonly breached?: boolean | BreachedOptions;
  /**
   * Each of these must be found in the NFKD form, such as `[/[a-z]/u, /[0-9]/u]`: for rules that somebody else has made. They
   * make passwords easier to guess rather than harder.
   */
  readonly patterns?: readonly RegExp[];
  /** Refuses the last passwords of an account, the present one among them; `last` is 1 to 24. Their hashes are kept. */
  readonly history?: { readonly last: number };
  /**
   * So long after it was stored, a password signs in only to be replaced: the sign-in waits until a new one is set. One whose
   * storing was not noted counts from when its account was made. Default: passwords do not age (NIST SP 800-63B advises so).
   */
  readonly maxAge?: Duration;
  /** Functions of your own in the place of checks, by name. */
  readonly replace?: Readonly<Partial<Record<PolicyCheckName, PasswordValidator>>>;
  /** Further checks, in order; all are asked, of what passed the others. */
  readonly validators?: readonly PasswordValidator[];
}

/** Decides on new passwords; one that is already stored is never checked again. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly maxLength: number;
  /** How many passwords of an account are remembered, so that they are not taken again or their age is known. */
  readonly remembered: number;
  /** In milliseconds; undefined: passwords do not age. */
  readonly maxAge: number | undefined;
  /** What is wrong with the password; nothing when it is accepted. Rejects with OverloadedError when too many wait. */
  check(password: string, context: PasswordContext): Promise<PolicyFault<string>[]>;
  /** Ends what the checks keep running. */
  close(): Promise<void>;
}

/** What the policy needs of the system; each has a default that does without. */
export interface PolicyEnvironment {
  /** The site's name and hosts. */
  readonly siteWords?: readonly string[];
  /** The hashes of the account's last passwords, newest first, at most `last` of them. */
  readonly formerHashes?: (account: { readonly id: number }, last: number) => Promise<readonly string[]>;
  readonly verify?: (password: string, hash: string) => Promise<boolean>;
  readonly log?: (message: string, details?: Readonly<Record<string, unknown>>) => void;
  /** How long the application's own checks may take, in milliseconds; past it the check rejects with DeadlineError. */
  readonly deadline?: number;
}

const SAFE_MINIMUM = 8;
const MAXIMUM_HISTORY = 24;
const CONTROL_CHARACTER = /\p{Cc}/u;
/**
 * What shows nothing by itself, or the same box for each: white space, what is not drawn at all, marks without a letter, code
 * points that no character has or that are for private use, the empty Braille cell, the empty note head.
 */
const NOTHING_SHOWN = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{M}\p{Z}\p{C}\u2800\u{1d159}]+$/u;
const OMISSIBLE: readonly string[] = ["characters", "identity", "siteWords", "common"];
/** The checks, those that cost little first: one group is asked when the groups before it found nothing. */
const GROUPS: readonly (readonly PolicyCheckName[])[] = [
  ["length", "characters", "patterns"],
  ["identity", "siteWords", "common"],
  ["strength"],
  ["history"],
  ["breached"],
];
const NAMES = [
  "minLength",
  "maxLength",
  "allowShortPasswords",
  "allowCommonPasswords",
  "allowWithoutChecks",
  "siteWords",
  "strength",
  "breached",
  "patterns",
  "history",
  "maxAge",
  "replace",
  "validators",
];

/** Makes a policy; throws a ConfigurationError that names the option, such as `passwords.policy.minLength`. */
export function createPasswordPolicy(
  options: PasswordPolicyOptions = {},
  environment: PolicyEnvironment = {},
): PasswordPolicy {
  const path = "passwords.policy";
  checkKnown(path, options, NAMES);
  const { minLength, maxLength } = lengths(path, options);
  const omitted = omittedChecks(path, options);
  const last = historyLength(path, options.history);
  const maxAge = options.maxAge === undefined ? undefined : milliseconds(`${path}.maxAge`, options.maxAge);
  const log = environment.log ?? (() => undefined);
  const asOwn = (check: PasswordValidator, what: string): PasswordValidator =>
    refusing(timed(check, environment.deadline, what), what, log);
  const validators = checkValidators(options.validators, `${path}.validators`).map((validator, index) =>
    asOwn(validator, `${path}.validators[${index}]`),
  );
  const siteWords = [...(environment.siteWords ?? []), ...ownWords(`${path}.siteWords`, options.siteWords)];
  const tooLong: PolicyFault = { key: "PASSWORD_INVALID_LENGTH", params: { length: minLength, maximum: maxLength } };

  const checks: Partial<Record<PolicyCheckName, PolicyCheck>> = {
    length(password) {
      const length = [...password].length;
      return length < minLength || length > maxLength ? [tooLong] : [];
    },
    characters: (password) => (CONTROL_CHARACTER.test(password) ? [{ key: "PASSWORD_ILLEGAL" }] : []),
    identity: (password, { identities }) => (isIdentity(password, identities) ? [{ key: "PASSWORD_IS_IDENTITY" }] : []),
    siteWords: (password) => (consistsOfWords(password, siteWords) ? [{ key: "PASSWORD_IS_SITE_WORD" }] : []),
    common: async (password) => ((await isCommonPassword(password)) ? [{ key: "PASSWORD_TOO_COMMON" }] : []),
  };
  for (const name of omitted) delete checks[name];
  const patterns = checkPatterns(`${path}.patterns`, options.patterns);
  if (patterns.length > 0) {
    checks.patterns = (password) =>
      patterns.every((pattern) => pattern.test(password)) ? [] : [{ key: "PASSWORD_PATTERN" }];
  }
  let estimator: StrengthEstimator | undefined;
  if (options.strength !== undefined) {
    const { minimumScore, timeLimit } = checkStrengthOptions(`${path}.strength`, options.strength);
    estimator = createStrengthEstimator(timeLimit);
    checks.strength = strengthCheck(minimumScore, estimator, siteWords, log);
  }
  const { formerHashes, verify } = environment;
  if (last > 0 && formerHashes !== undefined && verify !== undefined) {
    checks.history = async (password, { account }) => {
      if (account === undefined) return [];
      // One after the other, in the hasher's queue: not everybody's turn is taken at once.
      for (const hash of (await formerHashes(account, last)).slice(0, last)) {
        if (await verify(password, hash)) return [{ key: "PASSWORD_REUSED" }];
      }
      return [];
    };
  }
  if (options.breached !== undefined && options.breached !== false) {
    checks.breached = breachedCheck(`${path}.breached`, options.breached === true ? {} : options.breached, log);
  }
  for (const [name, check] of Object.entries(replacements(`${path}.replace`, options.replace))) {
    checks[name as PolicyCheckName] = asOwn(check, `${path}.replace.${name}`);
  }

  return {
    minLength,
    maxLength,
    remembered: Math.max(last, maxAge === undefined ? 0 : 1),
    maxAge,
    async check(password, context) {
      if (typeof password !== "string") return [{ key: "PASSWORD_ILLEGAL" }];
      if (password.length > 2 * maxLength) return [tooLong]; // normalising never makes fewer code points
      // What cannot be hashed is refused whatever the checks say.
      if (!isWellFormed(password) || password.includes("\0")) return [{ key: "PASSWORD_ILLEGAL" }];
      const normal = normalizePassword(password);
      if (normal === undefined) return [tooLong];
      // Nor is what nobody sees a secret of some length: it is counted in characters that all look alike.
      if (NOTHING_SHOWN.test(normal)) return [{ key: "PASSWORD_BLANK" }];
      for (const group of GROUPS) {
        const faults: PolicyFault<string>[] = [];
        for (const name of group) faults.push(...((await checks[name]?.(normal, context, password)) ?? []));
        if (faults.length > 0) return faults;
      }
      const faults: PolicyFault<string>[] = [];
      for (const validator of validators) faults.push(...(await validator(normal, context)));
      return faults;
    },
    async close() {
      await estimator?.close();
    },
  };
}

function lengths(path: string, options: PasswordPolicyOptions): { minLength: number; maxLength: number } {
  const minLength = wholeNumber(`${path}.minLength`, options.minLength, SAFE_MINIMUM, 1, MAXIMUM_PASSWORD_BYTES);
  const byDefault = Math.max(128, minLength);
  const maxLength = wholeNumber(`${path}.maxLength`, options.maxLength, byDefault, 1, MAXIMUM_PASSWORD_BYTES);
  const shortAllowed = flag(`${path}.allowShortPasswords`, options.allowShortPasswords);
  if (minLength < SAFE_MINIMUM && !shortAllowed) {
    throw new ConfigurationError(`${path}.minLength`, `below ${SAFE_MINIMUM} only with allowShortPasswords: true`);
  }
  if (maxLength < minLength) throw new ConfigurationError(`${path}.maxLength`, `less than minLength (${minLength})`);
  return { minLength, maxLength };
}

function omittedChecks(path: string, options: PasswordPolicyOptions): readonly OmissibleCheckName[] {
  const commonAllowed = flag(`${path}.allowCommonPasswords`, options.allowCommonPasswords);
  const omitted: unknown = options.allowWithoutChecks ?? [];
  if (!Array.isArray(omitted)) throw new ConfigurationError(`${path}.allowWithoutChecks`, "a list is expected");
  for (const [index, name] of omitted.entries()) {
    if (!OMISSIBLE.includes(name)) {
      throw new ConfigurationError(
        `${path}.allowWithoutChecks[${index}]`,
        `one of ${OMISSIBLE.join(", ")} is expected`,
      );
    }
  }
  return commonAllowed ? [...omitted, "common"] : omitted;
}

function historyLength(path: string, history: PasswordPolicyOptions["history"]): number {
  if (history === undefined) return 0;
  checkKnown(`${path}.history`, history, ["last"]);
  if (history.last === undefined) throw new ConfigurationError(`${path}.history.last`, "is missing: 1 to 24");
  return wholeNumber(`${path}.history.last`, history.last, 1, 1, MAXIMUM_HISTORY);
}

function ownWords(path: string, words: unknown): readonly string[] {
  if (words === undefined) return [];
  if (!Array.isArray(words)) throw new ConfigurationError(path, "a list of words is expected");
  for (const [index, word] of words.entries()) {
    if (typeof word !== "string" || [...word.trim()].length < 3) {
      throw new ConfigurationError(`${path}[${index}]`, "a word of three or more characters is expected");
    }
  }
  return words;
}

function replacements(path: string, replace: unknown): Readonly<Partial<Record<PolicyCheckName, PasswordValidator>>> {
  if (replace === undefined) return {};
  checkKnown(path, replace, GROUPS.flat());
  for (const [name, validator] of Object.entries(replace as object)) {
    if (typeof validator !== "function") throw new ConfigurationError(`${path}.${name}`, "a function is expected");
  }
  return replace as Readonly<Partial<Record<PolicyCheckName, PasswordValidator>>>;
}

/** Whether the password is one of the identities or the local part of an address, or says nothing but parts of those. */
function isIdentity(normal: string, identities: readonly string[]): boolean {
  const password = folded(normal);
  const isName = identities.some((identity) => {
    const name = folded(identity);
    const at = name.lastIndexOf("@");
    return name === password || (at > 0 && name.slice(0, at) === password);
  });
  return isName || consistsOfWords(normal, wordsOfIdentities(identities));
}

function folded(text: string): string {
  return text.normalize("NFKD").toLowerCase().normalize("NFKD");
}

function checkPatterns(path: string, patterns: unknown): readonly RegExp[] {
  if (patterns === undefined) return [];
  if (!Array.isArray(patterns)) throw new ConfigurationError(path, "a list of regular expressions is expected");
  for (const [index, pattern] of patterns.entries()) {
    // With these flags the answer would depend on the question before.
    if (!(pattern instanceof RegExp) || pattern.global || pattern.sticky) {
      throw new ConfigurationError(`${path}[${index}]`, "a regular expression without the flags g and y is expected");
    }
  }
  return patterns;
}

/** A check of the application's that does not answer must not hold up who asks for a password. */
function timed(check: PasswordValidator, deadline: number | undefined, what: string): PasswordValidator {
  return deadline === undefined ? check : async (...asked) => inTime(check(...asked), deadline, what);
}

/** A check that fails refuses the password: with its reasons where it says them, else without, and the log has the failure. */
function refusing(
  check: PasswordValidator,
  what: string,
  log: NonNullable<PolicyEnvironment["log"]>,
): PasswordValidator {
  return async (...asked) => {
    try {
      return await check(...asked);
    } catch (error) {
      if (error instanceof PasswordRefusedError && error.faults.length > 0) return error.faults;
      // Ours say themselves what the answer is: 503 for what did not come in time, or could not be asked.
      if (error instanceof PortcullisError && !(error instanceof PasswordRefusedError)) throw error;
      log("a check of a new password failed, and refused it", { check: what, error: String(error) });
      return [{ key: "PASSWORD_REFUSED" }];
    }
  };
}

function checkValidators(validators: unknown, path: string): readonly PasswordValidator[] {
  if (validators === undefined) return [];
  if (!Array.isArray(validators)) throw new ConfigurationError(path, "a list of functions is expected");
  for (const [index, validator] of validators.entries()) {
    if (typeof validator !== "function") throw new ConfigurationError(`${path}[${index}]`, "a function is expected");
  }
  return validators;
}
