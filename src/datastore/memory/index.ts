import { checkKnown } from "../../model/known-names.ts";
import type { Schema } from "../../model/schema.ts";
import type { Datastore, DatastoreEnvironment, DatastoreProvider } from "../contract.ts";
import { checkSchema } from "../tables.ts";
import { MemoryStore } from "./store.ts";

/**
 * Accounts in the memory of the process, for tests: the constraints, cascades and transactions of the SQL stores without a
 * database. Each time it is opened it begins empty.
 */
export function memory(options: Record<string, never> = {}): DatastoreProvider {
  checkKnown("memory(...)", options, []);
  return {
    dialect: "memory",
    async open(schema: Schema, environment: DatastoreEnvironment): Promise<Datastore> {
      checkSchema(schema);
      return new MemoryStore(schema, environment.now);
    },
  };
}
