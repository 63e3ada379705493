import { type CompiledQuery, type QueryResult, type RawBuilder, sql } from "kysely";
import type { Row, Schema, Table } from "../../model/schema.ts";
import { type Comparison, excludesNull, type ReadOptions, readBound, readOptions, readWhere } from "../conditions.ts";
import type { FindOptions, Operations, Where } from "../contract.ts";
import { generatedKey, tableOf } from "../tables.ts";
import { changes, completeRow } from "../values.ts";
import { bulkInserts } from "./bulk.ts";
import { encode, RowCodec } from "./codec.ts";
import { type Database, type SqlDialect, tableId } from "./dialect.ts";
import { translated } from "./errors.ts";
import { type IndexRun, indexRun, runCondition, runOrder, runShape, runValues } from "./index-order.ts";
import { comparisonShape, comparisonValues, type Plans, type Slots, whereClause } from "./plans.ts";

/** What all operations of one store share. */
export interface SqlCore {
  readonly schema: Schema;
  readonly dialect: SqlDialect;
  readonly plans: Plans;
  readonly now: () => number;
}

/** A row as the driver gives it. */
export type RawRow = Readonly<Record<string, unknown>>;

/** The operations on rows, on a connection of the pool or on that of a transaction. */
export class SqlOperations implements Operations {
  readonly #core: SqlCore;
  readonly #db: Database;
  /** Wraps each operation: what may be used inside and outside of a transaction. */
  readonly #guard: <T>(operation: () => Promise<T>) => Promise<T>;
  readonly #codecs: Map<string, RowCodec> = new Map();

  constructor(core: SqlCore, db: Database, guard: <T>(operation: () => Promise<T>) => Promise<T>) {
    this.#core = core;
    this.#db = db;
    this.#guard = guard;
  }

  async insert(table: string, row: Row): Promise<number | undefined> {
    return (await this.#insert(table, row, undefined))?.id;
  }

  insertIf(
    table: string,
    row: Row,
    holder: string,
    where: Where,
  ): Promise<{ readonly id: number | undefined } | undefined> {
    return this.#insert(table, row, { holder, where });
  }

  #insert(
    table: string,
    row: Row,
    condition: { readonly holder: string; readonly where: Where } | undefined,
  ): Promise<{ readonly id: number | undefined } | undefined> {
    return this.#guard(async () => {
      const { schema, dialect, plans, now } = this.#core;
      const target = tableOf(schema, table);
      const held = condition === undefined ? undefined : tableOf(schema, condition.holder);
      const comparisons =
        condition === undefined || held === undefined ? [] : readWhere(condition.holder, held, condition.where);
      if (comparisons === undefined) return undefined;
      const values = completeRow(table, target, row, now);
      const key = generatedKey(target);
      const stored = storedValues(dialect, target, values);
      const encoded = stored.map(({ value }) => value);
      const names = stored.map(({ name }) => name);
      const generated = key === undefined ? undefined : target.columns[key];
      const made = generated !== undefined && key !== undefined && !values.has(key);
      const beside = condition === undefined ? "" : `\nif ${condition.holder}\n${comparisonShape(comparisons)}`;
      const all = [...encoded, ...comparisonValues(dialect, comparisons)];
      const query = plans.query(`insert\n${table}\n${names.join("\n")}${beside}`, all, (slots) => {
        const next = made && dialect.numbers !== undefined ? [dialect.numbers.next(target, generated, 1)] : [];
        const list = [...names, ...next.map(() => generated?.name ?? "")].map((name) => sql.id(name));
        const placed = sql.join([...names.map(() => slots.take()), ...next]);
        const returning = made ? dialect.returningKey(generated) : sql``;
        const from =
          held === undefined
            ? sql`values (${placed})`
            : sql`select ${placed} from ${this.#locked(held, comparisons)}${whereClause(dialect, held.name, comparisons, slots)}${dialect.holdRow}`;
        return sql`insert into ${tableId(dialect, target)} (${sql.join(list)}) ${from}${returning}`;
      });
      const result = await this.run(table, query);
      if (condition !== undefined && affected(result) === 0) return undefined;
      if (made) return { id: dialect.insertedKey(result, generated) };
      const given = key === undefined ? undefined : (values.get(key) as number);
      if (given !== undefined && generated !== undefined && dialect.passKey !== undefined) {
        await this.run(table, dialect.passKey(target, generated, given).compile(this.#db));
      }
      return { id: given };
    });
  }

  insertAll(table: string, rows: readonly Row[]): Promise<void> {
    return this.#guard(async () => {
      for (const query of bulkInserts(this.#core, table, rows)) await this.run(table, query);
    });
  }

  find(table: string, where: Where, options?: FindOptions): Promise<Row[]> {
    return this.#guard(async () => {
      const { schema, dialect } = this.#core;
      const target = tableOf(schema, table);
      const comparisons = readWhere(table, target, where);
      const { orderBy, limit, first, skipHeld } = readOptions(table, target, options);
      if (comparisons === undefined || limit === 0) return [];
      await this.#foldMarked(table, target, comparisons, orderBy);
      const order = orderBy.map((it) => `${it.field} ${it.descending}${it.ignoreCase ? " folded" : ""}`).join("\n");
      const bounded = bound(dialect, limit);
      const firsts = first === undefined ? "" : `first ${first.fields.of} ${first.fields.by}`;
      const shape = `find\n${order}\n${bounded.shape}\n${firsts}\n${skipHeld ? "held" : ""}`;
      const plain = first === undefined && !skipHeld;
      const run =
        plain && dialect.ordersByRange && limit !== undefined ? indexRun(target, comparisons, orderBy) : undefined;
      const rows = await this.#where(shape, table, target, comparisons, run, bounded.values, (where_, slots) => {
        const columns = sql.join(Object.values(target.columns).map((column) => sql.id(column.name)));
        const ordered = run === undefined ? orderClause(dialect, target, comparisons, orderBy) : runOrder(run);
        const chosen = first === undefined ? where_ : sql`${where_}${firstOnly(dialect, target, comparisons, first)}`;
        const held = skipHeld ? dialect.holdFree : sql``;
        const from = tableId(dialect, target);
        return sql`select ${columns} from ${from}${chosen}${ordered}${bounded.clause(slots)}${held}`;
      });
      const codec = this.#codec(table, target);
      return (rows.rows as RawRow[]).map((raw) => codec.decode(raw));
    });
  }

  async findOne(table: string, where: Where): Promise<Row | undefined> {
    return (await this.find(table, where, { limit: 1 }))[0];
  }

  update(table: string, where: Where, set: Row): Promise<number> {
    return this.#guard(async () => {
      const { schema, dialect, plans } = this.#core;
      const target = tableOf(schema, table);
      const values = changes(table, target, set);
      const comparisons = readWhere(table, target, where);
      if (comparisons === undefined) return 0;
      const columns = storedValues(dialect, target, values);
      const shape = `update\n${table}\n${columns.map(({ name }) => name).join("\n")}\nwhere\n${comparisonShape(comparisons)}`;
      const all = [...columns.map(({ value }) => value), ...comparisonValues(dialect, comparisons)];
      const query = plans.query(shape, all, (slots) => {
        const assignments = sql.join(columns.map(({ name }) => sql`${sql.id(name)} = ${slots.take()}`));
        return sql`update ${this.#locked(target, comparisons)} set ${assignments}${whereClause(dialect, target.name, comparisons, slots)}`;
      });
      return affected(await this.run(table, query));
    });
  }

  delete(table: string, where: Where): Promise<number> {
    return this.#guard(async () => {
      const target = tableOf(this.#core.schema, table);
      const comparisons = readWhere(table, target, where);
      if (comparisons === undefined) return 0;
      const from = tableId(this.#core.dialect, target);
      return affected(
        await this.#where(
          "delete",
          table,
          target,
          comparisons,
          undefined,
          [],
          (where_) => sql`delete from ${from}${where_}`,
        ),
      );
    });
  }

  count(table: string, where: Where, atMost?: number): Promise<number> {
    return this.#guard(async () => {
      const { schema, dialect } = this.#core;
      const target = tableOf(schema, table);
      const most = readBound(table, atMost);
      const comparisons = readWhere(table, target, where);
      if (comparisons === undefined) return 0;
      await this.#foldMarked(table, target, comparisons, []);
      const bounded = bound(dialect, most);
      const run = dialect.ordersByRange && most !== undefined ? indexRun(target, comparisons, []) : undefined;
      const shape = `count\n${bounded.shape}`;
      const result = await this.#where(shape, table, target, comparisons, run, bounded.values, (where_, slots) => {
        const rows = sql`${tableId(dialect, target)}${where_}${run === undefined ? sql`` : runOrder(run)}`;
        const counted =
          most === undefined ? rows : sql`(select 1 as one from ${rows}${bounded.clause(slots)}) as counted`;
        return sql`select count(*) as ${sql.id("count")} from ${counted}`;
      });
      return Number((result.rows as RawRow[])[0]?.count ?? 0);
    });
  }

  /** Runs a statement that is about no row of the schema's: a lock, an announcement. */
  execute<Result>(statement: RawBuilder<Result>): Promise<readonly Result[]> {
    return this.#guard(async () => {
      try {
        return (await statement.execute(this.#db)).rows;
      } catch (error) {
        throw translated(this.#core.dialect, this.#core.schema, undefined, error);
      }
    });
  }

  /** Runs a compiled query; what the driver throws becomes one of our errors. */
  async run(table: string | undefined, query: CompiledQuery): Promise<QueryResult<unknown>> {
    try {
      return await this.#db.executeQuery(query);
    } catch (error) {
      throw translated(this.#core.dialect, this.#core.schema, table, error);
    }
  }

  /** Before rows are asked for by their place in the folded order: those that other programs wrote get theirs. */
  async #foldMarked(
    table: string,
    target: Table,
    comparisons: readonly Comparison[],
    orderBy: ReadOptions["orderBy"],
  ): Promise<void> {
    const { folding } = this.#core.dialect;
    if (folding === undefined) return;
    const ranged = comparisons.filter(({ operator }) => ["startsWith", "from", "upTo"].includes(operator));
    const columns = new Set([...ranged, ...orderBy.filter(({ ignoreCase }) => ignoreCase)].map(({ column }) => column));
    for (const column of columns) {
      const { rows } = await this.run(table, folding.marked(target, column).compile(this.#db));
      if (rows.length > 0) await this.run(table, folding.mend(target, column).compile(this.#db));
    }
  }

  /** The table of a row that is locked: by its key, where the comparisons name that. */
  #locked(table: Table, comparisons: readonly Comparison[]): RawBuilder<unknown> {
    const { primaryKey } = table;
    const { dialect } = this.#core;
    const keyed = (field: string): boolean => comparisons.some((it) => it.field === field && it.operator === "equals");
    const byKey = primaryKey.length > 0 && primaryKey.every(keyed);
    return sql`${tableId(dialect, table)}${byKey ? dialect.byKey : sql``}`;
  }

  /** Runs a query that is made of a where, or of the run that it is, and behind it of the extra values. */
  #where(
    operation: string,
    table: string,
    target: Table,
    comparisons: readonly Comparison[],
    run: IndexRun | undefined,
    extra: readonly unknown[],
    build: (where: RawBuilder<unknown>, slots: Slots) => RawBuilder<unknown>,
  ): Promise<QueryResult<unknown>> {
    const { dialect, plans } = this.#core;
    const rest = run?.rest ?? comparisons;
    const ranged = run === undefined ? "" : runShape(run);
    const shape = `${operation}\n${table}\nwhere\n${comparisonShape(rest)}\n${ranged}`;
    const bounds = run === undefined ? [] : runValues(dialect, run);
    const values = [...comparisonValues(dialect, rest), ...bounds, ...extra];
    const query = plans.query(shape, values, (slots) => {
      const where = whereClause(dialect, target.name, rest, slots);
      if (run === undefined) return build(where, slots);
      const bounded = sql`${where}${rest.length === 0 ? sql` where ` : sql` and `}${runCondition(run, slots)}`;
      return build(bounded, slots);
    });
    return this.run(table, query);
  }

  #codec(table: string, target: Table): RowCodec {
    const known = this.#codecs.get(table);
    if (known !== undefined) return known;
    const codec = new RowCodec(table, target, (column) => column.name);
    this.#codecs.set(table, codec);
    return codec;
  }
}

/** What is written of a row: its columns, and beside some of them their folded form. */
function storedValues(
  dialect: SqlDialect,
  table: Table,
  values: ReadonlyMap<string, unknown>,
): { readonly name: string; readonly value: unknown }[] {
  return [...values].flatMap(([field, value]) => {
    const column = table.columns[field];
    if (column === undefined) return [];
    const stored = { name: column.name, value: encode(dialect, column, value) };
    if (dialect.folding === undefined || column.ignoreCase !== true) return [stored];
    return [stored, { name: dialect.folding.name(column), value: dialect.folding.value(stored.value) }];
  });
}

/** ` limit …` with what it adds to the shape and to the values of a query. */
interface Bounded {
  readonly shape: string;
  readonly values: readonly number[];
  clause(slots: Slots): RawBuilder<unknown>;
}

function bound({ literalLimit }: SqlDialect, limit: number | undefined): Bounded {
  if (limit === undefined) return { shape: "", values: [], clause: () => sql`` };
  if (literalLimit) return { shape: `limit ${limit}`, values: [], clause: () => sql` limit ${sql.lit(limit)}` };
  return { shape: "limit", values: [limit], clause: (slots) => sql` limit ${slots.take()}` };
}

function orderClause(
  dialect: SqlDialect,
  table: Table,
  comparisons: readonly Comparison[],
  orderBy: ReadOptions["orderBy"],
): RawBuilder<unknown> {
  const parts: RawBuilder<unknown>[] = [];
  for (const { field, column, descending, ignoreCase } of orderBy) {
    const valued = !column.nullable || excludesNull(comparisons, field);
    // Said where there are none, it would keep a database from using an index that has them at the other end.
    const nulls = valued || ignoreCase ? sql`` : dialect.nullsOrder(column, descending);
    const by = ignoreCase ? dialect.folded(table.name, column) : sql.id(column.name);
    parts.push(sql`${by} ${sql.raw(descending ? "desc" : "asc")}${nulls}`);
    // What comes behind a unique value decides nothing, and would make some databases sort.
    if (column.unique === true && valued && (!ignoreCase || dialect.uniqueIgnoresCase(table.name, column))) break;
  }
  return parts.length === 0 ? sql`` : sql` order by ${sql.join(parts)}`;
}

/** That no row of the same value stands before this one. */
function firstOnly(
  dialect: Pick<SqlDialect, "schema">,
  table: Table,
  comparisons: readonly Comparison[],
  { of, by }: NonNullable<ReadOptions["first"]>,
): RawBuilder<unknown> {
  const at = (alias: string, column: string): RawBuilder<unknown> => sql`${sql.id(alias)}.${sql.id(column)}`;
  const { name } = table;
  const before = "earlier";
  return sql`${comparisons.length === 0 ? sql` where ` : sql` and `}not exists (select 1 from ${tableId(dialect, table)} as ${sql.id(before)} where ${at(before, of.name)} = ${at(name, of.name)} and ${at(before, by.name)} < ${at(name, by.name)})`;
}

function affected(result: QueryResult<unknown>): number {
  return Number(result.numAffectedRows ?? 0n);
}
