import { createHash } from "node:crypto";
import { type RawBuilder, sql } from "kysely";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import type { Column, Schema, Table } from "../../model/schema.ts";
import { columnOf, generatedKey, referenced } from "../tables.ts";
import { type Database, type ExistingTable, type SqlDialect, tableId } from "./dialect.ts";
import { messageOf } from "./errors.ts";

/** One statement of a migration, and what it does in words. */
interface Step {
  readonly words: string;
  readonly statement: RawBuilder<unknown>;
  /** What the database lacks without it; undefined: another step's line says so already. */
  readonly lacks?: string;
}

/** What no migration can mend. */
interface Fault {
  /** The column in the schema. */
  readonly path: string;
  readonly line: string;
}

/** How a database gets what it lacks. */
interface Plan {
  readonly steps: readonly Step[];
  readonly faults: readonly Fault[];
}

function existing(dialect: SqlDialect, db: Database, schema: Schema): Promise<Map<string, ExistingTable>> {
  return dialect.introspect(
    db,
    Object.values(schema).map((table) => table.name),
  );
}

/** What of the schema the database lacks, and what is otherwise than the schema needs it: one line each. */
export async function missing(dialect: SqlDialect, db: Database, schema: Schema): Promise<string[]> {
  const tables = await existing(dialect, db, schema);
  const { steps, faults } = plan(dialect, tables, schema, () => 0);
  const open = await unguarded(dialect, db, schema, tables);
  const unfolded = await unkept(dialect, db, schema, tables);
  return [
    ...steps.flatMap(({ lacks }) => lacks ?? []),
    ...faults.map(({ line }) => line),
    ...open.map(({ table }) => `table "${table.name}" does not keep the numbers of deleted rows`),
    ...unfolded.map(({ table, column }) => `table "${table.name}" does not keep "${column.name}" in its folded form`),
  ];
}

/** What of that no migration mends. */
export async function unfitLines(dialect: SqlDialect, db: Database, schema: Schema): Promise<string[]> {
  const { faults } = plan(dialect, await existing(dialect, db, schema), schema, () => 0);
  return faults.map(({ line }) => line);
}

function plan(
  dialect: SqlDialect,
  tables: ReadonlyMap<string, ExistingTable>,
  schema: Schema,
  now: () => number,
): Plan {
  const steps: Step[] = [];
  const faults: Fault[] = [];
  for (const [logical, table] of inOrderOfReference(schema)) {
    const found = tables.get(dialect.foldTable(table.name));
    const context = { dialect, schema, logical, table };
    if (found === undefined) steps.push(...createTable(context));
    else {
      faults.push(...unfit(context, found));
      steps.push(...addColumns(context, found, now));
    }
    steps.push(...addIndexes(context, found));
  }
  return { steps, faults };
}

/** What is wrong with the columns of a table that exists; a migration changes none of them. */
function unfit({ dialect, logical, table }: Context, found: ExistingTable): Fault[] {
  return Object.entries(table.columns).flatMap(([field, column]): Fault | [] => {
    const existingColumn = found.columns.get(dialect.foldColumn(column.name));
    const fault = (wrong: string): Fault => ({
      path: `schema.${logical}.${field}`,
      line: `column "${column.name}" of table "${table.name}" ${wrong}`,
    });
    if (existingColumn === undefined) {
      if (column.nullable || column.default !== undefined) return [];
      return fault(
        "is missing, and is to be added to a table that exists: it must be nullable or have a default, or be added by hand",
      );
    }
    if (!dialect.holds(column.type, existingColumn)) {
      return fault(`is ${existingColumn.type} and should be ${dialect.columnType(column)}; that is changed by hand`);
    }
    if (column.mustAllowNull === true && existingColumn.notNull) {
      return fault("does not allow null; that is changed by hand");
    }
    return [];
  });
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

/** The columns that are compared without regard to case and whose folded form is not kept. */
async function unkept(
  dialect: SqlDialect,
  db: Database,
  schema: Schema,
  tables: ReadonlyMap<string, ExistingTable>,
): Promise<{ readonly table: Table; readonly column: Column }[]> {
  if (dialect.folding === undefined) return [];
  // Of what is missing itself, nothing more need be said.
  const there = Object.values(schema).flatMap((table) => {
    const found = tables.get(dialect.foldTable(table.name));
    const columns = Object.entries(table.columns).filter(([, it]) => found?.columns.has(dialect.foldColumn(it.name)));
    return found === undefined ? [] : [{ ...table, columns: Object.fromEntries(columns) }];
  });
  return await dialect.folding.unkept(db, there);
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

/**
 * Adds the tables, columns and indexes that the database lacks; never changes or drops what is there.
 *
 * @throws ConfigurationError, with nothing done, when there is something that a migration does not mend.
 */
export function migrate(
  dialect: SqlDialect,
  db: Database,
  schema: Schema,
  now: () => number,
): Promise<readonly string[]> {
  return dialect.migrationLock(db, async (locked) => {
    const { steps, faults } = plan(dialect, await existing(dialect, locked, schema), schema, now);
    const [first] = faults;
    if (first !== undefined) {
      const list = faults.map(({ line }) => `\n  - ${line}`).join("");
      throw new ConfigurationError(first.path, `the database cannot be migrated, and nothing was changed:${list}`);
    }
    const apply = async ({ words, statement }: Step): Promise<void> => {
      try {
        await sql`${statement}`.execute(locked);
      } catch (error) {
        const cause = dialect.withoutValues(error);
        throw new DatastoreError(`the migration could not ${words}: ${messageOf(cause)}`, { cause });
      }
    };
    for (const step of steps) await apply(step);
    const done = steps.map(({ words }) => words);
    const complete = await existing(dialect, locked, schema);
    for (const { logical, table, key } of await unguarded(dialect, locked, schema, complete)) {
      const words = `keep the numbers of deleted rows of table "${table.name}"`;
      const statements = dialect.numbers?.guard(table, key, numbersOf(schema, logical)) ?? [];
      for (const statement of statements) await apply({ words, statement });
      done.push(words);
    }
    for (const { table, column } of await unkept(dialect, locked, schema, complete)) {
      const words = `keep "${column.name}" of table "${table.name}" in its folded form`;
      const statements = (await dialect.folding?.keep(locked, table, column)) ?? [];
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
    if (target !== undefined)
      parts.push(sql`foreign key (${sql.id(column.name)})${references(dialect, target, column)}`);
  }
  const statement = sql`create table ${tableId(dialect, table)} (${sql.join(parts)})${sql.raw(dialect.tableSuffix)}`;
  return [{ words: `create table "${table.name}"`, statement, lacks: `table "${table.name}" is missing` }];
}

function defaultClause(dialect: SqlDialect, column: Column): RawBuilder<unknown> {
  if (column.default === "now" && column.type === "datetime") return sql` default ${sql.raw(dialect.nowDefault)}`;
  // There is no portable "now" for epoch milliseconds; inserts fill it in.
  if (column.default === "now" && column.type === "epochMs") return sql``;
  return sql` default ${dialect.literalDefault(column.type, sql.lit(column.default))}`;
}

function references(
  dialect: SqlDialect,
  target: { table: Table; column: Column },
  column: Column,
): RawBuilder<unknown> {
  const cascade = column.references?.onDelete === "cascade" ? sql` on delete cascade` : sql``;
  return sql` references ${tableId(dialect, target.table)} (${sql.id(target.column.name)})${cascade}`;
}

function addColumns(context: Context, found: ExistingTable, now: () => number): Step[] {
  const { dialect, schema, logical, table } = context;
  const steps: Step[] = [];
  for (const [field, column] of Object.entries(table.columns)) {
    if (found.columns.has(dialect.foldColumn(column.name))) continue;
    // Said by `unfit`.
    if (!column.nullable && column.default === undefined) continue;
    const path = `${logical}.${field}`;
    const type = sql.raw(dialect.columnType(column));
    const target = referenced(schema, path, column);
    const inline = target !== undefined && !dialect.addsConstraints ? references(dialect, target, column) : sql``;
    const fallback = column.default === undefined ? sql`` : addedDefault(dialect, column, now);
    const definition = sql`${sql.id(column.name)} ${type}${sql.raw(column.nullable ? "" : " not null")}${fallback}${inline}`;
    steps.push({
      words: `add column "${column.name}" to table "${table.name}"`,
      statement: sql`alter table ${tableId(dialect, table)} add column ${definition}`,
      lacks: `column "${column.name}" of table "${table.name}" is missing`,
    });
    if (target !== undefined && dialect.addsConstraints) {
      steps.push({
        words: `add a foreign key on "${column.name}" to table "${table.name}"`,
        statement: sql`alter table ${tableId(dialect, table)} add foreign key (${sql.id(column.name)})${references(dialect, target, column)}`,
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
  const add = (index: string, columns: readonly Column[], statement: RawBuilder<unknown>): void => {
    // Of what is missing itself, nothing more need be said.
    const there = columns.every(({ name }) => found?.columns.has(dialect.foldColumn(name)) === true);
    const [article, what] = index.startsWith("unique") ? ["a", index] : ["an", index];
    steps.push({
      words: `add ${article} ${what} to table "${table.name}"`,
      statement,
      ...(there ? { lacks: `${what} of table "${table.name}" is missing` } : {}),
    });
  };
  const present = found?.indexes ?? [];
  const primary = table.primaryKey.map((field) => dialect.foldColumn(table.columns[field]?.name ?? field));
  for (const column of Object.values(table.columns)) {
    const folded = dialect.foldColumn(column.name);
    const isPrimary = primary.length === 1 && primary[0] === folded;
    const on = sql`on ${tableId(dialect, table)} (${dialect.indexed(column)})`;
    const uniqueAlready =
      isPrimary ||
      (found === undefined && dialect.inlineUnique(column)) ||
      present.some((it) => it.unique && it.columns.length === 1 && it.columns[0] === folded);
    if (column.unique === true && !uniqueAlready) {
      const name = sql.id(indexName("uq", table, column));
      add(`unique index on "${column.name}"`, [column], sql`create unique index ${name} ${on}`);
    }
    const indexed = column.unique === true || primary[0] === folded || present.some((it) => it.columns[0] === folded);
    if (column.index === true && !indexed) {
      const name = sql.id(indexName("ix", table, column));
      add(`index on "${column.name}"`, [column], sql`create index ${name} ${on}`);
    }
    const lower = indexName("ix", table, column, "_lower");
    if (column.ignoreCase === true && dialect.lowerIndex && !present.some((it) => it.name === lower)) {
      const place = sql`${tableId(dialect, table)} (${dialect.folded(table.name, column)})`;
      add(`index on lower("${column.name}")`, [column], sql`create index ${sql.id(lower)} on ${place}`);
    }
  }
  for (const fields of table.indexes ?? []) {
    const columns = fields.map((field) => columnOf(table, context.logical, field));
    const names = columns.map(({ name }) => name);
    if (present.some((it) => names.every((name, at) => it.columns[at] === dialect.foldColumn(name)))) continue;
    const listed = sql.join(columns.map((column) => dialect.indexed(column)));
    const name = sql.id(shortName(`ix_${table.name}_${names.join("_")}`, ""));
    add(
      `index on "${names.join('", "')}"`,
      columns,
      sql`create index ${name} on ${tableId(dialect, table)} (${listed})`,
    );
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
