import { normalizeEmail } from "../model/email.ts";
import { PortcullisError } from "../model/errors.ts";
import { knownNames } from "../model/known-names.ts";
import { type Column, needsValue, type Row } from "../model/schema.ts";
import { normalizeUsername } from "../model/username.ts";
import type { ProtectedField } from "./user-operations.ts";

/** What is known of the columns of users. */
export interface UserFieldsContext {
  /** The names of the user's columns, for messages. */
  readonly fields: readonly string[];
  /** Those that no account shows. */
  readonly secrets?: readonly string[];
  /** The application's own columns by their TypeScript names. */
  readonly own?: Readonly<Record<string, Column>>;
  /** Whether an account may have no address. */
  readonly emailOptional?: boolean;
  /** Why no mail can be sent to an address; undefined: it can. Asked where an account is given one. */
  readonly undeliverable?: (address: string) => string | undefined;
}

/** Checks what is to be stored in a user's columns, and brings it into its stored form. All throw PortcullisError `invalid_field`. */
export interface UserFields {
  /** What a change sets, without columns that have an operation of their own, in the form that is stored. */
  toStore(set: Row): Row;
  /** As `toStore`, for a new user: with everything that is needed. */
  toCreate(set: Row): Row;
  /** An address that was proved to be somebody's; null: none, where accounts may do without. */
  provedEmail(email: unknown): string | null;
  /** An address that nobody has proved. */
  givenEmail(email: unknown): string | null;
  username(username: unknown): string | null;
  /** What a user may be found by, as it is stored; undefined: nobody can have it. */
  searched(attribute: string, value: string | number): string | number | undefined;
}

const protectedFields: ReadonlySet<string> = new Set<ProtectedField>([
  "id",
  "password",
  "active",
  "fsUniquifier",
  "fsTokenUniquifier",
  "createDatetime",
  "updateDatetime",
]);

/** How what names a user is written where it is stored. */
const storedForms = { email: normalizeEmail, username: normalizeUsername };

/** Makes the checks of one running system. */
export function createUserFields(context: UserFieldsContext): UserFields {
  const { own = {} } = context;
  const fields = new Set(context.fields);
  const refuse = (field: string, problem: string): PortcullisError =>
    new PortcullisError("invalid_field", `user.${field}: ${problem}`);
  const valueNeeded = (field: string): PortcullisError =>
    refuse(field, "a value is needed, the column is not nullable");

  const provedEmail = (email: unknown): string | null => {
    if (email === null || email === "") {
      if (context.emailOptional === true) return null;
      throw refuse("email", 'is needed; emails: "optional" allows accounts without one');
    }
    const normal = typeof email === "string" ? normalizeEmail(email) : undefined;
    if (normal === undefined) throw refuse("email", "not an e-mail address");
    return normal;
  };
  const givenEmail = (email: unknown): string | null => {
    const address = provedEmail(email);
    const problem = address === null ? undefined : context.undeliverable?.(address);
    if (problem !== undefined) throw refuse("email", problem);
    return address;
  };
  const usernameOf = (username: unknown): string | null => {
    const normal = typeof username === "string" ? normalizeUsername(username) : null;
    if (normal === undefined) throw refuse("username", "not a username");
    return normal;
  };
  const toStore = (set: Row): Row => {
    for (const name of Object.keys(set)) {
      if (!fields.has(name)) throw refuse(name, `there is no such column; ${knownNames(name, [...fields])}`);
      if (protectedFields.has(name)) throw refuse(name, "has an operation of its own and can't be set here");
      if (set[name] === null && own[name]?.nullable === false) throw valueNeeded(name);
    }
    return {
      ...set,
      ...("email" in set ? { email: givenEmail(set["email"]) } : {}),
      ...("username" in set ? { username: usernameOf(set["username"]) } : {}),
    };
  };

  return {
    toStore,
    toCreate(set) {
      const row = toStore({ ...set, email: set["email"] });
      const lacking = Object.entries(own).find(([name, column]) => needsValue(column) && set[name] === undefined);
      if (lacking !== undefined) throw valueNeeded(lacking[0]);
      return row;
    },
    provedEmail,
    givenEmail,
    username: usernameOf,
    searched(attribute, value) {
      if (!fields.has(attribute)) throw refuse(attribute, "there is no such column");
      if (context.secrets?.includes(attribute) === true)
        throw refuse(attribute, "is secret, and nobody is found by it");
      if (typeof value === "number" || !Object.hasOwn(storedForms, attribute)) return value;
      return storedForms[attribute as keyof typeof storedForms](value);
    },
  };
}
