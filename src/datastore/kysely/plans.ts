import { type CompiledQuery, type RawBuilder, sql } from "kysely";
import { LRUCache } from "lru-cache";
import type { Comparison } from "../conditions.ts";
import { encode } from "./codec.ts";
import type { Database, SqlDialect } from "./dialect.ts";

/** Stands for the value of that index while a query is compiled. */
class Slot {
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
}

/** Hands out the slots of one query, in the order in which its values will come. */
export class Slots {
  #next = 0;
  take(): Slot {
    const slot = new Slot(this.#next);
    this.#next += 1;
    return slot;
  }
}

/** A query compiled once for all values. */
interface Plan {
  readonly query: CompiledQuery;
  /** The index of the value for each parameter. */
  readonly parameters: readonly unknown[];
}

/** Compiling a query costs more than SQLite needs to answer it: each shape of a query is compiled once. */
export class Plans {
  readonly #plans = new LRUCache<string, Plan>({ max: 1000 });
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The query of that shape with these values. `build` makes it with a slot for each value. */
  query(shape: string, values: readonly unknown[], build: (slots: Slots) => RawBuilder<unknown>): CompiledQuery {
    let plan = this.#plans.get(shape);
    if (plan === undefined) {
      const query = build(new Slots()).compile(this.#db);
      plan = { query, parameters: query.parameters };
      this.#plans.set(shape, plan);
    }
    const parameters = plan.parameters.map((it) => (it instanceof Slot ? values[it.index] : it));
    return { ...plan.query, parameters };
  }

  /** Forgets what was compiled, after the dialect has learnt something new of the database. */
  clear(): void {
    this.#plans.clear();
  }
}

/** The part of a shape that tells its comparisons, beside the values of these. */
export function comparisonShape(comparisons: readonly Comparison[]): string {
  return comparisons.map((it) => `${it.field} ${it.operator}${"values" in it ? it.values.length : ""}`).join("\n");
}

/** The values of the comparisons, in the order of their slots. */
export function comparisonValues(dialect: SqlDialect, comparisons: readonly Comparison[]): unknown[] {
  const values: unknown[] = [];
  for (const it of comparisons) {
    if ("values" in it) for (const value of it.values) values.push(encode(dialect, it.column, value));
    else if ("value" in it) values.push(encode(dialect, it.column, it.value));
  }
  return values;
}

const signs = { lt: sql`<`, lte: sql`<=`, gt: sql`>`, gte: sql`>=` } as const;

/** ` where …`, or nothing when there are no comparisons. */
export function whereClause(
  dialect: SqlDialect,
  tableName: string,
  comparisons: readonly Comparison[],
  slots: Slots,
): RawBuilder<unknown> {
  if (comparisons.length === 0) return sql``;
  const parts = comparisons.map((it) => comparison(dialect, tableName, it, comparisons, slots));
  return sql` where ${sql.join(parts, sql` and `)}`;
}

function comparison(
  dialect: SqlDialect,
  tableName: string,
  it: Comparison,
  all: readonly Comparison[],
  slots: Slots,
): RawBuilder<unknown> {
  const { column } = it;
  const name = sql.id(column.name);
  const text = column.type === "string" || column.type === "text" || column.type === "key";
  switch (it.operator) {
    case "isNull":
      return sql`${name} is null`;
    case "isNotNull":
      return sql`${name} is not null`;
    case "equals":
      return text ? dialect.textEquals(column, slots.take()) : sql`${name} = ${slots.take()}`;
    case "not": {
      const slot = slots.take();
      const equal = text ? dialect.textEquals(column, slot) : sql`${name} = ${slot}`;
      return column.nullable ? sql`(not (${equal}) or ${name} is null)` : sql`not (${equal})`;
    }
    case "in": {
      const list = it.values.map(() => slots.take());
      return text ? dialect.textIn(column, list) : sql`${name} in (${sql.join(list)})`;
    }
    case "inIgnoringCase": {
      const values = it.values.map(() => slots.take());
      const list = values.map((value) => dialect.foldedValue(tableName, column, value));
      const found = sql`${dialect.folded(tableName, column)} in (${sql.join(list)})`;
      return dialect.folding === undefined ? found : dialect.folding.orMarked(found, column, values);
    }
    case "equalsIgnoringCase":
      return dialect.equalsIgnoringCase(tableName, column, slots.take());
    case "startsWith":
      return dialect.startsWith(tableName, column, slots.take(), {
        from: all.some(({ field, operator }) => field === it.field && operator === "from"),
        upTo: all.some(({ field, operator }) => field === it.field && operator === "upTo"),
      });
    case "from":
      return sql`${dialect.folded(tableName, column)} >= ${dialect.foldedValue(tableName, column, slots.take())}`;
    case "upTo":
      return sql`${dialect.folded(tableName, column)} <= ${dialect.foldedValue(tableName, column, slots.take())}`;
    default:
      return sql`${name} ${signs[it.operator]} ${slots.take()}`;
  }
}
