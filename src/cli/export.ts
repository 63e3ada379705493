import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { type Command, Option } from "commander";
import { cellText, type UserRecord } from "../datastore/user-records.ts";
import { csvLine } from "../model/csv.ts";
import { withSystem } from "./application.ts";
import { type CommonOptions, counted, run, withCommonOptions, withExamples } from "./command.ts";
import { createProgress } from "./progress.ts";
import { type FileFormat, formatOf } from "./records.ts";
import { CommandError, type Terminal } from "./terminal.ts";

interface ExportCommandOptions extends CommonOptions {
  readonly format?: FileFormat;
  readonly output?: string;
  readonly withHashes?: boolean;
}

/** Adds `portcullis export`. */
export function exportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("export")
    .summary("export users as JSON lines or CSV, in the form that import reads")
    .description(
      "Prints all users, one a line, in the form that import reads. Without --with-hashes nobody can sign in with what is exported.",
    )
    .addOption(
      new Option("--format <format>", "its form; default: by the name's end, else jsonl").choices(["csv", "jsonl"]),
    )
    .option("-o, --output <file>", "write to a new file that its owner alone can read")
    .option(
      "--with-hashes",
      "with the hashes of passwords and with secret columns: keep such a file as you keep the database",
    );
  withCommonOptions(command, "print JSON lines, which is the default");
  withExamples(
    command,
    "portcullis export --output users.csv",
    "portcullis export --with-hashes --output users.jsonl   # to move to another database",
  ).action(run(terminal, (options: ExportCommandOptions) => exportUsers(terminal, options)));
}

/** Where the lines go. */
interface Sink {
  write(text: string): Promise<void>;
  end(): Promise<void>;
  fail(): Promise<void>;
}

async function exportUsers(terminal: Terminal, options: ExportCommandOptions): Promise<number> {
  const { output } = options;
  const format = options.format ?? (output === undefined ? "jsonl" : formatOf(output));
  if (options.json === true && format === "csv") throw new CommandError("--json and CSV contradict each other");
  const sink = output === undefined ? printing(terminal) : await newFile(output);
  try {
    return await withSystem("export", options.module, async ({ transfer }) => {
      const hashes = options.withHashes === true;
      const progress = createProgress(terminal, "users");
      const fields = transfer.fields.filter((field) => hashes || !transfer.secret.has(field));
      if (format === "csv") await sink.write(csvLine(fields));
      let written = 0;
      let after: number | undefined;
      do {
        const page = await transfer.export({ after, hashes });
        await sink.write(page.records.map((record) => lineOf(record, fields, format)).join(""));
        written += page.records.length;
        progress.update(written, undefined);
        after = page.next;
      } while (after !== undefined);
      await sink.end();
      progress.end();
      const { perSecond, seconds } = progress.rate(written);
      if (output !== undefined) {
        terminal.note(`${counted(written, "user")} exported in ${seconds.toFixed(1)} s (${perSecond} users/s)\n`);
      }
      return 0;
    });
  } catch (error) {
    await sink.fail();
    throw error;
  }
}

function lineOf(record: UserRecord, fields: readonly string[], format: FileFormat): string {
  return format === "csv" ? csvLine(fields.map((field) => cellText(record[field]))) : `${JSON.stringify(record)}\n`;
}

function printing(terminal: Terminal): Sink {
  return {
    async write(text) {
      terminal.print(text);
      await terminal.printed();
    },
    end: async () => {},
    fail: async () => {},
  };
}

/** A file that appears whole, under its name, when all is written. */
async function newFile(name: string): Promise<Sink> {
  if (existsSync(name)) throw new CommandError(`${name} is there already`);
  const part = `${name}.part`;
  // Names, and perhaps hashes: nobody else on this machine may read them.
  const stream = createWriteStream(part, { flags: "wx", mode: 0o600 });
  try {
    await once(stream, "open");
  } catch (error) {
    throw new CommandError(`cannot write ${part} (${error instanceof Error ? error.message : String(error)})`);
  }
  return {
    async write(text) {
      if (!stream.write(text)) await once(stream, "drain");
    },
    async end() {
      stream.end();
      await once(stream, "finish");
      await rename(part, name);
    },
    async fail() {
      stream.destroy();
      await rm(part, { force: true });
    },
  };
}
