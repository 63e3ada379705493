import { createReadStream, type ReadStream, statSync } from "node:fs";
import type { UserRecord } from "../datastore/user-records.ts";
import { cellValue } from "../model/csv.ts";
import { readCsv } from "./csv.ts";
import { CommandError } from "./terminal.ts";

/** One record of a file, or why it is none. */
export type FileRecord =
  | { readonly line: number; readonly record: UserRecord }
  | { readonly line: number; readonly field: string; readonly problem: string };

/** A file of records that is read piece by piece. */
export interface RecordFile {
  /** Bytes; undefined where nobody knows. */
  readonly size: number | undefined;
  /** Bytes that were read so far. */
  position(): number;
  /** Ends early, also where it waits for more, once the signal says so. */
  records(interrupted: AbortSignal): AsyncGenerator<FileRecord>;
}

/** The forms of a file. */
export type FileFormat = "csv" | "jsonl";

/** Characters of one record; no line of a file takes more memory. */
const longest = 1_048_576;
const notText = "has bytes that are not UTF-8";

/**
 * Opens a file of records, or standard input for "-". The form is that of the name's end unless it is said. Throws
 * CommandError when it can't be read.
 */
export function openRecords(name: string, format: FileFormat | undefined): RecordFile {
  const size = name === "-" ? undefined : sizeOf(name);
  const form = format ?? formatOf(name);
  let position = 0;
  const pieces = async function* (interrupted: AbortSignal): AsyncGenerator<string> {
    const source = name === "-" ? process.stdin : createReadStream(name);
    const end = (): unknown => source.destroy();
    interrupted.addEventListener("abort", end, { once: true });
    // Bytes that are no text become U+FFFD: the records that they are in are refused, and the others are read.
    const decoder = new TextDecoder("utf-8");
    try {
      for await (const bytes of source as ReadStream) {
        position += (bytes as Buffer).length;
        yield decoder.decode(bytes as Buffer, { stream: true });
      }
    } catch (error) {
      if (interrupted.aborted) return;
      throw unreadable(name, error);
    } finally {
      interrupted.removeEventListener("abort", end);
    }
    yield decoder.decode();
  };
  return {
    size,
    position: () => position,
    records: (interrupted) =>
      form === "csv" ? csvRecords(pieces(interrupted), name) : jsonRecords(pieces(interrupted)),
  };
}

/** The form that a name's end says: `.csv`, or `.jsonl`, `.ndjson` and `.json` for one JSON document a line. */
export function formatOf(name: string): FileFormat {
  const end = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase();
  if (end === "csv") return "csv";
  if (end === "jsonl" || end === "ndjson" || end === "json") return "jsonl";
  throw new CommandError(`${name}: say --format csv or --format jsonl; the name does not tell`);
}

function sizeOf(name: string): number | undefined {
  try {
    const found = statSync(name);
    if (found.isDirectory()) throw new CommandError(`${name} is a folder`);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    throw unreadable(name, error);
  }
}

function unreadable(name: string, error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  return new CommandError(`cannot read ${name} (${error instanceof Error ? error.message : String(error)})`);
}

/** Records of a CSV file; its first line has the names of the fields. */
async function* csvRecords(pieces: AsyncIterable<string>, name: string): AsyncGenerator<FileRecord> {
  let head: readonly string[] | undefined;
  for await (const found of readCsv(pieces, longest)) {
    const { line } = found;
    if ("fault" in found) {
      if (head === undefined) throw new CommandError(`${name}: the line with the names of the fields ${found.fault}`);
      yield { line, field: "", problem: found.fault };
      continue;
    }
    const { cells } = found;
    if (head === undefined) {
      head = headOf(cells, name);
    } else if (cells.length !== head.length) {
      yield { line, field: "", problem: `has ${cells.length} cells in place of ${head.length}` };
    } else if (cells.some((cell) => cell.includes("\ufffd"))) {
      yield { line, field: head[cells.findIndex((cell) => cell.includes("\ufffd"))] ?? "", problem: notText };
    } else {
      yield { line, record: Object.fromEntries(head.map((field, index) => [field, cellValue(cells[index] ?? "")])) };
    }
  }
}

function headOf(cells: readonly string[], name: string): readonly string[] {
  const head = cells.map((cell) => cell.trim());
  const twice = head.find((field, index) => head.indexOf(field) !== index);
  if (twice !== undefined) throw new CommandError(`${name}: the field ${JSON.stringify(twice)} is there twice`);
  return head;
}

/** Records of a file with one JSON object a line; empty lines are passed over. */
async function* jsonRecords(pieces: AsyncIterable<string>): AsyncGenerator<FileRecord> {
  for await (const { line, text } of linesOf(pieces)) {
    if (text === undefined) yield { line, field: "", problem: `is longer than ${longest} characters` };
    else if (text.trim() !== "") yield jsonRecord(line, text);
  }
}

function jsonRecord(line: number, text: string): FileRecord {
  if (text.includes("\ufffd")) return { line, field: "", problem: notText };
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record === "object" && record !== null && !Array.isArray(record)) {
      return { line, record: record as UserRecord };
    }
  } catch {
    // What the parser says has the text in it, and with it perhaps a hash.
  }
  return { line, field: "", problem: "is no JSON object" };
}

/** The lines of a text; of one that is too long only that it is. */
async function* linesOf(
  pieces: AsyncIterable<string>,
): AsyncGenerator<{ readonly line: number; readonly text: string | undefined }> {
  let line = 1;
  let rest = "";
  let tooLong = false;
  for await (const piece of pieces) {
    const parts = piece.split("\n");
    for (const [index, part] of parts.entries()) {
      if (!tooLong) rest += part;
      if (rest.length > longest) tooLong = true;
      if (tooLong) rest = "";
      if (index === parts.length - 1) break;
      yield { line, text: tooLong ? undefined : rest };
      line += 1;
      rest = "";
      tooLong = false;
    }
  }
  if (rest !== "" || tooLong) yield { line, text: tooLong ? undefined : rest };
}
