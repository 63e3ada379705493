import { normalizeEmail } from "../model/email.ts";
import { knownNames } from "../model/known-names.ts";
import { maxOwnPermission, permissionOfRole } from "../model/permission-role.ts";
import { type Column, needsValue, type Row, type Table } from "../model/schema.ts";
import { normalizeUsername } from "../model/username.ts";
import { storableHash } from "../passwords/foreign-hash.ts";
import { isTyped, readInput, wholeNumberIn } from "./column-input.ts";
import { listText, numberFits, textList, textProblem } from "./values.ts";

/** A user as files have it: values by the names of the columns. Of a JSON file they are JSON, of a CSV file text. */
export type UserRecord = Readonly<Record<string, unknown>>;

/** Why a record can't be an account, by the name of its field; `field` is empty where the record as a whole is meant. */
export interface RecordFault {
  readonly field: string;
  readonly problem: string;
}

/** What a record says, read and checked. */
export interface ReadUser {
  /** Values of the user's columns by their TypeScript names; the e-mail address is one of them. */
  readonly row: Row & { readonly email: string };
  readonly hash: string | undefined;
  readonly roles: readonly string[];
  /** Permissions of the user's own, beside those of the roles. */
  readonly permissions: readonly string[];
}

/** Reads and writes users as records. */
export interface UserRecords {
  /** The names of a record's fields, the e-mail address first. */
  readonly fields: readonly string[];
  /** Those of them that are written only where asked: the hash, and columns that are marked as secret. */
  readonly secret: ReadonlySet<string>;
  read(record: UserRecord): ReadUser | RecordFault;
  /** The record of a stored user with these roles, also those that stand for a permission; with what is secret only where asked. */
  write(user: Row, roles: readonly string[], secrets: boolean): UserRecord;
}

/** What is carried over beside the application's own columns. Ids and uniquifiers are each database's own. */
const carried = [
  ...(["email", "username", "active", "confirmedAt", "createDatetime"] as const),
  ...(["lastLoginAt", "currentLoginAt", "lastLoginIp", "currentLoginIp", "loginCount"] as const),
];
const hashField = "password_hash";
const rolesField = "roles";
const permissionsField = "permissions";

/** Makes the reader and writer for a table of users; `own` are the application's own columns by their TypeScript names. */
export function userRecords(user: Table, own: readonly string[]): UserRecords {
  const columns = new Map<string, { readonly field: string; readonly column: Column }>();
  for (const field of [...carried, ...own]) {
    const column = user.columns[field];
    if (column !== undefined) columns.set(column.name, { field, column });
  }
  const needed = [...columns].flatMap(([name, { field, column }]) =>
    own.includes(field) && needsValue(column) ? [{ name, field }] : [],
  );
  const [email = "email", ...others] = columns.keys();
  const fields = [email, hashField, rolesField, permissionsField, ...others];
  const secret = new Set([hashField]);
  for (const [name, { column }] of columns) if (column.secret === true) secret.add(name);

  return {
    fields,
    secret,
    read(record) {
      const row: Row = {};
      const unknown = Object.keys(record).find((name) => !fields.includes(name));
      if (unknown !== undefined) return { field: unknown, problem: unknownField(unknown, fields) };
      for (const [name, { field, column }] of columns) {
        const given = Object.hasOwn(record, name) ? record[name] : undefined;
        if (given === undefined || given === null || given === "") continue;
        const read = readField(field, column, given);
        if ("problem" in read) return { field: name, problem: read.problem };
        row[field] = read.value;
      }
      const lacking = needed.find(({ field }) => row[field] === undefined);
      if (lacking !== undefined) return { field: lacking.name, problem: "is missing" };
      const address = row["email"];
      if (typeof address !== "string") return { field: email, problem: "is missing" };
      const given = record[hashField] ?? "";
      const hash = typeof given === "string" ? storableHash(given) : undefined;
      if (given !== "" && hash === undefined) {
        return { field: hashField, problem: "is no hash that can be verified here; leave it out to import without" };
      }
      const roles = listOf(record[rolesField] ?? []);
      if (roles === undefined || !roles.every(isRoleName))
        return { field: rolesField, problem: "a list of names is expected" };
      const permissions = listOf(record[permissionsField] ?? []);
      if (permissions === undefined || permissions.some((name) => name.length > maxOwnPermission))
        return { field: permissionsField, problem: "a list of names is expected" };
      const granted = { roles: [...new Set(roles)], permissions: [...new Set(permissions)] };
      return { row: { ...row, email: address }, hash, ...granted };
    },
    write(stored, roles, secrets) {
      const values = [...columns]
        .filter(([name]) => secrets || !secret.has(name))
        .map(([name, { field, column }]) => [name, writable(column, stored[field])] as const);
      const [first, ...rest] = values;
      return Object.fromEntries([
        ...(first === undefined ? [] : [first]),
        ...(secrets ? [[hashField, stored["password"] ?? null]] : []),
        [rolesField, roles.filter((name) => permissionOfRole(name) === undefined)],
        [permissionsField, roles.map(permissionOfRole).filter((name) => name !== undefined)],
        ...rest,
      ]);
    },
  };
}

function isRoleName(name: string): boolean {
  return name.length <= 80 && permissionOfRole(name) === undefined;
}

function unknownField(name: string, fields: readonly string[]): string {
  if (name === "password") {
    return `passwords in clear are not imported; give ${hashField}, or leave it out and let people set one`;
  }
  return `there is no such field; ${knownNames(name, fields)}`;
}

type Read = { readonly value: unknown } | { readonly problem: string };

function readField(field: string, column: Column, given: unknown): Read {
  const read = typed(column, given);
  if ("problem" in read || typeof read.value !== "string") return read;
  if (field === "email") {
    const value = normalizeEmail(read.value);
    return value === undefined ? { problem: "is no e-mail address" } : { value };
  }
  if (field === "username") {
    const value = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(read.value) ? undefined : normalizeUsername(read.value);
    return value === undefined ? { problem: "is no username" } : { value };
  }
  return read;
}

/** The value as the column has it; text is read by the column's type. */
function typed(column: Column, given: unknown): Read {
  if (isTyped(column)) return readInput(column, given);
  switch (column.type) {
    case "id":
    case "epochMs": {
      const value = wholeNumberIn(given);
      return value !== undefined && numberFits(column, value)
        ? { value }
        : { problem: "a whole number in range is expected" };
    }
    case "list": {
      const value = listOf(given);
      return value === undefined ? { problem: "a list of words is expected" } : { value };
    }
    case "json":
      return jsonOf(given);
    case "bytes": {
      const value = typeof given === "string" ? Buffer.from(given, "base64") : undefined;
      return value?.toString("base64") === given ? { value } : { problem: "base64 is expected" };
    }
    default: {
      if (typeof given !== "string") return { problem: "a text is expected" };
      const problem = textProblem(column, given);
      return problem === undefined ? { value: given } : { problem };
    }
  }
}

/** Words without commas and white space. */
function listOf(given: unknown): readonly string[] | undefined {
  const list = typeof given === "string" ? textList(given) : given;
  if (!Array.isArray(list)) return undefined;
  return list.every((word) => typeof word === "string" && word !== "" && !/[,\s\0]/.test(word) && word.isWellFormed())
    ? (list as string[])
    : undefined;
}

function jsonOf(given: unknown): Read {
  if (typeof given !== "string") return { value: given };
  try {
    return { value: JSON.parse(given) };
  } catch {
    return { problem: "JSON is expected" };
  }
}

/** A stored value as JSON has it. */
function writable(column: Column, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  // A text is read as JSON; only so is one that is a string told from one that is a document.
  return column.type === "json" ? JSON.stringify(value) : value;
}

/** A record's value as the text of one CSV cell; `null` is an empty one. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? listText(value as string[]) : String(value);
}
