import { describe, expect, it, test } from "vitest";
import { sqlite } from "../datastore/sqlite/index.ts";
import { column as ownColumn } from "../model/column.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { Column } from "../model/schema.ts";
import { table } from "../model/tables.ts";
import { checkFeatures, checkGates, composeSchema } from "./composition.ts";
import type { Feature } from "./feature.ts";

const unique = { length: 20, unique: true, nullable: true } as const;
const columns = { staffNumber: ownColumn.string(unique), badge: ownColumn.string(unique) };

it("A column by which users say who they are gets the index that finds it in every case", async () => {
  const identities = ["email", "staffNumber", { attribute: "badge", ignoreCase: false }];
  const store = sqlite(":memory:");
  const opened = await store.open(composeSchema({ columns, identities }, []), { now: Date.now, log: () => undefined });
  try {
    const done = await opened.migrate();
    expect(done).toContain('keep "staff_number" of table "user" in its folded form');
    expect(done.filter((words) => words.includes("folded") && words.includes("badge"))).toEqual([]);
  } finally {
    await opened.close();
  }
});

it("leaves a wrong option to where it is checked", () => {
  for (const identities of ["email", [null], [{}], [7]] as never[]) {
    expect(composeSchema({ columns, identities }, [])["user"]?.columns["badge"]?.ignoreCase).toBeUndefined();
  }
});

const column = (name: string): Column => ({ name, type: "boolean", nullable: true });
const own = (id: string) => table(id, ["id"], { id: { type: "key", length: 32 } });

const refused: readonly [name: string, features: readonly object[], said: string][] = [
  ["a misspelt member", [{ name: "a", gate: () => [] }], '"a" has an unknown member'],
  ["a member that is no function", [{ name: "a", gates: [] }], 'of "a": a function is expected'],
  ["a member that is no list", [{ name: "a", requires: "b" }], 'of "a": a list is expected'],
  ["a member that is no object", [{ name: "a", tables: [] }], 'of "a": an object is expected'],
  ["an empty name", [{ name: "" }], "features[0].name"],
  ["a column of the core", [{ name: "a", userColumns: { active: column("active") } }], '"a" and Portcullis itself'],
  [
    "a column of the core under another name",
    [{ name: "a", userColumns: { mine: column("active") } }],
    'the column of the user in the database "active"',
  ],
  ["a table of the core", [{ name: "a", tables: { session: own("mine") } }], 'the table "session"'],
  [
    "a table of the core under another name",
    [{ name: "a", tables: { mine: own("portcullis_session") } }],
    'the table in the database "portcullis_session"',
  ],
  [
    "a column of another feature",
    [
      { name: "a", userColumns: { mine: column("mine") } },
      { name: "b", userColumns: { mine: column("other") } },
    ],
    '"b" and "a" both have the column of the user "mine"',
  ],
  [
    "a table of another feature",
    [
      { name: "a", tables: { mine: own("one") } },
      { name: "b", tables: { other: own("one") } },
    ],
    '"b" and "a" both have the table in the database "one"',
  ],
  [
    "a misspelt member of a column",
    [{ name: "a", userColumns: { mine: { ...column("mine"), secert: true } } }],
    'userColumns.mine has an unknown member "secert"',
  ],
  [
    "a mail of another feature",
    [
      { name: "a", mails: { x: 1 } },
      { name: "b", mails: { x: 2 } },
    ],
    'the mail "x"',
  ],
  [
    "a page of another feature",
    [
      { name: "a", pages: { x: 1 } },
      { name: "b", pages: { x: 2 } },
    ],
    'the page "x"',
  ],
];

describe("a feature refuses to start", () => {
  test.each(refused)("with %s", (_name, features, said) => {
    const start = () => checkFeatures(features as readonly Feature[]);
    expect(start).toThrow(ConfigurationError);
    expect(start).toThrow(said);
  });

  test("with a gate of a name that there is", () => {
    const gate = (feature: string | undefined, name: string) => ({ feature, part: { name } });
    expect(() => checkGates([gate(undefined, "active"), gate("a", "mine"), gate("b", "active")])).toThrow(
      'Portcullis itself and "b" have gates of the name "active"',
    );
    expect(() => checkGates([gate("a", "mine"), gate("b", "mine")])).toThrow(
      '"a" and "b" have gates of the name "mine"',
    );
    expect(() => checkGates([gate("a", "mine"), gate("a", "mine")])).toThrow('"a" has two gates of the name "mine"');
  });

  test("only then", () => {
    const features = [
      { name: "a", userColumns: { mine: column("mine") }, tables: { mine: own("mine") }, gates: () => [] },
      { name: "b", requires: ["a"], purge: undefined, mails: { shared: 1 } },
      { name: "c", mails: { shared: 1 } },
    ];
    expect(checkFeatures(features as unknown as readonly Feature[])).toBe(features);
    const gates = [{ name: "one" }, { name: "two" }];
    expect(checkGates(gates.map((part) => ({ feature: "a", part })))).toEqual(gates);
  });
});
