import { DatastoreError, MissingReferenceError, PortcullisError, UniqueConflictError } from "../../model/errors.ts";
import type { Schema } from "../../model/schema.ts";
import type { SqlDialect } from "./dialect.ts";

/** What a driver threw → UniqueConflictError, MissingReferenceError or another DatastoreError; `table` is the logical name of the table that was asked. */
export function translated(dialect: SqlDialect, schema: Schema, table: string | undefined, error: unknown): Error {
  if (error instanceof PortcullisError) return error;
  const cause = dialect.withoutValues(error);
  const violation = dialect.uniqueViolation(error);
  if (violation === undefined) {
    const what = table === undefined ? "" : ` on "${table}"`;
    const message = `${dialect.name} failed${what}: ${cause.message}`;
    return dialect.referenceViolation(error)
      ? new MissingReferenceError(message, { cause })
      : new DatastoreError(message, { cause });
  }
  const logical = logicalTable(dialect, schema, violation.table) ?? table ?? violation.table ?? "?";
  const { columns: known = {}, primaryKey = [] } = Object.hasOwn(schema, logical) ? (schema[logical] ?? {}) : {};
  const columns = Object.entries(known);
  if (violation.primary === true) return new UniqueConflictError(logical, primaryKey[0], { cause });
  for (const name of violation.columns) {
    const folded = dialect.foldColumn(name);
    const found = columns.find(([, column]) => dialect.foldColumn(column.name) === folded);
    if (found !== undefined) return new UniqueConflictError(logical, found[0], { cause });
  }
  // A constraint's name has the column's in it: "uq_user_email", "ix_user_us_phone_number". The longest that fits is meant.
  const ending = columns
    .filter(([, column]) => violation.columns.some((name) => `_${name.toLowerCase()}_`.includes(`_${column.name}_`)))
    .sort(([, a], [, b]) => b.name.length - a.name.length)[0];
  return new UniqueConflictError(logical, ending?.[0], { cause });
}

function logicalTable(dialect: SqlDialect, schema: Schema, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const folded = dialect.foldTable(name);
  return Object.entries(schema).find(([, table]) => dialect.foldTable(table.name) === folded)?.[0];
}

/** An error with the listed properties of another, if they are strings or numbers, and nothing else of it. */
export function errorOf(message: string, from: unknown, properties: readonly string[]): Error {
  const error = new Error(message);
  for (const property of properties) {
    const value: unknown = typeof from === "object" && from !== null ? Reflect.get(from, property) : undefined;
    if (typeof value === "string" || typeof value === "number") Object.assign(error, { [property]: value });
  }
  return error;
}

/** The error's message, or the thrown value as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
