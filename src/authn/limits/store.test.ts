import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { limitStoreTests } from "../../../tests/services/limit-store.ts";
import type { DatastoreProvider } from "../../datastore/contract.ts";
import { memory } from "../../datastore/memory/index.ts";
import { sqlite } from "../../datastore/sqlite/index.ts";
import { coreTables } from "../../model/tables.ts";
import { memoryLimits } from "./memory.ts";
import { datastoreLimits } from "./store.ts";

const environment = { now: Date.now, log: () => undefined };

describe("limits in memory", () => {
  limitStoreTests(async () => {
    const store = await memory().open(coreTables, environment);
    await store.migrate();
    return { stores: [datastoreLimits(store), datastoreLimits(store)], close: () => store.close() };
  });
});

describe("limits in SQLite", () => {
  limitStoreTests(async () => {
    const folder = mkdtempSync(join(tmpdir(), "portcullis-limits-"));
    const open = (): ReturnType<DatastoreProvider["open"]> =>
      sqlite(join(folder, "limits.db")).open(coreTables, environment);
    const first = await open();
    await first.migrate();
    const second = await open();
    return {
      stores: [datastoreLimits(first), datastoreLimits(second)],
      async close() {
        await first.close();
        await second.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
});

describe("limits in one process", () => {
  limitStoreTests(async () => {
    const store = memoryLimits(Date.now);
    return { stores: [store, store], close: () => Promise.resolve() };
  });
});
