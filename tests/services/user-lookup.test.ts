/** A user is found by whatever names them with one statement, and by an index, in every database. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressOf, type Dialect, fill, type Place, place, plansOf } from "../../bench/user-databases.ts";
import { type Domain, openDomain } from "../../src/datastore/fixtures/domain.ts";
import type { Candidate } from "../../src/datastore/user-lookup.ts";
import type { RowUsers } from "../../src/datastore/user-operations.ts";
import { describeService } from "./available.ts";

/** More than any look-up may look at. */
const size = 8_000;

function finds(dialect: Dialect): void {
  let made: Place;
  let on: Domain;
  let users: RowUsers;
  beforeAll(async () => {
    made = await place(dialect);
    on = await openDomain(made.provider);
    users = on.users as RowUsers;
    await on.roles.create("employee");
    await users.create({ email: "model@acme.example", roles: ["employee"] });
    await fill(made.provider.kysely(), dialect, size);
    // As a database that was taken over has them: in another case, and in the form that Flask-Security gives usernames.
    const old = await users.create({ email: "old@acme.example", username: "Renée" });
    const stored = { email: "Old@Acme.Example", username: "Renée".normalize("NFKD") };
    await on.store.update("user", { id: old.id }, stored);
  });
  afterAll(async () => {
    await on?.store.close();
    await made?.remove();
  });

  const by = (attribute: string, value: string): Candidate => ({ attribute, value, ignoreCase: true });
  const known = addressOf(4_711);
  const cases: readonly [name: string, candidates: readonly Candidate[], email: string | undefined][] = [
    ["an address", [by("email", known)], known],
    ["an address in another case", [by("email", "old@acme.example")], "Old@Acme.Example"],
    ["an address that nobody has", [by("email", "nobody@acme.example")], undefined],
    ["a username", [by("username", "name10004710")], addressOf(4_710)],
    ["a username in another case", [by("username", "NAME10004710")], addressOf(4_710)],
    ["a username as Flask-Security stored it", [by("username", "renée")], "Old@Acme.Example"],
    ["a username that nobody has", [by("username", "nobody")], undefined],
    ["either, and it is the first", [by("email", known), by("username", known)], known],
    ["either, and it is the second", [by("email", "a@b.example"), by("username", "name10004710")], addressOf(4_710)],
    ["either, and nobody has it", [by("email", "a@b.example"), by("username", "a@b.example")], undefined],
    ["letter for letter", [{ attribute: "username", value: "name10004710", ignoreCase: false }], addressOf(4_710)],
    [
      "letter for letter, in another case",
      [{ attribute: "username", value: "NAME10004710", ignoreCase: false }],
      undefined,
    ],
  ];

  it.each(cases)("%s", async (_name, candidates, email) => {
    const ask = () => users.identify(candidates);
    expect((await ask())?.email).toBe(email);
    const plans = await plansOf(made.provider.kysely(), dialect, ask);
    const selects = plans.filter(({ statement }) => statement.startsWith("select"));
    expect(selects).toHaveLength(1);
    expect(selects.filter(({ bad }) => bad)).toEqual([]);
  });

  it("a name that is taken in Flask-Security's form is taken", async () => {
    const again = users.create({ email: "x@acme.example", username: "RENÉE" });
    await expect(again).rejects.toMatchObject({ code: "unique_conflict", field: "username" });
  });

  it("of several that differ in case the very spelling, else one of them", async () => {
    // A unique index that ignores case allows no two of them.
    if (dialect === "mysql") return;
    const ids: number[] = [];
    for (const email of ["twice-a@acme.example", "twice-b@acme.example"]) ids.push((await users.create({ email })).id);
    await on.store.update("user", { id: ids[0] as number }, { email: "Twice@acme.example" });
    await on.store.update("user", { id: ids[1] as number }, { email: "twice@acme.example" });
    expect((await users.find("email", "TWICE@acme.example", { ignoreCase: true }))?.id).toBe(ids[1]);
    expect((await users.find("email", "twice@acme.example"))?.id).toBe(ids[1]);
  });
}

describe("looking up users on SQLite", () => finds("sqlite"));
describeService("postgres", "looking up users on PostgreSQL", () => finds("postgres"));
describeService("mysql", "looking up users on MariaDB", () => finds("mysql"));
