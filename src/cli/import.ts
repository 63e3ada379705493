import { type Command, Option } from "commander";
import type { ImportOptions, ImportOutcome } from "../datastore/user-transfer.ts";
import { type OperatedSystem, withSystem } from "./application.ts";
import { type CommonOptions, counted, run, withCommonOptions, withExamples } from "./command.ts";
import { createProgress } from "./progress.ts";
import { type FileFormat, type FileRecord, openRecords, type RecordFile } from "./records.ts";
import type { Terminal } from "./terminal.ts";

interface ImportCommandOptions extends CommonOptions {
  readonly format?: FileFormat;
  readonly dryRun?: boolean;
  readonly createRoles?: boolean;
  readonly existing: "skip" | "fail";
}

/** Records that are stored in one transaction. */
const batchSize = 500;

/** Adds `portcullis import`. */
export function importCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("import")
    .summary("import users, with their hashes, from CSV or JSON lines")
    .description(
      "Imports users from a file with one user a line: JSON lines, or CSV whose first line names the fields. A user whose e-mail address is there already stays as they are, so an import that was cut off goes on when it is called again. A line that can't be imported is reported, and the others are.",
    )
    .argument("<file>", 'the file, or "-" for standard input')
    .addOption(new Option("--format <format>", "its form; default: by the name's end").choices(["csv", "jsonl"]))
    .option("--dry-run", "look at every line and store nothing")
    .option("--create-roles", "make the roles that are missing; else a line that names one is refused")
    .addOption(
      new Option("--existing <what>", "users that are there already: pass over them, or report their lines")
        .choices(["skip", "fail"])
        .default("skip"),
    );
  withCommonOptions(command, "print one JSON object a line: each refused line, then the counts");
  withExamples(
    command,
    "portcullis import users.csv --dry-run      # what would happen?",
    "portcullis import users.jsonl",
    "zcat users.jsonl.gz | portcullis import - --format jsonl",
  ).action(run(terminal, (options: ImportCommandOptions, file: string) => importUsers(terminal, file, options)));
}

/** The lines of a file by what became of them. */
interface Counts {
  read: number;
  imported: number;
  existing: number;
  refused: number;
}

/** Imports a file. Returns the exit code: 1 when a line was refused, 130 when it was interrupted. */
async function importUsers(terminal: Terminal, file: string, options: ImportCommandOptions): Promise<number> {
  const source = openRecords(file, options.format);
  return withSystem("import", options.module, async (system) => {
    const interrupted = interruption();
    const progress = createProgress(terminal, "users");
    const counts: Counts = { read: 0, imported: 0, existing: 0, refused: 0 };
    const report = (line: number, field: string, problem: string): void => {
      counts.refused += 1;
      progress.end();
      if (options.json === true) terminal.print(`${JSON.stringify({ line, field: field || null, problem })}\n`);
      else terminal.note(`line ${line}: ${field === "" ? "" : `${field}: `}${problem}\n`);
    };
    for await (const batch of batches(source.records(interrupted), interrupted)) {
      await importBatch(system, batch, options, counts, report);
      progress.update(counts.read, partOf(source));
      await terminal.printed();
    }
    progress.end();
    const { perSecond, seconds } = progress.rate(counts.read);
    const ended = interrupted.aborted;
    if (options.json === true) {
      const took = { seconds: Number(seconds.toFixed(3)), perSecond };
      terminal.print(`${JSON.stringify({ ...counts, dryRun: options.dryRun === true, ended, ...took })}\n`);
    } else {
      terminal.print(`${summary(counts, options)} in ${seconds.toFixed(1)} s (${perSecond} lines/s)\n`);
    }
    if (ended) terminal.note("portcullis: interrupted; called again, the import goes on\n");
    return ended ? 130 : counts.refused > 0 ? 1 : 0;
  });
}

function summary({ imported, existing, refused }: Counts, { dryRun }: ImportCommandOptions): string {
  const done = dryRun === true ? "would be imported" : "imported";
  return `${counted(imported, "user")} ${done}, ${existing} there already, ${counted(refused, "line")} refused`;
}

function partOf(source: RecordFile): number | undefined {
  return source.size === undefined || source.size === 0 ? undefined : source.position() / source.size;
}

/** Ctrl-C ends the import after the batch that is at work, or while it waits for input; a second one ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  return controller.signal;
}

async function* batches(
  records: AsyncIterable<FileRecord>,
  interrupted: AbortSignal,
): AsyncGenerator<readonly FileRecord[]> {
  let batch: FileRecord[] = [];
  for await (const record of records) {
    if (interrupted.aborted) return;
    batch.push(record);
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0 && !interrupted.aborted) yield batch;
}

async function importBatch(
  { transfer }: OperatedSystem,
  batch: readonly FileRecord[],
  options: ImportCommandOptions,
  counts: Counts,
  report: (line: number, field: string, problem: string) => void,
): Promise<void> {
  const readable = batch.flatMap((it) => ("record" in it ? [it.record] : []));
  const importing: ImportOptions = {
    dryRun: options.dryRun === true,
    createRoles: options.createRoles === true,
  };
  const outcomes = (await transfer.import(readable, importing)).values();
  for (const it of batch) {
    counts.read += 1;
    if (!("record" in it)) {
      report(it.line, it.field, it.problem);
      continue;
    }
    const outcome = outcomes.next().value as ImportOutcome;
    if (outcome.kind === "refused") report(it.line, outcome.field, outcome.problem);
    else if (outcome.kind === "existing" && options.existing === "fail") report(it.line, "email", "is there already");
    else counts[outcome.kind] += 1;
  }
}
