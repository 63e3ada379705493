import { DatastoreError } from "../../model/errors.ts";
import type { Column, Row, Table } from "../../model/schema.ts";
import { listText, textList } from "../values.ts";
import type { SqlDialect } from "./dialect.ts";

/** A checked TypeScript value → what the driver gets. */
export function encode(dialect: SqlDialect, column: Column, value: unknown): unknown {
  if (column.type === "json") return value === null && column.nullable ? null : JSON.stringify(value);
  if (value === null) return null;
  if (value instanceof Date) return dialect.encodeDate(value);
  if (typeof value === "boolean") return dialect.encodeBoolean(value);
  if (Array.isArray(value)) return listText(value as string[]);
  // Drivers tell Buffers from other arrays; the bytes stay the same.
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return value;
}

/** Maps rows of one table; `alias` names the column of the result that holds a field. */
export class RowCodec {
  readonly #fields: readonly { field: string; path: string; column: Column; alias: string }[];

  constructor(tableName: string, table: Table, alias: (column: Column, index: number) => string) {
    this.#fields = Object.entries(table.columns).map(([field, column], index) => ({
      field,
      path: `${tableName}.${field}`,
      column,
      alias: alias(column, index),
    }));
  }

  decode(raw: Readonly<Record<string, unknown>>): Row {
    const row: Row = {};
    for (const { field, path, column, alias } of this.#fields) row[field] = decode(path, column, raw[alias]);
    return row;
  }

  /** True when an outer join found no row: all columns are null. */
  isAbsent(raw: Readonly<Record<string, unknown>>): boolean {
    return this.#fields.every(({ alias }) => raw[alias] === null);
  }
}

/** What the driver gave → the TypeScript value. Throws DatastoreError for what the column's type cannot mean. */
function decode(path: string, column: Column, value: unknown): unknown {
  if (value === undefined) throw new DatastoreError(`${path} is not in the database's answer`);
  if (value === null) return column.type === "list" ? [] : null;
  switch (column.type) {
    case "id":
    case "integer":
    case "epochMs": {
      const number = typeof value === "string" && value !== "" ? Number(value) : value;
      if (typeof number === "number" && Number.isSafeInteger(number)) return number;
      break;
    }
    case "string":
    case "text":
    case "key":
      if (typeof value === "string") return value;
      break;
    case "boolean":
      if (typeof value === "boolean") return value;
      if (value === 1 || value === 0) return value === 1;
      break;
    case "datetime": {
      const date = value instanceof Date ? value : typeof value === "string" ? parseDate(value) : undefined;
      if (date !== undefined && !Number.isNaN(date.getTime())) return date;
      break;
    }
    case "list":
      if (typeof value === "string") return textList(value);
      break;
    case "json":
      try {
        // A database's own JSON type arrives parsed.
        return typeof value === "string" ? JSON.parse(value) : value;
      } catch {
        break;
      }
    case "bytes":
      if (value instanceof Uint8Array) return new Uint8Array(value);
      break;
  }
  throw new DatastoreError(`${path}: what the database holds is not a value of type ${column.type}`);
}

const moment = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/** Reads `YYYY-MM-DD HH:MM:SS[.ffffff]`, in UTC unless it says otherwise. Undefined when it is something else. */
export function parseDate(text: string): Date | undefined {
  const parts = moment.exec(text);
  if (parts === null) return undefined;
  const [, day, time, fraction = "", zone = "Z"] = parts;
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
  const seconds = time?.length === 5 ? `${time}:00` : time;
  const date = new Date(`${day}T${seconds}.${fraction.padEnd(3, "0").slice(0, 3)}${offset}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, as SQLAlchemy writes date-times. */
export function microsecondText(date: Date): string {
  return `${date.toISOString().slice(0, 23).replace("T", " ")}000`;
}

/** `YYYY-MM-DD HH:MM:SS` in UTC. */
export function secondText(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}
