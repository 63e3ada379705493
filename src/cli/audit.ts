import { type Command, Option } from "commander";
import { auditHead, auditLine, readable } from "../audit/file.ts";
import { withSystem } from "./application.ts";
import {
  asJson,
  type CommonOptions,
  counted,
  namedModule,
  run,
  withCommonOptions,
  withExamples,
  withModuleArgument,
} from "./command.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Options of `portcullis audit verify`. */
interface AuditVerifyOptions extends CommonOptions {
  readonly expect?: string;
}

/** Options of `portcullis audit export`. */
interface AuditExportOptions extends CommonOptions {
  readonly csv?: boolean;
  readonly user?: string;
  readonly name?: string;
  readonly from?: string;
  readonly to?: string;
}

/** Adds `portcullis audit …`. */
export function auditCommands(program: Command, terminal: Terminal): void {
  const audit = program
    .command("audit")
    .summary("verify the audit trail, or export it")
    .description("Looks at the audit trail of the application's database.");
  withExamples(audit, "portcullis audit verify", "portcullis audit export --name userDeleted");
  const verify = audit
    .command("verify")
    .summary("recompute the chain of hashes")
    .description(
      "Recomputes the chain of hashes, says what was changed, removed or added past the application, and prints the head.",
    );
  withCommonOptions(withModuleArgument(verify), "print the report as JSON").option(
    "--expect <head>",
    "the head that an earlier look printed: that entry must still be there",
  );
  withExamples(
    verify,
    "portcullis audit verify",
    "portcullis audit verify --expect 1234:kq3…   # keep the printed head on another machine",
  ).action(
    run(terminal, (options: AuditVerifyOptions, module?: string) =>
      auditVerify(terminal, namedModule(module, options), options),
    ),
  );
  const exporting = audit
    .command("export")
    .summary("print the entries")
    .description("Prints the entries, newest first, as JSON lines.");
  withCommonOptions(withModuleArgument(exporting), "print JSON lines, which is the default")
    .addOption(new Option("--csv", "print CSV (RFC 4180)").conflicts("json"))
    .option("--user <id>", "only what concerns this user")
    .option("--name <event>", "only this event")
    .option("--from <date>", "not before")
    .option("--to <date>", "before");
  withExamples(exporting, "portcullis audit export --csv --from 2026-01-01 > trail.csv").action(
    run(terminal, (options: AuditExportOptions, module?: string) =>
      auditExport(terminal, namedModule(module, options), options),
    ),
  );
}

/** Recomputes the chain. Returns the exit code: 1 where it does not hold. */
async function auditVerify(
  terminal: Terminal,
  module: string | undefined,
  { json, expect }: AuditVerifyOptions,
): Promise<number> {
  if (expect !== undefined && !/^\d{1,15}:[\w-]*$/.test(expect)) {
    throw new CommandError('--expect: the head that an earlier look printed is expected ("123:hash")');
  }
  const report = await withSystem("audit verify", module, (security) =>
    security.audit.verify(expect === undefined ? {} : { expect }),
  );
  if (json === true) {
    terminal.print(asJson(report));
    return report.ok ? 0 : 1;
  }
  const range = report.entries === 0 ? "" : ` (${report.first} to ${report.last})`;
  const lines = report.faults.map(
    ({ sequence, fault }) => `${sequence === undefined ? "the trail" : `entry ${sequence}`}: ${fault}`,
  );
  lines.push(
    `${counted(report.entries, "entry", "entries")}${range}, ${report.ok ? "the chain holds" : "the chain is broken"}`,
  );
  lines.push(`head ${report.head}`);
  terminal.print(`${lines.join("\n")}\n`);
  return report.ok ? 0 : 1;
}

/** The entries, newest first, as JSON lines or CSV. */
async function auditExport(
  terminal: Terminal,
  module: string | undefined,
  options: AuditExportOptions,
): Promise<number> {
  const from = dateOf("--from", options.from);
  const to = dateOf("--to", options.to);
  const user = options.user === undefined ? undefined : Number(options.user);
  if (user !== undefined && !Number.isSafeInteger(user))
    throw new CommandError("--user: the number of a user is expected");
  const filter = {
    ...(user === undefined ? {} : { user }),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  await withSystem("audit export", module, async ({ audit }) => {
    if (options.csv === true) terminal.print(auditHead);
    let after: number | undefined;
    for (;;) {
      const page = await audit.list({ ...filter, limit: 1_000, ...(after === undefined ? {} : { after }) });
      for (const entry of page)
        terminal.print(options.csv === true ? auditLine(entry) : `${JSON.stringify(readable(entry))}\n`);
      await terminal.printed();
      after = page.at(-1)?.sequence;
      if (page.length < 1_000) break;
    }
  });
  return 0;
}

function dateOf(option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new CommandError(`${option}: a date is expected, such as 2026-01-31 or 2026-01-31T12:00Z`);
  return date;
}
