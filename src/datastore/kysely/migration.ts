import { createHash } from "node:crypto";
import { type RawBuilder, sql } from "kysely";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import type { Column, Schema, Table } from "../../model/schema.ts";
import { columnOf, generatedKey, referenced } from "../tables.ts";
import type { Database, ExistingTable, SqlDialect } from "./dialect.ts";
import { messageOf } from "./errors.ts";

/** One statement of a migration, and what it does in words. */
interface Step {
  readonly words: string;
  readonly statement: RawBuilder<unknown>;
}

function existing(dialect: SqlDialect, db: Database, schema: Schema): Promise<Map<string, ExistingTable>> {
  return dialect.introspect(
    db,
    Object.values(schema).map((table) => table.name),
  );
}

/** What of the schema the database lacks: one line for each table and column. */
export async function missing(dialect: SqlDialect, db: Database, schema: Schema): Promise<string[]> {
  const tables = await existing(dialect, db, schema);
  const lines: string[] = [];
  for (const table of Object.values(schema)) {
    const found = tables.get(dialect.foldTable(table.name));
    if (found === undefined) {
      lines.push(`table "${table.name}" is missing`);
      continue;
    }
    for (const column of Object.values(table.columns)) {
      if (!found.columns.has(dialect.foldColumn(column.name))) {
        lines.push(`column "${column.name}" of table "${table.name}" is missing`);
      } else if (column.mustAllowNull === true && found.notNull.has(dialect.foldColumn(column.name))) {
        lines.push(`column "${column.name}" of table "${table.name}" does not allow null; that is changed by hand`);
      }
    }
  }
  for (const { table } of await unguarded(dialect, db, schema, tables)) {
    lines.push(`table "${table.name}" does not keep the numbers of deleted rows`);
  }
  return lines;
}

/** The tables that are there, whose deleted numbers would be given again. */
async function unguarded(
  dialect: SqlDialect,
  db: Database,
  schema: Schema,
  tables: ReadonlyMap<string, ExistingTable>,
): Promise<{ readonly logical: string; readonly table: Table; readonly key: Column }[]> {
  const { numbers } = dialect;
  if (numbers === undefined) return [];
  const numbered = Object.entries(schema).flatMap(([logical, table]) => {
    const key = table.columns[generatedKey(table) ?? ""];
    return key === undefined || !tables.has(dialect.foldTable(table.name)) ? [] : [{ logical, table, key }];
  });
  const open = await numbers.unguarded(
    db,
    numbered.map(({ table }) => table),
  );
  return numbered.filter(({ table }) => open.includes(table));
}

/** Where else numbers of users stand, beside the columns that refer to them and so hold none of a deleted one. */
function numbersOf(schema: Schema, logical: string): { readonly table: Table; readonly column: Column }[] {
  if (logical !== "user") return [];
  return Object.values(schema).flatMap((table) =>
    ["userId", "actorId"].flatMap((field) => {
      const column = table.columns[field];
      return column === undefined || column.references !== undefined ? [] : [{ table, column }];
    }),
  );
}

/** True when none of the schema's tables exists. */
export async function empty(dialect: SqlDialect, db: Database, schema: Schema): Promise<boolean> {
  return (await existing(dialect, db, schema)).size === 0;
}

/** Adds the tables, columns and indexes that the database lacks; never changes or drops what is there. */
export function migrate(
  dialect: SqlDialect,
  db: Database,
  schema: Schema,
  now: () => number,
): Promise<readonly string[]> {
  return dialect.migrationLock(db, async (locked) => {
    const tables = await existing(dialect, locked, schema);
    const done: string[] = [];
    const apply = async ({ words, statement }: Step): Promise<void> => {
      try {
        await sql`${statement}`.execute(locked);
      } catch (error) {
        const cause = dialect.withoutValues(error);
        throw new DatastoreError(`the migration could not ${words}: ${messageOf(cause)}`, { cause });
      }
    };
    for (const [logical, table] of inOrderOfReference(schema)) {
      const found = tables.get(dialect.foldTable(table.name));
      const context = { dialect, schema, logical, table };
      const steps = found === undefined ? createTable(context) : addColumns(context, found, now);
      for (const step of [...steps, ...addIndexes(context, found)]) {
        await apply(step);
        done.push(step.words);
      }
    }
    const complete = await existing(dialect, locked, schema);
    for (const { logical, table, key } of await unguarded(dialect, locked, schema, complete)) {
      const words = `keep the numbers of deleted rows of table "${table.name}"`;
      const statements = dialect.numbers?.guard(table, key, numbersOf(schema, logical)) ?? [];
      for (const statement of statements) await apply({ words, statement });
      done.push(words);
    }
    return done;
  });
}

/** Tables that are referred to come before those that refer to them. */
function inOrderOfReference(schema: Schema): [string, Table][] {
  const ordered = new Map<string, Table>();
  const visit = (logical: string, path: readonly string[]): void => {
    const table = schema[logical];
    if (table === undefined || ordered.has(logical)) return;
    if (path.includes(logical)) {
      throw new ConfigurationError(`schema.${logical}`, `references itself through ${path.join(", ")}`);
    }
    for (const column of Object.values(table.columns)) {
      const to = column.references?.table;
      if (to !== undefined && to !== logical) visit(to, [...path, logical]);
    }
    ordered.set(logical, table);
  };
  for (const logical of Object.keys(schema)) visit(logical, []);
  return [...ordered];
}

interface Context {
  readonly dialect: SqlDialect;
  readonly schema: Schema;
  readonly logical: string;
  readonly table: Table;
}

function createTable(context: Context): Step[] {
  const { dialect, schema, logical, table } = context;
  const generated = generatedKey(table);
  const parts: RawBuilder<unknown>[] = Object.entries(table.columns).map(([field, column]) => {
    const { name } = column;
    const type = sql.raw(dialect.columnType(column));
    if (field === generated) return sql`${sql.id(name)} ${type} not null${sql.raw(dialect.generatedKey)}`;
    const fallback = column.default === undefined ? sql`` : defaultClause(dialect, column);
    const unique = column.unique === true && dialect.inlineUnique(column) ? sql` unique` : sql``;
    return sql`${sql.id(name)} ${type}${sql.raw(column.nullable ? "" : " not null")}${fallback}${unique}`;
  });
  if (table.primaryKey.length > 0) {
    const keys = table.primaryKey.map((field) => sql.id(table.columns[field]?.name ?? field));
    parts.push(sql`primary key (${sql.join(keys)})`);
  }
  for (const [field, column] of Object.entries(table.columns)) {
    const target = referenced(schema, `${logical}.${field}`, column);
    if (target !== undefined) parts.push(sql`foreign key (${sql.id(column.name)})${references(target, column)}`);
  }
  const statement = sql`create table ${sql.id(table.name)} (${sql.join(parts)})${sql.raw(dialect.tableSuffix)}`;
  return [{ words: `create table "${table.name}"`, statement }];
}

function defaultClause(dialect: SqlDialect, column: Column): RawBuilder<unknown> {
  if (column.default === "now" && column.type === "datetime") return sql` default ${sql.raw(dialect.nowDefault)}`;
  // There is no portable "now" for epoch milliseconds; inserts fill it in.
  if (column.default === "now" && column.type === "epochMs") return sql``;
  return sql` default ${dialect.literalDefault(column.type, sql.lit(column.default))}`;
}

function references(target: { table: Table; column: Column }, column: Column): RawBuilder<unknown> {
  const cascade = column.references?.onDelete === "cascade" ? sql` on delete cascade` : sql``;
  return sql` references ${sql.id(target.table.name)} (${sql.id(target.column.name)})${cascade}`;
}

function addColumns(context: Context, found: ExistingTable, now: () => number): Step[] {
  const { dialect, schema, logical, table } = context;
  const steps: Step[] = [];
  for (const [field, column] of Object.entries(table.columns)) {
    if (found.columns.has(dialect.foldColumn(column.name))) continue;
    const path = `${logical}.${field}`;
    if (!column.nullable && column.default === undefined) {
      throw new ConfigurationError(
        `schema.${path}`,
        `is to be added to the existing table "${table.name}" and therefore must be nullable or have a default`,
      );
    }
    const type = sql.raw(dialect.columnType(column));
    const target = referenced(schema, path, column);
    const inline = target !== undefined && !dialect.addsConstraints ? references(target, column) : sql``;
    const fallback = column.default === undefined ? sql`` : addedDefault(dialect, column, now);
    const definition = sql`${sql.id(column.name)} ${type}${sql.raw(column.nullable ? "" : " not null")}${fallback}${inline}`;
    steps.push({
      words: `add column "${column.name}" to table "${table.name}"`,
      statement: sql`alter table ${sql.id(table.name)} add column ${definition}`,
    });
    if (target !== undefined && dialect.addsConstraints) {
      steps.push({
        words: `add a foreign key on "${column.name}" to table "${table.name}"`,
        statement: sql`alter table ${sql.id(table.name)} add foreign key (${sql.id(column.name)})${references(target, column)}`,
      });
    }
  }
  return steps;
}

/** The default of a column that is added: rows that exist get the time of the migration where they must get some. */
function addedDefault(dialect: SqlDialect, column: Column, now: () => number): RawBuilder<unknown> {
  if (column.default !== "now") return defaultClause(dialect, column);
  if (column.type === "epochMs") return sql` default ${sql.lit(now())}`;
  if (column.type !== "datetime" || dialect.addsColumnsWithNow) return defaultClause(dialect, column);
  return sql` default ${sql.lit(dialect.encodeDate(new Date(now())))}`;
}

function addIndexes(context: Context, found: ExistingTable | undefined): Step[] {
  const { dialect, table } = context;
  const steps: Step[] = [];
  const present = found?.indexes ?? [];
  const primary = table.primaryKey.map((field) => dialect.foldColumn(table.columns[field]?.name ?? field));
  for (const column of Object.values(table.columns)) {
    const folded = dialect.foldColumn(column.name);
    const isPrimary = primary.length === 1 && primary[0] === folded;
    const on = sql`on ${sql.id(table.name)} (${dialect.indexed(column)})`;
    const uniqueAlready =
      isPrimary ||
      (found === undefined && dialect.inlineUnique(column)) ||
      present.some((it) => it.unique && it.columns.length === 1 && it.columns[0] === folded);
    if (column.unique === true && !uniqueAlready) {
      steps.push({
        words: `add a unique index on "${column.name}" to table "${table.name}"`,
        statement: sql`create unique index ${sql.id(indexName("uq", table, column))} ${on}`,
      });
    }
    const indexed = column.unique === true || primary[0] === folded || present.some((it) => it.columns[0] === folded);
    if (column.index === true && !indexed) {
      steps.push({
        words: `add an index on "${column.name}" to table "${table.name}"`,
        statement: sql`create index ${sql.id(indexName("ix", table, column))} ${on}`,
      });
    }
    const lower = indexName("ix", table, column, "_lower");
    if (column.ignoreCase === true && dialect.lowerIndex && !present.some((it) => it.name === lower)) {
      steps.push({
        words: `add an index on lower("${column.name}") to table "${table.name}"`,
        statement: sql`create index ${sql.id(lower)} on ${sql.id(table.name)} (${dialect.folded(table.name, column)})`,
      });
    }
  }
  for (const fields of table.indexes ?? []) {
    const columns = fields.map((field) => columnOf(table, context.logical, field));
    const names = columns.map(({ name }) => name);
    if (present.some((it) => names.every((name, at) => it.columns[at] === dialect.foldColumn(name)))) continue;
    const listed = sql.join(columns.map((column) => dialect.indexed(column)));
    steps.push({
      words: `add an index on "${names.join('", "')}" to table "${table.name}"`,
      statement: sql`create index ${sql.id(shortName(`ix_${table.name}_${names.join("_")}`, ""))} on ${sql.id(table.name)} (${listed})`,
    });
  }
  return steps;
}

/** SQLAlchemy's way to name indexes; a name that a database would cut ends in a hash instead. */
function indexName(prefix: string, table: Table, column: Column, suffix = ""): string {
  return shortName(`${prefix}_${table.name}_${column.name}`, suffix);
}

function shortName(start: string, suffix: string): string {
  const name = `${start}${suffix}`;
  if (Buffer.byteLength(name) <= 60) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 12);
  return `${start.slice(0, 2)}_${hash}${suffix}`;
}
