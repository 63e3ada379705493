import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareLock, formatMatrix, lockText } from "./matrix.ts";
import type { RouteRecord } from "./types.ts";

const record = (method: string, path: string, more: Partial<RouteRecord> = {}): RouteRecord => ({
  method,
  path,
  schemes: ["token", "session"],
  guard: "signed in",
  open: undefined,
  parameters: [],
  source: "application",
  ...more,
});

const letters = (text: string): string => [...text.replace(/\s/g, "")].sort().join("");

const shop: readonly RouteRecord[] = [
  record("POST", "/store/:sid", { guard: "manager of store sid", parameters: ["sid: integer", 'kind?: "a" | "b"'] }),
  record("GET", "/store", { guard: "role employee" }),
  record("GET", "/", { guard: "everybody", open: "the shop window", schemes: [] }),
  record("GET", "/about", { guard: "everybody", open: "" }),
  record("DELETE", "/store/:sid", { guard: "role admin" }),
];

describe("the matrix as a table", () => {
  it("aligns its columns, sorts by path and method, and marks what is open", () => {
    expect(formatMatrix(shop)).toBe(
      [
        "METHOD  PATH         GUARD                 SCHEMES         PARAMETERS                      WHY OPEN",
        "GET     /            OPEN, everybody                                                       the shop window",
        "GET     /about       OPEN, everybody       token, session                                  (no reason given)",
        "GET     /store       role employee         token, session",
        "DELETE  /store/:sid  role admin            token, session",
        'POST    /store/:sid  manager of store sid  token, session  sid: integer, kind?: "a" | "b"',
        "",
        "5 routes, 2 open",
        "",
      ].join("\n"),
    );
  });

  it("leaves out a column that would be empty", () => {
    expect(formatMatrix([record("GET", "/store")]).split("\n")).toEqual([
      "METHOD  PATH    GUARD      SCHEMES",
      "GET     /store  signed in  token, session",
      "",
      "1 route, 0 open",
      "",
    ]);
  });

  it("says that there is no route", () => {
    expect(formatMatrix([])).toBe("METHOD  PATH\n\n0 routes, 0 open\n");
  });

  it("goes on in further lines where the terminal is too narrow", () => {
    const table = formatMatrix([record("GET", "/a", { guard: "role employee or role administrator" })], { width: 46 });
    expect(table.split("\n").slice(0, 3)).toEqual([
      "METHOD  PATH  GUARD             SCHEMES",
      "GET     /a    role employee or  token, session",
      "              role",
    ]);
  });

  it("keeps to the terminal's width and loses no character", () => {
    const word = fc.stringMatching(/^[a-z]{1,30}$/);
    const words = fc.array(word, { minLength: 1, maxLength: 8 }).map((list) => list.join(" "));
    fc.assert(
      fc.property(words, words, word, fc.integer({ min: 100, max: 140 }), (guard, why, path, width) => {
        const lines = formatMatrix([record("GET", `/${path}`, { guard, open: why })], { width }).split("\n");
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        const body = lines.slice(1, -3).join(" ");
        expect(letters(body)).toBe(letters(`GET /${path} OPEN, ${guard} token, session ${why}`));
      }),
    );
  });

  it("colours the open routes and the titles only, when asked to", () => {
    const coloured = formatMatrix(shop, { colour: true });
    expect(stripVTControlCharacters(coloured)).toBe(formatMatrix(shop));
    const inColour = coloured.split("\n").map((line) => line !== stripVTControlCharacters(line));
    expect(inColour).toEqual([true, true, true, false, false, false, false, false, false]);
  });

  it("gives a terminal no control characters to obey", () => {
    const table = formatMatrix([record("GET", "/", { open: "red \u001b[31m\r\n\u009b0m\u202etxt" })]);
    expect(table).toContain("red \\u001b[31m\\u000d\\n\\u009b0m\\u202etxt");
  });
});

describe("the lock", () => {
  it("has one line a route", () => {
    expect(lockText(shop)).toBe(
      [
        "# The access matrix, by `portcullis routes --lock`.",
        "GET / ; everybody ; OPEN: the shop window",
        "GET /about ; everybody ; OPEN ; by token, session",
        "GET /store ; role employee ; by token, session",
        "DELETE /store/:sid ; role admin ; by token, session",
        'POST /store/:sid ; manager of store sid ; by token, session ; with sid: integer, kind?: "a" | "b"',
        "",
      ].join("\n"),
    );
  });

  const text = fc.string({ unit: fc.constantFrom(..."ab ;\\\n\r\u2028|,:-+#é") });
  const records = fc.uniqueArray(
    fc.record({
      method: fc.constantFrom("GET", "POST", "ALL"),
      path: text.map((path) => `/${path}`),
      schemes: fc.subarray(["token", "session", "basic"]),
      guard: text,
      open: fc.option(text, { nil: undefined }),
      parameters: fc.array(
        text.map((type) => `name: ${type}`),
        { maxLength: 3 },
      ),
      source: fc.constant("application"),
    }),
    { maxLength: 6, selector: (each) => `${each.method} ${each.path}` },
  );

  it("does not depend on the order of declaration", () => {
    fc.assert(
      fc.property(
        records.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(lockText(shuffled)).toBe(lockText(list));
        },
      ),
    );
  });

  it("agrees with the matrix that it was made of, also with the line ends of Windows", () => {
    fc.assert(
      fc.property(records, (list) => {
        expect(compareLock(lockText(list), list)).toEqual([]);
        expect(compareLock(lockText(list).replaceAll("\n", "\r\n"), list)).toEqual([]);
      }),
    );
  });

  it("tells any two guards and reasons apart, whatever separators stand in them", () => {
    const access = fc.record({ guard: text, open: fc.option(text, { nil: undefined }) });
    fc.assert(
      fc.property(access, access, (one, other) => {
        const same = one.guard === other.guard && (one.open ?? null) === (other.open ?? null);
        const changes = compareLock(lockText([record("GET", "/", one)]), [record("GET", "/", other)]);
        // "OPEN" and `OPEN: ` with an empty reason are the same thing.
        expect(changes.length === 0).toBe(same);
      }),
      {
        examples: [
          [
            { guard: "a", open: "b ; by c" },
            { guard: "a ; OPEN: b", open: undefined },
          ],
        ],
      },
    );
  });
});

describe("the comparison with a lock", () => {
  const now = [
    record("GET", "/store", { guard: "everybody", open: "" }),
    record("GET", "/new"),
    ...shop.filter(({ path, method }) => path !== "/about" && !(path === "/store" && method === "GET")),
  ];

  it("lists what changed, went and came, in the order of the routes", () => {
    expect(compareLock(lockText(shop), now)).toEqual([
      "- GET /about ; everybody ; OPEN ; by token, session",
      "+ GET /new ; signed in ; by token, session",
      "- GET /store ; role employee ; by token, session",
      "+ GET /store ; everybody ; OPEN ; by token, session",
    ]);
  });

  it.each([
    ["guard", { guard: "signed in by token" }],
    ["schemes", { schemes: ["token"] }],
    ["parameters", { parameters: ["page?: integer"] }],
    ["openness", { open: "" }],
  ])("sees a change of the %s", (_what, more) => {
    expect(compareLock(lockText([record("GET", "/")]), [record("GET", "/", more)])).toHaveLength(2);
  });

  it("takes no notice of comments, empty lines and the order of lines", () => {
    const [head = "", ...lines] = lockText(shop).trimEnd().split("\n");
    expect(compareLock([...lines.reverse(), "", "# note", head].join("\n"), shop)).toEqual([]);
  });

  it("counts routes that are there twice", () => {
    const twice = [record("GET", "/a"), record("GET", "/a")];
    expect(compareLock(lockText(twice), twice.slice(1))).toEqual(["- GET /a ; signed in ; by token, session"]);
    expect(compareLock(lockText(twice.slice(1)), twice)).toEqual(["+ GET /a ; signed in ; by token, session"]);
  });

  it("shows lines that are no routes, such as those of a merge", () => {
    expect(compareLock(`<<<<<<< HEAD\n${lockText(shop)}`, shop)).toEqual(["- <<<<<<< HEAD"]);
  });
});
