import type { Label } from "./label.ts";
import type { OnlyKnown } from "./only-known.ts";
import type { Column } from "./schema.ts";
import { columnName } from "./tables.ts";

declare const columnValue: unique symbol;
declare const secretValue: unique symbol;

/** A column that the application adds to the user, with the type of its values. */
export interface OwnColumn<T> {
  readonly definition: Omit<Column, "name">;
  /** For the compiler only; never there at run time. */
  readonly [columnValue]?: T;
}

/** What a column may say. */
export interface ColumnOptions<T = string | number | boolean> {
  /** Default false: every user must have a value. */
  readonly nullable?: boolean;
  /**
   * True: no two users have the same value. Whoever may set it learns which values are taken: in a registration form everybody,
   * also where accounts are hidden, and with it a little of which addresses are new. Keep a
   * column that is to tell nothing out of forms.
   */
  readonly unique?: boolean;
  readonly index?: boolean;
  /** The value of rows that exist when the column is added, and of users made without it. */
  readonly default?: T;
  /**
   * True: what gives access, or nobody is to see. It can be written by `users.create` and `users.update`, but the user that
   * handlers get, JSON, pages, exports, events and log lines never have it; who needs it reads it from the database.
   */
  readonly secret?: boolean;
  /**
   * What pages call it: a text, or texts by language, `{ en: "Birth year", de: "Geburtsjahr" }`. Left out,
   * the name in words: "Birth year" for `birthYear`.
   */
  readonly label?: Label;
}

/** What a column of texts with a longest length may say. */
export interface StringColumnOptions extends ColumnOptions<string> {
  /** In characters; default 255. */
  readonly length?: number;
}

/** The type of a secret column's values, which the user does not show. */
export interface SecretValue<T> {
  readonly [secretValue]: T;
}

type Nullable<T, Options> = Options extends { readonly nullable: true } ? T | null : T;
type Value<T, Options> = Options extends { readonly secret: true }
  ? SecretValue<Nullable<T, Options>>
  : Nullable<T, Options>;

function make<T, const Options extends ColumnOptions>(
  definition: Omit<Column, "name" | "nullable">,
  options: Options,
): OwnColumn<Value<T, Options>> {
  // What the options say is checked at the start; a type among them must not take the place of the column's.
  return { definition: { ...options, ...definition, nullable: options.nullable ?? false } };
}

/** The columns that an application may add to the user: `columns: { company: column.string({ nullable: true }) }`. */
export const column: {
  /** A text of at most `length` characters. */
  string<const O extends StringColumnOptions>(options?: OnlyKnown<O, StringColumnOptions>): OwnColumn<Value<string, O>>;
  /** A text of any length. */
  text<const O extends ColumnOptions<string>>(options?: OnlyKnown<O, ColumnOptions>): OwnColumn<Value<string, O>>;
  /** A whole number of 32 bits. */
  integer<const O extends ColumnOptions<number>>(options?: OnlyKnown<O, ColumnOptions>): OwnColumn<Value<number, O>>;
  /** True or false. */
  boolean<const O extends ColumnOptions<boolean>>(options?: OnlyKnown<O, ColumnOptions>): OwnColumn<Value<boolean, O>>;
  /** A moment, in UTC; the default `"now"` is the one in which the row is made. */
  datetime<const O extends ColumnOptions<"now">>(options?: OnlyKnown<O, ColumnOptions>): OwnColumn<Value<Date, O>>;
  /** A day of the calendar without a time, as `YYYY-MM-DD`, such as a date of birth. */
  date<const O extends ColumnOptions<string>>(options?: OnlyKnown<O, ColumnOptions>): OwnColumn<Value<string, O>>;
} = {
  string: (options) => make({ type: "string", length: options?.length ?? 255 }, options ?? ({} as never)),
  text: (options) => make({ type: "text" }, options ?? ({} as never)),
  integer: (options) => make({ type: "integer" }, options ?? ({} as never)),
  boolean: (options) => make({ type: "boolean" }, options ?? ({} as never)),
  datetime: (options) => make({ type: "datetime" }, options ?? ({} as never)),
  date: (options) => make({ type: "date" }, options ?? ({} as never)),
};

/** The application's columns by their TypeScript name. */
export type OwnColumns = Readonly<Record<string, OwnColumn<unknown>>>;

/** The fields that these columns add to the user: those that are not secret. */
export type OwnFields<C extends OwnColumns> = {
  readonly [K in keyof C as C[K] extends OwnColumn<SecretValue<unknown>> ? never : K]: C[K] extends OwnColumn<infer T>
    ? T
    : never;
};

/** The secret ones of these columns, which can be written. */
export type OwnSecrets<C extends OwnColumns> = {
  readonly [K in keyof C as C[K] extends OwnColumn<SecretValue<unknown>> ? K : never]: C[K] extends OwnColumn<
    SecretValue<infer T>
  >
    ? T
    : never;
};

/** The columns as the schema has them. */
export function namedColumns(columns: OwnColumns): Record<string, Column> {
  return Object.fromEntries(
    Object.entries(columns).map(([field, { definition }]) => [field, { ...definition, name: columnName(field) }]),
  );
}
