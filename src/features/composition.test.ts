import { expect, it } from "vitest";
import { sqlite } from "../datastore/sqlite/index.ts";
import { column } from "../model/column.ts";
import { composeSchema } from "./composition.ts";

const unique = { length: 20, unique: true, nullable: true } as const;
const columns = { staffNumber: column.string(unique), badge: column.string(unique) };

it("A column by which users say who they are gets the index that finds it in every case", async () => {
  const identities = ["email", "staffNumber", { attribute: "badge", ignoreCase: false }];
  const store = sqlite(":memory:");
  const opened = await store.open(composeSchema({ columns, identities }, []), { now: Date.now, log: () => undefined });
  try {
    const done = await opened.migrate();
    expect(done.filter((words) => words.includes("lower("))).toEqual(
      expect.arrayContaining([expect.stringContaining('lower("staff_number")')]),
    );
    expect(done.filter((words) => words.includes('lower("badge")'))).toEqual([]);
  } finally {
    await opened.close();
  }
});

it("leaves a wrong option to where it is checked", () => {
  for (const identities of ["email", [null], [{}], [7]] as never[]) {
    expect(composeSchema({ columns, identities }, [])["user"]?.columns["badge"]?.ignoreCase).toBeUndefined();
  }
});
