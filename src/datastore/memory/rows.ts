import type { Column, Row } from "../../model/schema.ts";
import type { Comparison, ReadOptions } from "../conditions.ts";
import { fold } from "../identity-conflict.ts";

/** A copy of a stored row: nobody outside can change what is stored. */
export function copied(columns: Readonly<Record<string, Column>>, stored: Row): Row {
  const row: Row = {};
  for (const [field, column] of Object.entries(columns)) {
    const value = stored[field];
    row[field] = column.type === "list" && value === null ? [] : structuredClone(value);
  }
  return row;
}

/** True when all comparisons hold for the row. */
export function matches(row: Row, comparisons: readonly Comparison[]): boolean {
  return comparisons.every((it) => {
    const value = row[it.field];
    switch (it.operator) {
      case "isNull":
        return value === null;
      case "isNotNull":
        return value !== null;
      case "equals":
        return same(value, it.value);
      case "not":
        return !same(value, it.value);
      case "in":
        return it.values.some((item) => item === value);
      case "inIgnoringCase":
        return typeof value === "string" && it.values.some((item) => folded(value) === folded(item));
      case "equalsIgnoringCase":
        return typeof value === "string" && folded(value) === folded(it.value);
      case "startsWith":
        return typeof value === "string" && folded(value).startsWith(folded(it.value));
      case "from":
        return typeof value === "string" && compare(folded(value), folded(it.value)) >= 0;
      case "upTo":
        return typeof value === "string" && compare(folded(value), folded(it.value)) <= 0;
      default: {
        if (value === null) return false;
        const order = compare(value, it.value);
        if (it.operator === "lt") return order < 0;
        if (it.operator === "lte") return order <= 0;
        return it.operator === "gt" ? order > 0 : order >= 0;
      }
    }
  });
}

/** The rows in the order and bound of the options; nulls first in ascending order. */
export function arranged(rows: readonly Row[], { orderBy, limit }: ReadOptions): Row[] {
  const sorted = [...rows].sort((a, b) => {
    for (const { field, descending, ignoreCase } of orderBy) {
      const order = ignoreCase ? compare(folded(a[field]), folded(b[field])) : compare(a[field], b[field]);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  });
  return limit === undefined ? sorted : sorted.slice(0, limit);
}

/** Of these rows the ones before which none of all rows stands that has the same value. */
export function firstOnes(
  rows: readonly Row[],
  all: readonly Row[],
  { fields: { of, by } }: NonNullable<ReadOptions["first"]>,
): Row[] {
  const least = new Map<unknown, unknown>();
  for (const row of all) {
    if (!least.has(row[of]) || compare(row[by], least.get(row[of])) < 0) least.set(row[of], row[by]);
  }
  return rows.filter((row) => same(row[by], least.get(row[of])));
}

/** Equality as the unique constraints and comparisons see it. */
export function same(a: unknown, b: unknown): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return a === b;
}

function folded(value: string): string;
function folded(value: unknown): unknown;
function folded(value: unknown): unknown {
  return typeof value === "string" ? fold(value) : value;
}

function compare(a: unknown, b: unknown): number {
  if (same(a, b)) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return Number(a) < Number(b) ? -1 : 1;
}
