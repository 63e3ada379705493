import type { Label } from "./label.ts";
/**
 * How a column is stored. `datetime` is a Date in TypeScript, stored as SQLAlchemy stores it in each database; `date` a calendar
 * date without a time, a string `YYYY-MM-DD` in TypeScript;
 * `epochMs` is a number of milliseconds; `list` is a string[] stored as comma-separated text; `json` any JSON value as text.
 */
export type ColumnType =
  | "id"
  | "integer"
  | "string"
  | "text"
  | "boolean"
  | "datetime"
  | "date"
  | "epochMs"
  | "list"
  | "json"
  | "bytes"
  | "key";

/** All types of columns. */
export const columnTypes: Readonly<Record<ColumnType, true>> = {
  id: true,
  integer: true,
  string: true,
  text: true,
  boolean: true,
  datetime: true,
  date: true,
  epochMs: true,
  list: true,
  json: true,
  bytes: true,
  key: true,
};

/** One column: its name in the database, its type and its constraints. `key` columns are compared byte for byte. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Length in characters of `string` and `key` columns. */
  readonly length?: number;
  readonly unique?: boolean;
  readonly index?: boolean;
  /** It is nullable because rows without a value are wanted: a database that exists and does not allow them is refused. */
  readonly mustAllowNull?: boolean;
  /** Looked up without regard to case: gets an index on `lower(column)` where the database does not compare so by itself. */
  readonly ignoreCase?: boolean;
  /** `"now"` for date-times that the database fills in, or a literal for rows that exist when the column is added. */
  readonly default?: "now" | number | string | boolean;
  readonly references?: { readonly table: string; readonly column: string; readonly onDelete?: "cascade" };
  /** It gives access or must not be seen: no answer, page, export, log line or event has it; it is read through the datastore. */
  readonly secret?: boolean;
  /** What pages call it. */
  readonly label?: Label;
}

/** What a column may say. */
export const columnMembers: Readonly<Record<keyof Column, true>> = {
  name: true,
  type: true,
  nullable: true,
  length: true,
  unique: true,
  index: true,
  mustAllowNull: true,
  ignoreCase: true,
  default: true,
  label: true,
  references: true,
  secret: true,
};

/** Whether every row must be given a value: there is no default, and none is no value. */
export function needsValue({ nullable, default: fallback }: Pick<Column, "nullable" | "default">): boolean {
  return !nullable && fallback === undefined;
}

/** The fields of these columns that are secret. */
export function secretFields(columns: Readonly<Record<string, Column>>): readonly string[] {
  return Object.entries(columns).flatMap(([field, { secret }]) => (secret === true ? [field] : []));
}

/** One table: its name in the database and its columns by their TypeScript name. */
export interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, Column>>;
  /** The TypeScript names of the primary key's columns; none for `roles_users`. */
  readonly primaryKey: readonly string[];
  /** Indexes of several columns, each by TypeScript names. */
  readonly indexes?: readonly (readonly string[])[];
}

/** All tables of a running system by their logical name: the core's, those of the features, with the application's own columns. */
export type Schema = Readonly<Record<string, Table>>;

/** A row as the rooms above the datastore see it: TypeScript names, TypeScript values. */
export type Row = Record<string, unknown>;
