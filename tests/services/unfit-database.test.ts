/** A database that exists and is otherwise than the configuration needs: named before anything is changed, on each database. */
import { column, portcullis, type SecurityOptions } from "portcullis";
import { passwords } from "portcullis/features";
import { expect, it, onTestFinished } from "vitest";
import { describeDatabases, type Place } from "./place.ts";

async function start(
  place: Place,
  columns: NonNullable<SecurityOptions["columns"]>,
  more: Partial<SecurityOptions> = {},
) {
  const security = await portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: ["http://localhost:3000"],
    datastore: place.open(),
    features: [passwords()],
    columns,
    ...(more as object),
  });
  onTestFinished(() => security.close());
  return security;
}

/** What the start says, or "starts". */
async function outcome(...given: Parameters<typeof start>): Promise<string> {
  try {
    await (await start(...given)).close();
    return "starts";
  } catch (error) {
    return (error as Error).message;
  }
}

const nullable = { nullable: true } as const;
const builders = {
  string: column.string(nullable),
  text: column.text(nullable),
  integer: column.integer(nullable),
  boolean: column.boolean(nullable),
  datetime: column.datetime(nullable),
};
type Kind = keyof typeof builders;

describeDatabases((newPlace) => {
  it.each([
    ["string", "integer"],
    ["string", "boolean"],
    ["text", "integer"],
    ["integer", "string"],
    ["integer", "datetime"],
    ["boolean", "text"],
    ["datetime", "integer"],
    ["datetime", "string"],
  ] as [Kind, Kind][])("a column that was %s and is to be %s is named with both types", async (was, is) => {
    const place = await newPlace();
    const first = await start(place, { extra: builders[was] });
    await first.users.create({ email: "ann@acme.example" });
    await first.close();
    const line =
      /column "extra" of table "user" is ([a-z0-9 ()]+) and should be ([A-Z0-9 ()]+); that is changed by hand/i;
    for (const migrate of ["create", "check", "always"] as const) {
      const said = await outcome(place, { extra: builders[is], more: column.string(nullable) }, { migrate });
      expect(said).toMatch(line);
      const [, actual, wanted] = line.exec(said) ?? [];
      expect(actual?.toLowerCase()).not.toBe(wanted?.toLowerCase());
    }
    // Nothing was added beside it.
    expect(await outcome(place, { extra: builders[was], more: column.string(nullable) })).toContain(
      'column "more" of table "user" is missing',
    );
  });

  it("one that differs in name alone is taken", async () => {
    const place = await newPlace();
    const first = await start(place, { extra: builders.string, other: builders.text });
    const { id } = await first.users.create({ email: "ann@acme.example", extra: "x", other: "y" } as never);
    await first.close();
    const again = await start(place, { extra: builders.text, other: builders.string });
    expect(await again.users.get(id)).toMatchObject({ extra: "x", other: "y" });
  });

  it("a required column without a default is foreseen, with everything else that is missing", async () => {
    const place = await newPlace();
    await (await start(place, {})).close();
    const grown = { company: column.string(), more: column.string(nullable) };
    const missing = 'column "company" of table "user" is missing, and is to be added to a table that exists';
    const alone = await outcome(place, { company: column.string() });
    expect(alone).toContain("; mend by hand what no migration changes:\n  - column");
    expect(alone).not.toContain("portcullis migrate");
    for (const migrate of ["create", "check"] as const) {
      const said = await outcome(place, grown, { migrate });
      expect(said).toContain(missing);
      expect(said).toContain('column "more" of table "user" is missing');
      // In the order in which it is to be done.
      const parts = ["; first mend by hand", missing, '\nthen run "portcullis migrate"', 'column "more"'];
      const places = parts.map((part) => said.indexOf(part));
      expect([places, places.includes(-1)]).toEqual([places.toSorted((a, b) => a - b), false]);
    }
    expect(await outcome(place, grown, { migrate: "always" })).toMatch(
      /^schema\.user\.company: the database cannot be migrated, and nothing was changed:/,
    );
    expect(await outcome(place, {}, { migrate: "check" })).toBe("starts");
  });

  it("an index that is missing is named, and added by a migration", async () => {
    const place = await newPlace();
    const columns = { badge: column.string({ nullable: true, unique: true }) };
    await (await start(place, {})).close();
    const type = place.dialect === "postgres" ? '"user"' : "user";
    await place.run(`alter table ${type} add column badge varchar(255)`);
    expect(await outcome(place, columns, { migrate: "check" })).toContain(
      'unique index on "badge" of table "user" is missing',
    );
    expect(await outcome(place, columns, { migrate: "always" })).toBe("starts");
    expect(await outcome(place, columns, { migrate: "check" })).toBe("starts");
  });

  it("an own column that people are found by without regard to case needs its index", async () => {
    const place = await newPlace();
    const columns = { badge: column.string({ nullable: true, unique: true }) };
    const identified = { identities: ["email", { attribute: "badge" }] } as never;
    await (await start(place, columns)).close();
    const said = await outcome(place, columns, { migrate: "check", ...(identified as object) });
    if (place.dialect === "mysql") expect(said).toBe("starts");
    else if (place.dialect === "sqlite") expect(said).toContain('"user" does not keep "badge" in its folded form');
    else expect(said).toContain('index on lower("badge") of table "user" is missing');
    expect(await outcome(place, columns, { migrate: "always", ...(identified as object) })).toBe("starts");
    expect(await outcome(place, columns, { migrate: "check", ...(identified as object) })).toBe("starts");
  });

  it("what runs goes on while the database is migrated for what comes after it, and may start anew", async () => {
    const place = await newPlace();
    const old = await start(place, {});
    const before = await old.users.create({ email: "before@acme.example" });
    const grown = { badge: column.string({ nullable: true, unique: true }), seats: column.integer({ default: 3 }) };
    // The order matters: what comes after does not start on a database as it was.
    expect(await outcome(place, grown)).toContain('column "badge" of table "user" is missing');
    const next = await start(place, grown, { migrate: "always" });
    const after = await old.users.create({ email: "after@acme.example" });
    await old.users.update(before.id, { username: "ann" });
    for (const { id } of [before, after]) {
      expect(await next.users.get(id)).toMatchObject({ badge: null, seats: 3 });
    }
    expect((await next.users.find("username", "ann"))?.id).toBe(before.id);
    expect(await outcome(place, {}, { migrate: "check" })).toBe("starts");
  });

  it.each([
    ["csrf.schemes", { csrf: { schemes: ["nobody"] } }],
    ["paths", { paths: { register: "/join" } }],
    ["openapi", { openapi: { path: 5 } }],
  ])("the option %s, which is found wrong late, has changed no database", async (path, wrong) => {
    const place = await newPlace();
    for (const migrate of ["create", "always"] as const) {
      expect(await outcome(place, {}, { migrate, ...(wrong as object) })).toMatch(new RegExp(`^${path}`));
      expect(await outcome(place, {}, { migrate: "check" })).toContain('table "user" is missing');
    }
    expect(await outcome(place, {})).toBe("starts");
  });
});
