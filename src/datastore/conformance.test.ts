import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import * as vitest from "vitest";
import { datastoreConformance } from "../testing/datastore-conformance.ts";
import type { Datastore } from "./contract.ts";
import type { SqlProvider } from "./kysely/provider.ts";
import { memory } from "./memory/index.ts";
import { sqlite } from "./sqlite/index.ts";

datastoreConformance("memory", (schema, environment) => memory().open(schema, environment), vitest);

const providers = new WeakMap<Datastore, { provider: SqlProvider; path: string }>();
let folder = "";
let files = 0;

vitest.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "datastore-"));
});
vitest.afterAll(async () => {
  await rm(folder, { recursive: true });
});

const openAt = async (path: string, ...rest: Parameters<SqlProvider["open"]>): Promise<Datastore> => {
  const provider = sqlite(path);
  const store = await provider.open(...rest);
  providers.set(store, { provider, path });
  return store;
};

const drop = async (store: Datastore, table: string, column?: string): Promise<void> => {
  const db = providers.get(store)?.provider.kysely();
  if (db === undefined) throw new Error("unknown store");
  if (column === undefined) {
    await sql`drop table ${sql.id(table)}`.execute(db);
    return;
  }
  await sql`drop index if exists ${sql.id(`ix_${table}_${column}`)}`.execute(db);
  await sql`alter table ${sql.id(table)} drop column ${sql.id(column)}`.execute(db);
};

datastoreConformance("SQLite in memory", (schema, environment) => openAt(":memory:", schema, environment), vitest, {
  drop,
});

datastoreConformance(
  "SQLite in a file",
  (schema, environment) => {
    files += 1;
    return openAt(join(folder, `${files}.db`), schema, environment);
  },
  vitest,
  {
    drop,
    another: (store, schema, environment) => openAt(providers.get(store)?.path ?? "", schema, environment),
  },
);
