import { type QueryResult, type RawBuilder, sql } from "kysely";
import { DatastoreError } from "../../model/errors.ts";
import type { Column, ColumnType } from "../../model/schema.ts";
import { secondText } from "../kysely/codec.ts";
import type { Database, ExistingColumn, ExistingTable, SqlDialect, UniqueViolation } from "../kysely/dialect.ts";
import { errorOf, messageOf } from "../kysely/errors.ts";

const types: Readonly<Record<Exclude<ColumnType, "string" | "key">, string>> = {
  id: "INTEGER",
  integer: "INTEGER",
  text: "TEXT",
  boolean: "BOOL",
  datetime: "DATETIME",
  date: "DATE",
  epochMs: "BIGINT",
  list: "TEXT",
  json: "TEXT",
  bytes: "BLOB",
};

const texts = ["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "uuid", "inet6"];
const integers = ["tinyint", "smallint", "mediumint", "int", "bigint"];

/** The types of existing columns that do as well. `decimal` arrives as text, and is read as a number. */
const held: Readonly<Record<ColumnType, readonly string[]>> = {
  id: [...integers, "decimal"],
  integer: [...integers, "decimal"],
  string: texts,
  text: texts,
  key: texts,
  boolean: integers,
  datetime: ["datetime", "timestamp"],
  // As a text it would compare by its collation, which does no harm.
  date: ["date", "char", "varchar"],
  epochMs: ["bigint", "decimal"],
  list: texts,
  json: [...texts, "json"],
  bytes: ["tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary"],
};

/** InnoDB's bound for one column of an index, in bytes, which a `utf8mb4` character may take four of. */
const indexBytes = 3072;

/** `utf8mb4` bytes of the column, whatever its character set: collations see neither case nor accents nor trailing spaces. */
const exactly = (column: Column): RawBuilder<unknown> =>
  sql`cast(convert(${sql.id(column.name)} using utf8mb4) as binary)`;

/** MySQL's and MariaDB's peculiarities, for one open database. */
export function mysqlDialect(): SqlDialect {
  /** Columns whose collation tells cases apart; others compare without regard to case, by their index. */
  let caseSensitive: ReadonlySet<string> = new Set();
  let foldsTables = false;
  const foldTable = (name: string): string => (foldsTables ? name.toLowerCase() : name);
  const foldColumn = (name: string): string => name.toLowerCase();

  const seesCase = (table: string, column: Column): boolean =>
    caseSensitive.has(`${foldTable(table)}\n${foldColumn(column.name)}`);

  return {
    name: "mysql",
    clock: sql`floor(unix_timestamp(sysdate(6)) * 1000)`,
    columnType(column) {
      if (column.type === "string") return `VARCHAR(${column.length ?? 255})`;
      if (column.type === "key") {
        return `VARCHAR(${column.length ?? 255}) CHARACTER SET ascii COLLATE ascii_bin`;
      }
      return types[column.type];
    },
    holds: (type, { base }) => held[type].includes(base),
    generatedKey: " auto_increment",
    tableSuffix: " engine=InnoDB default charset=utf8mb4",
    nowDefault: "now()",
    addsColumnsWithNow: true,
    addsConstraints: true,
    // TEXT and BLOB take an expression only.
    literalDefault: (type, literal) => (isLong(type) ? sql`(${literal})` : literal),
    inlineUnique: (column) => !isLong(column.type),
    indexed(column) {
      if (!isLong(column.type)) return sql.id(column.name);
      const most = column.type === "bytes" ? indexBytes : indexBytes / 4;
      return sql`${sql.id(column.name)}(${sql.lit(Math.min(column.length ?? most, most))})`;
    },
    lowerIndex: false,
    literalLimit: false,
    ordersByRange: false,
    nullsOrder: () => sql``,

    // DATETIME without fractions: MySQL would round and MariaDB cut, so it is cut here.
    encodeDate: secondText,
    encodeBoolean: (value) => (value ? 1 : 0),

    // The first comparison finds by the index, the second one is exact.
    textEquals: (column, value) =>
      sql`(${sql.id(column.name)} = ${value} and ${exactly(column)} = cast(${value} as binary))`,
    textIn(column, values) {
      const bytes = values.map((value) => sql`cast(${value} as binary)`);
      return sql`(${sql.id(column.name)} in (${sql.join(values)}) and ${exactly(column)} in (${sql.join(bytes)}))`;
    },
    equalsIgnoringCase(table, column, value) {
      const name = sql.id(column.name);
      return seesCase(table, column) ? sql`lower(${name}) = lower(${value})` : sql`${name} = ${value}`;
    },
    folded: (table, column) => (seesCase(table, column) ? sql`lower(${sql.id(column.name)})` : sql.id(column.name)),
    foldedValue: (table, column, value) => (seesCase(table, column) ? sql`lower(${value})` : sql`${value}`),
    startsWith(table, column, value) {
      const plain = sql`replace(replace(replace(${value}, '|', '||'), '%', '|%'), '_', '|_')`;
      const name = sql.id(column.name);
      return seesCase(table, column)
        ? sql`lower(${name}) like concat(lower(${plain}), '%') escape '|'`
        : sql`${name} like concat(${plain}, '%') escape '|'`;
    },
    uniqueIgnoresCase: (table, column) => !seesCase(table, column),
    returningKey: () => sql``,
    byKey: sql` force index (primary)`,
    holdRow: sql` for update`,
    holdFree: sql` for update skip locked`,
    insertedKey: (result: QueryResult<unknown>) =>
      result.insertId === undefined ? undefined : Number(result.insertId),

    /** 1062 ER_DUP_ENTRY: `Duplicate entry '…' for key 'user.email'`, in MariaDB without the table. */
    uniqueViolation(error): UniqueViolation | undefined {
      if (!(error instanceof Error) || !("errno" in error) || error.errno !== 1062) return undefined;
      const key = /for key '([^']*)'$/.exec(error.message)?.[1] ?? "";
      const dot = key.lastIndexOf(".");
      const name = key.slice(dot + 1);
      // MySQL names a key after its column and, when that name is taken, adds a number.
      const table = dot < 0 ? undefined : key.slice(0, dot);
      return { table, columns: [name, name.replace(/_\d+$/, "")], primary: name === "PRIMARY" };
    },
    /** 1452 ER_NO_REFERENCED_ROW_2 */
    referenceViolation: (error) => error instanceof Error && "errno" in error && error.errno === 1452,
    /** mysql2's errors carry the whole statement with its values. */
    withoutValues: (error) =>
      errorOf(messageOf(error).replace(/^Duplicate entry '.*' for key/s, "Duplicate entry for key"), error, [
        "code",
        "errno",
        "sqlState",
      ]),

    foldTable,
    foldColumn,
    introspect: (db, tables) => introspect(db, tables, foldTable),
    /** DDL commits by itself, so the lock is one of the connection, by name. */
    migrationLock: (db, work) =>
      db.connection().execute(async (locked) => {
        const name = sql`left(concat('portcullis ', database()), 64)`;
        const taken = await sql<{ taken: number | null }>`select get_lock(${name}, 60) as taken`.execute(locked);
        if (taken.rows[0]?.taken !== 1) throw new DatastoreError("another process holds the migration lock");
        try {
          return await work(locked);
        } finally {
          await sql`select release_lock(${name}) as released`.execute(locked);
        }
      }),
    async learn(db) {
      const mode = await sql<{ mode: number }>`select @@lower_case_table_names as mode`.execute(db);
      foldsTables = mode.rows[0]?.mode !== 0;
      const columns = await sql<{ table: string; column: string }>`
        select table_name as ${sql.id("table")}, column_name as ${sql.id("column")} from information_schema.columns
        where table_schema = database() and collation_name is not null and collation_name not like '%\\_ci'`.execute(
        db,
      );
      caseSensitive = new Set(columns.rows.map((it) => `${foldTable(it.table)}\n${foldColumn(it.column)}`));
    },
  };
}

function isLong(type: ColumnType): boolean {
  return type === "text" || type === "list" || type === "json" || type === "bytes";
}

async function introspect(
  db: Database,
  tables: readonly string[],
  foldTable: (name: string) => string,
): Promise<Map<string, ExistingTable>> {
  const wanted = new Set(tables.map(foldTable));
  const columns = await sql<{ table: string; column: string; nullable: string; type: string; base: string }>`
    select table_name as ${sql.id("table")}, column_name as ${sql.id("column")}, is_nullable as nullable,
      column_type as type, data_type as base from information_schema.columns where table_schema = database()`.execute(
    db,
  );
  const indexes = await sql<{ table: string; index: string; column: string | null; repeatable: number }>`
    select table_name as ${sql.id("table")}, index_name as ${sql.id("index")}, column_name as ${sql.id("column")},
      non_unique as repeatable from information_schema.statistics
    where table_schema = database() order by table_name, index_name, seq_in_index`.execute(db);
  const found = new Map<
    string,
    { columns: Map<string, ExistingColumn>; indexes: Map<string, ExistingTable["indexes"][number]> }
  >();
  for (const { table, column, nullable, type, base } of columns.rows) {
    const name = foldTable(table);
    if (!wanted.has(name)) continue;
    const entry = found.get(name) ?? { columns: new Map<string, ExistingColumn>(), indexes: new Map() };
    entry.columns.set(column.toLowerCase(), { type, base: base.toLowerCase(), notNull: nullable === "NO" });
    found.set(name, entry);
  }
  for (const { table, index, column, repeatable } of indexes.rows) {
    const entry = found.get(foldTable(table));
    const before = entry?.indexes.get(index)?.columns ?? [];
    const name = column?.toLowerCase() ?? null;
    entry?.indexes.set(index, { name: index, columns: [...before, name], unique: Number(repeatable) === 0 });
  }
  return new Map([...found].map(([name, { columns, indexes }]) => [name, { columns, indexes: [...indexes.values()] }]));
}
