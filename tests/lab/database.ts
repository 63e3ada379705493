import type { Datastore, DatastoreProvider } from "portcullis";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { UsageError } from "./arguments.ts";

type Schema = Parameters<DatastoreProvider["open"]>[0];

/** The store of a URL: `sqlite:FILE`, `sqlite::memory:`, `postgres://…` or `mysql://…`. */
export function databaseOf(url: string): DatastoreProvider {
  if (url.startsWith("sqlite:") && url.length > "sqlite:".length) return sqlite(url.slice("sqlite:".length));
  if (/^postgres(?:ql)?:\/\//.test(url)) return postgres(url);
  if (/^(?:mysql|mariadb):\/\//.test(url)) return mysql(url);
  throw new UsageError("--database: sqlite:FILE, sqlite::memory:, postgres://… or mysql://… is expected");
}

/** What the lab itself needs of the database once it is open. */
export interface OpenedDatabase {
  readonly store: Datastore;
  readonly schema: Schema;
  /** True when it had no tables at the start. */
  readonly wasEmpty: boolean;
}

/** A provider that remembers what was opened. `opened()` throws before that. */
export function watched(provider: DatastoreProvider): { provider: DatastoreProvider; opened: () => OpenedDatabase } {
  let opened: OpenedDatabase | undefined;
  return {
    provider: {
      dialect: provider.dialect,
      async open(schema, environment) {
        const store = await provider.open(schema, environment);
        opened = { store, schema, wasEmpty: await store.isEmpty() };
        return store;
      },
    },
    opened() {
      if (opened === undefined) throw new Error("the database is not open yet");
      return opened;
    },
  };
}
