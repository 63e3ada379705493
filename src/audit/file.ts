import { csvLine } from "../model/csv.ts";
import type { AuditEntry } from "./entry.ts";

const columns = [
  ...(["sequence", "at", "name", "result", "userId", "actorId", "address", "agent", "route", "via"] as const),
  ...(["details", "previous", "hash"] as const),
];

/** The first line of entries as CSV (RFC 4180). */
export const auditHead: string = csvLine(columns);

/** The time as people read it, and the details as an object. */
export function readable(entry: AuditEntry): Readonly<Record<string, unknown>> {
  return { ...entry, at: new Date(entry.at).toISOString(), details: JSON.parse(entry.details) };
}

/** An entry as a line of CSV, in the order of `auditHead`. */
export function auditLine(entry: AuditEntry): string {
  return csvLine(
    columns.map((column) => (column === "at" ? new Date(entry.at).toISOString() : String(entry[column] ?? ""))),
  );
}
