import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { auditHead, auditLine, readable } from "../audit/file.ts";
import { faultLine } from "../audit/remedies.ts";
import { AuditBrokenError, type AuditReport } from "../audit/verify.ts";
import { PortcullisError } from "../model/errors.ts";
import { operatingSystemUser, withSystem } from "./application.ts";
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
  readonly anchor?: string;
}

/** Options of `portcullis audit anchor`. */
interface AuditAnchorOptions extends CommonOptions {
  readonly out?: string;
}

/** Options of `portcullis audit acknowledge`. */
interface AuditAcknowledgeOptions extends CommonOptions {
  readonly reason: string;
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
    .summary("verify, anchor or export the audit trail")
    .description("Looks at the audit trail of the application's database.");
  withExamples(audit, "portcullis audit verify", "portcullis audit export --name userDeleted");
  const verify = audit
    .command("verify")
    .summary("recompute the chain of hashes")
    .description(
      "Recomputes the chain of hashes, says what was changed, removed or added past the application, and prints the head.",
    );
  withCommonOptions(withModuleArgument(verify), "print the report as JSON")
    .option("--expect <head>", "the head that an earlier look printed: that entry must still be there")
    .option("--anchor <file>", "the file that `audit anchor` wrote: what it says must still be there");
  withExamples(
    verify,
    "portcullis audit verify",
    "portcullis audit verify --anchor /mnt/elsewhere/trail.anchor",
    "portcullis audit verify --expect 1234:kq3…   # keep the printed head on another machine",
  ).action(
    run(terminal, (options: AuditVerifyOptions, module?: string) =>
      auditVerify(terminal, namedModule(module, options), options),
    ),
  );
  const anchor = audit
    .command("anchor")
    .summary("say, signed, where the trail ends")
    .description(
      "Verifies the chain and says, signed, where it ends: to be kept outside of the database, where it finds the trail cut off or emptied.",
    );
  withCommonOptions(withModuleArgument(anchor), "print the anchor as JSON").option(
    "--out <file>",
    "write it there; the anchor that is there must still hold, or it stays and the command fails",
  );
  withExamples(anchor, "portcullis audit anchor --out /mnt/elsewhere/trail.anchor   # each hour").action(
    run(terminal, (options: AuditAnchorOptions, module?: string) =>
      auditAnchor(terminal, namedModule(module, options), options),
    ),
  );
  const acknowledge = audit
    .command("acknowledge")
    .summary("say that a break is known")
    .description(
      "Says that the breaks which the trail itself reports (auditBroken) are known, such as after a key was dropped too early: they are no faults from then on, and retention goes on. Look first with `audit verify --anchor`.",
    )
    .requiredOption("--reason <text>", "why, for the trail");
  withCommonOptions(withModuleArgument(acknowledge), "print the report as JSON");
  withExamples(acknowledge, 'portcullis audit acknowledge --reason "the key of 2025 was dropped"').action(
    run(terminal, (options: AuditAcknowledgeOptions, module?: string) =>
      auditAcknowledge(terminal, namedModule(module, options), options),
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
  { json, expect, anchor: file }: AuditVerifyOptions,
): Promise<number> {
  if (expect !== undefined && !/^\d{1,15}:[\w-]*$/.test(expect)) {
    throw new CommandError('--expect: the head that an earlier look printed is expected ("123:hash")');
  }
  const anchor = file === undefined ? undefined : readAnchor(file);
  if (file !== undefined && anchor === undefined) throw new CommandError(`--anchor: there is no file ${file}`);
  const report = await withSystem("audit verify", module, (security) =>
    asAnchor(
      security.audit.verify({
        ...(expect === undefined ? {} : { expect }),
        ...(anchor === undefined ? {} : { anchor }),
      }),
    ),
  );
  return told(terminal, report, json);
}

/** Makes an anchor; the one that the file has must still hold. */
async function auditAnchor(
  terminal: Terminal,
  module: string | undefined,
  { json, out }: AuditAnchorOptions,
): Promise<number> {
  const before = out === undefined ? undefined : readAnchor(out);
  const made = await withSystem("audit anchor", module, async ({ audit }) => {
    try {
      return await asAnchor(audit.anchor(before === undefined ? {} : { anchor: before }));
    } catch (error) {
      if (error instanceof AuditBrokenError) return error.report;
      throw error;
    }
  });
  if (typeof made !== "string") return told(terminal, made, json);
  if (out !== undefined) {
    // Whole or not at all: the one before must not be lost to a full disk.
    writeFileSync(`${out}.new`, `${made}\n`);
    renameSync(`${out}.new`, out);
  } else terminal.print(json === true ? asJson({ anchor: made }) : `${made}\n`);
  return 0;
}

/** Says that the breaks are known. */
async function auditAcknowledge(
  terminal: Terminal,
  module: string | undefined,
  { json, reason }: AuditAcknowledgeOptions,
): Promise<number> {
  if (reason.trim() === "") throw new CommandError("--reason: say why");
  const report = await withSystem("audit acknowledge", module, async ({ audit }) => {
    try {
      await audit.acknowledge({ reason, by: operatingSystemUser() });
    } catch (error) {
      if (!(error instanceof PortcullisError) || error.code !== "nothing_to_acknowledge") throw error;
      throw new CommandError(error.message, { exitCode: 1 });
    }
    return audit.verify();
  });
  return told(terminal, report, json);
}

/** What a file says; undefined: there is none. */
function readAnchor(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "ENOENT") return undefined;
    throw new CommandError(`${file} can't be read: ${String(error)}`, { cause: error });
  }
}

/** A file that has something else than an anchor is a mistake of the caller's. */
async function asAnchor<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TypeError && error.message.startsWith("anchor: ")) throw new CommandError(error.message);
    throw error;
  }
}

/** Prints a report. Returns the exit code. */
function told(terminal: Terminal, report: AuditReport, json: boolean | undefined): number {
  if (json === true) {
    terminal.print(asJson(report));
    return report.ok ? 0 : 1;
  }
  const range = report.entries === 0 ? "" : ` (${report.first} to ${report.last})`;
  const lines = report.faults.map(faultLine);
  lines.push(
    `${counted(report.entries, "entry", "entries")}${range}, ${report.ok ? "the chain holds" : "the chain is broken"}`,
  );
  if (report.acknowledged > 0) lines.push(`${counted(report.acknowledged, "break")} acknowledged`);
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
