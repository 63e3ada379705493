/** The journey of every feature on each database, with the mails that come and what the audit trail says. */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeDatabases } from "../each-database.ts";
import { accountJourneys } from "./account.ts";
import { deviceJourneys } from "./devices.ts";
import { managementJourneys } from "./management.ts";
import { type Journey, type JourneySystem, startJourneys } from "./system.ts";

const journeys: Readonly<Record<string, Journey>> = {
  ...accountJourneys,
  ...deviceJourneys,
  ...managementJourneys,
};

it("every feature is on a journey", () => {
  const folders = readdirSync(new URL("../../../src/features/", import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect([...new Set(Object.values(journeys).flatMap(({ features }) => features))].sort()).toEqual(folders.sort());
});

describeDatabases("journeys", (database) => {
  let system: JourneySystem;
  beforeAll(async () => {
    system = await startJourneys(database.provider());
  });
  afterAll(() => system?.security.close());

  it.each(Object.entries(journeys))("%s", async (_name, { travel, mails, audit }) => {
    const person = await travel(system);
    // What one change causes has no order of its own: to whom it is mailed, and what the trail tells of it.
    expect(system.mailsTo(person).toSorted()).toEqual(mails.toSorted());
    expect((await system.auditOf(person)).toSorted()).toEqual(audit.toSorted());
    expect(system.failures()).toEqual([]);
  });

  it("and the trail of all of them holds", async () => {
    expect(await system.security.audit.verify()).toMatchObject({ ok: true });
  });
});
