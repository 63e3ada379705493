import type { Command } from "commander";
import type { MigrationReport } from "../model/command-line.ts";
import {
  asJson,
  type CommonOptions,
  namedModule,
  run,
  withCommonOptions,
  withExamples,
  withModuleArgument,
} from "./command.ts";
import { findModule, type Start, watchStart } from "./start.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Options of `portcullis migrate`. */
interface MigrateOptions extends CommonOptions {
  readonly check?: boolean;
}

/** Adds `portcullis migrate`. */
export function migrateCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("migrate")
    .summary("add what the database lacks")
    .description(
      "Adds the tables, columns and indexes that the database lacks for this configuration. The module is imported as at a start, with its database, but does not listen.",
    );
  withCommonOptions(withModuleArgument(command)).option(
    "--check",
    "change nothing; list the tables, columns and indexes that are missing, and columns of another type",
  );
  withExamples(
    command,
    "portcullis migrate",
    "portcullis migrate src/server.ts --check   # before a deployment: is anything missing?",
  ).action(
    run(terminal, (options: MigrateOptions, module?: string) =>
      migrate(terminal, namedModule(module, options), options),
    ),
  );
}

/** Adds what the database lacks, or with `check` lists it. Returns the exit code. */
async function migrate(terminal: Terminal, module: string | undefined, options: MigrateOptions): Promise<number> {
  const checkOnly = options.check === true;
  const start = watchStart("migrate", findModule(module), checkOnly);
  const { reports, failure } = await migrations(start);
  const lacking = checkOnly && reports.some(({ lines, byHand = [] }) => lines.length + byHand.length > 0);
  if (failure === undefined || reports.length > 0) {
    const outcome = checkOnly ? "nothing is missing" : "nothing to do";
    terminal.print(options.json === true ? asDocument(reports, checkOnly) : asLines(reports, outcome));
  }
  // What is missing also keeps the program from starting: that failure is said already.
  if (failure === undefined || lacking) return lacking ? 1 : 0;
  terminal.fail(failure.error);
  return 2;
}

/** Starts the program. What was done to a database counts also when the start fails later. */
async function migrations(start: Start): Promise<{ reports: MigrationReport[]; failure?: { error: unknown } }> {
  let failure: { error: unknown } | undefined;
  try {
    await start.load();
    if (start.databases.length === 0) await start.over();
  } catch (error) {
    failure = { error };
  }
  const reports: MigrationReport[] = [];
  for (const outcome of await Promise.allSettled(start.databases)) {
    if (outcome.status === "fulfilled") reports.push(outcome.value);
    else failure ??= { error: outcome.reason };
  }
  if (failure === undefined && reports.length === 0) {
    failure = {
      error: new CommandError("the module calls no portcullis() when it is loaded, so there is no database"),
    };
  }
  return failure === undefined ? { reports } : { reports, failure };
}

function asLines(reports: readonly MigrationReport[], none: string): string {
  const lines = reports.flatMap(({ dialect, lines, byHand = [] }) => {
    const first = byHand.map((line) => `${dialect}: to be mended by hand, before a migration: ${line}`);
    const all = [...first, ...lines.map((line) => `${dialect}: ${line}`)];
    return all.length > 0 ? all : [`${dialect}: ${none}`];
  });
  return `${lines.join("\n")}\n`;
}

function asDocument(reports: readonly MigrationReport[], checkOnly: boolean): string {
  const databases = reports.map(({ dialect, lines, byHand = [] }) =>
    checkOnly ? { dialect, missing: lines, byHand } : { dialect, done: lines },
  );
  return asJson(databases);
}
