/** The journey of every feature on each database, with the mails that come and what the audit trail says. */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeDatabases } from "../each-database.ts";
import { accountJourneys } from "./account.ts";
import { deviceJourneys } from "./devices.ts";
import { managementJourneys } from "./management.ts";
import { type InOrder, type Journey, type JourneySystem, startJourneys } from "./system.ts";

const journeys: Readonly<Record<string, Journey>> = {
  ...accountJourneys,
  ...deviceJourneys,
  ...managementJourneys,
};

/** The lists within each in one order. */
function sorted(expected: InOrder): InOrder {
  return expected.map((step): string | readonly string[] => (typeof step === "string" ? step : step.toSorted()));
}

/** What came, with as many together as the expectation has in a list of its own. */
function grouped(came: readonly string[], expected: InOrder): InOrder {
  let at = 0;
  const steps = expected.flatMap((step): InOrder => {
    const from = at;
    at += typeof step === "string" ? 1 : step.length;
    const part = came.slice(from, at);
    return typeof step === "string" ? part : [part.toSorted()];
  });
  return [...steps, ...came.slice(at)];
}

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
    expect(grouped(system.mailsTo(person), mails)).toEqual(sorted(mails));
    expect(grouped(await system.auditOf(person), audit)).toEqual(sorted(audit));
    expect(system.failures()).toEqual([]);
  });

  it("and the trail of all of them holds", async () => {
    expect(await system.security.audit.verify()).toMatchObject({ ok: true });
  });
});
