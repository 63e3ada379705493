import { isCalendarDate } from "../../model/calendar-date.ts";
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

/** A row of a result: its values by name, or by position. */
type Raw = Readonly<Record<string, unknown>> | readonly unknown[];
type Alias = string | number;

/** Maps rows of one table; `alias` is the name or the position of the result's column that holds a field. */
export class RowCodec {
  readonly #fields: readonly { field: string; path: string; column: Column; alias: Alias }[];

  constructor(tableName: string, table: Table, alias: (column: Column, index: number) => Alias) {
    this.#fields = Object.entries(table.columns).map(([field, column], index) => ({
      field,
      path: `${tableName}.${field}`,
      column,
      alias: alias(column, index),
    }));
  }

  decode(raw: Raw): Row {
    const row: Row = {};
    for (const { field, path, column, alias } of this.#fields) row[field] = decode(path, column, held(raw, alias));
    return row;
  }

  /** True when an outer join found no row: all columns are null. */
  isAbsent(raw: Raw): boolean {
    return this.#fields.every(({ alias }) => held(raw, alias) === null);
  }
}

function held(raw: Raw, alias: Alias): unknown {
  return (raw as Readonly<Record<Alias, unknown>>)[alias];
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
    case "date":
      if (typeof value === "string" && isCalendarDate(value)) return value;
      break;
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
  return parseWritten(text) ?? parseAny(text);
}

/** What `microsecondText` writes, several times faster than by the platform's parser. Undefined: to be looked at closer. */
function parseWritten(text: string): Date | undefined {
  if (text.length !== 26 || !written.test(text)) return undefined;
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8, 10));
  const [hour, minute, second] = [Number(text.slice(11, 13)), Number(text.slice(14, 16)), Number(text.slice(17, 19))];
  if (year < 1000 || month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59) {
    return undefined;
  }
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second, Number(text.slice(20, 23))));
}

const written = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/;

function parseAny(text: string): Date | undefined {
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
