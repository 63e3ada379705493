import { readFileSync, writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { compareLock, counted, formatMatrix, lockText, sortRoutes } from "../routes/matrix.ts";
import { programMatrix } from "./application.ts";
import {
  type CommonOptions,
  namedModule,
  run,
  withCommonOptions,
  withExamples,
  withModuleArgument,
} from "./command.ts";
import { findModule, watchStart } from "./start.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Options of `portcullis routes`. */
interface RoutesOptions extends CommonOptions {
  readonly lock?: string;
  readonly check?: string;
}

/** Adds `portcullis routes`. */
export function routesCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("routes")
    .summary("print the access matrix, write it to a file, compare it with one")
    .description(
      "Prints the access matrix: every route with its guard. The module is imported as at a start, with its database, but does not listen.",
    );
  withCommonOptions(withModuleArgument(command), "print the routes as JSON")
    .addOption(new Option("--lock <file>", "write the matrix to a file, one line a route").conflicts("json"))
    .addOption(new Option("--check <file>", "print what differs from such a file").conflicts(["json", "lock"]));
  withExamples(
    command,
    "portcullis routes",
    "portcullis routes src/server.ts --json",
    "portcullis routes --lock routes.lock       # keep it under version control …",
    "portcullis routes --check routes.lock      # … and see each change of it in the review",
  ).action(
    run(terminal, (options: RoutesOptions, module?: string) => routes(terminal, namedModule(module, options), options)),
  );
}

/** The access matrix, shown, written or compared. Returns the exit code. */
async function routes(terminal: Terminal, module: string | undefined, options: RoutesOptions): Promise<number> {
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
