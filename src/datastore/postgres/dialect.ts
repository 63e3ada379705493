import { type QueryResult, type RawBuilder, sql } from "kysely";
import type { Column, ColumnType, Table } from "../../model/schema.ts";
import { microsecondText } from "../kysely/codec.ts";
import type { Database, ExistingTable, SqlDialect, UniqueViolation } from "../kysely/dialect.ts";
import { errorOf, messageOf } from "../kysely/errors.ts";

const types: Readonly<Record<Exclude<ColumnType, "string" | "key">, string>> = {
  id: "SERIAL",
  integer: "INTEGER",
  text: "TEXT",
  boolean: "BOOLEAN",
  datetime: "TIMESTAMP WITHOUT TIME ZONE",
  epochMs: "BIGINT",
  list: "TEXT",
  json: "TEXT",
  bytes: "BYTEA",
};

/** Any number will do that no other program is likely to take. */
const migrationLockKey = 7_031_405_116;

/** By bytes: a language's order would not keep together what begins with the same characters. */
const folded = (column: Column): RawBuilder<unknown> => sql`lower(${sql.id(column.name)}) collate "C"`;

/** PostgreSQL's peculiarities. */
export const postgresDialect: SqlDialect = {
  name: "postgres",
  // By one number of 64 bits: the bus's locks are by two of 32, which is another space.
  claim: (text) => sql`select pg_advisory_xact_lock(hashtextextended(${text}, 0))`,
  clock: sql`floor(extract(epoch from clock_timestamp()) * 1000)`,
  columnType: (column: Column): string =>
    column.type === "string" || column.type === "key" ? `VARCHAR(${column.length ?? 255})` : types[column.type],
  generatedKey: "",
  passKey(table: Table, key: Column, value: number): RawBuilder<unknown> {
    const sequence = sql`pg_get_serial_sequence(quote_ident(${table.name}), ${key.name})`;
    // A number is taken to see where the sequence stands: it must not be set back.
    return sql`select case when n < ${value} then setval(s, ${value}) end from (select ${sequence} as s, nextval(${sequence}) as n) as at where s is not null`;
  },
  tableSuffix: "",
  nowDefault: "now()",
  addsColumnsWithNow: true,
  addsConstraints: true,
  literalDefault: (_type: ColumnType, literal: RawBuilder<unknown>): RawBuilder<unknown> => literal,
  inlineUnique: (): boolean => true,
  indexed: (column: Column): RawBuilder<unknown> => sql.id(column.name),
  lowerIndex: true,
  literalLimit: false,
  ordersByRange: true,
  nullsOrder: (_column: Column, descending: boolean): RawBuilder<unknown> =>
    descending ? sql` nulls last` : sql` nulls first`,

  encodeDate: microsecondText,
  encodeBoolean: (value: boolean): boolean => value,

  textEquals: (column: Column, value: unknown): RawBuilder<unknown> => sql`${sql.id(column.name)} = ${value}`,
  textIn: (column: Column, values: readonly unknown[]): RawBuilder<unknown> =>
    sql`${sql.id(column.name)} in (${sql.join(values)})`,
  equalsIgnoringCase: (_table: string, column: Column, value: unknown): RawBuilder<unknown> =>
    sql`${folded(column)} = lower(${value})`,
  folded: (_table: string, column: Column): RawBuilder<unknown> => folded(column),
  foldedValue: (_table: string, _column: Column, value: unknown): RawBuilder<unknown> => sql`lower(${value})`,
  startsWith: (_table: string, column: Column, value: unknown): RawBuilder<unknown> =>
    sql`(${folded(column)} >= lower(${value}) and ${folded(column)} < lower(${value}) || chr(1114111))`,
  uniqueIgnoresCase: (): boolean => false,
  // Not more: rows that refer to it may come meanwhile.
  byKey: sql``,
  holdRow: sql` for no key update`,
  returningKey: (column: Column): RawBuilder<unknown> => sql` returning ${sql.id(column.name)}`,
  insertedKey(result: QueryResult<unknown>, column: Column): number | undefined {
    const row = result.rows[0] as Readonly<Record<string, unknown>> | undefined;
    return row === undefined ? undefined : Number(row[column.name]);
  },

  /** 23505 unique_violation; the detail is `Key (email)=(…) already exists.`, in any language with these parentheses. */
  uniqueViolation(error: unknown): UniqueViolation | undefined {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "23505") return undefined;
    const text = (property: string): string | undefined => {
      const value: unknown = Reflect.get(error, property);
      return typeof value === "string" ? value : undefined;
    };
    const listed = /\(((?:"(?:[^"]|"")*"|[^"()])*)\)=\(/.exec(text("detail") ?? "")?.[1]?.split(", ") ?? [];
    const names = listed.map((name) => name.replace(/^"(.*)"$/s, "$1").replaceAll('""', '"'));
    const constraint = text("constraint");
    return { table: text("table"), columns: constraint === undefined ? names : [...names, constraint] };
  },
  /** `detail` shows the failing row, with the password hash in it. */
  withoutValues: (error: unknown): Error =>
    errorOf(messageOf(error), error, ["code", "severity", "schema", "table", "column", "constraint", "routine"]),

  foldTable: (name: string): string => name,
  foldColumn: (name: string): string => name,
  introspect,
  migrationLock: <T>(db: Database, work: (db: Database) => Promise<T>): Promise<T> =>
    db.transaction().execute(async (locked) => {
      await sql`select pg_advisory_xact_lock(${sql.lit(migrationLockKey)})`.execute(locked);
      return await work(locked);
    }),
  learn: async (): Promise<void> => {},
};

/** Sees what an unqualified name means: the tables on the search path. */
async function introspect(db: Database, tables: readonly string[]): Promise<Map<string, ExistingTable>> {
  const columns = await sql<{ table: string; column: string; notNull: boolean }>`
    select c.relname::text as "table", a.attname::text as "column", a.attnotnull as "notNull"
    from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid
    where c.relkind in ('r', 'p') and pg_catalog.pg_table_is_visible(c.oid) and a.attnum > 0 and not a.attisdropped
      and c.relname in (${sql.join(tables)})`.execute(db);
  const indexes = await sql<{ table: string; index: string; unique: boolean; columns: (string | null)[] }>`
    select c.relname::text as "table", i.relname::text as "index", x.indisunique as "unique",
      array(select a.attname::text from unnest(x.indkey::int2[]) with ordinality as k(attnum, position)
        left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
        where k.position <= x.indnkeyatts order by k.position) as "columns"
    from pg_catalog.pg_index x
      join pg_catalog.pg_class c on c.oid = x.indrelid join pg_catalog.pg_class i on i.oid = x.indexrelid
    where pg_catalog.pg_table_is_visible(c.oid) and x.indpred is null and x.indisvalid
      and c.relname in (${sql.join(tables)})`.execute(db);
  const found = new Map<
    string,
    { columns: Set<string>; notNull: Set<string>; indexes: ExistingTable["indexes"][number][] }
  >();
  for (const { table, column, notNull } of columns.rows) {
    const entry = found.get(table) ?? { columns: new Set<string>(), notNull: new Set<string>(), indexes: [] };
    entry.columns.add(column);
    if (notNull) entry.notNull.add(column);
    found.set(table, entry);
  }
  for (const { table, index, unique, columns: names } of indexes.rows) {
    found.get(table)?.indexes.push({ name: index, columns: names, unique });
  }
  return found;
}
