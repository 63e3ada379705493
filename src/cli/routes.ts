import { readFileSync, writeFileSync } from "node:fs";
import { compareLock, counted, formatMatrix, lockText, sortRoutes } from "../routes/matrix.ts";
import { programMatrix } from "./application.ts";
import { findModule, watchStart } from "./start.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Options of `portcullis routes`. */
export interface RoutesOptions {
  readonly json?: boolean;
  readonly lock?: string;
  readonly check?: string;
}

/** `portcullis routes`: the access matrix, shown, written or compared. Returns the exit code. */
export async function routes(terminal: Terminal, module: string | undefined, options: RoutesOptions): Promise<number> {
  const file = findModule(module);
  const lock = options.check === undefined ? undefined : readLock(options.check);
  const { records, others } = await programMatrix(watchStart("routes", file));
  if (others > 0) {
    terminal.note(
      `portcullis: ${counted(others, "other application")} of this module not mounted into it, not shown\n`,
    );
  }
  if (options.check !== undefined && lock !== undefined) return check(terminal, options.check, lock, records);
  if (options.lock !== undefined) {
    writeLock(options.lock, lockText(records));
    terminal.print(`${options.lock}: ${counted(records.length, "route")} written\n`);
  } else if (options.json === true) {
    const routes = sortRoutes(records).map((record) => ({ ...record, open: record.open ?? null }));
    terminal.print(`${JSON.stringify(routes, null, 2)}\n`);
  } else {
    terminal.print(formatMatrix(records, { width: terminal.width, colour: terminal.colour }));
  }
  return 0;
}

function check(terminal: Terminal, file: string, lock: string, records: Parameters<typeof compareLock>[1]): number {
  const changes = compareLock(lock, records);
  if (changes.length === 0) {
    terminal.print(`${file}: ${counted(records.length, "route")}, unchanged\n`);
    return 0;
  }
  terminal.print(`${changes.join("\n")}\n`);
  terminal.note(
    `portcullis: the access matrix differs from ${file}; if that is intended, write it with --lock ${file}\n`,
  );
  return 1;
}

function readLock(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(`cannot read the lock ${file}; write it with --lock ${file} (${reason(error)})`);
  }
}

function writeLock(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CommandError(`cannot write the lock ${file} (${reason(error)})`);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
