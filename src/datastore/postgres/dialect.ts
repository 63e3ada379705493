import { type QueryResult, type RawBuilder, sql } from "kysely";
import type { Column, ColumnType, Table } from "../../model/schema.ts";
import { microsecondText } from "../kysely/codec.ts";
import type { Database, ExistingColumn, ExistingTable, SqlDialect, UniqueViolation } from "../kysely/dialect.ts";
import { errorOf, messageOf } from "../kysely/errors.ts";

const types: Readonly<Record<Exclude<ColumnType, "string" | "key">, string>> = {
  id: "SERIAL",
  integer: "INTEGER",
  text: "TEXT",
  boolean: "BOOLEAN",
  datetime: "TIMESTAMP WITHOUT TIME ZONE",
  date: "DATE",
  epochMs: "BIGINT",
  list: "TEXT",
  json: "TEXT",
  bytes: "BYTEA",
};

const texts = ["character varying", "character", "text", "citext", "name", "enum", "uuid", "inet", "cidr"];
const integers = ["smallint", "integer", "bigint", "numeric"];

/** The types of existing columns that do as well, without their length. `numeric` arrives as text, and is read as a number. */
const held: Readonly<Record<ColumnType, readonly string[]>> = {
  id: integers,
  integer: integers,
  string: texts,
  text: texts,
  key: texts,
  boolean: ["boolean"],
  datetime: ["timestamp without time zone", "timestamp with time zone"],
  date: ["date", "character varying", "character", "text"],
  epochMs: ["bigint", "numeric"],
  list: texts,
  json: [...texts, "json", "jsonb"],
  bytes: ["bytea"],
};

/** Any number will do that no other program is likely to take. */
const migrationLockKey = 7_031_405_116;

/** By bytes: a language's order would not keep together what begins with the same characters. */
const folded = (column: Column): RawBuilder<unknown> => sql`lower(${sql.id(column.name)}) collate "C"`;

/** PostgreSQL's peculiarities, with the tables in that schema; undefined: in the first that exists on the search path. */
export const postgresDialect = (schema?: string): SqlDialect => ({
  name: "postgres",
  ...(schema === undefined ? {} : { schema }),
  // By a number of 64 bits, among which the lock of migrations is one.
  claim: (text) => sql`select pg_advisory_xact_lock(hashtextextended(${text}, 0))`,
  clock: sql`floor(extract(epoch from clock_timestamp()) * 1000)`,
  columnType: (column: Column): string =>
    column.type === "string" || column.type === "key" ? `VARCHAR(${column.length ?? 255})` : types[column.type],
  holds: (type: ColumnType, { base }: ExistingColumn): boolean => held[type].includes(base.replace(/\([\d, ]*\)/, "")),
  generatedKey: "",
  passKey(table: Table, key: Column, value: number): RawBuilder<unknown> {
    const quoted =
      schema === undefined
        ? sql`quote_ident(${table.name})`
        : sql`quote_ident(${schema}) || '.' || quote_ident(${table.name})`;
    const sequence = sql`pg_get_serial_sequence(${quoted}, ${key.name})`;
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
  holdFree: sql` for no key update skip locked`,
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
  /** 23503 foreign_key_violation */
  referenceViolation: (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "23503",
  /** `detail` shows the failing row, with the password hash in it. */
  withoutValues: (error: unknown): Error =>
    errorOf(messageOf(error), error, ["code", "severity", "schema", "table", "column", "constraint", "routine"]),

  foldTable: (name: string): string => name,
  foldColumn: (name: string): string => name,
  introspect: (db, tables) => introspect(db, tables, schema),
  migrationLock: <T>(db: Database, work: (db: Database) => Promise<T>): Promise<T> =>
    db.transaction().execute(async (locked) => {
      // Behind a pooler the connection may have the limits of requests.
      await sql`set local statement_timeout to 0`.execute(locked);
      await sql`set local lock_timeout to 0`.execute(locked);
      await sql`select pg_advisory_xact_lock(${sql.lit(migrationLockKey)})`.execute(locked);
      if (schema !== undefined) await sql`create schema if not exists ${sql.id(schema)}`.execute(locked);
      return await work(locked);
    }),
  learn: async (): Promise<void> => {},
});

/**
 * Sees the tables of one schema: without a name of that where tables are made, the first on the search path that exists. Those
 * behind it may be another program's.
 */
async function introspect(
  db: Database,
  tables: readonly string[],
  schema: string | undefined,
): Promise<Map<string, ExistingTable>> {
  const named = schema === undefined ? sql`pg_catalog.current_schema()` : sql`${schema}`;
  const here = sql`(select n.oid from pg_catalog.pg_namespace n where n.nspname = ${named})`;
  const columns = await sql<{ table: string; column: string } & ExistingColumn>`
    select c.relname::text as "table", a.attname::text as "column", a.attnotnull as "notNull",
      pg_catalog.format_type(a.atttypid, a.atttypmod) as "type",
      case t.typtype when 'e' then 'enum' when 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod)
        else pg_catalog.format_type(a.atttypid, a.atttypmod) end as "base"
    from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid
      join pg_catalog.pg_type t on t.oid = a.atttypid
    where c.relkind in ('r', 'p') and c.relnamespace = ${here} and a.attnum > 0 and not a.attisdropped
      and c.relname in (${sql.join(tables)})`.execute(db);
  const indexes = await sql<{ table: string; index: string; unique: boolean; columns: (string | null)[] }>`
    select c.relname::text as "table", i.relname::text as "index", x.indisunique as "unique",
      array(select a.attname::text from unnest(x.indkey::int2[]) with ordinality as k(attnum, position)
        left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
        where k.position <= x.indnkeyatts order by k.position) as "columns"
    from pg_catalog.pg_index x
      join pg_catalog.pg_class c on c.oid = x.indrelid join pg_catalog.pg_class i on i.oid = x.indexrelid
    where c.relnamespace = ${here} and x.indpred is null and x.indisvalid
      and c.relname in (${sql.join(tables)})`.execute(db);
  const found = new Map<
    string,
    { columns: Map<string, ExistingColumn>; indexes: ExistingTable["indexes"][number][] }
  >();
  for (const { table, column, type, base, notNull } of columns.rows) {
    const entry = found.get(table) ?? { columns: new Map<string, ExistingColumn>(), indexes: [] };
    // A type outside of the search path is written with its schema.
    entry.columns.set(column, { type, base: base.replace(/^.*\.(?=citext$)/, ""), notNull });
    found.set(table, entry);
  }
  for (const { table, index, unique, columns: names } of indexes.rows) {
    found.get(table)?.indexes.push({ name: index, columns: names, unique });
  }
  return found;
}
