import { DatabaseSync } from "node:sqlite";
import { sql } from "kysely";
import { afterEach, expect, it } from "vitest";
import { flaskSecurityStatements } from "../../../tests/services/flask-security.ts";
import { coreTables, table } from "../../model/tables.ts";
import { userRow } from "../../testing/datastore-conformance/fixtures.ts";
import { closeAll, environment, newPath, open, opened } from "../fixtures/sqlite-files.ts";
import { sqlite } from "./index.ts";

afterEach(closeAll);

it("gives no number twice in a table that was taken over, which is not made anew", async () => {
  const path = newPath();
  const db = new DatabaseSync(path);
  for (const statement of flaskSecurityStatements("sqlite")) db.exec(statement);
  const made = (): unknown => db.prepare("select sql from sqlite_master where type = 'table' and name = 'user'").get();
  const before = made();
  const store = await sqlite(path).open(coreTables, environment);
  opened.push(store);
  expect(await store.check()).toContain('table "user" does not keep the numbers of deleted rows');
  const done = await store.migrate();
  expect(done).toContain('keep the numbers of deleted rows of table "user"');
  expect(String(Reflect.get(made() as object, "sql"))).toContain(
    String(Reflect.get(before as object, "sql")).slice(0, 60),
  );
  expect(String(Reflect.get(made() as object, "sql"))).not.toMatch(/autoincrement/i);
  const first = (await store.insert("user", userRow("first"))) as number;
  // By another program.
  db.exec("delete from user where email = 'first@example.com'");
  const second = (await store.insert("user", userRow("second"))) as number;
  expect(second).toBe(first + 1);
  await store.close();
  const again = await sqlite(path).open(coreTables, environment);
  opened.push(again);
  await again.delete("user", { id: second });
  expect(await again.insert("user", userRow("third"))).toBe(second + 1);
  db.close();
});

it("gives no number twice that another program has taken from a row", async () => {
  const path = newPath();
  const store = await open(path);
  const id = (await store.insert("user", userRow("moved"))) as number;
  await store.close();
  const db = new DatabaseSync(path);
  opened.push(db);
  // As an earlier version left it.
  db.exec("drop trigger portcullis_numbers_moved_user");
  const again = await sqlite(path).open(coreTables, environment);
  opened.push(again);
  expect(await again.check()).toEqual(['table "user" does not keep the numbers of deleted rows']);
  await again.migrate();
  expect(await again.check()).toEqual([]);
  db.exec(`update user set id = 100 where id = ${id}; update user set id = 5 where id = 100`);
  expect(await again.insert("user", userRow("next"))).toBe(101);
  // What leaves the number as it is notes nothing.
  db.exec("update user set id = id");
  expect(await again.insert("user", userRow("after"))).toBe(102);
});

it("gives no number that the trail still names, of a user who was deleted before numbers were kept", async () => {
  const path = newPath();
  const schema = {
    ...coreTables,
    trail: table("trail", ["sequence"], {
      sequence: { type: "epochMs" },
      userId: { type: "integer", nullable: true },
      actorId: { type: "integer", nullable: true },
    }),
  };
  const store = await sqlite(path).open(schema, environment);
  opened.push(store);
  await store.migrate();
  const db = new DatabaseSync(path);
  // As an earlier version left it.
  db.exec(
    "drop trigger portcullis_numbers_user; drop trigger portcullis_numbers_role; drop trigger portcullis_numbers_moved_user; drop trigger portcullis_numbers_moved_role; drop table portcullis_numbers",
  );
  await store.insert("trail", { sequence: 1, userId: 7, actorId: 9 });
  await store.migrate();
  db.close();
  expect(await store.insert("user", userRow("next"))).toBe(10);
  expect(await store.insert("role", { name: "next" })).toBe(1);
});

it("gives no number again that a savepoint of the application's took back", async () => {
  const path = newPath();
  const provider = sqlite(path);
  const store = await open(path, provider);
  let undone = 0;
  await store.transaction(async (tx) => {
    const own = provider.kysely(tx);
    await sql`savepoint mine`.execute(own);
    undone = (await tx.insert("user", userRow("undone"))) as number;
    await sql`rollback to mine`.execute(own);
  });
  expect(await store.count("user", {})).toBe(0);
  const another = await open(path);
  expect(await another.insert("user", userRow("next"))).toBe(undone + 1);
});

it("a transaction that made the very tables is undone as a whole", async () => {
  const provider = sqlite(newPath());
  const store = await provider.open(coreTables, environment);
  opened.push(store);
  const db = provider.kysely();
  const work = db.transaction().execute(async (tx) => {
    await sql`create table portcullis_numbers ("table" varchar(255) primary key, last integer)`.execute(tx);
    await sql`create table user (id integer primary key)`.execute(tx);
    await sql`insert into user (id) values (portcullis_next('user', 'id', 0, 1))`.execute(tx);
    throw new Error("not today");
  });
  await expect(work).rejects.toThrow("not today");
  expect((await sql`select name from sqlite_master`.execute(db)).rows).toEqual([]);
  expect(await store.isEmpty()).toBe(true);
});
