import { commandLine, type MigrationReport } from "../model/command-line.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { Schema } from "../model/schema.ts";
import type { Datastore, DatastoreProvider } from "./contract.ts";

/** A database that is open, and not used yet. */
export interface OpenedDatastore {
  readonly datastore: Datastore;
  /**
   * Makes its tables where the option `migrate` allows that, and sees that it has what the schema needs. To be called once
   * everything else of the configuration is found right: what refuses to start has changed no database.
   *
   * @throws ConfigurationError when tables, columns or indexes are missing or otherwise.
   */
  prepare(): Promise<void>;
}

/** Opens the application's database. */
export async function openDatastore(
  options: { readonly datastore: DatastoreProvider; readonly migrate?: "create" | "check" | "always" | undefined },
  schema: Schema,
  environment: Parameters<DatastoreProvider["open"]>[1],
): Promise<OpenedDatastore> {
  const datastore = await options.datastore.open(schema, environment);
  return { datastore, prepare: () => prepare(datastore, options.migrate ?? "create") };
}

async function prepare(datastore: Datastore, migrate: "create" | "check" | "always"): Promise<void> {
  const command = commandLine();
  if (command?.command === "migrate") {
    const report = migrationReport(datastore, command.checkOnly);
    command.databases.push(report);
    // The command waits for this report from here on, and for nothing else of the start.
    command.started();
    await report;
  }
  const looks = command?.command === "migrate" || command?.command === "doctor";
  const mode = looks ? "check" : migrate;
  if (mode === "always" || (mode === "create" && (await datastore.isEmpty()))) await datastore.migrate();
  const missing = await datastore.check();
  if (missing.length === 0) return;
  throw new ConfigurationError("datastore", lackOf(missing, (await datastore.unfit?.()) ?? []));
}

/** Which of the lines a migration mends, and which are mended by hand, before it. */
function lackOf(missing: readonly string[], unfit: readonly string[]): string {
  const listed = (lines: readonly string[]): string => lines.map((line) => `\n  - ${line}`).join("");
  const mendable = missing.filter((line) => !unfit.includes(line));
  const lacks = "the database lacks what this configuration needs";
  if (unfit.length === 0) return `${lacks}; run "portcullis migrate":${listed(mendable)}`;
  const byHand = "mend by hand what no migration changes:";
  if (mendable.length === 0) return `${lacks}; ${byHand}${listed(unfit)}`;
  return `${lacks}; first ${byHand}${listed(unfit)}\nthen run "portcullis migrate", which adds the rest:${listed(mendable)}`;
}

/** Under `portcullis migrate`. */
async function migrationReport(datastore: Datastore, checkOnly: boolean): Promise<MigrationReport> {
  const { dialect } = datastore;
  if (!checkOnly) return { dialect, lines: await datastore.migrate() };
  const lines = await datastore.check();
  const byHand = lines.length === 0 ? [] : ((await datastore.unfit?.()) ?? []);
  return { dialect, lines: lines.filter((line) => !byHand.includes(line)), byHand };
}
