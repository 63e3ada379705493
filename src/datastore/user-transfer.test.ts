import { afterEach, describe, expect, it } from "vitest";
import { createEventHub } from "../events/events.ts";
import { column, namedColumns } from "../model/column.ts";
import { DatastoreError } from "../model/errors.ts";
import { coreTables } from "../model/tables.ts";
import { createChanging } from "./changing.ts";
import type { Datastore } from "./contract.ts";
import { memory } from "./memory/index.ts";
import { createPasswordHistory } from "./password-history.ts";
import { createRoles, type Roles } from "./roles.ts";
import { sqlite } from "./sqlite/index.ts";
import type { UserRecord } from "./user-records.ts";
import { createUserTransfer, type UserTransfer } from "./user-transfer.ts";

const hash = "$2b$04$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu";
const now = (): number => Date.UTC(2026, 0, 2);

interface Place {
  readonly store: Datastore;
  readonly roles: Roles;
  readonly transfer: UserTransfer;
  readonly told: unknown[];
}

const open: Datastore[] = [];
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});

const own = { company: column.string({ nullable: true }), born: column.datetime({ nullable: true }) };

async function place(provider = memory(), wrap = (store: Datastore): Datastore => store): Promise<Place> {
  const user = coreTables["user"] as (typeof coreTables)[string];
  const table = { ...user, columns: { ...user.columns, ...namedColumns(own) } };
  const opened = await provider.open({ ...coreTables, user: table }, { now, log: () => undefined });
  open.push(opened);
  await opened.migrate();
  const store = wrap(opened);
  const events = createEventHub(() => undefined, now);
  const told: unknown[] = [];
  events.on("usersImported", (event) => {
    told.push(event.count);
  });
  const changing = createChanging({
    ...{ datastore: store, administrators: undefined, now },
    invalidate: async () => undefined,
    log: () => undefined,
  });
  const roles = createRoles({ datastore: store, changing, events, now });
  await roles.create("editor", { permissions: ["write"] });
  await roles.ofPermission("read");
  const transfer = createUserTransfer({
    ...{ datastore: store, roles, events, now, table, own: Object.keys(own) },
    history: createPasswordHistory(store, 3, now),
    remembersPasswords: true,
  });
  return { store, roles, transfer, told };
}

const full: UserRecord = {
  email: "ann@acme.example",
  password_hash: hash,
  roles: ["editor"],
  permissions: ["read"],
  username: "Ann",
  active: false,
  confirmed_at: "2025-01-01T00:00:00.000Z",
  create_datetime: "2024-01-01T00:00:00.000Z",
  last_login_at: null,
  current_login_at: "2025-02-01T10:00:00.000Z",
  last_login_ip: null,
  current_login_ip: "192.0.2.1",
  login_count: 7,
  company: "Acme, Inc.",
  born: null,
};

describe.each([
  ["memory", () => memory()],
  ["sqlite", () => sqlite(":memory:")],
] as const)("transfer of users on %s", (_name, provider) => {
  it("exports what it imported, with hashes only when asked", async () => {
    const { transfer, store, told } = await place(provider());
    expect(Object.keys(full)).toEqual(transfer.fields);
    expect(await transfer.import([full, { email: "Bob@ACME.example" }])).toEqual([
      { kind: "imported" },
      { kind: "imported" },
    ]);
    const { records, next } = await transfer.export({ hashes: true });
    expect(records[0]).toEqual(full);
    expect(records[1]).toMatchObject({ email: "bob@acme.example", password_hash: null, active: true, roles: [] });
    expect(records[1]).toMatchObject({ create_datetime: "2026-01-02T00:00:00.000Z", confirmed_at: null });
    expect(next).toBe(2);
    expect(await transfer.export({ after: next })).toEqual({ records: [], next: undefined });
    const without = (await transfer.export()).records;
    expect(JSON.stringify(without)).not.toContain("$2b$");
    expect(without[0]).toEqual(Object.fromEntries(Object.entries(full).filter(([name]) => name !== "password_hash")));
    expect(told).toEqual([2]);
    const rows = await store.find("user", {}, { orderBy: [{ field: "id" }] });
    expect(rows.map((row) => row["fsUniquifier"])).toEqual([expect.stringMatching(/^\w{32}$/), expect.any(String)]);
    expect(await store.count("passwordHistory", {})).toBe(1);
  });

  it("leaves accounts that are there as they are, however they are spelt, and takes each address once", async () => {
    const { transfer, store, told } = await place(provider());
    // As another program may have stored it.
    await store.insert("user", { email: "Mixed@acme.example", active: true, fsUniquifier: "u1", username: "Taken" });
    const given = [
      { email: "mixed@acme.example", active: false },
      { email: "new@acme.example" },
      { email: "NEW@acme.example", username: "other" },
      { email: "third@acme.example", username: "TAKEN" },
      { email: "fourth@acme.example", username: "twice" },
      { email: "fifth@acme.example", username: "Twice" },
    ];
    const taken = { kind: "refused", field: "username", problem: "another account has it" };
    expect(await transfer.import(given)).toEqual([
      ...[{ kind: "existing" }, { kind: "imported" }, { kind: "existing" }, taken, { kind: "imported" }, taken],
    ]);
    expect((await store.findOne("user", { email: "Mixed@acme.example" }))?.["active"]).toBe(true);
    const kinds = (await transfer.import(given)).map(({ kind }) => kind);
    expect(kinds).toEqual(["existing", "existing", "existing", "refused", "existing", "refused"]);
    expect(await store.count("user", {})).toBe(3);
    expect(told).toEqual([2]);
  });

  it("takes no name that is there in another form of Unicode", async () => {
    const { transfer, store } = await place(provider());
    const username = "\u00dcn\u00efcode1";
    await store.insert("user", {
      email: "a@acme.example",
      active: true,
      fsUniquifier: "u1",
      username: username.normalize("NFKD"),
    });
    const given = [username, username.normalize("NFKD"), username.toLowerCase()];
    const outcomes = await transfer.import(given.map((name, n) => ({ email: `b${n}@acme.example`, username: name })));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(["refused", "refused", "refused"]);
    expect(await store.count("user", {})).toBe(1);
  });

  it("stores nothing in a dry run, and says the same", async () => {
    const { transfer, store, told, roles } = await place(provider());
    const given = [full, full, { email: "x" }, { email: "bob@acme.example", roles: ["new"], permissions: ["p"] }];
    const options = { createRoles: true };
    const dry = await transfer.import(given, { ...options, dryRun: true });
    expect(await store.count("user", {})).toBe(0);
    expect((await roles.list()).map(({ name }) => name)).toEqual(["editor"]);
    expect(told).toEqual([]);
    expect(await transfer.import(given, options)).toEqual(dry);
    expect((await roles.list()).map(({ name }) => name)).toEqual(["editor", "new"]);
    expect((await transfer.export()).records[1]).toMatchObject({ roles: ["new"], permissions: ["p"] });
  });

  it.each<[string, UserRecord, string, RegExp]>([
    ["no address", {}, "email", /missing/],
    ["a wrong address", { email: "ann" }, "email", /no e-mail address/],
    ["a number for an address", { email: 7 }, "email", /text is expected/],
    ["an unknown field", { email: "a@b.example", nickname: "x" }, "nickname", /no such field; known: email, /],
    ["a prototype", JSON.parse('{"email":"a@b.example","__proto__":{"active":false}}'), "__proto__", /no such field/],
    ["an id", { email: "a@b.example", id: 1 }, "id", /no such field/],
    ["a uniquifier", { email: "a@b.example", fs_uniquifier: "x" }, "fs_uniquifier", /no such field/],
    ["a password in clear", { email: "a@b.example", password: "secret" }, "password", /in clear are not imported/],
    ["an unknown hash", { email: "a@b.example", password_hash: "secret" }, "password_hash", /no hash/],
    ["a hash that is no text", { email: "a@b.example", password_hash: 1 }, "password_hash", /no hash/],
    ["a wrong flag", { email: "a@b.example", active: "maybe" }, "active", /true or false/],
    ["a wrong time", { email: "a@b.example", confirmed_at: "soon" }, "confirmed_at", /a time is expected/],
    ["a wrong number", { email: "a@b.example", login_count: 2 ** 40 }, "login_count", /whole number/],
    ["a name that steers terminals", { email: "a@b.example", username: "a\u001b[2J" }, "username", /no username/],
    ["a text that is too long", { email: "a@b.example", company: "x".repeat(256) }, "company", /longer than 255/],
    ["an unknown role", { email: "a@b.example", roles: ["boss"] }, "roles", /no role "boss"/],
    ["a permission as a role", { email: "a@b.example", roles: ["permission:read"] }, "roles", /list of names/],
    ["roles that are none", { email: "a@b.example", roles: [1] }, "roles", /list of names/],
    ["an unknown permission", { email: "a@b.example", permissions: "fly" }, "permissions", /"fly"/],
  ])(
    "refuses %s, names the field and never the secret, and imports the others",
    async (_what, record, field, problem) => {
      const { transfer, store } = await place(provider());
      const outcomes = await transfer.import([{ email: "first@acme.example" }, record, { email: "last@acme.example" }]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(["imported", "refused", "imported"]);
      expect(outcomes[1]).toMatchObject({ field, problem: expect.stringMatching(problem) });
      expect(JSON.stringify(outcomes)).not.toContain("secret");
      expect(await store.count("user", {})).toBe(2);
    },
  );

  it("reads the text of CSV by the columns' types", async () => {
    const { transfer } = await place(provider());
    const record = {
      ...full,
      roles: "editor",
      permissions: "read",
      active: "f",
      login_count: "7",
      last_login_at: "",
      born: "2000-02-03",
    };
    expect(await transfer.import([record])).toEqual([{ kind: "imported" }]);
    expect((await transfer.export({ hashes: true })).records).toEqual([{ ...full, born: "2000-02-03T00:00:00.000Z" }]);
  });
});

describe("an import", () => {
  it("that the database refuses for one record stores the others one by one", async () => {
    const { transfer, store } = await place(sqlite(":memory:"), (opened) => ({
      ...bound(opened),
      // Somebody else was faster: what is looked up is not there yet.
      find: (table, where, options) =>
        table === "user" && JSON.stringify(where).includes("inIgnoringCase")
          ? Promise.resolve([])
          : opened.find(table, where, options),
    }));
    await store.insert("user", { email: "b@acme.example", active: true, fsUniquifier: "u1", username: "first" });
    const given = [
      { email: "a@acme.example" },
      { email: "b@acme.example" },
      { email: "c@acme.example", username: "first" },
    ];
    expect((await transfer.import(given)).map((it) => [it.kind, "field" in it ? it.field : ""])).toEqual([
      ["imported", ""],
      ["refused", "email"],
      ["refused", "username"],
    ]);
    expect(await store.count("user", {})).toBe(2);
  });

  it("stores nothing of a batch when the database fails", async () => {
    const { transfer, store, told } = await place(memory(), (opened) => ({
      ...bound(opened),
      transaction: (work) =>
        opened.transaction((tx) =>
          work({
            ...tx,
            insert: (table, row) =>
              row["email"] === "c@acme.example"
                ? Promise.reject(new DatastoreError("the disk is full"))
                : tx.insert(table, row),
          }),
        ),
    }));
    const given = ["a", "b", "c"].map((name) => ({ email: `${name}@acme.example` }));
    await expect(transfer.import(given)).rejects.toThrow("the disk is full");
    expect(await store.count("user", {})).toBe(0);
    expect(told).toEqual([]);
    expect(await transfer.import(given.slice(0, 2))).toEqual([{ kind: "imported" }, { kind: "imported" }]);
  });

  it("takes no more records at once than fit into memory", async () => {
    const { transfer } = await place();
    await expect(transfer.import(Array.from({ length: 1001 }, () => ({})))).rejects.toThrow("at most 1000");
  });
});

/** A store whose operations can be replaced one by one. */
function bound(store: Datastore): Datastore {
  return {
    dialect: store.dialect,
    bus: store.bus,
    insert: (table, row) => store.insert(table, row),
    find: (table, where, options) => store.find(table, where, options),
    findOne: (table, where) => store.findOne(table, where),
    update: (table, where, set) => store.update(table, where, set),
    delete: (table, where) => store.delete(table, where),
    count: (table, where, atMost) => store.count(table, where, atMost),
    transaction: (work) => store.transaction(work),
    check: () => store.check(),
    isEmpty: () => store.isEmpty(),
    migrate: () => store.migrate(),
    close: () => store.close(),
  };
}
