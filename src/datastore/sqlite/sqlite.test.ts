import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { afterEach, expect, it } from "vitest";
import { flaskSecurityStatements, takesOver } from "../../../tests/services/flask-security.ts";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import type { Column } from "../../model/schema.ts";
import { coreTables } from "../../model/tables.ts";
import { userRow } from "../../testing/datastore-conformance/fixtures.ts";
import type { Where } from "../contract.ts";
import { closeAll, environment, folder, newPath, open, opened } from "../fixtures/sqlite-files.ts";
import { memory } from "../memory/index.ts";
import { sqliteDialect } from "./dialect.ts";
import { sqlite } from "./index.ts";

afterEach(closeAll);

it("takes over a database that Flask-Security made", async () => {
  const path = newPath();
  const db = new DatabaseSync(path);
  for (const statement of flaskSecurityStatements("sqlite")) db.exec(statement);
  db.close();
  const store = await sqlite(path).open(coreTables, environment);
  opened.push(store);
  await takesOver(store);
});

it("makes the tables that Flask-Security makes", async () => {
  const types = (db: DatabaseSync): Map<string, string> => {
    const rows = db.prepare(
      `select m.name || '.' || c.name as place, c.type || ' ' || c."notnull" || ' ' || coalesce(c.dflt_value, '') as type
       from sqlite_master m, pragma_table_info(m.name) c where m.name in ('user', 'role', 'roles_users')`,
    );
    return new Map(rows.all().map((row) => [String(row.place), String(row.type)]));
  };
  const theirs = new DatabaseSync(":memory:");
  for (const statement of flaskSecurityStatements("sqlite")) theirs.exec(statement);
  const path = newPath();
  await open(path);
  const ours = new DatabaseSync(path);
  opened.push(theirs, ours);
  const expected = types(theirs);
  for (const [place, type] of types(ours)) {
    // Beside them stand columns of our own, which may be empty.
    if (place.startsWith("user.portcullis_folded_")) expect([place, type]).toEqual([place, "VARCHAR(255) 0 "]);
    else if (place !== "user.fs_token_uniquifier" && place !== "user.mail_language")
      expect([place, type]).toEqual([place, expected.get(place)]);
  }
  const indexes = ours.prepare("select name from sqlite_master where type = 'index'").all();
  expect(indexes.map((row) => row.name)).toEqual(
    expect.arrayContaining([
      "ix_user_portcullis_folded_email",
      "ix_user_portcullis_folded_username",
      "ix_roles_users_user_id",
    ]),
  );
});

it("folds what was there before, and what another program wrote, also where that made the table anew", async () => {
  const path = newPath();
  const db = new DatabaseSync(path);
  opened.push(db);
  for (const statement of flaskSecurityStatements("sqlite")) db.exec(statement);
  const theirs = (id: number, email: string, username: string | null): unknown =>
    db
      .prepare("insert into user (id, email, username, active, fs_uniquifier) values (?, ?, ?, 1, ?)")
      .run(id, email, username, `uniquifier-${id}`);
  theirs(101, "ÄNN@acme.example", "ÄNN");
  theirs(102, "änn@acme.example", null);
  const store = await sqlite(path).open(coreTables, environment);
  opened.push(store);
  expect(await store.check()).toContain('table "user" does not keep "email" in its folded form');
  expect(await store.migrate()).toContain('keep "email" of table "user" in its folded form');
  expect(await store.check()).toEqual([]);
  const ids = async (where: Where): Promise<unknown[]> => (await store.find("user", where)).map(({ id }) => id).sort();
  // Nothing is refused of what is there.
  expect(await ids({ email: { equalsIgnoringCase: "Änn@acme.example" } })).toEqual([101, 102]);
  expect(await ids({ username: { inIgnoringCase: ["änn", "x"] } })).toEqual([101]);

  theirs(103, "Ört@acme.example", "Ört");
  theirs(104, "PLAIN@acme.example", "Plain");
  db.exec("update user set username = 'ØRE' where id = 101");
  const folds = (): unknown[] => {
    const rows = db.prepare("select portcullis_folded_username as folded from user where id > 100 order by id").all();
    return rows.map(({ folded }) => folded);
  };
  expect(folds()).toEqual(["\u0001ØRE", null, "\u0001Ört", "plain"]);
  expect(await ids({ username: { equalsIgnoringCase: "øre" } })).toEqual([101]);
  expect(await ids({ username: { equalsIgnoringCase: "änn" } })).toEqual([]);
  expect(await ids({ email: { inIgnoringCase: ["ört@ACME.example"] } })).toEqual([103]);
  // A list needs their order.
  expect(await ids({ username: { startsWith: "ØR" } })).toEqual([101]);
  expect(folds()).toEqual(["øre", null, "ört", "plain"]);

  // A copy of a row under another name.
  db.exec(`insert into user (id, email, username, active, fs_uniquifier, portcullis_folded_email)
    select 105, 'COPY@acme.example', null, 1, 'uniquifier-105', portcullis_folded_email from user where id = 104`);
  expect(await ids({ email: { equalsIgnoringCase: "copy@ACME.example" } })).toEqual([105]);
  db.exec("delete from user where id = 105");

  // As migrations of SQLAlchemy change a table: a copy has the columns, and no triggers.
  const columns = "select group_concat('\"' || name || '\"') as list from pragma_table_info('user')";
  const list = String(db.prepare(columns).get()?.list);
  db.exec(`pragma foreign_keys = off; create table copy as select * from user; drop table user;
    create table user (id integer primary key, email varchar(255) not null unique, username varchar(255) unique);`);
  const known = new Set(["id", "email", "username"]);
  for (const name of list.replaceAll('"', "").split(","))
    if (!known.has(name)) db.exec(`alter table user add column "${name}"`);
  db.exec(`insert into user (${list}) select ${list} from copy; update user set username = 'ÅSA' where id = 102`);
  expect(await store.check()).toContain('table "user" does not keep "username" in its folded form');
});

it("finds without regard to case through the index, where nothing waits to be folded", async () => {
  const path = newPath();
  const provider = sqlite(path);
  const store = await open(path, provider);
  await store.insert("user", userRow("indexed"));
  const email = sqliteDialect.equalsIgnoringCase("user", coreTables.user?.columns.email as Column, "a");
  const plan = await sql<{ detail: string }>`explain query plan select id from user where ${email}`.execute(
    provider.kysely(),
  );
  const [how, ...parts] = plan.rows.map(({ detail }) => detail);
  expect(how).toBe("MULTI-INDEX OR");
  const searches = parts.filter((detail) => !/^INDEX \d$/.test(detail));
  expect(searches).toHaveLength(2);
  for (const search of searches) expect(search).toMatch(/^SEARCH user USING INDEX ix_user_portcullis_folded_email /);
});

it("stores date-times as SQLAlchemy does", async () => {
  const path = newPath();
  const store = await open(path);
  const confirmedAt = new Date("2024-05-06T07:08:09.012Z");
  await store.insert("user", userRow("dates", { confirmedAt }));
  const db = new DatabaseSync(path);
  opened.push(db);
  const row = db.prepare("select confirmed_at, create_datetime, active from user").get();
  expect({ ...row }).toEqual({
    confirmed_at: "2024-05-06 07:08:09.012000",
    create_datetime: "2026-01-02 03:04:05.678000",
    active: 1,
  });
});

it("makes a new file that only its owner can read", async () => {
  const path = newPath();
  const store = await open(path);
  await store.insert("user", userRow("mode"));
  for (const end of ["", "-wal"]) expect(statSync(path + end).mode & 0o777).toBe(0o600);
});

it("gives the application its own queries, and refuses them where they would hang", async () => {
  const provider = sqlite(newPath());
  interface Tables {
    product: { id: number; name: string; sold: Date | string | null };
  }
  expect(() => provider.kysely<Tables>()).toThrow(DatastoreError);
  const store = await open("", provider);
  const db = provider.kysely<Tables>();
  await db.schema
    .createTable("product")
    .addColumn("id", "integer")
    .addColumn("name", "text")
    .addColumn("sold", "text")
    .execute();
  const product = { id: 1, name: "lamp", sold: new Date(0) };
  const made = store.transaction(async (tx) => {
    await provider.kysely<Tables>(tx).insertInto("product").values(product).execute();
    await expect(db.selectFrom("product").selectAll().execute()).rejects.toThrow("tx");
    await tx.insert("user", userRow("buyer"));
    throw new Error("changed my mind");
  });
  await expect(made).rejects.toThrow("changed my mind");
  expect(await db.selectFrom("product").selectAll().execute()).toEqual([]);
  const inMemory = await memory().open(coreTables, environment);
  await inMemory.transaction(async (tx) => expect(() => provider.kysely(tx)).toThrow(DatastoreError));
  await db.insertInto("product").values(product).execute();
  const names: string[] = [];
  for await (const row of db.selectFrom("product").select(["name", "sold"]).stream())
    names.push(row.name, String(row.sold));
  expect(names).toEqual(["lamp", "1970-01-01 00:00:00.000000"]);
  await store.close();
  expect(() => provider.kysely<Tables>()).toThrow("not open");
});

it("hears of another process's change through the bus", async () => {
  const path = newPath();
  const store = await open(path);
  const id = await store.insert("user", userRow("shared"));
  const heard: unknown[] = [];
  store.bus?.onInvalidate((userId) => heard.push(userId));
  expect(store.bus?.current()).toBe(true);
  await store.update("user", { id: id as number }, { loginCount: 1 });
  expect(store.bus?.current()).toBe(true);
  expect(heard, "the own change is told by publish()").toEqual([]);

  const module = JSON.stringify(fileURLToPath(new URL("index.ts", import.meta.url)));
  const tables = JSON.stringify(fileURLToPath(new URL("../../model/tables.ts", import.meta.url)));
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `const { sqlite } = await import(${module});
       const { coreTables } = await import(${tables});
       const store = await sqlite(${JSON.stringify(path)}).open(coreTables, { now: Date.now, log() {} });
       const heard = [];
       store.bus.onInvalidate((userId) => heard.push(userId ?? null));
       await store.update("user", { email: "shared@example.com" }, { active: false });
       process.stdout.write("changed\\n");
       for await (const line of process.stdin) {
         const current = store.bus.current();
         const { active } = await store.findOne("user", { email: "shared@example.com" });
         process.stdout.write(JSON.stringify({ current, heard, active }) + "\\n");
       }
       await store.close();`,
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const answer = async (): Promise<string> => String((await once(child.stdout, "data"))[0]).trim();
  expect(await answer()).toBe("changed");
  expect(store.bus?.current()).toBe(true);
  expect(heard).toEqual([undefined]);
  expect(store.bus?.current()).toBe(true);
  expect(heard, "each change is told once").toEqual([undefined]);
  expect((await store.loadUser?.("email", "shared@example.com"))?.user.active).toBe(false);

  await store.update("user", { id: id as number }, { active: true });
  child.stdin.write("look\n");
  expect(JSON.parse(await answer())).toEqual({ current: true, heard: [null], active: true });
  child.stdin.end();
  expect((await once(child, "exit"))[0]).toBe(0);
});

it("waits for another connection's lock without stopping the event loop, up to its limit", async () => {
  const path = newPath();
  const store = await open(path);
  const impatient = await open(path, sqlite(path, { lockTimeout: 0 }));
  const other = new DatabaseSync(path);
  opened.push(other);
  other.exec("begin immediate");
  await expect(impatient.insert("role", { name: "waiting" })).rejects.toThrow("locked");
  const waiting = Promise.all([
    store.insert("role", { name: "waiting" }),
    store.transaction(async (tx) => await tx.insert("role", { name: "waiting-too" })),
  ]);
  await new Promise((resolve) => setImmediate(resolve));
  other.exec("commit");
  expect((await waiting).length).toBe(2);
});

it("keeps two stores of one process from dead-locking each other", async () => {
  const path = newPath();
  const one = await open(path);
  const two = await open(path);
  const names = Array.from({ length: 10 }, (_, index) => `role-${index}`);
  await Promise.all(
    names.map((name, index) =>
      (index % 2 === 0 ? one : two).transaction(async (tx) => {
        await tx.count("role", {});
        await new Promise((resolve) => setImmediate(resolve));
        await tx.insert("role", { name });
      }),
    ),
  );
  expect(await one.count("role", {})).toBe(10);
});

it("answers with an error after it was closed, and closes once", async () => {
  const store = await open(":memory:");
  await Promise.all([store.close(), store.close()]);
  await expect(store.count("user", {})).rejects.toBeInstanceOf(DatastoreError);
  expect(store.bus?.current()).toBe(true);
  const inFile = await open(newPath());
  await inFile.close();
  expect(inFile.bus?.current()).toBe(false);
});

it("names what it cannot open", async () => {
  const path = join(folder, "no", "such", "folder.db");
  await expect(sqlite(path).open(coreTables, environment)).rejects.toThrow(path);
});

it("refuses wrong options and paths", () => {
  const refused = (make: () => unknown, path: string): void => {
    try {
      make();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      expect((error as ConfigurationError).path).toBe(path);
      return;
    }
    expect.unreachable();
  };
  refused(() => sqlite("a.db", { wal: true } as object), "sqlite(...).wal");
  refused(() => sqlite("a.db", { lockTimeout: -1 }), "sqlite(...).lockTimeout");
  refused(() => sqlite(""), "sqlite(path)");
  refused(() => sqlite(undefined as unknown as string), "sqlite(path)");
});

it("refuses a schema that no database could hold", async () => {
  const wrong = {
    ...coreTables,
    twin: { name: "USER", primaryKey: [], columns: {} },
  };
  await expect(sqlite(":memory:").open(wrong, environment)).rejects.toThrow("schema.twin");
});

it("reports what a taken-over table cannot be made to", async () => {
  const path = newPath();
  const db = new DatabaseSync(path);
  for (const statement of flaskSecurityStatements("sqlite")) db.exec(statement);
  // A table whose constraint somebody has lost, with the same address twice.
  db.exec("pragma foreign_keys = off; create table copy as select * from user; drop table user");
  db.exec("alter table copy rename to user; insert into user select * from user");
  db.close();
  const store = await sqlite(path).open(coreTables, environment);
  opened.push(store);
  await expect(store.migrate()).rejects.toThrow('add a unique index on "email" to table "user"');
  expect((await store.check()).length, "all or nothing").toBeGreaterThan(1);
});

it("lets the event loop go on during a long chain of queries", async () => {
  const store = await open(newPath());
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  for (let index = 0; index < 2_000; index += 1) await store.findOne("user", { id: 1 });
  await store.transaction((tx) => tx.findOne("user", { id: 1 }));
  over = true;
  // Some milliseconds of work: without pauses it would be one turn.
  expect(turns).toBeGreaterThan(5);
});
