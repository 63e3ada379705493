import { type RawBuilder, sql } from "kysely";
import type { Column, Table } from "../../model/schema.ts";
import { type Comparison, excludesNull, type ReadOptions, type Scalar } from "../conditions.ts";
import { encode } from "./codec.ts";
import type { SqlDialect } from "./dialect.ts";
import type { Slots } from "./plans.ts";

/** A column and what it is compared with. */
interface Compared {
  readonly field: string;
  readonly column: Column;
  readonly value: Scalar;
}

/**
 * The rows of one value in the order of an index that begins with that column, from a place on. It means `column = value` and
 * `next > edge`, said as the bounds of a range: PostgreSQL drops a column that equals a constant from an order, finds that
 * the primary key has what is left of it, and then may go through any number of rows by that key until enough have the
 * value. A range keeps the column in the order, which only the index has.
 */
export interface IndexRun {
  /** What else is compared. */
  readonly rest: readonly Comparison[];
  readonly leader: Compared;
  /** What rows are ordered by within the value; undefined: by nothing. */
  readonly next: Column | undefined;
  /** Where the rows begin, not included; undefined: at the end of the run. */
  readonly edge: Compared | undefined;
  readonly descending: boolean;
}

/** The run that these comparisons in this order are; undefined where no index of two columns has their order. */
export function indexRun(
  table: Table,
  comparisons: readonly Comparison[],
  orderBy: ReadOptions["orderBy"],
): IndexRun | undefined {
  const [by, ...more] = orderBy;
  if (more.length > 0 || by?.ignoreCase === true) return undefined;
  if (by?.column.nullable === true && !excludesNull(comparisons, by.field)) return undefined;
  for (const [first, second, ...rest] of table.indexes ?? []) {
    if (rest.length > 0 || (by !== undefined && second !== by.field)) continue;
    const leader = comparisons.find((it) => it.field === first && it.operator === "equals");
    if (leader?.operator !== "equals") continue;
    const beyond = by?.descending === true ? "lt" : "gt";
    const edge = comparisons.find((it) => it.field === by?.field && it.operator === beyond);
    return {
      rest: comparisons.filter((it) => it !== leader && it !== edge),
      leader,
      next: by?.column,
      edge: edge?.operator === beyond ? edge : undefined,
      descending: by?.descending === true,
    };
  }
  return undefined;
}

/** What tells a run's statement from another's, beside the shape of its other comparisons. */
export function runShape({ leader, next, edge, descending }: IndexRun): string {
  return `run ${leader.field} ${next?.name ?? ""} ${edge === undefined ? "" : "edge"} ${descending}`;
}

/** The values of a run, in the order of their slots: behind those of its other comparisons. */
export function runValues(dialect: SqlDialect, { leader, edge }: IndexRun): unknown[] {
  return [leader, ...(edge === undefined ? [] : [edge])].map((it) => encode(dialect, it.column, it.value));
}

/** The bounds of the range. */
export function runCondition({ leader, edge, descending }: IndexRun, slots: Slots): RawBuilder<unknown> {
  const column = sql.id(leader.column.name);
  const value = slots.take();
  if (edge === undefined) return sql`${column} >= ${value} and ${column} <= ${value}`;
  const place = sql`(${column}, ${sql.id(edge.column.name)})`;
  const from = sql`(${value}, ${slots.take()})`;
  return descending
    ? sql`${place} < ${from} and ${column} >= ${value}`
    : sql`${place} > ${from} and ${column} <= ${value}`;
}

/** What the rows are ordered by: the index, from its first column. */
export function runOrder({ leader, next, descending }: IndexRun): RawBuilder<unknown> {
  const way = sql.raw(descending ? " desc" : "");
  const columns = [leader.column, ...(next === undefined ? [] : [next])];
  return sql` order by ${sql.join(columns.map(({ name }) => sql`${sql.id(name)}${way}`))}`;
}
