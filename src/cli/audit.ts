import { csvHead, csvLine, readable } from "../audit/file.ts";
import { counted } from "../routes/matrix.ts";
import { withSystem } from "./application.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Options of `portcullis audit verify`. */
export interface AuditVerifyOptions {
  readonly json?: boolean;
  readonly expect?: string;
}

/** Options of `portcullis audit export`. */
export interface AuditExportOptions {
  readonly csv?: boolean;
  readonly user?: string;
  readonly name?: string;
  readonly from?: string;
  readonly to?: string;
}

/** `portcullis audit verify`: recomputes the chain. Returns the exit code: 1 where it does not hold. */
export async function auditVerify(
  terminal: Terminal,
  module: string | undefined,
  { json, expect }: AuditVerifyOptions,
): Promise<number> {
  if (expect !== undefined && !/^\d{1,15}:[\w-]*$/.test(expect)) {
    throw new CommandError('--expect: the head that an earlier look printed is expected ("123:hash")');
  }
  const report = await withSystem(module, (security) => security.audit.verify(expect === undefined ? {} : { expect }));
  if (json === true) {
    terminal.print(`${JSON.stringify(report, null, 2)}\n`);
    return report.ok ? 0 : 1;
  }
  const range = report.entries === 0 ? "" : ` (${report.first} to ${report.last})`;
  const lines = report.faults.map(
    ({ sequence, fault }) => `${sequence === undefined ? "the trail" : `entry ${sequence}`}: ${fault}`,
  );
  lines.push(
    `${counted(report.entries, "entry").replace("entrys", "entries")}${range}, ${report.ok ? "the chain holds" : "the chain is broken"}`,
  );
  lines.push(`head ${report.head}`);
  terminal.print(`${lines.join("\n")}\n`);
  return report.ok ? 0 : 1;
}

/** `portcullis audit export`: the entries, newest first, as JSON lines or CSV. */
export async function auditExport(
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
  await withSystem(module, async ({ audit }) => {
    if (options.csv === true) terminal.print(csvHead);
    let after: number | undefined;
    for (;;) {
      const page = await audit.list({ ...filter, limit: 1_000, ...(after === undefined ? {} : { after }) });
      for (const entry of page)
        terminal.print(options.csv === true ? csvLine(entry) : `${JSON.stringify(readable(entry))}\n`);
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
