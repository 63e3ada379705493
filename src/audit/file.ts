import type { AuditEntry } from "./entry.ts";

const columns = [
  ...(["sequence", "at", "name", "result", "userId", "actorId", "address", "agent", "route", "via"] as const),
  ...(["details", "previous", "hash"] as const),
];

/** The first line of entries as CSV (RFC 4180). */
export const csvHead: string = `${columns.join(",")}\r\n`;

/** The time as people read it, and the details as an object. */
export function readable(entry: AuditEntry): Readonly<Record<string, unknown>> {
  return { ...entry, at: new Date(entry.at).toISOString(), details: JSON.parse(entry.details) };
}

/** RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe before it. */
export function csvLine(entry: AuditEntry): string {
  const cells = columns.map((column) => {
    const value = column === "at" ? new Date(entry.at).toISOString() : (entry[column] ?? "");
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(",")}\r\n`;
}
