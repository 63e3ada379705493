import { type Kysely, type QueryResult, type RawBuilder, sql } from "kysely";
import type { Column, ColumnType, Table } from "../../model/schema.ts";

/** A Kysely handle whose tables are not known to the compiler: the schema decides at run time. */
export type Database = Kysely<Record<string, Record<string, unknown>>>;

/** A column as it is in the database. */
export interface ExistingColumn {
  /** Its type as the database writes it. */
  readonly type: string;
  /** What the type comes down to, where the database lets types be named: of an enumeration "enum", of a domain its base. */
  readonly base: string;
  readonly notNull: boolean;
}

/** A table as it is in the database, its names folded by `SqlDialect.foldColumn`. */
export interface ExistingTable {
  readonly columns: ReadonlyMap<string, ExistingColumn>;
  /** Null stands for an expression among an index's columns. */
  readonly indexes: readonly {
    readonly name: string;
    readonly columns: readonly (string | null)[];
    readonly unique: boolean;
  }[];
}

/** The ends of a range that have a bound of their own. */
export interface Edges {
  readonly from: boolean;
  readonly upTo: boolean;
}

/** What a database says about a violated unique constraint: the names in the database, as far as it tells them. */
export interface UniqueViolation {
  readonly table: string | undefined;
  /** Names of columns, or of a constraint made of one; the first that is a column of the table counts. */
  readonly columns: readonly string[];
  /** The constraint is the primary key, and the database does not name its columns. */
  readonly primary?: boolean;
}

/** Keeps numbers from being given again, where the database would. */
export interface KeptNumbers {
  /** Those of these tables whose deleted numbers are not kept yet. */
  unguarded(db: Database, tables: readonly Table[]): Promise<Table[]>;
  /** The statements after which they are; `seen`: where else numbers of the table stand. */
  guard(table: Table, key: Column, seen: readonly { table: Table; column: Column }[]): RawBuilder<unknown>[];
  /** The number of the next row, the first of `count`; none of them is given again, be they rolled back. */
  next(table: Table, key: Column, count: number): RawBuilder<unknown>;
}

/** Keeps the folded form beside each `ignoreCase` column, where the database can't fold texts by itself. */
export interface KeptFolding {
  /** The name of the column that has a column's folded form. */
  name(column: Column): string;
  /** The folded form of a value. */
  value(value: unknown): string | null;
  /** Those columns of these tables whose folded form is not kept yet. */
  unkept(db: Database, tables: readonly Table[]): Promise<{ readonly table: Table; readonly column: Column }[]>;
  /** The statements after which it is. */
  keep(db: Database, table: Table, column: Column): Promise<readonly RawBuilder<unknown>[]>;
  /** What `found` finds, and those of the values that another program wrote and nobody folded. */
  orMarked(found: RawBuilder<unknown>, column: Column, values: readonly unknown[]): RawBuilder<unknown>;
  /** A row, where there are such values. */
  marked(table: Table, column: Column): RawBuilder<unknown>;
  /** Folds them. */
  mend(table: Table, column: Column): RawBuilder<unknown>;
}

/** The table as a statement names it: with its schema, where one was given. */
export function tableId({ schema }: Pick<SqlDialect, "schema">, { name }: Pick<Table, "name">): RawBuilder<unknown> {
  return schema === undefined ? sql.id(name) : sql.id(schema, name);
}

/** What differs from one SQL database to the next; each has its own in its own folder. */
export interface SqlDialect {
  readonly name: string;
  /** The schema that has the tables, where the connection does not decide that. */
  readonly schema?: string;
  /** The column's type in a `create table`, as SQLAlchemy writes it for Flask-Security's models. */
  columnType(column: Column): string;
  /** Whether a column as it is can hold values of that type and give them back, be it of another one than `columnType` says. */
  holds(type: ColumnType, column: ExistingColumn): boolean;
  /** What follows the type of a key that the database makes. */
  readonly generatedKey: string;
  /** What follows the closing parenthesis of a `create table`. */
  readonly tableSuffix: string;
  /** The default of a date-time column that is filled in by the database. */
  readonly nowDefault: string;
  /** False: `alter table … add column` takes only constant defaults (SQLite). */
  readonly addsColumnsWithNow: boolean;
  /** False: constraints can be given only together with their column (SQLite). */
  readonly addsConstraints: boolean;
  /** How a literal default stands in the DDL of that type. */
  literalDefault(type: ColumnType, literal: RawBuilder<unknown>): RawBuilder<unknown>;
  /** True when `unique` can follow the column's type. */
  inlineUnique(column: Column): boolean;
  /** The column as an index lists it. */
  indexed(column: Column): RawBuilder<unknown>;
  /** Whether `ignoreCase` columns get an index on lower(column). */
  readonly lowerIndex: boolean;
  /** Nulls come first in ascending order everywhere; this is what it takes. */
  nullsOrder(column: Column, descending: boolean): RawBuilder<unknown>;
  /** Whether a limit stands in the text: where it is a parameter SQLite prepares the statement anew for each value that is bound. */
  readonly literalLimit: boolean;
  /** Whether the rows of one value are asked for as a range, so that they come by the index that has their order. */
  readonly ordersByRange: boolean;

  /** Undefined: the database gives no number twice. */
  readonly numbers?: KeptNumbers;
  /** Undefined: the database folds texts by itself. */
  readonly folding?: KeptFolding;
  /** After a row was inserted with a number of its own: none of those up to it will be given. Undefined: the database sees to it. */
  readonly passKey?: (table: Table, key: Column, value: number) => RawBuilder<unknown>;
  /** Waits, in a transaction, for the others that claimed the text; undefined where they wait for each other anyway. */
  readonly claim?: (text: RawBuilder<unknown>) => RawBuilder<unknown>;
  /** The server's clock in epoch milliseconds; undefined where the database runs in this process. */
  readonly clock?: RawBuilder<unknown>;
  encodeDate(date: Date): unknown;
  encodeBoolean(value: boolean): unknown;

  /** Exact equality of text, whatever the collation. */
  textEquals(column: Column, value: unknown): RawBuilder<unknown>;
  textIn(column: Column, values: readonly unknown[]): RawBuilder<unknown>;
  /** Equality without regard to case; `table` and `column` are the names in the database. */
  equalsIgnoringCase(table: string, column: Column, value: unknown): RawBuilder<unknown>;
  /** The column in the order that ignores case, as its index has it; `table` is the name in the database. */
  folded(table: string, column: Column): RawBuilder<unknown>;
  /** A value to be compared with `folded`. */
  foldedValue(table: string, column: Column, value: unknown): RawBuilder<unknown>;
  /**
   * That the column begins with the value, without regard to case: a range of that index. `edges`: which end of the range
   * another comparison makes narrower.
   */
  startsWith(table: string, column: Column, value: unknown, edges: Edges): RawBuilder<unknown>;
  /** Whether no two rows differ in case alone where the column is unique. */
  uniqueIgnoresCase(table: string, column: Column): boolean;
  /** What follows an insert so that it tells the key that the database made. */
  returningKey(column: Column): RawBuilder<unknown>;
  /**
   * What follows the table's name where a row is locked by its key: that the database goes by the key and by no other index.
   * One that locks the entry of another index first, and the row behind it, waits for ever for one that came by the key.
   */
  readonly byKey: RawBuilder<unknown>;
  /** What follows a query so that its rows stay as they are until the end of the transaction. */
  readonly holdRow: RawBuilder<unknown>;
  /** The same, leaving out the rows that another transaction holds. */
  readonly holdFree: RawBuilder<unknown>;
  insertedKey(result: QueryResult<unknown>, column: Column): number | undefined;

  uniqueViolation(error: unknown): UniqueViolation | undefined;
  /** Whether a row was refused because what it refers to is not there. */
  referenceViolation(error: unknown): boolean;
  /** The error without values in it, for `cause`: errors end up in logs. */
  withoutValues(error: unknown): Error;

  foldTable(name: string): string;
  foldColumn(name: string): string;
  /** The tables of these names that exist, by folded name. */
  introspect(db: Database, tables: readonly string[]): Promise<Map<string, ExistingTable>>;
  /** Runs `work` while no other process migrates; in a transaction where the database has transactional DDL. */
  migrationLock<T>(db: Database, work: (db: Database) => Promise<T>): Promise<T>;
  /** Learns what the dialect must know of the database; called at open and after a migration. */
  learn(db: Database): Promise<void>;
}
