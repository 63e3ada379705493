import { globSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue, idsIn, notApplicable } from "./catalogue.ts";
import { unknownRoutes } from "./endpoints.ts";
import { type Lab, startLab } from "./lab.ts";
import { must } from "./suite.ts";

describe("the catalogue of attacks", () => {
  const running: { lab?: Lab } = {};
  beforeAll(async () => {
    running.lab = await startLab({ profile: "full" });
  });
  afterAll(() => running.lab?.stop());

  const played = new Set(
    globSync("*.test.ts", { cwd: import.meta.dirname }).flatMap((file) =>
      [...readFileSync(`${import.meta.dirname}/${file}`, "utf8").matchAll(/\battack\(\s*"([^"]+)"/g)].flatMap(
        ([, title = ""]) => idsIn(title),
      ),
    ),
  );

  it("has each attack played, or its feature is off", ({ task }) => {
    const routes = running.lab?.routes ?? [];
    must(routes.length > 0 && catalogue.length > 150, "nothing to compare");
    const open = catalogue.filter((entry) => !played.has(entry.id));
    const reasons = open.map((entry) => ({ ...entry, reason: notApplicable(entry, routes) }));
    task.meta.notApplicable = reasons.flatMap(({ id, severity, reason }) =>
      reason === undefined ? [] : [{ id, severity, reason }],
    );
    // A feature that has come makes its attacks due: write them.
    expect(reasons.filter(({ reason }) => reason === undefined).map(({ id }) => id)).toEqual([]);
  });

  it("knows every account route of the server by a logical endpoint", () => {
    expect(unknownRoutes(running.lab?.routes ?? [])).toEqual([]);
  });
});
