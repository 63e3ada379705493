/** A database as Flask-Security's models (`fsqla_v4`) make it, with one user in it, and what taking it over must lead to. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Datastore } from "../../src/datastore/contract.ts";
import { userRow } from "../../src/testing/datastore-conformance/fixtures.ts";

const file = readFileSync(new URL("flask-security.sql", import.meta.url), "utf8");

/** The statements for one database: `sqlite`, `postgresql` or `mysql`; the rows as SQLAlchemy writes them. */
export function flaskSecurityStatements(dialect: "sqlite" | "postgresql" | "mysql"): string[] {
  const part = file.split(/^-- =====\s+/m).find((it) => it.startsWith(dialect));
  if (part === undefined) throw new Error(`no DDL for ${dialect}`);
  const quote = dialect === "mysql" ? "`" : '"';
  const user = `${quote}user${quote}`;
  const active = dialect === "postgresql" ? "true" : "1";
  const fraction = dialect === "mysql" ? "" : ".123456";
  const bytes = dialect === "postgresql" ? "'\\x00ff'::bytea" : "x'00ff'";
  return [
    ...part
      .slice(dialect.length)
      .split(";")
      .map((statement) => statement.trim())
      .filter((statement) => statement !== ""),
    `insert into ${user} (email, username, password, active, fs_uniquifier, confirmed_at, last_login_ip, login_count)
     values ('Matt@lp.com', 'matt', '$argon2id$v=19$hash', ${active}, 'f81d4fae7dec11d0a76500a0c91e6bf6',
       '2024-05-06 07:08:09${fraction}', '127.0.0.1', 3)`,
    "insert into role (name, permissions) values ('admin', 'read, write'), ('plain', null)",
    "insert into roles_users (user_id, role_id) values (1, 1), (1, 2)",
    `insert into web_authn (credential_id, public_key, backup_state, device_type, lastuse_datetime, name, ${quote}usage${quote}, user_id)
     values (${bytes}, ${bytes}, ${active}, 'single_device', '2024-05-06 07:08:09', 'key', 'first', 1)`,
  ];
}

/** Takes the database over, and uses it. The schema of the store must be the core's. */
export async function takesOver(store: Datastore): Promise<void> {
  assert.equal(await store.isEmpty(), false);
  assert.ok((await store.check()).includes('column "fs_token_uniquifier" of table "user" is missing'));
  const done = await store.migrate();
  assert.ok(done.includes('add column "fs_token_uniquifier" to table "user"'));
  assert.ok(done.includes('create table "portcullis_session"'));
  assert.ok(!done.some((step) => /create table "(user|role|roles_users)"/.test(step)), done.join());
  assert.ok(!done.includes('add a unique index on "email" to table "user"'));
  assert.deepEqual(await store.check(), []);
  assert.deepEqual(await store.migrate(), []);

  for (const [field, value] of [
    ["email", "Matt@lp.com"],
    ["fsUniquifier", "f81d4fae7dec11d0a76500a0c91e6bf6"],
    ["id", 1],
  ] as const) {
    const loaded = await store.loadUser?.(field, value);
    assert.partialDeepStrictEqual(loaded?.user, {
      id: 1,
      username: "matt",
      password: "$argon2id$v=19$hash",
      active: true,
      fsTokenUniquifier: null,
      loginCount: 3,
      lastLoginAt: null,
    });
    const confirmed = loaded?.user.confirmedAt;
    assert.ok(
      confirmed instanceof Date && confirmed.toISOString().startsWith("2024-05-06T07:08:09."),
      String(confirmed),
    );
    assert.ok(loaded?.user.createDatetime instanceof Date);
    const roles = new Map(loaded?.roles.map((role) => [role.name, role.permissions]));
    assert.deepEqual([roles.get("admin"), roles.get("plain"), roles.size], [["read", "write"], [], 2]);
  }
  assert.equal(await store.count("user", { email: { equalsIgnoringCase: "matt@LP.com" } }), 1);
  assert.equal(await store.update("user", { id: 1 }, { currentLoginAt: new Date("2026-01-02T03:04:05Z") }), 1);
  const conflict = store.insert("user", userRow("other", { email: "Matt@lp.com" }));
  await assert.rejects(conflict, { table: "user", field: "email" });
  const another = await store.insert("user", userRow("another", { fsTokenUniquifier: "token" }));
  assert.ok(typeof another === "number" && another > 1);
  await assert.rejects(store.update("user", { id: 1 }, { fsTokenUniquifier: "token" }), { field: "fsTokenUniquifier" });
}
