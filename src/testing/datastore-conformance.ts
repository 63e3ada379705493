import type { Datastore } from "../datastore/contract.ts";
import { bundleConformance } from "./datastore-conformance/bundles.ts";
import { conditionConformance } from "./datastore-conformance/conditions.ts";
import {
  type ConformanceExtras,
  type ConformanceRunner,
  conformanceEnvironment,
  conformanceSchema,
  type OpenDatastore,
} from "./datastore-conformance/fixtures.ts";
import { migrationConformance } from "./datastore-conformance/migrations.ts";
import { rowConformance } from "./datastore-conformance/rows.ts";
import { scaleConformance } from "./datastore-conformance/scale.ts";
import { transactionConformance } from "./datastore-conformance/transactions.ts";

export type { ConformanceExtras, ConformanceRunner, OpenDatastore } from "./datastore-conformance/fixtures.ts";

/**
 * Proves that a store does what the Datastore contract says. `open` must give an empty database of its own at each call;
 * the suite makes the tables by `migrate()`. The suite's assertions are those of `node:assert`.
 *
 * ```ts
 * import * as vitest from "vitest";
 * datastoreConformance("mine", (schema, environment) => mine().open(schema, environment), vitest);
 * ```
 */
export function datastoreConformance(
  name: string,
  open: OpenDatastore,
  runner: ConformanceRunner,
  extras: ConformanceExtras = {},
): void {
  const { describe, it, beforeAll, afterAll } = runner;
  describe(`Datastore contract: ${name}`, () => {
    let store: Datastore;
    beforeAll(async () => {
      store = await open(conformanceSchema, conformanceEnvironment);
      await store.migrate();
    });
    afterAll(async () => {
      await store.close();
    });
    describe("rows", () => rowConformance(() => store, it));
    describe("conditions", () => conditionConformance(() => store, it));
    describe("bundles", () => bundleConformance(() => store, it));
    describe("transactions", () => transactionConformance(() => store, it, extras));
    describe("migrations", () => migrationConformance(open, it, extras));
    describe("scale", () => scaleConformance(open, it, extras));
  });
}
