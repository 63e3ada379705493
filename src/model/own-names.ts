import { isCalendarDate } from "./calendar-date.ts";
import { column, namedColumns, type OwnColumn, type OwnColumns } from "./column.ts";
import { ConfigurationError } from "./errors.ts";
import { checkKnown, knownNames } from "./known-names.ts";
import { checkLabel } from "./label.ts";
import { columnTypes, type Schema } from "./schema.ts";
import { coreTables } from "./tables.ts";

/** The option `columns` adds to the user what it has not, under names that can be fields; else throws ConfigurationError. */
export function checkColumns(columns: OwnColumns): void {
  for (const [field, definition] of Object.entries(columns)) {
    const path = `columns.${field}`;
    if (typeof definition?.definition?.type !== "string") {
      throw new ConfigurationError(path, "a column is expected, such as column.string({ nullable: true })");
    }
    checkColumn(path, definition.definition);
    if (!/^[a-z][A-Za-z0-9]{0,40}$/.test(field)) throw new ConfigurationError(path, "a name in camelCase is expected");
    if (
      Object.hasOwn(coreTables.user?.columns ?? {}, field) ||
      ["roles", "permissions", "ownPermissions", "hasRole", "hasPermission", "securityPayload", "toJSON"].includes(
        field,
      )
    ) {
      throw new ConfigurationError(path, "the user has this already");
    }
  }
  namedColumns(columns);
}

/** What each member of an own column must be; `type` is the column's, not an option. */
const members: Readonly<Record<string, readonly [is: (value: unknown) => boolean, expected: string]>> = {
  ...Object.fromEntries(
    ["nullable", "unique", "index", "secret"].map((name) => [name, [isFlag, "true or false is expected"]] as const),
  ),
  length: [(value) => Number.isSafeInteger(value) && (value as number) > 0, "a whole number, 1 or more, is expected"],
};

function isFlag(value: unknown): boolean {
  return typeof value === "boolean";
}

/** A misspelt option is one that does nothing: a column that is to be unique, or secret, would not be. */
function checkColumn(path: string, definition: OwnColumn<unknown>["definition"]): void {
  const { type, label, default: fallback, length } = definition;
  if (!Object.hasOwn(columnTypes, type)) {
    throw new ConfigurationError(
      path,
      `there is no type ${JSON.stringify(type)}; ${knownNames(type, Object.keys(column))}`,
    );
  }
  const options = [...Object.keys(members), "default", "label"].filter(
    (name) => name !== "length" || type === "string",
  );
  const { type: _, ...given } = definition;
  checkKnown(path, given, options);
  for (const [name, value] of Object.entries(given)) {
    const [is, expected] = members[name] ?? [];
    if (value !== undefined && is?.(value) === false) throw new ConfigurationError(`${path}.${name}`, expected ?? "");
  }
  if (label !== undefined) checkLabel(`${path}.label`, label);
  if (fallback === undefined) return;
  const [is, expected] = defaults[type] ?? [];
  if (is?.(fallback) === false) throw new ConfigurationError(`${path}.default`, expected ?? "");
  if (typeof fallback === "string" && length !== undefined && [...fallback].length > length) {
    throw new ConfigurationError(`${path}.default`, `the column holds ${length} characters`);
  }
}

const isText = (value: unknown): boolean => typeof value === "string";

/** What the default of a column must be, by the column's type. */
const defaults: Readonly<Record<string, readonly [is: (value: unknown) => boolean, expected: string]>> = {
  string: [isText, "a text is expected"],
  text: [isText, "a text is expected"],
  integer: [
    (value) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31,
    "a whole number of 32 bits is expected",
  ],
  boolean: [isFlag, "true or false is expected"],
  datetime: [(value) => value === "now", '"now" is expected'],
  date: [(value) => isText(value) && isCalendarDate(value as string), "a date is expected, such as 2026-01-31"],
};

/** The option `tables` renames tables that there are; else throws ConfigurationError. */
export function checkTables(renamed: Readonly<Record<string, string>>, tables: Schema): void {
  checkKnown("tables", renamed, Object.keys(tables), "table");
  for (const [table, name] of Object.entries(renamed)) {
    if (typeof name !== "string" || !/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name))
      throw new ConfigurationError(`tables.${table}`, "is no name for a table");
  }
}
