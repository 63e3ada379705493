import { readFileSync } from "node:fs";
import { Argument, Command, CommanderError, Option } from "commander";
import { type AuditExportOptions, type AuditVerifyOptions, auditExport, auditVerify } from "./audit.ts";
import { type MigrateOptions, migrate } from "./migrate.ts";
import { openapi } from "./openapi.ts";
import { type RoutesOptions, routes } from "./routes.ts";
import { usualModules } from "./start.ts";
import { CommandError, type Terminal, takeTerminal } from "./terminal.ts";

const exitCodes = `
Exit codes:
  0  done
  1  a check failed
  2  wrong usage, or the module could not be loaded
`;

/** Runs the command that `argv` names, and ends the process. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  const terminal = takeTerminal();
  const fail = (error: unknown): void => {
    if (terminal.ending) return;
    terminal.fail(error);
    void terminal.end(2);
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
    .showHelpAfterError("(portcullis --help tells more)")
    .addHelpText(
      "after",
      `${exitCodes}
Examples:
  $ portcullis routes                          # the access matrix of the application in ${usualModules[0]}
  $ portcullis routes --check routes.lock      # in CI: fails when a guard changed
  $ portcullis migrate src/app.ts              # adds the tables and columns that are missing`,
    );

  const about = "The module is imported as at a start, with its database, but does not listen.";
  program
    .command("routes")
    .summary("print the access matrix, write it to a file, compare it with one")
    .description(`Prints the access matrix: every route with its guard. ${about}`)
    .addArgument(moduleArgument())
    .option("--json", "print the routes as JSON")
    .addOption(new Option("--lock <file>", "write the matrix to a file, one line a route").conflicts("json"))
    .addOption(new Option("--check <file>", "print what differs from such a file").conflicts(["json", "lock"]))
    .option("--debug", "show the stack of an error")
    .addHelpText(
      "after",
      `${exitCodes}
Examples:
  $ portcullis routes
  $ portcullis routes src/server.ts --json
  $ portcullis routes --lock routes.lock       # keep it under version control …
  $ portcullis routes --check routes.lock      # … and see each change of it in the review`,
    )
    .action(run(terminal, (module, options: RoutesOptions) => routes(terminal, module, options)));
  program
    .command("openapi")
    .summary("print the API's description (OpenAPI 3.1)")
    .description(`Prints the API's description as OpenAPI 3.1, made from the declared routes. ${about}`)
    .addArgument(moduleArgument())
    .option("--debug", "show the stack of an error")
    .addHelpText("after", `${exitCodes}\nExamples:\n  $ portcullis openapi src/server.ts > openapi.json`)
    .action(run(terminal, (module) => openapi(terminal, module)));
  program
    .command("migrate")
    .summary("add what the database lacks")
    .description(`Adds the tables, columns and indexes that the database lacks for this configuration. ${about}`)
    .addArgument(moduleArgument())
    .option("--check", "change nothing; list the tables and columns that are missing")
    .option("--json", "print JSON")
    .option("--debug", "show the stack of an error")
    .addHelpText(
      "after",
      `${exitCodes}
Examples:
  $ portcullis migrate
  $ portcullis migrate src/server.ts --check   # before a deployment: is anything missing?`,
    )
    .action(run(terminal, (module, options: MigrateOptions) => migrate(terminal, module, options)));
  auditCommands(program, terminal);
  return program;
}

function auditCommands(program: Command, terminal: Terminal): void {
  const audit = program
    .command("audit")
    .summary("verify the audit trail, or export it")
    .description("Looks at the audit trail of the application's database.");
  audit
    .command("verify")
    .summary("recompute the chain of hashes")
    .description(
      "Recomputes the chain of hashes, says what was changed, removed or added past the application, and prints the head.",
    )
    .addArgument(moduleArgument())
    .option("--expect <head>", "the head that an earlier look printed: that entry must still be there")
    .option("--json", "print the report as JSON")
    .option("--debug", "show the stack of an error")
    .addHelpText(
      "after",
      `${exitCodes}
Examples:
  $ portcullis audit verify
  $ portcullis audit verify --expect 1234:kq3…   # keep the printed head on another machine`,
    )
    .action(run(terminal, (module, options: AuditVerifyOptions) => auditVerify(terminal, module, options)));
  audit
    .command("export")
    .summary("print the entries")
    .description("Prints the entries, newest first, as JSON lines.")
    .addArgument(moduleArgument())
    .option("--csv", "print CSV (RFC 4180)")
    .option("--user <id>", "only what concerns this user")
    .option("--name <event>", "only this event")
    .option("--from <date>", "not before")
    .option("--to <date>", "before")
    .option("--debug", "show the stack of an error")
    .addHelpText("after", exitCodes)
    .action(run(terminal, (module, options: AuditExportOptions) => auditExport(terminal, module, options)));
}

function moduleArgument(): Argument {
  return new Argument(
    "[module]",
    `the application's module; default: the first there is of ${usualModules.join(", ")}`,
  );
}

/** An action that ends the process with the code of its command. */
function run<Options extends object>(
  terminal: Terminal,
  command: (module: string | undefined, options: Options) => Promise<number>,
): (module: string | undefined, options: Options & { readonly debug?: boolean }) => Promise<void> {
  return async (module, options) => {
    terminal.debug = options.debug === true;
    await terminal.end(await command(module, options));
  };
}

function version(): string {
  // The same two steps up from src/cli and from dist/cli.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const manifest = JSON.parse(text) as { readonly version?: unknown };
  if (typeof manifest.version !== "string") throw new CommandError("the package's own package.json has no version");
  return manifest.version;
}
