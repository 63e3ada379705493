import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cannotReplay, recordingOf } from "./recording.ts";
import { type Difference, replay, shapeOf } from "./replay.ts";

interface AgreedRow {
  readonly place: string;
  readonly differences: readonly string[];
  readonly reason: string;
  /** Those of the differences that a replay found. */
  readonly found: Set<string>;
}

const flows = readdirSync(new URL("golden/", import.meta.url)).map((file) => file.replace(/\.json$/, ""));
const agreed = agreedRows(readFileSync(new URL("../../docs/flask-security-differences.md", import.meta.url), "utf8"));

/** The rows of the document's first table. */
function agreedRows(text: string): AgreedRow[] {
  const [table = ""] = text.split("\n## ", 1);
  const rows = [...table.matchAll(/^\| ([^|]+) \| (`[^|]+) \| ([^|]+) \|$/gm)];
  return rows.map(([, place = "", differences = "", reason = ""]) => ({
    place: place.trim(),
    differences: [...differences.matchAll(/`([^`]+)`/g)].map(([, difference = ""]) => difference),
    reason,
    found: new Set(),
  }));
}

function covers(place: string, { flow, step }: Difference): boolean {
  if (place === "*" || place === flow) return true;
  const [name, ...steps] = place.split(/[ ,]+/);
  return name === flow && steps.includes(String(step));
}

/** The differences that no row of the document has. */
function unexplained(found: readonly Difference[]): readonly string[] {
  return found.flatMap((difference) => {
    const rows = agreed.filter((row) => covers(row.place, difference) && row.differences.includes(difference.what));
    for (const row of rows) row.found.add(difference.what);
    return rows.length > 0 ? [] : [`${difference.flow} ${difference.step}: ${difference.what}`];
  });
}

describe("recorded exchanges with Flask-Security", () => {
  it.each(flows)("%s", async (flow) => {
    const recording = recordingOf(flow);
    const { differences, replayed } = await replay(recording);
    expect(replayed).toBeGreaterThan(2);
    expect(unexplained(differences)).toEqual([]);
  });

  it("every agreed difference is still one, and has a reason", () => {
    expect(agreed.length).toBeGreaterThan(10);
    expect(agreed.filter(({ reason }) => reason.trim().length < 10)).toEqual([]);
    const untrue = agreed.flatMap(({ place, differences, found }) =>
      differences.filter((what) => !found.has(what)).map((what) => `${place}: ${what}`),
    );
    expect(untrue).toEqual([]);
  });

  it("steps that are left out exist", () => {
    for (const name of Object.keys(cannotReplay)) {
      const [flow = "", step] = name.split(" ");
      expect(recordingOf(flow).steps[Number(step)]?.request, name).toBeDefined();
    }
  });
});

describe("shapeOf", () => {
  it("lists keys and types, also of lists and the empty name", () => {
    expect([...shapeOf({ a: { "": [1, null] }, b: "x" })]).toEqual([
      "a: object",
      'a."": list',
      'a.""[]: number',
      'a.""[]: null',
      "b: string",
    ]);
  });
});
