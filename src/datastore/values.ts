import { isCalendarDate } from "../model/calendar-date.ts";
import { DatastoreError } from "../model/errors.ts";
import type { Column, Row, Table } from "../model/schema.ts";
import { columnOf, generatedKey } from "./tables.ts";

/** The range of `id` and `integer` columns: 32 bits, as PostgreSQL and MySQL keep them. */
export const integerRange: { readonly least: number; readonly most: number } = { least: -(2 ** 31), most: 2 ** 31 - 1 };

/** From the first year that MariaDB keeps to the last one that SQLAlchemy's text form has room for. */
const dateRange = { least: Date.UTC(1000, 0, 1), most: Date.UTC(9999, 11, 31, 23, 59, 59, 999) } as const;

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is meant
const ascii = /^[\x01-\x7f]*$/;

/** Why a text cannot be kept in the column, or undefined when it can. The same in all stores, so that none cuts or alters it. */
export function textProblem(column: Column, value: string): string | undefined {
  if (value.includes("\0")) return "has a NUL character";
  if (!value.isWellFormed()) return "is not well-formed Unicode";
  if (column.type === "key" && !ascii.test(value)) return "has a character outside ASCII";
  if (column.length !== undefined && value.length > column.length) {
    let characters = 0;
    for (const _ of value) characters += 1;
    if (characters > column.length) return `is longer than ${column.length} characters`;
  }
  return undefined;
}

/** True when the number can be in a column of the type. */
export function numberFits(column: Column, value: number): boolean {
  if (column.type === "epochMs") return Number.isSafeInteger(value);
  return Number.isInteger(value) && value >= integerRange.least && value <= integerRange.most;
}

/** True when the text can be in a `date` column: from the year 1000 on, as MariaDB keeps them. */
export function dayFits(value: string): boolean {
  return isCalendarDate(value) && value >= "1000";
}

/** True when the date can be in a `datetime` column. */
export function dateFits(value: Date): boolean {
  const time = value.getTime();
  return time >= dateRange.least && time <= dateRange.most;
}

/** Checks one value that is to be stored and returns it as the store keeps it (a copy of what is mutable). */
function storable(path: string, column: Column, value: unknown): unknown {
  const refuse = (problem: string): never => {
    throw new DatastoreError(`${path} ${problem}`);
  };
  if (value === null) {
    if (column.nullable) return null;
    if (column.type === "json") return null;
    return refuse("must not be null");
  }
  switch (column.type) {
    case "id":
    case "integer":
    case "epochMs":
      if (typeof value !== "number" || !numberFits(column, value)) return refuse("must be a whole number in range");
      // -0 would come back as 0
      return value + 0;
    case "string":
    case "text":
    case "key": {
      if (typeof value !== "string") return refuse("must be a string");
      const problem = textProblem(column, value);
      return problem === undefined ? value : refuse(problem);
    }
    case "boolean":
      return typeof value === "boolean" ? value : refuse("must be true or false");
    case "datetime":
      if (!(value instanceof Date) || !dateFits(value)) return refuse("must be a valid Date");
      return new Date(value);
    case "date":
      return typeof value === "string" && dayFits(value) ? value : refuse("must be a date, such as 2026-01-31");
    case "list":
      return storableList(path, value);
    case "json":
      return storableJson(path, value);
    case "bytes":
      return value instanceof Uint8Array ? new Uint8Array(value) : refuse("must be a Uint8Array");
  }
}

function storableList(path: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw new DatastoreError(`${path} must be a list of strings`);
  return value.map((item: unknown, index) => {
    // Stored as comma-separated text: what it would not give back is refused.
    if (typeof item !== "string" || item === "" || item !== item.trim() || /[,\0]/.test(item) || !item.isWellFormed()) {
      throw new DatastoreError(`${path}[${index}] must be a string without commas and without spaces around it`);
    }
    return item;
  });
}

function storableJson(path: string, value: unknown): unknown {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new DatastoreError(`${path} cannot be written as JSON`, { cause });
  }
  if (text === undefined) throw new DatastoreError(`${path} cannot be written as JSON`);
  return JSON.parse(text);
}

/** The text form of a list. */
export function listText(list: readonly string[]): string {
  return list.join(",");
}

/** The list that a text means: what other programs wrote may have spaces after the commas. */
export function textList(text: string | null): string[] {
  if (text === null || text === "") return [];
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** A complete row to insert: checked values of the fields given, defaults for the others. A generated key may be left out. */
export function completeRow(tableName: string, table: Table, row: Row, now: () => number): Map<string, unknown> {
  for (const field of Object.keys(row)) columnOf(table, tableName, field);
  const values = new Map<string, unknown>();
  const generated = generatedKey(table);
  for (const [field, column] of Object.entries(table.columns)) {
    const path = `${tableName}.${field}`;
    const given = Object.hasOwn(row, field) ? row[field] : undefined;
    if (given !== undefined) values.set(field, storable(path, column, given));
    else if (field === generated) continue;
    else if (column.default !== undefined) values.set(field, storable(path, column, defaultValue(column, now)));
    else if (column.nullable) values.set(field, null);
    else throw new DatastoreError(`${path} is missing`);
  }
  return values;
}

/** Checked values of the fields that an update sets. */
export function changes(tableName: string, table: Table, set: Row): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [field, value] of Object.entries(set)) {
    const path = `${tableName}.${field}`;
    const column = columnOf(table, tableName, field);
    if (value === undefined) throw new DatastoreError(`${path} is undefined; null empties a field`);
    values.set(field, storable(path, column, value));
  }
  if (values.size === 0) throw new DatastoreError(`an update of "${tableName}" sets no field`);
  return values;
}

function defaultValue(column: Column, now: () => number): unknown {
  const { default: literal } = column;
  if (literal === "now" && column.type === "datetime") return new Date(now());
  if (literal === "now" && column.type === "epochMs") return now();
  if (column.type === "list" && typeof literal === "string") return textList(literal);
  if (column.type === "json" && typeof literal === "string") return JSON.parse(literal);
  return literal;
}
