import type { Kysely } from "kysely";
import { DatastoreError } from "../../model/errors.ts";
import type { Schema } from "../../model/schema.ts";
import type { Datastore, DatastoreEnvironment, DatastoreProvider } from "../contract.ts";
import { checkSchema } from "../tables.ts";
import type { Database } from "./dialect.ts";

/** A provider whose database the application can query too. */
export interface SqlProvider extends DatastoreProvider {
  /**
   * The application's own typed queries on the same database. Inside a transaction of the datastore use `tx.native`, a Kysely
   * transaction, instead. Changes of users or roles made this way are not announced to the caches.
   * Throws DatastoreError before `portcullis()` has opened the database and after it was closed.
   *
   * ```ts
   * const store = sqlite("acme.db");
   * const security = await portcullis({ datastore: store, … });
   * const products = await store.kysely<Tables>().selectFrom("product").selectAll().execute();
   * ```
   */
  kysely<DB>(): Kysely<DB>;
}

/** A store and the Kysely that it runs on. */
export interface OpenedStore {
  readonly db: Database;
  readonly store: Datastore;
}

/** Makes a provider from what opens the database. */
export function sqlProvider(
  dialect: string,
  open: (schema: Schema, environment: DatastoreEnvironment) => Promise<OpenedStore>,
): SqlProvider {
  let current: Database | undefined;
  return {
    dialect,
    async open(schema, environment) {
      checkSchema(schema);
      const { db, store } = await open(schema, environment);
      current = db;
      const close = store.close.bind(store);
      store.close = async () => {
        if (current === db) current = undefined;
        await close();
      };
      return store;
    },
    kysely<DB>() {
      if (current === undefined) {
        throw new DatastoreError(`the ${dialect} database is not open: portcullis() opens it, close() closes it`);
      }
      return current as unknown as Kysely<DB>;
    },
  };
}
