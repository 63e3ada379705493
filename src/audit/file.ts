import { csvLine } from "../model/csv.ts";
import { type AuditEntry, detailsOf } from "./entry.ts";

const columns = [
  ...(["sequence", "at", "name", "result", "userId", "actorId", "address", "agent", "route", "via"] as const),
  ...(["details", "previous", "hash"] as const),
];

/** The first line of entries as CSV (RFC 4180). */
export const auditHead: string = csvLine(columns);

/** The time as people read it, and the details as an object. */
export function readable(entry: AuditEntry): Readonly<Record<string, unknown>> {
  return { ...entry, at: timeOf(entry), details: detailsOf(entry) };
}

/** When it happened, in the form of RFC 3339; as it stands there, where it is no time at all. */
export function timeOf({ at }: AuditEntry): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString();
}

/** An entry as a line of CSV, in the order of `auditHead`. */
export function auditLine(entry: AuditEntry): string {
  return csvLine(columns.map((column) => (column === "at" ? timeOf(entry) : String(entry[column] ?? ""))));
}
