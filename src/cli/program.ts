import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { auditCommands } from "./audit.ts";
import { withExamples } from "./command.ts";
import { doctorCommand } from "./doctor/index.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { keysCommands } from "./keys.ts";
import { migrateCommand } from "./migrate.ts";
import { openapiCommand } from "./openapi.ts";
import { rolesCommands } from "./roles.ts";
import { routesCommand } from "./routes.ts";
import { usualModules } from "./start.ts";
import { CommandError, type Terminal, takeTerminal } from "./terminal.ts";
import { usersCommands } from "./users.ts";

/** What there is, in the order of the help. */
const groups: readonly ((program: Command, terminal: Terminal) => void)[] = [
  ...[usersCommands, rolesCommands, keysCommands, importCommand, exportCommand],
  ...[routesCommand, openapiCommand, auditCommands, migrateCommand, doctorCommand],
];

/** Runs the command that `argv` names, and ends the process. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  const terminal = takeTerminal();
  const fail = (error: unknown): void => {
    if (terminal.ending || terminal.intercept?.(error) === true) return;
    terminal.fail(error);
    void terminal.end(error instanceof CommandError ? error.exitCode : 2);
  };
  // The program that is imported may fail where nobody awaits it.
  process.on("uncaughtException", fail);
  process.once("exit", () => {
    if (terminal.ending) return;
    terminal.note("portcullis: the module ended the process, or waits for what never comes, while it was loaded\n");
    process.exitCode = 2;
  });
  try {
    await commands(terminal).parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) await terminal.end(error.exitCode === 0 ? 0 : 2);
    else fail(error);
  }
}

function commands(terminal: Terminal): Command {
  const program = new Command("portcullis")
    .description("Looks after applications that are built with Portcullis.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .exitOverride()
    .configureOutput({ writeOut: terminal.print, writeErr: terminal.note })
    .showHelpAfterError("(portcullis --help tells more)");
  withExamples(
    program,
    "portcullis users create ann@acme.example --role admin",
    `portcullis routes                          # the access matrix of the application in ${usualModules[0]}`,
    "portcullis routes --check routes.lock      # in CI: fails when a guard changed",
    "portcullis migrate src/app.ts              # adds the tables and columns that are missing",
  );
  for (const add of groups) add(program, terminal);
  return program;
}

function version(): string {
  // The same two steps up from src/cli and from dist/cli.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const manifest = JSON.parse(text) as { readonly version?: unknown };
  if (typeof manifest.version !== "string") throw new CommandError("the package's own package.json has no version");
  return manifest.version;
}
