// A database with many users and sessions, written straight into SQLite.
import { DatabaseSync } from "node:sqlite";
import { sha256 } from "../src/secrets/random.ts";

/** Ids of sessions as their cookies hold them: signed-in sessions of users with the role of the benchmark. */
export function sessionIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`.padStart(6, "0").padEnd(43, "s"));
}

/**
 * Fills a database that has its tables and the user of the benchmark with so many users, one session each. The first
 * `known` sessions have the ids of `sessionIds`.
 */
export function populate(file: string, users: number, known: number): void {
  const db = new DatabaseSync(file);
  try {
    // Nothing here must survive a crash.
    db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN");
    const model = db.prepare("select id, email from user").get() as { id: number; email: string };
    const columns = (table: string): string[] =>
      db
        .prepare("select name from pragma_table_info(?)")
        .all(table)
        .map((row) => String(row["name"]));
    const copied = columns("user").filter((name) => !["id", "email", "fs_uniquifier", "password"].includes(name));
    const list = copied.map((name) => `"${name}"`).join(", ");
    const first = model.id + 1;
    db.prepare(
      `with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?)
       insert into user (id, email, fs_uniquifier, ${list})
       select ? + i, printf('user%08d@example.org', i), printf('%064d', i), ${list} from n, user where user.id = ?`,
    ).run(users, first, model.id);
    db.prepare(
      "insert into roles_users (user_id, role_id) select user.id, role_id from user, roles_users where user.id >= ?",
    ).run(first);
    const now = Date.now();
    db.prepare(
      `insert into portcullis_session (id_hash, user_id, uniquifier, created_at, last_seen_at, expires_at, authenticated_at, methods, data, version)
       select substr(lower(hex(randomblob(22))), 1, 43), id, fs_uniquifier, ?, ?, ?, ?, 'password', '{}', 0 from user where id >= ?`,
    ).run(now, now, now + 3_600_000, now, first + known);
    const insert = db.prepare(
      `insert into portcullis_session (id_hash, user_id, uniquifier, created_at, last_seen_at, expires_at, authenticated_at, methods, data, version)
       select ?, id, fs_uniquifier, ?, ?, ?, ?, 'password', '{}', 0 from user where id = ?`,
    );
    for (const [index, id] of sessionIds(known).entries()) {
      insert.run(sha256(id), now, now, now + 3_600_000, now, first + index);
    }
    db.exec("COMMIT");
  } finally {
    db.close();
  }
}

/** The plan of a statement: one line for each table that it reads. */
export function queryPlan(file: string, statement: string): string[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db
      .prepare(`explain query plan ${statement}`)
      .all("x")
      .map((row) => String(row["detail"]));
  } finally {
    db.close();
  }
}
