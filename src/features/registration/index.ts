import { anonymousRequired } from "../../authz/guards/authentication.ts";
import type { Transaction } from "../../datastore/contract.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { ConfigurationError, UniqueConflictError } from "../../model/errors.ts";
import { type Answer, done, type Endpoint, endpoint, invalid, outcomeAnswer, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { emailField, type Fault, type Field, passwordField } from "../fields.ts";
import { checkOptions } from "../options.ts";
import { linksTo, wantsToken } from "../passwords/index.ts";
import { type ExtraFieldOptions, type ExtraValues, extraField } from "./extra-fields.ts";

/** Options of the feature `registration`; `Extra` are the application's own fields. */
export interface RegistrationOptions<Extra extends Readonly<Record<string, ExtraFieldOptions>>> {
  /** Further fields of the form and the JSON body. One that is named as a column of the user is stored there. */
  readonly fields?: Extra;
  /** Runs in the transaction that makes the user: what it throws undoes the registration. */
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
  for (const name of Object.keys(options.fields ?? {})) {
    if (reservedFields.has(name)) throw new ConfigurationError(`registration.fields.${name}`, "is a field of the core");
  }
  return {
    name: "registration",
    requires: ["passwords"],
    endpoints: (kernel) => [register(kernel, options as unknown as RegistrationOptions<AnyExtra>)],
  };
}

type AnyExtra = Readonly<Record<string, ExtraFieldOptions>>;

const reservedFields: ReadonlySet<string> = new Set([
  "email",
  "password",
  "password_confirm",
  "csrf_token",
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
  const extra: Record<string, Field<unknown>> = {};
  for (const [name, field] of Object.entries(options.fields ?? {})) extra[name] = extraField(name, field);
  const fields: Readonly<Record<string, Field<unknown>>> = {
    email: emailField(),
    password: passwordField({
      autocomplete: "new-password",
      hint: { key: "HINT_PASSWORD_LENGTH", params: { min: kernel.policy.minLength } },
    }),
    password_confirm: passwordField({ label: "LABEL_PASSWORD_CONFIRM", autocomplete: "new-password" }),
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
    links: (rq, next) => linksTo(kernel, rq, next, ["login", "LINK_LOGIN"]),
    async submit({ rq, fields: values }) {
      const email = values["email"] as string;
      const password = values["password"] as string;
      const faults = await passwordFaults(kernel, email, password, values["password_confirm"] as string);
      if (faults !== undefined) return invalid(faults);
      const own = Object.fromEntries(Object.keys(extra).map((name) => [name, values[name]]));
      const columns = columnsOf(kernel, own);
      // Before the address is looked up: what this tells must not depend on whether that is known.
      const taken = await takenFaults(kernel, columns);
      if (taken !== undefined) return invalid(taken);
      const existing = await kernel.users.find("email", email, { ignoreCase: true });
      if (existing !== undefined) {
        // The same work as for a new address, so that the time tells nothing.
        await kernel.hasher.burn(password);
        return known(kernel, rq, email, existing, own);
      }
      let account: Account;
      try {
        account = await create(kernel, options, email, password, own, columns);
      } catch (error) {
        if (!(error instanceof UniqueConflictError) || error.table !== "user") throw error;
        // Two at once: the second finds the address, or a value that must be unique, taken.
        const conflict = await takenFaults(kernel, columns);
        if (conflict !== undefined) return invalid(conflict);
        if (error.field === "email") return known(kernel, rq, email, undefined, own);
        throw error;
      }
      kernel.system.events.emit("userRegistered", {
        user: account,
        formData: { email, ...own },
        confirmationToken: undefined,
      });
      return options.signIn === true ? signedIn(kernel, rq, account) : registered(kernel, rq);
    },
  });
}

async function passwordFaults(
  kernel: Kernel,
  email: string,
  password: string,
  again: string,
): Promise<Record<string, Fault[]> | undefined> {
  const faults: Record<string, Fault[]> = {};
  const found = await kernel.policy.check(password, { identities: [email] });
  if (found.length > 0) {
    faults["password"] = found.map(({ key, params }) => ({
      key: key as MessageKey,
      ...(params === undefined ? {} : { params }),
    }));
  }
  if (password.normalize("NFKD") !== again.normalize("NFKD"))
    faults["password_confirm"] = [{ key: "RETYPE_PASSWORD_MISMATCH" }];
  return Object.keys(faults).length === 0 ? undefined : faults;
}

/** The fields that are columns of the user. One that was left empty has no value: two of them must not be the same. */
function columnsOf(kernel: Kernel, own: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(own).flatMap(([name, value]) => {
      const column = kernel.ownColumns.get(name);
      return column === undefined ? [] : [[name, value === "" && column.nullable ? null : value]];
    }),
  );
}

/** The values that must be unique and belong to another user. */
async function takenFaults(
  kernel: Kernel,
  columns: Readonly<Record<string, unknown>>,
): Promise<Record<string, Fault[]> | undefined> {
  const faults: Record<string, Fault[]> = {};
  for (const [name, value] of Object.entries(columns)) {
    if (kernel.ownColumns.get(name)?.unique !== true) continue;
    if (typeof value !== "string" && typeof value !== "number") continue;
    if ((await kernel.datastore.count("user", { [name]: value })) > 0) {
      faults[name] = [{ key: "IDENTITY_ALREADY_ASSOCIATED", params: { attr: name, value } }];
    }
  }
  return Object.keys(faults).length === 0 ? undefined : faults;
}

/** Makes the user, stores listed columns, and lets the application do its part, all or nothing. */
async function create(
  kernel: Kernel,
  options: RegistrationOptions<AnyExtra>,
  email: string,
  password: string,
  own: Readonly<Record<string, unknown>>,
  columns: Readonly<Record<string, unknown>>,
): Promise<Account> {
  const hash = await kernel.hasher.hash(password);
  return kernel.datastore.transaction(async (tx) => {
    const account = await kernel.users.create({ ...columns, email, roles: options.roles ?? [] }, tx, { hash });
    await options.onRegister?.(tx, account, own as ExtraValues<AnyExtra>);
    return account;
  });
}

/** The answer for an address that has an account: the same as for a new one unless accounts are no secret. */
function known(
  kernel: Kernel,
  rq: SecurityRequest,
  email: string,
  user: Account | undefined,
  own: Readonly<Record<string, unknown>>,
): Answer {
  kernel.system.events.emit("userNotRegistered", {
    user,
    existingEmail: true,
    existingUsername: false,
    formData: { email, ...own },
  });
  if (kernel.revealAccounts) return invalid({ email: [{ key: "EMAIL_ALREADY_ASSOCIATED", params: { email } }] });
  return registered(kernel, rq);
}

function registered(kernel: Kernel, rq: SecurityRequest): Answer {
  return done(kernel.path("login") ?? kernel.destinations.afterRegister(rq), {
    message: { key: "REGISTERED" },
    response: { csrf_token: rq.system.csrf.token(rq) },
    // The page that was asked for needs a sign-in first; `next` goes along to it.
    followNext: false,
  });
}

async function signedIn(kernel: Kernel, rq: SecurityRequest, account: Account): Promise<Answer> {
  const outcome = await kernel.signIn.complete(rq, { account, methods: ["register"], token: wantsToken(rq) });
  return outcomeAnswer(rq, outcome, {
    to: kernel.destinations.afterRegister(rq),
    message: { key: "REGISTERED" },
    refusal: refused,
  });
}
