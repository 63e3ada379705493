import { type QueryResult, type RawBuilder, sql } from "kysely";
import type { Column, ColumnType } from "../../model/schema.ts";
import { microsecondText } from "../kysely/codec.ts";
import type { Database, Edges, ExistingColumn, ExistingTable, SqlDialect, UniqueViolation } from "../kysely/dialect.ts";
import { errorOf, messageOf } from "../kysely/errors.ts";
import { folded, foldedValue, sqliteFolding } from "./folding.ts";
import { sqliteNumbers } from "./numbers.ts";

const types: Readonly<Record<Exclude<ColumnType, "string" | "key">, string>> = {
  id: "INTEGER",
  integer: "INTEGER",
  text: "TEXT",
  boolean: "BOOLEAN",
  datetime: "DATETIME",
  // As SQLAlchemy declares it; what is stored is text.
  date: "DATE",
  epochMs: "INTEGER",
  list: "TEXT",
  json: "TEXT",
  bytes: "BLOB",
};

/** What a declared type makes of values that are stored in it (https://sqlite.org/datatype3.html 3.1); some are told apart from NUMERIC. */
type Affinity = "INTEGER" | "TEXT" | "BLOB" | "REAL" | "NUMERIC" | "BOOLEAN" | "DATETIME" | "DATE";

function affinity(declared: string): Affinity {
  const type = declared.toUpperCase();
  if (type.includes("INT")) return "INTEGER";
  if (/CHAR|CLOB|TEXT/.test(type)) return "TEXT";
  if (type === "" || type.includes("BLOB")) return "BLOB";
  if (/REAL|FLOA|DOUB/.test(type)) return "REAL";
  if (type === "DATE") return "DATE";
  if (/DATE|TIME/.test(type)) return "DATETIME";
  return type.includes("BOOL") ? "BOOLEAN" : "NUMERIC";
}

// Texts that look like numbers, "007" among them, would come back as numbers from a column that is not one of texts.
const texts: readonly Affinity[] = ["TEXT", "BLOB"];
// Numbers would become texts in a column of texts, and compare as such.
const numbers: readonly Affinity[] = ["INTEGER", "NUMERIC", "BOOLEAN", "REAL", "BLOB"];

/** The existing columns that give back what was stored. */
const held: Readonly<Record<ColumnType, readonly Affinity[]>> = {
  id: numbers,
  integer: numbers,
  string: texts,
  text: texts,
  key: texts,
  boolean: numbers,
  // Written as text, which no affinity changes; a column of whole numbers has something else in it.
  datetime: ["DATETIME", "DATE", "TEXT", "NUMERIC", "BLOB"],
  date: ["DATE", "TEXT", "NUMERIC", "BLOB"],
  epochMs: numbers,
  list: texts,
  // SQLAlchemy's JSON is NUMERIC.
  json: ["TEXT", "NUMERIC", "BLOB"],
  bytes: ["BLOB", "NUMERIC"],
};

/** SQLite's peculiarities. */
export const sqliteDialect: SqlDialect = {
  name: "sqlite",
  columnType: (column: Column): string =>
    column.type === "string" || column.type === "key" ? `VARCHAR(${column.length ?? 255})` : types[column.type],
  holds: (type: ColumnType, { base }: ExistingColumn): boolean => held[type].includes(base as Affinity),
  generatedKey: "",
  numbers: sqliteNumbers,
  folding: sqliteFolding,
  tableSuffix: "",
  nowDefault: "CURRENT_TIMESTAMP",
  addsColumnsWithNow: false,
  addsConstraints: false,
  literalDefault: (_type: ColumnType, literal: RawBuilder<unknown>): RawBuilder<unknown> => literal,
  inlineUnique: (): boolean => true,
  indexed: (column: Column): RawBuilder<unknown> => sql.id(column.name),
  // Of the folded form, with the form.
  lowerIndex: false,
  literalLimit: true,
  ordersByRange: false,
  nullsOrder: (): RawBuilder<unknown> => sql``,

  encodeDate: microsecondText,
  encodeBoolean: (value: boolean): number => (value ? 1 : 0),

  textEquals: (column: Column, value: unknown): RawBuilder<unknown> => sql`${sql.id(column.name)} = ${value}`,
  textIn: (column: Column, values: readonly unknown[]): RawBuilder<unknown> =>
    sql`${sql.id(column.name)} in (${sql.join(values)})`,
  equalsIgnoringCase: (_table: string, column: Column, value: unknown): RawBuilder<unknown> =>
    sqliteFolding.orMarked(sql`${folded(column)} = ${foldedValue(value)}`, column, [value]),
  folded: (_table: string, column: Column): RawBuilder<unknown> => folded(column),
  foldedValue: (_table: string, _column: Column, value: unknown): RawBuilder<unknown> => foldedValue(value),
  startsWith(_table: string, column: Column, value: unknown, edges: Edges): RawBuilder<unknown> {
    const name = folded(column);
    // Of two bounds SQLite looks up the one that comes first; a sign keeps the wider one from being looked up.
    const [low, high] = [edges.from ? sql`+${name}` : name, edges.upTo ? sql`+${name}` : name];
    return sql`(${low} >= ${foldedValue(value)} and ${high} < ${foldedValue(value)} || char(1114111))`;
  },
  uniqueIgnoresCase: (): boolean => false,
  // Transactions that write wait for each other.
  byKey: sql``,
  holdRow: sql``,
  holdFree: sql``,
  returningKey: (): RawBuilder<unknown> => sql``,
  insertedKey: (result: QueryResult<unknown>): number | undefined =>
    result.insertId === undefined ? undefined : Number(result.insertId),

  /** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY name `table.column` for each column, separated by commas. */
  uniqueViolation(error: unknown): UniqueViolation | undefined {
    if (!(error instanceof Error) || !("errcode" in error)) return undefined;
    if (error.errcode !== 2067 && error.errcode !== 1555) return undefined;
    const places = /constraint failed: (.*)$/.exec(error.message)?.[1]?.split(", ") ?? [];
    const dot = places[0]?.lastIndexOf(".") ?? -1;
    return {
      table: dot < 0 ? undefined : places[0]?.slice(0, dot),
      columns: places.map((place) => place.slice(place.lastIndexOf(".") + 1)),
    };
  },
  /** SQLITE_CONSTRAINT_FOREIGNKEY */
  referenceViolation: (error: unknown): boolean =>
    error instanceof Error && "errcode" in error && error.errcode === 787,
  withoutValues: (error: unknown): Error => errorOf(messageOf(error), error, ["code", "errcode", "errstr"]),

  foldTable: (name: string): string => name.toLowerCase(),
  foldColumn: (name: string): string => name.toLowerCase(),
  introspect,
  /** A transaction that has the write lock from its beginning is the lock. */
  migrationLock: <T>(db: Database, work: (db: Database) => Promise<T>): Promise<T> => db.transaction().execute(work),
  learn: async (): Promise<void> => {},
};

async function introspect(db: Database, tables: readonly string[]): Promise<Map<string, ExistingTable>> {
  const found = new Map<string, ExistingTable>();
  for (const table of tables) {
    const columns = await sql<{
      name: string;
      type: string;
      notNull: number;
    }>`select name, type, "notnull" as "notNull" from pragma_table_info(${table})`.execute(db);
    if (columns.rows.length === 0) continue;
    const indexes = await sql<{
      index: string;
      unique: number;
      column: string | null;
    }>`select l.name as "index", l."unique" as "unique", i.name as "column"
       from pragma_index_list(${table}) as l, pragma_index_info(l.name) as i
       where l.partial = 0 order by l.name, i.seqno`.execute(db);
    const byName = new Map<string, { name: string; unique: boolean; columns: (string | null)[] }>();
    for (const row of indexes.rows) {
      const index = byName.get(row.index) ?? { name: row.index, unique: row.unique === 1, columns: [] };
      index.columns.push(row.column === null ? null : row.column.toLowerCase());
      byName.set(row.index, index);
    }
    found.set(table.toLowerCase(), {
      columns: new Map(
        columns.rows.map(({ name, type, notNull }) => [
          name.toLowerCase(),
          { type: type === "" ? "of no type" : type, base: affinity(type), notNull: notNull === 1 },
        ]),
      ),
      indexes: [...byName.values()],
    });
  }
  return found;
}
