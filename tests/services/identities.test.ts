/** Every operation that gives a user an address or a username compares it with the others' without regard to case. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dialect, type Place, place } from "../../bench/user-databases.ts";
import type { DatastoreProvider } from "../../src/datastore/contract.ts";
import { type Domain, openDomain } from "../../src/datastore/fixtures/domain.ts";
import type { SqlProvider } from "../../src/datastore/kysely/provider.ts";
import { memory } from "../../src/datastore/memory/index.ts";
import type { RowUsers } from "../../src/datastore/user-operations.ts";
import { describeService } from "./available.ts";

function compares(create: () => Promise<{ provider: DatastoreProvider; remove?: () => Promise<void> }>): void {
  let made: Awaited<ReturnType<typeof create>>;
  let on: Domain;
  beforeAll(async () => {
    made = await create();
    on = await openDomain(made.provider);
    await on.users.create({ email: "ann@acme.example", username: "Anna" });
    await on.users.create({ email: "bob@acme.example", username: "Bob" });
  });
  afterAll(async () => {
    await on?.store.close();
    await made?.remove?.();
  });
  const taken = (field: "email" | "username") => ({ code: "unique_conflict", table: "user", field });

  it("a new user's", async () => {
    const { users, store } = on;
    await expect(users.create({ email: "x@acme.example", username: "ANNA" })).rejects.toMatchObject(taken("username"));
    await expect(users.create({ email: "Ann@acme.example" })).rejects.toMatchObject(taken("email"));
    // In the form that is stored: with the width of its letters mapped (RFC 8265 3.4).
    await expect(users.create({ email: "x@acme.example", username: " ａnna " })).rejects.toMatchObject(
      taken("username"),
    );
    await expect(users.create({ email: "x@acme.example", username: " " })).rejects.toMatchObject({
      code: "invalid_field",
    });
    await expect(
      store.transaction((tx) => users.create({ email: "x@acme.example", username: "anna" }, { tx })),
    ).rejects.toMatchObject(taken("username"));
    expect(await store.count("user", {})).toBe(2);
  });

  it.each([
    ["update", (id: number, set: object) => on.users.update(id, set)],
    [
      "update in a transaction",
      (id: number, set: object) => on.store.transaction((tx) => on.users.update(id, set, tx)),
    ],
    ["edit", (id: number, set: object) => on.users.edit(id, set)],
  ] as const)("a changed one's: %s", async (_name, change) => {
    const { users } = on;
    const id = (await users.find("email", "bob@acme.example"))?.id as number;
    await expect(change(id, { username: "aNNA" })).rejects.toMatchObject(taken("username"));
    await expect(change(id, { email: "ANN@acme.example" })).rejects.toMatchObject(taken("email"));
    expect(await users.get(id)).toMatchObject({ email: "bob@acme.example", username: "Bob" });
    // The own name in another case is nobody else's.
    await change(id, { username: "BOB" });
    expect((await users.get(id))?.username).toBe("BOB");
    await change(id, { username: "Bob" });
  });

  it("many at the same moment: one of them gets the name", async () => {
    const { users, store } = on;
    const before = await store.count("user", {});
    const names = Array.from({ length: 16 }, (_, index) =>
      [..."racer"].map((letter, at) => ((index >> at) & 1 ? letter.toUpperCase() : letter)).join(""),
    );
    const outcomes = await Promise.allSettled(
      names.map((username, index) => users.create({ email: `racer${index}@acme.example`, username })),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject(taken("username"));
    expect(await store.count("user", {})).toBe(before + 1);
  });

  it("one's that has an operation of its own", async () => {
    const { users } = on;
    const id = (await users.find("email", "bob@acme.example"))?.id as number;
    await expect(users.setUsername(id, "ANNA")).rejects.toMatchObject(taken("username"));
    await expect(users.setEmail(id, "Ann@ACME.example")).rejects.toMatchObject(taken("email"));
    await users.setUsername(id, "bOB");
    await users.setUsername(id, null);
    await users.setUsername(id, "Bob");
  });
}

/** A database that was taken over: Flask-Security stored usernames as NFKD gave them. */
function decomposed(create: () => Promise<{ provider: DatastoreProvider; remove?: () => Promise<void> }>): void {
  let made: Awaited<ReturnType<typeof create>>;
  let on: Domain;
  let id: number;
  const composed = "\u00dcn\u00efcode1";
  const stored = composed.normalize("NFKD");
  beforeAll(async () => {
    made = await create();
    on = await openDomain(made.provider);
    id = (await on.users.create({ email: "uni@acme.example", username: "unicode1" })).id;
    await on.store.update("user", { id }, { username: stored });
    await on.users.create({ email: "eve@acme.example", username: "Eve" });
  });
  afterAll(async () => {
    await on?.store.close();
    await made?.remove?.();
  });

  it.each([
    ["composed", composed, false],
    ["decomposed", stored, false],
    ["wide, with space around it", ` ${composed.replace("1", "\uff11")} `, false],
    ["composed", composed, true],
    ["decomposed", stored, true],
    ["composed, in lower case", composed.toLowerCase(), true],
    ["decomposed, in upper case", stored.toUpperCase(), true],
  ])("is found by its name, %s: %j (ignoreCase: %s)", async (_how, name, ignoreCase) => {
    expect((await on.users.find("username", name, { ignoreCase }))?.id).toBe(id);
  });

  it("is found letter for letter in no other case, and by nothing that is no name", async () => {
    expect(await on.users.find("username", composed.toLowerCase())).toBeUndefined();
    for (const nothing of ["", " ", "\ud800", "x".repeat(256)]) {
      expect(await on.users.find("username", nothing)).toBeUndefined();
      expect(await on.users.find("username", nothing, { ignoreCase: true })).toBeUndefined();
    }
  });

  it.each([composed, stored, composed.toLowerCase(), stored.toUpperCase()])(
    "keeps its name to itself: %j",
    async (name) => {
      const { users, store } = on;
      const refusal = { code: "unique_conflict", table: "user", field: "username" };
      const eve = (await users.find("username", "Eve"))?.id as number;
      await expect(users.create({ email: "x@acme.example", username: name })).rejects.toMatchObject(refusal);
      await expect(users.setUsername(eve, name)).rejects.toMatchObject(refusal);
      await expect(users.update(eve, { username: name })).rejects.toMatchObject(refusal);
      await expect(users.edit(eve, { username: name })).rejects.toMatchObject(refusal);
      expect(await store.count("user", {})).toBe(2);
    },
  );
}

/** Whether two texts are the same in another case is not for ASCII alone, also where another program wrote one of them. */
function beyondAscii(create: () => Promise<{ provider: SqlProvider; remove?: () => Promise<void> }>): void {
  let made: Awaited<ReturnType<typeof create>>;
  let on: Domain;
  const taken = (field: "email" | "username") => ({ code: "unique_conflict", table: "user", field });
  /** As a program beside this one writes: past the product. */
  const byAnother = async (id: number, set: object): Promise<void> => {
    const db = made.provider.kysely<Record<"user", Record<string, unknown>>>();
    await db.updateTable("user").set(set).where("id", "=", id).execute();
  };
  beforeAll(async () => {
    made = await create();
    on = await openDomain(made.provider);
    await on.users.create({ email: "uni@acme.example", username: "Ünïcode1" });
    await on.users.create({ email: "eve@acme.example", username: "Eve" });
  });
  afterAll(async () => {
    await on?.store.close();
    await made?.remove?.();
  });
  const named = async (search: string) => (await on.users.page({ search })).users.map(({ username }) => username);

  it("a name is taken, found and listed in every case", async () => {
    const { users } = on;
    const uni = await users.find("email", "uni@acme.example");
    const eve = (await users.find("username", "Eve"))?.id as number;
    for (const username of ["ünïcode1", "ÜNÏCODE1", "üNÏcode1".normalize("NFD")]) {
      await expect(users.create({ email: "x@acme.example", username })).rejects.toMatchObject(taken("username"));
      await expect(users.setUsername(eve, username)).rejects.toMatchObject(taken("username"));
      expect((await users.find("username", username, { ignoreCase: true }))?.id).toBe(uni?.id);
    }
    for (const beginning of ["Ün", "ün", "ÜNÏ", "ünï".normalize("NFD")])
      expect(await named(beginning)).toEqual(["Ünïcode1"]);
    await users.setUsername(uni?.id as number, "ÜNÏcode1");
    expect((await users.find("username", "ünïcode1", { ignoreCase: true }))?.id).toBe(uni?.id);
    expect(await named("ünï")).toEqual(["ÜNÏcode1"]);
  });

  it("of many who want it at the same moment, in this case or that, one gets it", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 16 }, (_, index) => {
        const letters = [..."žárđ"].map((letter, at) => ((index >> at) & 1 ? letter.toUpperCase() : letter));
        return on.users.create({ email: `zard${index}@acme.example`, username: letters.join("") });
      }),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject(taken("username"));
  });

  it("so is what another program wrote", async () => {
    const { users } = on;
    const { id } = await users.create({ email: "other@acme.example", username: "other1" });
    await byAnother(id, { username: "Żółw", email: "Żółw@acme.example" });
    expect((await users.find("username", "żÓŁW", { ignoreCase: true }))?.id).toBe(id);
    expect((await users.find("email", "żółw@acme.example", { ignoreCase: true }))?.id).toBe(id);
    const asked = [
      { attribute: "email", value: "żółw", ignoreCase: true },
      { attribute: "username", value: "żółw", ignoreCase: true },
    ];
    expect((await (users as RowUsers).identify(asked))?.id).toBe(id);
    const again = (email: string, username: string) => users.create({ email, username });
    await expect(again("y@acme.example", "żółw")).rejects.toMatchObject(taken("username"));
    await expect(again("żółw@acme.example", "zolw2")).rejects.toMatchObject(taken("email"));
    expect(await named("żó")).toEqual(["Żółw"]);
    expect((await on.users.page({ search: "ŻÓŁW@" })).users.map((user) => user.id)).toEqual([id]);

    // In the form that Flask-Security gives names, in another case, and with nothing beyond ASCII.
    await byAnother(id, { username: "Źrebię".normalize("NFKD") });
    expect((await users.find("username", "źREBIĘ", { ignoreCase: true }))?.id).toBe(id);
    for (const beginning of ["źre", "ŹRE", "źre".normalize("NFD")])
      expect(await named(beginning)).toEqual(["Źrebię".normalize("NFKD")]);
    await byAnother(id, { username: "Plain" });
    expect(await named("źre")).toEqual([]);
    expect(await named("pL")).toEqual(["Plain"]);
    expect((await users.find("username", "pLAIN", { ignoreCase: true }))?.id).toBe(id);
    await byAnother(id, { username: null });
    expect(await named("pL")).toEqual([]);
    expect(await on.store.check()).toEqual([]);
  });
}

describe("names beyond ASCII, on SQLite", () => beyondAscii(() => place("sqlite")));
describeService("postgres", "names beyond ASCII, on PostgreSQL", () => beyondAscii(() => place("postgres")));
describeService("mysql", "names beyond ASCII, on MariaDB", () => beyondAscii(() => place("mysql")));

describe("usernames of a database that was taken over, in memory", () =>
  decomposed(async () => ({ provider: memory() })));
describe("usernames of a database that was taken over, on SQLite", () => decomposed(() => place("sqlite")));
describeService("postgres", "usernames of a database that was taken over, on PostgreSQL", () =>
  decomposed(() => place("postgres")),
);
describeService("mysql", "usernames of a database that was taken over, on MariaDB", () =>
  decomposed(() => place("mysql")),
);

describe("identities in memory", () => compares(async () => ({ provider: memory() })));
const at = (dialect: Dialect) => (): Promise<Place> => place(dialect);
describe("identities on SQLite", () => compares(at("sqlite")));
describeService("postgres", "identities on PostgreSQL", () => compares(at("postgres")));
describeService("mysql", "identities on MariaDB", () => compares(at("mysql")));
