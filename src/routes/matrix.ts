import { styleText } from "node:util";
import type { RouteRecord } from "./types.ts";

/** How the access matrix is shown. */
export interface MatrixFormat {
  /** Columns of the terminal: longer cells go on in a further line. Default: each route in one line, however long. */
  readonly width?: number | undefined;
  /** Colours for a terminal; default false. */
  readonly colour?: boolean;
}

interface Column {
  readonly title: string;
  readonly cell: (record: RouteRecord) => string;
  /** How narrow it may become; undefined: never narrower than its content. */
  readonly least?: number;
}

const gap = "  ";
const separator = " ; ";
const columns: readonly Column[] = [
  { title: "METHOD", cell: ({ method }) => method },
  { title: "PATH", cell: ({ path }) => path, least: 16 },
  { title: "GUARD", cell: guardOf, least: 14 },
  { title: "SCHEMES", cell: (record) => schemesOf(record), least: 10 },
  { title: "PARAMETERS", cell: ({ parameters }) => parameters.join(", "), least: 14 },
  { title: "WHY OPEN", cell: (record) => (isOpen(record) ? record.open || "(no reason given)" : ""), least: 14 },
];

/** The routes in the order of the matrix: by path, then method, whatever the order of declaration. */
export function sortRoutes(records: readonly RouteRecord[]): RouteRecord[] {
  return [...records].sort((a, b) => compareRoutes(a, b));
}

/** The access matrix as a table for people, with a last line that counts the open routes. */
export function formatMatrix(records: readonly RouteRecord[], format: MatrixFormat = {}): string {
  const routes = sortRoutes(records);
  const shown = columns.filter(({ cell }, index) => index < 2 || routes.some((record) => cell(record) !== ""));
  const rows = routes.map((record) => shown.map(({ cell }) => printable(cell(record))));
  const widths = columnWidths(shown, rows, format.width);
  const styled = (style: Parameters<typeof styleText>[0], text: string): string =>
    format.colour === true ? styleText(style, text, { validateStream: false }) : text;

  const titles = shown.map(({ title }) => title);
  const lines = layOut(titles, widths).map((line) => styled("bold", line));
  for (const [index, row] of rows.entries()) {
    const record = routes[index];
    const open = record !== undefined && isOpen(record);
    lines.push(...layOut(row, widths).map((line) => (open ? styled("yellow", line) : line)));
  }
  const open = routes.filter(isOpen).length;
  const plain = routes.filter(({ declared }) => declared === false).length;
  const rest = plain === 0 ? "" : `, ${plain} not declared`;
  return `${[...lines, "", `${counted(routes.length, "route")}, ${open} open${rest}`].join("\n")}\n`;
}

/** The access matrix as a file to keep under version control: one line a route, so that a change is a change of one line. */
export function lockText(records: readonly RouteRecord[]): string {
  return ["# The access matrix, by `portcullis routes --lock`.", ...lockLines(records), ""].join("\n");
}

/** The lines in which the matrix differs from a lock: `- ` as the lock has it, `+ ` as it is. None: they agree. */
export function compareLock(text: string, records: readonly RouteRecord[]): readonly string[] {
  const gone = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const came: string[] = [];
  for (const line of lockLines(records)) {
    const index = gone.indexOf(line);
    if (index < 0) came.push(line);
    else gone.splice(index, 1);
  }
  return [...gone.map((line) => ({ sign: "-", line })), ...came.map((line) => ({ sign: "+", line }))]
    .map((change) => ({ ...change, route: routeOfLine(change.line) }))
    .sort((a, b) => compareRoutes(a.route, b.route) || compareText(b.sign, a.sign))
    .map(({ sign, line }) => `${sign} ${line}`);
}

/** "1 route", "2 routes". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function lockLines(records: readonly RouteRecord[]): string[] {
  return records
    .map((record) => ({ ...record, line: lockLine(record) }))
    .sort((a, b) => compareRoutes(a, b) || compareText(a.line, b.line))
    .map(({ line }) => line);
}

/** A route behind another one guards nothing of what is served there. */
function guardOf(record: RouteRecord): string {
  const guard = isOpen(record) ? `OPEN, ${record.guard}` : record.guard;
  return record.behind === undefined ? guard : `${guard}, behind ${record.behind}`;
}

function lockLine(record: RouteRecord): string {
  const { method, path, guard, open, schemes, parameters } = record;
  const fields = [`${method} ${path}`, guard];
  if (isOpen(record)) fields.push(open ? `OPEN: ${open}` : "OPEN");
  if (schemes.length > 0) fields.push(`by ${schemesOf(record)}`);
  if (parameters.length > 0) fields.push(`with ${parameters.join(", ")}`);
  if (record.behind !== undefined) fields.push(`behind ${record.behind}`);
  return fields.map(lockField).join(separator);
}

/** Which credentials are taken; tokens of another realm than the application's are others. */
function schemesOf({ schemes, realm }: RouteRecord): string {
  return `${schemes.join(", ")}${realm === undefined ? "" : ` (realm ${realm})`}`;
}

function routeOfLine(line: string): Pick<RouteRecord, "path" | "method"> {
  const [route = ""] = line.split(separator, 1);
  const space = route.indexOf(" ");
  return { method: route.slice(0, Math.max(0, space)), path: route.slice(space + 1) };
}

function compareRoutes(a: Pick<RouteRecord, "path" | "method">, b: Pick<RouteRecord, "path" | "method">): number {
  return compareText(a.path, b.path) || compareText(a.method, b.method);
}

/** By code units: the same in every locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isOpen({ open }: RouteRecord): boolean {
  return open !== undefined;
}

/** One field of a lock line, in which neither a line break nor the separator can stand. */
function lockField(text: string): string {
  return printable(text.replace(/[\\;]/g, "\\$&"));
}

/** Control characters would break a table, and a terminal would obey them. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** The columns' widths; where a width is given, the widest give way until it fits or none can. */
function columnWidths(
  shown: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): number[] {
  const widths = shown.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => lengthOf(row[index] ?? ""))),
  );
  if (width === undefined) return widths;
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (shown.length - 1) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [index, { least }] of shown.entries()) {
      const own = widths[index] ?? 0;
      if (least !== undefined && own > least && own > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

/** One row as the lines that it takes. */
function layOut(cells: readonly string[], widths: readonly number[]): string[] {
  const wrapped = cells.map((cell, index) => wrap(cell, widths[index] ?? 0));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, at) =>
    wrapped
      .map((lines, index) => {
        const text = lines[at] ?? "";
        return text + " ".repeat(Math.max(0, (widths[index] ?? 0) - lengthOf(text)));
      })
      .join(gap)
      .trimEnd(),
  );
}

/** Breaks between words, and inside of a word that is longer than the line. */
function wrap(text: string, width: number): string[] {
  if (lengthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line: string[] = [];
  for (const word of text.split(" ")) {
    let rest = [...word];
    if (line.length > 0 && line.length + 1 + rest.length <= width) {
      line.push(" ", ...rest);
      continue;
    }
    if (line.length > 0) lines.push(line.join(""));
    while (rest.length > width) {
      lines.push(rest.slice(0, width).join(""));
      rest = rest.slice(width);
    }
    line = rest;
  }
  return [...lines, line.join("")];
}

/** Counted in code points. */
function lengthOf(text: string): number {
  return [...text].length;
}
