import { anonymousRequired } from "../../authz/guards/authentication.ts";
import type { Transaction } from "../../datastore/contract.ts";
import { rehearsal } from "../../datastore/rehearsal.ts";
import { runHook } from "../../datastore/transaction-scope.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { decoyOf } from "../../model/decoy.ts";
import {
  ConfigurationError,
  DatastoreError,
  MissingTransactionError,
  UniqueConflictError,
} from "../../model/errors.ts";
import type { OnlyKnown } from "../../model/only-known.ts";
import { needsValue } from "../../model/schema.ts";
import { nextToken, signInAnswers } from "../answers.ts";
import type { TypedCredentials } from "../browser-mark.ts";
import type { MailToSend } from "../delivery.ts";
import { type Answer, bodyFor, done, type Endpoint, endpoint, invalid, outcomeAnswer, refused } from "../endpoint.ts";
import type { Feature, Kernel, RegistrationField } from "../feature.ts";
import { emailField, type Fault, type Field } from "../fields.ts";
import { recoverLink } from "../links.ts";
import { isMailable } from "../mailable.ts";
import { checkOptions } from "../options.ts";
import { linksTo, wantsToken } from "../passwords/index.ts";
import { newPasswordFaults, newPasswordFields } from "../passwords/new-password.ts";
import { takenColumns, takenFault } from "../taken-columns.ts";
import { checkExtraField, type ExtraFieldOptions, type ExtraValues, extraFields } from "./extra-fields.ts";
import { tried } from "./trial.ts";

/** Options of the feature `registration`; `Extra` are the application's own fields. */
export interface RegistrationOptions<Extra extends Readonly<Record<string, ExtraFieldOptions>>> {
  /**
   * Further fields of the form and the JSON body. One that is named as a column of the user is stored there, read by the column's
   * type (`column.integer`: digits) unless it has a schema. If that column is
   * `unique`, the answer tells everybody whether a value is taken, whatever `revealAccounts` says: nobody could choose another
   * one else.
   */
  readonly fields?: Extra & { readonly [K in keyof Extra]: OnlyKnown<Extra[K], ExtraFieldOptions> };
  /**
   * Runs in the transaction that makes the user: what it throws undoes the registration, and so does the option
   * `hookDeadline`, since others wait for it. Whatever reads or writes the same database gets `tx`
   * (`security.users.get(user.id, tx)`, `store.kysely(tx)`); without it MissingTransactionError is thrown. What takes long
   * (a mail, a call of another server) is for a listener of `userRegistered`.
   *
   * It runs for new addresses only, so nobody is told of its failure, unless accounts are no secret: the failure is logged,
   * and the answer is the usual one. To refuse somebody with a reason, use the hook before `register` or a field's schema.
   */
  readonly onRegister?: (tx: Transaction, user: Account, fields: ExtraValues<Extra>) => Awaitable<void>;
  /** Names of roles that a new user gets. */
  readonly roles?: readonly string[];
  /**
   * Sign the new user in at once. That tells outsiders which addresses have no account yet, so it needs the option
   * `revealAccounts`. Default false: the new user signs in.
   */
  readonly signIn?: boolean;
}

/** `/register`: e-mail, password (twice) and the application's own fields, as a page and as JSON. */
export function registration<const Extra extends Readonly<Record<string, ExtraFieldOptions>> = Record<never, never>>(
  options: RegistrationOptions<Extra> = {},
): Feature {
  checkOptions("registration", options, {
    fields: "object",
    onRegister: "function",
    roles: "object",
    signIn: "boolean",
  });
  const fields: AnyExtra = options.fields ?? {};
  for (const [name, field] of Object.entries(fields)) {
    if (reservedFields.has(name)) throw new ConfigurationError(`registration.fields.${name}`, "is a field of the core");
    checkExtraField(name, field);
  }
  return {
    name: "registration",
    requires: ["passwords"],
    registrationFields: (columns) => extraFields(fields, columns),
    endpoints: (kernel) => [register(kernel, options as unknown as RegistrationOptions<AnyExtra>)],
  };
}

type AnyExtra = Readonly<Record<string, ExtraFieldOptions>>;

const reservedFields: ReadonlySet<string> = new Set([
  "email",
  "username",
  "password",
  "password_confirm",
  "csrf_token",
  "shown_for",
  "next",
  "__proto__",
  "constructor",
  "prototype",
]);

function register(kernel: Kernel, options: RegistrationOptions<AnyExtra>): Endpoint {
  if (options.signIn === true && !kernel.revealAccounts) {
    throw new ConfigurationError("registration.signIn", "tells who has an account; it needs revealAccounts: true");
  }
  for (const [index, role] of (options.roles ?? []).entries()) {
    if (!kernel.declaredRoles.has(role)) {
      throw new ConfigurationError(
        `registration.roles[${index}]`,
        `there is no role "${role}"; add it to the option roles`,
      );
    }
  }
  for (const name of Object.keys(options.fields ?? {})) {
    // Forms show again what was typed, and events tell of it.
    if (kernel.secretColumns.has(name)) {
      throw new ConfigurationError(
        `registration.fields.${name}`,
        "the column is secret; take another field's name, and store it in onRegister",
      );
    }
  }
  const extra = extraFields(options.fields ?? {}, kernel.ownColumns);
  for (const [name, column] of [...kernel.ownColumns, ...kernel.secretColumns]) {
    if (!needsValue(column) || Object.hasOwn(extra, name)) continue;
    throw new ConfigurationError(
      "registration.fields",
      `the column ${name} needs a value, and the form has no field for it; add one, or say nullable: true or a default at the column`,
    );
  }
  const storesFields = Object.keys(extra).some((name) => kernel.ownColumns.has(name));
  const { usernames } = kernel.services;
  const fields: Readonly<Record<string, Field<unknown>>> = {
    email: emailField({ optional: kernel.emailOptional && usernames !== undefined, reaches: kernel.mail.reaches }),
    ...(usernames === undefined ? {} : { username: usernames.field }),
    ...newPasswordFields(kernel, "password", "password_confirm"),
    ...extra,
  };
  return endpoint({
    name: "register",
    path: "/register",
    authz: anonymousRequired(),
    page: "register",
    title: "TITLE_REGISTER",
    intro: "INTRO_REGISTER",
    submitLabel: "SUBMIT_REGISTER",
    fields,
    limits: { perAddress: "30/1h" },
    bodyBytes: bodyFor(
      kernel,
      Object.values(extra).reduce((units, { maxLength }) => units + maxLength, 0),
    ),
    answers: options.signIn === true ? { ...signInAnswers, token: true } : { done: nextToken },
    links: (rq, next) => linksTo(kernel, rq, next, ["login", "LINK_LOGIN"]),
    async submit({ rq, fields: values }) {
      const email = values["email"] as string;
      const username = values["username"] as string | undefined;
      // Only where accounts may do without: nobody could name an account that has neither.
      if (email === "" && username === undefined) return invalid({ email: [{ key: "EMAIL_NOT_PROVIDED" }] });
      const passwords = {
        password: values["password"] as string,
        password_confirm: values["password_confirm"] as string,
      };
      const whose = username === undefined ? { email } : { email, username };
      const faults = await newPasswordFaults(kernel, rq, whose, passwords, "password", "password_confirm");
      if (faults !== undefined) {
        // Where accounts are no secret, all that is wrong is said at once.
        return invalid(
          kernel.revealAccounts ? { ...(await identityFaults(kernel, email, username)), ...faults } : faults,
        );
      }
      const own = Object.fromEntries(Object.keys(extra).map((name) => [name, values[name]]));
      const columns = columnsOf(kernel, extra, own);
      // Before the address is looked up: what this tells must not depend on whether that is known.
      const taken = await takenFaults(kernel, options, own, columns);
      if (taken !== undefined) return invalid(taken);
      const attempt: Attempt = {
        rq,
        email,
        username,
        own,
        typed: {
          // Where nothing has to be confirmed, no sign-in asks for it.
          names:
            email === "" || kernel.services.confirmation?.required !== true
              ? []
              : kernel.proof.namesOf({ ...columns, email, username }),
          password: passwords.password,
        },
      };
      const objection = await kernel.system.events.ask("register", { email, formData: { email, ...own } }, rq);
      if (objection !== undefined) return refused(objection.refuse);
      // The same work as for a new address, committed too: a hash alone, or a rollback, would tell which it was.
      const hash = await kernel.hasher.hash(passwords.password);
      const nameSeen = username !== undefined && (await usernames?.taken(username)) === true;
      // Only an address that is new gets a row of its own. What the database has against that must not tell which it is.
      const tries = !kernel.revealAccounts && (username !== undefined || storesFields);
      const lost = tries ? await tried(kernel, { email, username, nameTaken: nameSeen, columns, hash }) : undefined;
      if (lost !== undefined && lost !== "username") return invalid(faultsAt(options, own, [lost]));
      const nameTaken = nameSeen || lost === "username";
      // Whoever the mail is for: a stranger fills nobody's mailbox.
      const mayMail = email !== "" && mailed(kernel) && (await kernel.limits.mail(rq, email));
      const existing = email === "" ? undefined : await kernel.users.find("email", email, { ignoreCase: true });
      const written = (brings: Brings | undefined): Written | undefined =>
        mayMail && brings !== undefined ? (tx, made) => tell(kernel, attempt, brings, made, tx) : undefined;
      const pretend = (brings: Brings | undefined): Promise<unknown> =>
        kernel.revealAccounts
          ? Promise.resolve()
          : create(kernel, options, attempt, { hash, columns, pretend: true, also: written(brings) });
      if (existing !== undefined || nameTaken) {
        await pretend(bringsKnown(kernel, attempt, existing, nameTaken));
        return known(kernel, attempt, existing, nameTaken);
      }
      let account: Account;
      try {
        account = await create(kernel, options, attempt, { hash, columns, also: written({}) });
      } catch (error) {
        if (error instanceof HookFailure) {
          if (kernel.revealAccounts) throw error.cause;
          kernel.system.log("registration.onRegister failed: no account was made", { error: String(error.cause) });
          await pretend({ confirms: decoyOf(email) });
          return registered(kernel, attempt);
        }
        if (!(error instanceof UniqueConflictError) || error.table !== "user") throw error;
        // Two at once: the second finds the address, or a value that must be unique, taken.
        const conflict = await takenFaults(kernel, options, own, columns, error);
        if (conflict !== undefined) return invalid(conflict);
        const nameLost = error.field === "username";
        if (error.field !== "email" && !nameLost) throw error;
        await pretend(bringsKnown(kernel, attempt, undefined, nameLost));
        return known(kernel, attempt, undefined, nameLost);
      }
      kernel.system.events.emit("userRegistered", { user: account, formData: { ...whose, ...own } }, rq);
      return options.signIn === true ? signedIn(kernel, attempt, account) : registered(kernel, attempt, account);
    },
  });
}

/** What `onRegister` threw; it leaves the transaction by it. */
class HookFailure extends Error {
  constructor(cause: unknown) {
    super("registration.onRegister failed", { cause });
  }
}

/** What a registration mails. */
interface Brings {
  /** Whose address is confirmed by a link; undefined: the new account's. */
  readonly confirms?: Account;
  /** Who is told what became of it: the owner of the address, or who chose a name that is taken; undefined: nobody. */
  readonly notice?: Account | "usernameTaken" | undefined;
}

/** What is written in the transaction that makes the account, beside it. */
type Written = (tx: Transaction, made: Account) => Promise<void>;

/** A registration under way. */
interface Attempt {
  readonly rq: SecurityRequest;
  /** "": none. */
  readonly email: string;
  readonly username: string | undefined;
  /** The values of the application's own fields. */
  readonly own: Readonly<Record<string, unknown>>;
  /** By what its sign-in is known again in this browser. */
  readonly typed: TypedCredentials;
}

/** The fields that are columns of the user, as these take them. What is left to a column's default is left out. */
function columnsOf(
  kernel: Kernel,
  extra: Readonly<Record<string, RegistrationField>>,
  own: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(extra).flatMap(([name, field]) => {
      const kept = kernel.ownColumns.has(name) ? field.stored(own[name]) : undefined;
      return kept === undefined || "fault" in kept || kept.value === undefined ? [] : [[name, kept.value]];
    }),
  );
}

/** The values that must be unique and belong to another user, at their fields. */
async function takenFaults(
  kernel: Kernel,
  options: RegistrationOptions<AnyExtra>,
  own: Readonly<Record<string, unknown>>,
  columns: Readonly<Record<string, unknown>>,
  thrown?: unknown,
): Promise<Readonly<Record<string, readonly Fault[]>> | undefined> {
  const taken = await takenColumns(kernel, columns, thrown);
  return taken.length === 0 ? undefined : faultsAt(options, own, taken);
}

/** Says at these fields that another user has the value. */
function faultsAt(
  { fields = {} }: RegistrationOptions<AnyExtra>,
  own: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Readonly<Record<string, readonly Fault[]>> {
  return Object.fromEntries(names.map((name) => [name, [takenFault(fields[name]?.label ?? name, own[name])]]));
}

/** What of the identity is another account's, by field. Only for where answers may tell. */
async function identityFaults(
  kernel: Kernel,
  email: string,
  username: string | undefined,
): Promise<Record<string, Fault[]>> {
  const faults: Record<string, Fault[]> = {};
  if (email !== "" && (await kernel.users.find("email", email, { ignoreCase: true })) !== undefined) {
    faults["email"] = [{ key: "EMAIL_ALREADY_ASSOCIATED", params: { email } }];
  }
  if (username !== undefined && (await kernel.services.usernames?.taken(username)) === true) {
    faults["username"] = [{ key: "USERNAME_ALREADY_ASSOCIATED", params: { username } }];
  }
  return faults;
}

/** What an account is made of. */
interface Making {
  readonly hash: string;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly pretend?: boolean;
  readonly also: Written | undefined;
}

/**
 * Makes the user, stores listed columns, lets the application do its part and writes what is mailed of it, all or nothing.
 * `pretend`: no user is made and the application is not asked, but the database does as much.
 */
async function create(
  kernel: Kernel,
  options: RegistrationOptions<AnyExtra>,
  { rq, email, username, own }: Attempt,
  { hash, columns, pretend = false, also }: Making,
): Promise<Account> {
  // Not by `rq.catalogue`, which the answer shows (Content-Language): for new addresses alone that would tell which they are.
  const mailLanguage = rq.system.catalogues.asked(rq)?.language ?? null;
  return kernel.datastore.transaction(async (real) => {
    const tx = pretend ? rehearsal(real, kernel.system.now) : real;
    const name = username === undefined ? {} : { username };
    const input = { ...columns, ...name, email, mailLanguage, roles: options.roles ?? [] };
    const account = await kernel.users.create(input, { tx, hash, told: false });
    if (pretend) {
      await also?.(real, account);
      return account;
    }
    try {
      const { hookDeadline } = kernel.system;
      const hook = (): Awaitable<void> => options.onRegister?.(tx, account, own as ExtraValues<AnyExtra>);
      await runHook("registration.onRegister", hookDeadline, hook);
    } catch (error) {
      // A store that does not answer is nobody's secret; everything else is the application's.
      const storeFailed = error instanceof DatastoreError && !(error instanceof MissingTransactionError);
      throw storeFailed ? error : new HookFailure(error);
    }
    await also?.(real, account);
    return account;
  });
}

/**
 * The answer for an address that has an account, or a username that is taken: the same as for new ones unless accounts are
 * no secret. Where mails are sent, its owner learns of it, and who chose a taken username learns that by mail.
 */
function known(kernel: Kernel, attempt: Attempt, user: Account | undefined, nameTaken: boolean): Answer {
  const { rq, email, username, own } = attempt;
  kernel.system.events.emit("userNotRegistered", {
    user,
    existingEmail: email !== "" && (user !== undefined || !nameTaken),
    existingUsername: nameTaken,
    formData: { email, ...(username === undefined ? {} : { username }), ...own },
  });
  const nameFault: Record<string, Fault[]> = nameTaken
    ? { username: [{ key: "USERNAME_ALREADY_ASSOCIATED", params: { username: username ?? "" } }] }
    : {};
  if (kernel.revealAccounts) {
    const taken = user !== undefined || !nameTaken;
    return invalid({
      ...(taken ? { email: [{ key: "EMAIL_ALREADY_ASSOCIATED", params: { email } }] } : {}),
      ...nameFault,
    });
  }
  if (saysNameTaken(kernel, attempt, nameTaken)) return invalid(nameFault);
  // Sent twice, the second time finds the account of the first.
  const begunHere = user !== undefined && kernel.browserMark.shows(rq, user);
  return registered(kernel, attempt, begunHere ? user : undefined);
}

/** Without mail there is no other way to say it, and usernames are public by nature. */
function saysNameTaken(kernel: Kernel, { email }: Attempt, nameTaken: boolean): boolean {
  return nameTaken && (email === "" || !kernel.features.has("confirmation"));
}

/** What is mailed where the address or the name is taken; undefined: nothing, since the answer says it. */
function bringsKnown(
  kernel: Kernel,
  attempt: Attempt,
  user: Account | undefined,
  nameTaken: boolean,
): Brings | undefined {
  if (saysNameTaken(kernel, attempt, nameTaken)) return undefined;
  // Whoever was shut out is not asked back in.
  const owner = user !== undefined && isMailable(user) ? user : undefined;
  const confirms = owner?.confirmedAt === null ? owner : decoyOf(attempt.email, user);
  return { confirms, notice: owner ?? (user === undefined && nameTaken ? "usernameTaken" : undefined) };
}

/**
 * Writes what a registration mails: the link that confirms the address, and to its owner, or to whoever chose a name that is
 * taken, what became of it. As much is written for each: to whom it is of no use, it goes as a decoy.
 */
async function tell(
  kernel: Kernel,
  { rq, email, username }: Attempt,
  { confirms, notice }: Brings,
  made: Account,
  tx: Transaction,
): Promise<void> {
  const to = typeof notice === "object" ? notice : decoyOf(email);
  const first: MailToSend =
    notice === "usernameTaken"
      ? { name: notice, to: { email }, data: { username: username ?? "", register: kernel.link("register") } }
      : {
          name: "addressInUse",
          to,
          data: { ...recoverLink(kernel), ...(to.username === null ? {} : { username: to.username }) },
        };
  const { confirmation } = kernel.services;
  if (confirmation === undefined) await kernel.mail.send(rq, first.name, first.to, first.data as never, { tx });
  else await confirmation.send(rq, confirms ?? made, tx, [first]);
}

/** Whether anything is mailed about registrations: by the features whose mails they are. */
function mailed(kernel: Kernel): boolean {
  return kernel.features.has("confirmation") || kernel.features.has("recovery");
}

/** The browser that registered an address may prove it without more; one that found it taken gets a mark that looks the same. */
function mark(kernel: Kernel, { rq, typed }: Attempt, account: Account | undefined): void {
  if (mailed(kernel) || kernel.features.has("passwordless")) kernel.browserMark.set(rq, account, typed);
}

/** `account`: the new one, told of only where accounts are no secret. */
function registered(kernel: Kernel, attempt: Attempt, account?: Account): Answer {
  const { rq, email } = attempt;
  mark(kernel, attempt, account);
  const { chosen, afterRegister } = kernel.destinations;
  return done(chosen("afterRegister", rq) ?? kernel.path("login") ?? afterRegister(rq), {
    message:
      email !== "" && kernel.features.has("confirmation")
        ? { key: "CONFIRM_REGISTRATION", params: { email } }
        : { key: "REGISTERED" },
    response: {
      csrf_token: rq.system.csrf.token(rq),
      ...(kernel.revealAccounts && account !== undefined ? { user: account.securityPayload() } : {}),
    },
    // The page that was asked for needs a sign-in first; `next` goes along to it.
    followNext: false,
  });
}

async function signedIn(kernel: Kernel, attempt: Attempt, account: Account): Promise<Answer> {
  const { rq } = attempt;
  mark(kernel, attempt, account);
  const outcome = await kernel.signIn.complete(rq, { account, methods: ["register"], token: wantsToken(rq) });
  return outcomeAnswer(rq, outcome, {
    to: kernel.destinations.afterRegister(rq),
    message: { key: "REGISTERED_SIGNED_IN" },
    // The account is made; what the gates want (a confirmed address, say) comes next.
    refusal: () => registered(kernel, attempt, account),
  });
}
