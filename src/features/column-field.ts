import { type Expected, isTyped, readInput, type TypedColumn } from "../datastore/column-input.ts";
import { integerRange } from "../datastore/values.ts";
import { ConfigurationError } from "../model/errors.ts";
import { labelOfColumn } from "../model/label.ts";
import { type Column, needsValue } from "../model/schema.ts";
import type { Json } from "../routes/openapi/json.ts";
import { checkboxField, type Fault, type Field, integerFault } from "./fields.ts";

/** Longest text of a `text` column that is typed, in UTF-16 units. */
export const longestText = 10_000;
const longestString = 255;

/** What a value of the column is, or what is wrong with what was typed. */
export type ColumnInput = { readonly value: unknown } | { readonly fault: Fault };

/** What is said of an input that is not what the column's type expects. */
const expectations: Readonly<Record<Expected, Fault>> = {
  text: { key: "FIELD_INVALID" },
  storableText: { key: "FIELD_INVALID" },
  boolean: { key: "FIELD_BOOLEAN" },
  integer: integerFault(integerRange.least, integerRange.most),
  datetime: { key: "FIELD_DATETIME" },
  date: { key: "FIELD_DATE" },
};

/** What is said of an input that has not the column's type at all. */
export function wrongInput(column: TypedColumn): Fault {
  return expectations[column.type === "string" ? "text" : column.type];
}

/**
 * Reads what was typed as a value of the column, without white space around it. Left empty, it has no value: two of them must not
 * be the same. So it is null where the column may be, else its default; `undefined`: the database's own, such as "now".
 */
export function columnInput(column: TypedColumn, input: unknown, longest: number = longestOf(column)): ColumnInput {
  // A form sends its lines as mails have them.
  const given = typeof input === "string" ? input.trim().replace(/\r\n?/g, "\n") : input;
  if (given === undefined || given === null || given === "") {
    if (needsValue(column)) return { fault: { key: "FIELD_REQUIRED" } };
    return { value: column.nullable ? null : column.default === "now" ? undefined : column.default };
  }
  if (typeof given === "string") {
    if (given.length > longest) return { fault: { key: "INVALID_INPUT_LENGTH" } };
    if (column.type === "string" && /(?!\t)\p{Cc}/u.test(given)) return { fault: { key: "FIELD_INVALID" } };
  }
  const read = readInput(column, given);
  return "value" in read ? read : { fault: expectations[read.expected] };
}

/** The longest text for the column, in UTF-16 units: a character may be two. */
export function longestOf({ type, length }: Column): number {
  return type === "text" ? longestText : type === "string" ? (length ?? longestString) : longestString;
}

/** The field of a form that a column gets by its type, and what it takes in JSON. */
export function columnLook(column: TypedColumn): Pick<Field<unknown>, "type" | "schema" | "choices" | "hint" | "step"> {
  return { ...look(column), schema: columnSchema(column) };
}

function look({ type, nullable }: TypedColumn): Pick<Field<unknown>, "type" | "choices" | "hint" | "step"> {
  switch (type) {
    case "integer":
      return { type: "number" };
    case "boolean":
      // A box has two states; none is the third.
      return nullable ? { type: "select", choices: yesOrNo } : { type: "checkbox" };
    case "datetime":
      return { type: "datetime-local", step: "1", hint: { key: "HINT_UTC" } };
    case "date":
      return { type: "date" };
    case "text":
      return { type: "textarea" };
    default:
      return { type: "text" };
  }
}

/** Yes, no, and nothing said. */
export const yesOrNo: NonNullable<Field<unknown>["choices"]> = [
  { value: "", text: "" },
  { value: "true", text: "ADMIN_YES" },
  { value: "false", text: "ADMIN_NO" },
];

function columnSchema(column: TypedColumn): Json {
  switch (column.type) {
    case "integer":
      return { type: "integer", minimum: integerRange.least, maximum: integerRange.most };
    case "boolean":
      return { type: "boolean" };
    case "datetime":
      return { type: "string", format: "date-time" };
    case "date":
      return { type: "string", format: "date" };
    default:
      return { type: "string", maxLength: longestOf(column) };
  }
}

/** The field of a column of the application's own; undefined where nothing that is typed is a value of its type. */
export function columnField(name: string, column: Column): Field<unknown> | undefined {
  if (!isTyped(column)) return undefined;
  const shared = { label: { text: labelOfColumn(name, column) }, wrong: wrongInput(column) };
  const shown = columnLook(column);
  if (shown.type === "checkbox") {
    const box = checkboxField("ADMIN_YES");
    // What is no word for yes or no is said as everywhere; a box that is not ticked sends nothing.
    const parse = (input: unknown): ColumnInput =>
      input === undefined || input === null || input === "" ? { value: false } : columnInput(column, input);
    return { ...box, ...shown, ...shared, parse };
  }
  return {
    ...shown,
    ...shared,
    required: needsValue(column),
    autocomplete: "off",
    maxLength: longestOf(column),
    echo: true,
    parse: (input) => columnInput(column, input),
  };
}

/**
 * What a schema of the application's own has made of a value, as the column takes it. What is of another type is the application's
 * fault, and said to it; what is out of the column's range, or cannot be kept in it, is its caller's.
 *
 * @throws {ConfigurationError} at `path`
 */
export function schemaValue(path: string, name: string, column: Column, value: unknown, longest?: number): ColumnInput {
  if (!isTyped(column)) return { value };
  const input = columnInput(column, value, longest);
  if ("value" in input || isTypeOf(column, value) || typeof value === "string") return input;
  const kind = value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
  throw new ConfigurationError(
    `${path}.schema`,
    `it gives ${kind}, which the column ${name} (column.${column.type}) can't hold`,
  );
}

function isTypeOf({ type }: TypedColumn, value: unknown): boolean {
  switch (type) {
    case "integer":
      return typeof value === "number";
    case "datetime":
    case "date":
      return value instanceof Date;
    default:
      return value === undefined || value === null;
  }
}
