import { isCalendarDate } from "../model/calendar-date.ts";
import { DatastoreError } from "../model/errors.ts";
import type { Column, Table } from "../model/schema.ts";
import type { FindOptions, Where } from "./contract.ts";
import { columnOf } from "./tables.ts";
import { dateFits, dayFits, integerRange, numberFits, textProblem } from "./values.ts";

/** One comparison of a `where`, its value checked against the column. */
export type Comparison = { readonly field: string; readonly column: Column } & (
  | { readonly operator: "isNull" | "isNotNull" }
  | { readonly operator: "equals" | "not" | "lt" | "lte" | "gt" | "gte"; readonly value: Scalar }
  | { readonly operator: "equalsIgnoringCase" | "startsWith" | "from" | "upTo"; readonly value: string }
  | { readonly operator: "in"; readonly values: readonly (string | number)[] }
  | { readonly operator: "inIgnoringCase"; readonly values: readonly string[] }
);

/** What a field can be compared with. */
export type Scalar = string | number | boolean | Date | Uint8Array;

type Order = "lt" | "lte" | "gt" | "gte";

/**
 * Reads a `where`. Undefined: no row can match, since a value is one that the column cannot hold (too long, a NUL, out of
 * range), so the database need not be asked. Throws DatastoreError for an unknown field or operator and for a value of the
 * wrong type; an `undefined` is refused and never widens what matches.
 */
export function readWhere(tableName: string, table: Table, where: Where): readonly Comparison[] | undefined {
  const comparisons: Comparison[] = [];
  for (const [field, condition] of Object.entries(where) as [string, unknown][]) {
    const column = columnOf(table, tableName, field);
    const path = `${tableName}.${field}`;
    if (condition === null || typeof condition !== "object" || isScalar(condition)) {
      if (!addOperator(comparisons, path, field, column, "equals", condition)) return undefined;
      continue;
    }
    const operators = Object.entries(condition);
    if (operators.length === 0) throw new DatastoreError(`${path} is compared with an object that has no operator`);
    for (const [operator, value] of operators) {
      if (!addOperator(comparisons, path, field, column, operator, value)) return undefined;
    }
  }
  return comparisons;
}

/** Adds what the operator means; false when nothing can match. */
function addOperator(
  comparisons: Comparison[],
  path: string,
  field: string,
  column: Column,
  operator: string,
  value: unknown,
): boolean {
  switch (operator) {
    case "equals":
      if (value === null) comparisons.push({ field, column, operator: "isNull" });
      else if (canHold(path, column, value)) comparisons.push({ field, column, operator, value });
      else return false;
      return true;
    case "not":
      if (value === null) comparisons.push({ field, column, operator: "isNotNull" });
      else if (canHold(path, column, value)) comparisons.push({ field, column, operator, value });
      return true;
    case "in": {
      if (!Array.isArray(value)) throw new DatastoreError(`${path}: "in" takes a list`);
      const values = value.filter((item: unknown): item is string | number => {
        if (typeof item !== "string" && typeof item !== "number") {
          throw new DatastoreError(`${path}: "in" takes strings or numbers`);
        }
        return canHold(path, column, item);
      });
      if (values.length === 0) return false;
      comparisons.push({ field, column, operator, values });
      return true;
    }
    case "inIgnoringCase": {
      if (!isText(column)) throw new DatastoreError(`${path} is not text, "${operator}" does not apply`);
      if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
        throw new DatastoreError(`${path}: "${operator}" takes a list of strings`);
      }
      const values = (value as string[]).filter((item) => canHold(path, column, item));
      if (values.length === 0) return false;
      comparisons.push({ field, column, operator, values });
      return true;
    }
    case "equalsIgnoringCase":
    case "startsWith":
    case "from":
    case "upTo":
      if (!isText(column)) throw new DatastoreError(`${path} is not text, "${operator}" does not apply`);
      if (typeof value !== "string") throw new DatastoreError(`${path} must be compared with a string`);
      if (!canHold(path, column, value)) return false;
      comparisons.push({ field, column, operator, value });
      return true;
    case "lt":
    case "lte":
    case "gt":
    case "gte": {
      const bound = orderBound(path, column, operator, value);
      if (bound === undefined) return false;
      comparisons.push({ field, column, ...bound });
      return true;
    }
    default:
      throw new DatastoreError(`${path}: there is no operator "${operator}"`);
  }
}

function isScalar(value: object): boolean {
  return value instanceof Date || value instanceof Uint8Array;
}

function isText(column: Column): boolean {
  return column.type === "string" || column.type === "text" || column.type === "key";
}

/** True when a row can have the value in this column. Throws when the value has not the column's type. */
function canHold(path: string, column: Column, value: unknown): value is Scalar {
  const expect = (right: boolean, what: string): void => {
    if (!right) throw new DatastoreError(`${path} must be compared with ${what}`);
  };
  switch (column.type) {
    case "id":
    case "integer":
    case "epochMs":
      expect(typeof value === "number", "a number");
      return numberFits(column, value as number);
    case "string":
    case "text":
    case "key":
      expect(typeof value === "string", "a string");
      return textProblem(column, value as string) === undefined;
    case "boolean":
      expect(typeof value === "boolean", "true or false");
      return true;
    case "datetime":
      expect(value instanceof Date && !Number.isNaN(value.getTime()), "a valid Date");
      return dateFits(value as Date);
    case "date":
      expect(typeof value === "string" && isCalendarDate(value), "a date, such as 2026-01-31");
      return dayFits(value as string);
    case "bytes":
      expect(value instanceof Uint8Array, "a Uint8Array");
      return true;
    case "list":
    case "json":
      throw new DatastoreError(`${path} is a ${column.type} and can only be compared with null`);
  }
}

/** A bound outside of the column's range still has a meaning: everything, or nothing, is below it. */
function orderBound(
  path: string,
  column: Column,
  operator: Order,
  value: unknown,
): { operator: Order; value: Scalar } | undefined {
  const refuse = (): never => {
    throw new DatastoreError(`${path}: "${operator}" does not take this value`);
  };
  switch (column.type) {
    case "id":
    case "integer":
    case "epochMs": {
      if (typeof value !== "number" || Number.isNaN(value)) return refuse();
      const epoch = column.type === "epochMs";
      const least = epoch ? Number.MIN_SAFE_INTEGER : integerRange.least;
      const most = epoch ? Number.MAX_SAFE_INTEGER : integerRange.most;
      const upper = operator === "lt" || operator === "lte";
      if (upper && value < least) return undefined;
      if (!upper && value > most) return undefined;
      if (value > most) return { operator: "lte", value: most };
      if (value < least) return { operator: "gte", value: least };
      return Number.isInteger(value) ? { operator, value } : refuse();
    }
    case "datetime":
      if (!(value instanceof Date) || !dateFits(value)) return refuse();
      return { operator, value };
    case "date":
      return typeof value === "string" && dayFits(value) ? { operator, value } : refuse();
    case "string":
    case "text":
    case "key":
      if (typeof value !== "string") return refuse();
      return textProblem(column, value) === undefined ? { operator, value } : undefined;
    default:
      return refuse();
  }
}

/** Whether every row that matches has a value in this field. */
export function excludesNull(comparisons: readonly Comparison[], field: string): boolean {
  // A row without a value differs from every value.
  return comparisons.some((it) => it.field === field && it.operator !== "isNull" && it.operator !== "not");
}

/** Checks the bound of a `count`. */
export function readBound(tableName: string, atMost: number | undefined): number | undefined {
  if (atMost === undefined || (Number.isSafeInteger(atMost) && atMost > 0)) return atMost;
  throw new DatastoreError(`the bound of a count on "${tableName}" must be a whole number above 0`);
}

/** The order and bound of a `find`, checked. */
export interface ReadOptions {
  readonly orderBy: readonly {
    readonly field: string;
    readonly column: Column;
    readonly descending: boolean;
    readonly ignoreCase: boolean;
  }[];
  readonly limit: number | undefined;
  readonly first:
    | { readonly of: Column; readonly by: Column; readonly fields: NonNullable<FindOptions["first"]> }
    | undefined;
  readonly skipHeld: boolean;
}

/** Reads the options of a `find`. Throws DatastoreError for an unknown field, a wrong direction or a wrong limit. */
export function readOptions(tableName: string, table: Table, options: FindOptions | undefined): ReadOptions {
  const limit = options?.limit;
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0)) {
    throw new DatastoreError(`the limit of a find on "${tableName}" must be a whole number`);
  }
  const orderBy = (options?.orderBy ?? []).map(({ field, direction = "asc", ignoreCase = false }) => {
    if (direction !== "asc" && direction !== "desc") {
      throw new DatastoreError(`the direction of ${tableName}.${field} must be asc or desc`);
    }
    const column = columnOf(table, tableName, field);
    if (ignoreCase && !isText(column)) throw new DatastoreError(`${tableName}.${field} is not text and has no case`);
    return { field, column, descending: direction === "desc", ignoreCase };
  });
  const fields = options?.first;
  const first =
    fields === undefined
      ? undefined
      : { of: columnOf(table, tableName, fields.of), by: columnOf(table, tableName, fields.by), fields };
  return { orderBy, limit, first, skipHeld: options?.skipHeld === true };
}
