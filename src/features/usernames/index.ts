import { fresh } from "../../authz/guards/authentication.ts";
import type { Account } from "../../model/account.ts";
import { ConfigurationError, UniqueConflictError } from "../../model/errors.ts";
import { normalizeUsername, reservedUsernames, type UsernameRules, usernameFault } from "../../model/username.ts";
import { formPage } from "../../views/pages.ts";
import { changedAccount, ownAccount, unchanged } from "../account-state.ts";
import { changedUser, textOrNull } from "../answers.ts";
import { done, type Endpoint, endpoint, invalid, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { type Fault, type Field, textField } from "../fields.ts";
import { isUnproved } from "../first-proof.ts";
import { emitOnceCommitted, mailRequest } from "../mail-request.ts";
import { checkOptions } from "../options.ts";
import { linksTo } from "../passwords/index.ts";
import { usernamesMails } from "./mails.ts";

/** Options of the feature `usernames`. */
export interface UsernamesOptions {
  /** Registration asks for one; default false: it may be left out. */
  readonly required?: boolean;
  /** Offer `/change-username`; default true. */
  readonly change?: boolean;
  /** Offer `/recover-username`; default true. */
  readonly recover?: boolean;
  /** In code points; default 4. */
  readonly minLength?: number;
  /** In code points; default 32, at most 255. */
  readonly maxLength?: number;
  /** "ascii" (default): a to z and digits. "letters": letters and digits of any one script, without look-alikes of Latin names. */
  readonly characters?: "ascii" | "letters";
  /** Names that nobody may take, instead of the built-in list (`admin`, `root`, `support` …). */
  readonly reserved?: readonly string[];
}

/** What other features do with usernames. */
export interface UsernamesService {
  readonly required: boolean;
  /** The field of a form; its value is the stored form, undefined when it was left empty. */
  readonly field: Field<string | undefined>;
  /** True when another account has the name, however it is written. */
  taken(name: string, besides?: Account): Promise<boolean>;
}

/** `/change-username`, `/recover-username`, and the field of the registration. Sign-in by it: `identities: ["email", "username"]`. */
export function usernames(options: UsernamesOptions = {}): Feature {
  const rules = checked(options);
  const service: (kernel: Kernel) => UsernamesService = (kernel) => ({
    required: options.required === true,
    field: usernameField(rules, options.required === true),
    async taken(name, besides) {
      const owner = await kernel.users.find("username", name, { ignoreCase: true });
      return owner !== undefined && owner.id !== besides?.id;
    },
  });
  return {
    name: "usernames",
    pages: { changeUsername: formPage, recoverUsername: formPage },
    mails: usernamesMails,
    services: (kernel) => ({ usernames: service(kernel) }),
    endpoints: (kernel) => [
      ...(options.change === false ? [] : [changeUsername(kernel, service(kernel))]),
      ...(options.recover === false ? [] : [recoverUsername(kernel)]),
    ],
  };
}

function checked(options: UsernamesOptions): UsernameRules {
  checkOptions("usernames", options, {
    required: "boolean",
    change: "boolean",
    recover: "boolean",
    minLength: "number",
    maxLength: "number",
    characters: "string",
    reserved: "object",
  });
  const { minLength = 4, maxLength = 32, characters = "ascii", reserved } = options;
  if (!Number.isInteger(minLength) || minLength < 1) {
    throw new ConfigurationError("usernames.minLength", "a whole number, 1 or more, is expected");
  }
  if (!Number.isInteger(maxLength) || maxLength < minLength || maxLength > 255) {
    throw new ConfigurationError(
      "usernames.maxLength",
      `a whole number from minLength (${minLength}) to 255 is expected`,
    );
  }
  if (characters !== "ascii" && characters !== "letters") {
    throw new ConfigurationError("usernames.characters", 'must be "ascii" or "letters"');
  }
  if (reserved !== undefined && (!Array.isArray(reserved) || reserved.some((name) => typeof name !== "string"))) {
    throw new ConfigurationError("usernames.reserved", "a list of names is expected");
  }
  return {
    minLength,
    maxLength,
    characters,
    reserved: reserved === undefined ? reservedUsernames : new Set(reserved.map((name) => name.toLowerCase())),
  };
}

function usernameField(rules: UsernameRules, required: boolean): Field<string | undefined> {
  const text = textField({ label: "LABEL_USERNAME", autocomplete: "username", required: false });
  const faults: Readonly<Record<NonNullable<ReturnType<typeof usernameFault>>, Fault>> = {
    length: { key: "USERNAME_INVALID_LENGTH", params: { min: rules.minLength, max: rules.maxLength } },
    illegal: { key: "USERNAME_ILLEGAL_CHARACTERS" },
    // Which letters: to somebody who writes in another alphabet theirs are letters too.
    disallowed: { key: rules.characters === "ascii" ? "USERNAME_ASCII_ONLY" : "USERNAME_DISALLOWED_CHARACTERS" },
    mixed: { key: "USERNAME_MIXED_ALPHABETS" },
    reserved: { key: "USERNAME_RESERVED" },
  };
  return {
    ...text,
    required,
    parse(input) {
      const parsed = text.parse(input);
      if ("fault" in parsed) return parsed;
      if (parsed.value.trim() === "") {
        return required ? { fault: { key: "USERNAME_NOT_PROVIDED" } } : { value: undefined };
      }
      const fault = usernameFault(parsed.value, rules);
      return fault === undefined ? { value: normalizeUsername(parsed.value) } : { fault: faults[fault] };
    },
  };
}

/** The field must be there, empty or not. */
function said(field: Field<string | undefined>): Field<string | undefined> {
  return {
    ...field,
    parse: (input) =>
      input === undefined || input === null ? { fault: { key: "USERNAME_NOT_PROVIDED" } } : field.parse(input),
  };
}

function changeUsername(kernel: Kernel, usernames: UsernamesService): Endpoint {
  return endpoint({
    name: "change_username",
    path: "/change-username",
    authz: fresh(),
    page: "changeUsername",
    title: "TITLE_CHANGE_USERNAME",
    intro: "INTRO_CHANGE_USERNAME",
    submitLabel: "SUBMIT_CHANGE_USERNAME",
    // It tells which names are taken, and each change sends a mail.
    limits: { perIdentity: "10/1h", perAddress: "30/1h" },
    answers: { shown: { current_username: textOrNull }, done: changedUser },
    // To have none is said by an empty text: a form or body that says nothing of it removes nothing.
    fields: { username: said(usernames.field) },
    show: (rq) => ({ current_username: rq.identity?.account.username ?? null }),
    initial: (rq) => ({ username: rq.identity?.account.username ?? "" }),
    async submit({ rq, fields }) {
      const account = await ownAccount(kernel, rq);
      if (account === undefined) return refused("UNAUTHENTICATED");
      const username = fields.username ?? null;
      if (username === account.username) {
        return invalid({ username: [{ key: username === null ? "USERNAME_NOT_PROVIDED" : "USERNAME_IS_YOURS" }] });
      }
      // Names are public by nature: whoever chooses one must learn that it is taken.
      const taken = {
        username: [{ key: "USERNAME_ALREADY_ASSOCIATED", params: { username: username ?? "" } } as const],
      };
      if (username !== null && (await usernames.taken(username, account))) return invalid(taken);
      const objection = await rq.system.events.ask(
        "changeUsername",
        { user: account, newUsername: username ?? "" },
        rq,
      );
      if (objection !== undefined) return refused(objection.refuse);
      let now: Account | undefined;
      try {
        now = await changedAccount(
          (told) => kernel.users.setUsername(account, username, { onlyIf: unchanged(rq), ...told }),
          {
            also: (after, tx) =>
              kernel.mail.send(rq, "usernameChanged", after, username === null ? {} : { username }, { tx }),
            tell: (user) => rq.system.events.emit("usernameChanged", { user, oldUsername: account.username }),
          },
        );
        if (now === undefined) return refused("REAUTHENTICATION_REQUIRED");
      } catch (error) {
        if (error instanceof UniqueConflictError) return invalid(taken);
        throw error;
      }
      await kernel.signIn.renew(rq, now);
      return done(kernel.destinations.chosen("afterChangeUsername", rq) ?? kernel.destinations.afterSignIn(rq), {
        message: { key: "USERNAME_CHANGE" },
        response: { user: now.securityPayload(), csrf_token: rq.system.csrf.token(rq) },
      });
    },
  });
}

/** Whoever registered an address that is not theirs chose the name too: nothing of it is mailed there. */
function isStrangers(kernel: Kernel, account: Account): boolean {
  return kernel.services.confirmation?.required === true && isUnproved(account);
}

function recoverUsername(kernel: Kernel): Endpoint {
  return mailRequest(kernel, {
    name: "recover_username",
    path: "/recover-username",
    page: "recoverUsername",
    title: "TITLE_RECOVER_USERNAME",
    intro: "INTRO_RECOVER_USERNAME",
    submitLabel: "SUBMIT_RECOVER_USERNAME",
    links: (rq, next) => linksTo(kernel, rq, next, ["login", "LINK_LOGIN"]),
    objection: (account) => {
      if (!account.active) return { key: "DISABLED_ACCOUNT" };
      return isStrangers(kernel, account) ? { key: "CONFIRMATION_REQUIRED" } : undefined;
    },
    gets: (account) => account.username !== null && !isStrangers(kernel, account),
    async send(rq, account, tx) {
      await kernel.mail.send(rq, "usernameRecovery", account, { username: account.username ?? "" }, { tx });
      emitOnceCommitted(kernel, tx, "usernameRecoverySent", { user: account });
    },
    message: () => ({ key: "USERNAME_RECOVERY_REQUEST" }),
    to: () => kernel.path("login") ?? kernel.path("recover_username") ?? "/",
  });
}
