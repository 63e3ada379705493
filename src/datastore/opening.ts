import { commandLine, type MigrationReport } from "../model/command-line.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { Schema } from "../model/schema.ts";
import type { Datastore, DatastoreProvider } from "./contract.ts";

/**
 * Opens the application's database and sees that it has what this schema needs.
 *
 * @throws ConfigurationError when tables or columns are missing and `migrate` does not allow to make them.
 */
export async function openDatastore(
  options: { readonly datastore: DatastoreProvider; readonly migrate?: "create" | "check" | "always" | undefined },
  schema: Schema,
  environment: Parameters<DatastoreProvider["open"]>[1],
): Promise<Datastore> {
  const opening = options.datastore.open(schema, environment);
  const command = commandLine();
  if (command?.command === "migrate") {
    const report = opening.then((datastore) => migrationReport(datastore, command.checkOnly));
    command.databases.push(report);
    // The command waits for this report from here on, and for nothing else of the start.
    command.started();
    await report;
  }
  const datastore = await opening;
  try {
    const looks = command?.command === "migrate" || command?.command === "doctor";
    const mode = looks ? "check" : (options.migrate ?? "create");
    if (mode === "always" || (mode === "create" && (await datastore.isEmpty()))) await datastore.migrate();
    const missing = await datastore.check();
    if (missing.length > 0) {
      const list = missing.map((line) => `\n  - ${line}`).join("");
      throw new ConfigurationError(
        "datastore",
        `the database lacks what this configuration needs; run "portcullis migrate":${list}`,
      );
    }
  } catch (error) {
    await datastore.close();
    throw error;
  }
  return datastore;
}

/** Under `portcullis migrate`. The database stays open when this fails: the command ends the process. */
async function migrationReport(datastore: Datastore, checkOnly: boolean): Promise<MigrationReport> {
  const lines = checkOnly ? await datastore.check() : await datastore.migrate();
  return { dialect: datastore.dialect, lines };
}
