import { type Dialect, Kysely } from "kysely";
import { DatastoreError } from "../../model/errors.ts";
import type { Schema } from "../../model/schema.ts";
import type { Datastore, DatastoreEnvironment, DatastoreProvider, Transaction } from "../contract.ts";
import { checkSchema } from "../tables.ts";
import type { Database } from "./dialect.ts";

/** What the application needs to type its own tables and to hand its queries around. */
export type { Generated, Kysely } from "kysely";

/** A provider whose database the application can query too. */
export interface SqlProvider extends DatastoreProvider {
  /**
   * The application's own typed queries on the same database; inside a transaction of the datastore pass its `tx`, and they
   * are part of it. Changes of users or roles made this way are not announced to the caches.
   * Queries without `tx` throw MissingTransactionError inside a transaction, instead of waiting for what it has locked.
   * Throws DatastoreError before `portcullis()` has opened the database and after it was closed, and for another store's `tx`.
   *
   * ```ts
   * const store = sqlite("acme.db");
   * const security = await portcullis({ datastore: store, … });
   * const products = await store.kysely<Tables>().selectFrom("product").selectAll().execute();
   * ```
   */
  kysely<DB>(tx?: Transaction): Kysely<DB>;
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
    kysely<DB>(tx?: Transaction) {
      if (tx !== undefined) {
        if (!(tx.native instanceof Kysely)) throw new DatastoreError("kysely(tx): not a transaction of an SQL store");
        return tx.native as Kysely<DB>;
      }
      if (current === undefined) {
        throw new DatastoreError(`the ${dialect} database is not open: portcullis() opens it, close() closes it`);
      }
      return current as unknown as Kysely<DB>;
    },
  };
}

/** The dialect whose connections are handed out after `admit`, which throws where waiting for one would never end. */
export function admitting(dialect: Dialect, admit: () => void): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver() {
      const driver = dialect.createDriver();
      const acquire = driver.acquireConnection.bind(driver);
      driver.acquireConnection = async (...args) => {
        admit();
        return await acquire(...args);
      };
      return driver;
    },
  };
}
