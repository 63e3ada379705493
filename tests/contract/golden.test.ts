import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cannotReplay, recordingOf } from "./recording.ts";
import { type Difference, faultyOf, replay, shapeOf } from "./replay.ts";

/** How many exchanges of each recording are compared: the others are of features or samples that there are not. */
const compared: Readonly<Record<string, number>> = {
  "auth-token": 22,
  authorization: 33,
  "basic-auth": 19,
  "change-email": 17,
  "change-form": 5,
  "change-json": 15,
  "change-username": 14,
  "csrf-formonly": 8,
  "csrf-spa": 18,
  freshness: 17,
  "generic-login": 22,
  "generic-register": 9,
  "login-bad-form": 7,
  "login-bad-json": 14,
  "login-form": 11,
  "login-json": 7,
  "logout-csrf": 6,
  passwordless: 16,
  "plain-login": 4,
  "recover-username": 8,
  "refresh-body": 13,
  "register-bad-form": 3,
  "register-form": 6,
  "register-json": 11,
  "register-no-confirm": 7,
  "register-zxcvbn": 7,
  "remember-me": 10,
  "reset-form": 14,
  "reset-json": 19,
  "spa-redirects": 16,
  trackable: 2,
  "unauthenticated-json": 20,
};

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
    const { differences, compared: count } = await replay(recording);
    expect(unexplained(differences)).toEqual([]);
    expect(count).toBe(compared[flow]);
  });

  it("every recording is replayed", () => {
    expect(Object.keys(compared).toSorted()).toEqual(flows.toSorted());
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

describe("faultyOf", () => {
  it("finds fields and the form, not the messages of the page before", () => {
    const flash = '<div class="alert error" role="alert"><p>before</p></div><h1>Title</h1>';
    const summary = (items: string): string => `<div class="alert error" role="alert"><ul>${items}</ul></div>`;
    const field = '<div class="wrong" id="error-email"><p>wrong</p></div>';
    expect([...faultyOf(flash)]).toEqual([]);
    expect([...faultyOf(flash + summary("<p>wrong</p>"))]).toEqual(["form"]);
    expect([...faultyOf(flash + summary('<li><a href="#field-email">E-mail</a></li>') + field)]).toEqual(["email"]);
    expect([...faultyOf(flash + summary("<li>wrong</li>") + field)]).toEqual(["email", "form"]);
  });
});
