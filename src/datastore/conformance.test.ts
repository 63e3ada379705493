import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import * as vitest from "vitest";
import { conformanceSchema } from "../testing/datastore-conformance/fixtures.ts";
import { datastoreConformance } from "../testing/datastore-conformance.ts";
import type { Datastore } from "./contract.ts";
import type { SqlProvider } from "./kysely/provider.ts";
import { memory } from "./memory/index.ts";
import { sqliteDialect } from "./sqlite/dialect.ts";
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

const scanByEmail = async (store: Datastore, email: string): Promise<string | undefined> => {
  const db = providers.get(store)?.provider.kysely();
  const column = conformanceSchema.user?.columns.email;
  if (db === undefined || column === undefined) throw new Error("unknown store");
  const condition = sqliteDialect.equalsIgnoringCase("user", column, email);
  const plan = await sql<{ detail: string }>`explain query plan select * from "user" where ${condition}`.execute(db);
  const text = plan.rows.map((row) => row.detail).join("\n");
  return /SEARCH user USING INDEX /.test(text) && !/\bSCAN\b/.test(text) ? undefined : text;
};

datastoreConformance("SQLite in memory", (schema, environment) => openAt(":memory:", schema, environment), vitest, {
  drop,
  scanByEmail,
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
    scanByEmail,
    another: (store, schema, environment) => openAt(providers.get(store)?.path ?? "", schema, environment),
  },
);
