/** The lab's database seen from outside: snapshots of all accounts (oracle O8) and planting of rows. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Client } from "pg";

/** A row of the table `user`, in column names. */
export type AccountRow = Readonly<Record<string, unknown>>;

/** Direct access to the accounts, past the server. */
export interface Accounts {
  all(): Promise<readonly AccountRow[]>;
  byEmail(email: string): Promise<AccountRow | undefined>;
  /** Users, roles and who has which, without the counters that a refused request may change. */
  snapshot(): Promise<string>;
  /** The rows of the audit trail, oldest first. */
  trail(): Promise<readonly AccountRow[]>;
  setPassword(email: string, hash: string): Promise<void>;
  /** Gives the user exactly one role of this name, which is created without any check. */
  setRole(email: string, role: string): Promise<void>;
  close(): Promise<void>;
}

const counters = new Set([
  "login_count",
  "failed_login_count",
  "last_login_at",
  "current_login_at",
  "last_login_ip",
  "current_login_ip",
  "update_datetime",
]);

interface Connection {
  query(text: string, values?: readonly (string | number)[]): Promise<readonly AccountRow[]>;
  /** Changes whenever another connection has written. */
  version(): Promise<string>;
  close(): Promise<void>;
}

/** Opens the lab's database beside the lab. */
export function openAccounts(where: { readonly file: string } | { readonly url: string }): Accounts {
  const connection = "file" in where ? sqlite(where.file) : postgres(where.url);
  let last = { version: "", text: "" };
  const all = (): Promise<readonly AccountRow[]> => connection.query('select * from "user" order by id');
  return {
    all,
    async byEmail(email) {
      return (await connection.query('select * from "user" where email = $1', [email]))[0];
    },
    async snapshot() {
      const version = await connection.version();
      if (version === last.version) return last.text;
      const users = (await all()).map((row) =>
        Object.fromEntries(Object.entries(row).filter(([column]) => !counters.has(column))),
      );
      const roles = await connection.query("select id, name, permissions from role order by id");
      const members = await connection.query("select user_id, role_id from roles_users order by user_id, role_id");
      last = { version, text: JSON.stringify({ users, roles, members }, null, 1) };
      return last.text;
    },
    trail: () => connection.query("select * from portcullis_audit order by sequence"),
    async setPassword(email, hash) {
      await connection.query('update "user" set password = $1 where email = $2', [hash, email]);
    },
    async setRole(email, role) {
      const user = (await connection.query('select id from "user" where email = $1', [email]))[0];
      const known = async (): Promise<AccountRow | undefined> =>
        (await connection.query("select id from role where name = $1", [role]))[0];
      if ((await known()) === undefined) {
        const now = "2026-01-01 00:00:00";
        await connection.query("insert into role (name, update_datetime) values ($1, $2)", [role, now]);
      }
      await connection.query("delete from roles_users where user_id = $1", [Number(user?.["id"])]);
      await connection.query("insert into roles_users (user_id, role_id) values ($1, $2)", [
        Number(user?.["id"]),
        Number((await known())?.["id"]),
      ]);
    },
    close: () => connection.close(),
  };
}

function sqlite(file: string): Connection {
  const database = new DatabaseSync(file, { timeout: 10_000 });
  const statements = new Map<string, StatementSync>();
  const prepared = (text: string): StatementSync => {
    const statement = statements.get(text) ?? database.prepare(text.replace(/\$(\d)/g, "?$1"));
    statements.set(text, statement);
    return statement;
  };
  let own = 0;
  return {
    version: async () => `${prepared("pragma data_version").get()?.["data_version"]}.${own}`,
    async query(text, values = []) {
      const statement = prepared(text);
      // The pragma does not tell of what this connection itself writes.
      if (!/^select /i.test(text)) own += 1;
      return statement.all(...values) as AccountRow[];
    },
    async close() {
      database.close();
    },
  };
}

function postgres(url: string): Connection {
  const client = new Client({ connectionString: url });
  const connected = client.connect();
  return {
    // Which transactions of the whole server are over: each that has written anything, anywhere, changes it.
    async version() {
      await connected;
      const { rows } = await client.query<{ seen: string }>("select pg_current_snapshot()::text as seen");
      return rows[0]?.seen ?? "";
    },
    async query(text, values = []) {
      await connected;
      return (await client.query<AccountRow>(text, [...values])).rows;
    },
    async close() {
      await connected;
      await client.end();
    },
  };
}

const server = process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

/** Makes an empty database on the PostgreSQL server of the tests. */
export async function postgresDatabase(name: string): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const run = async (statement: string): Promise<void> => {
    const client = new Client({ connectionString: server });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await run(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run(`drop database ${name} with (force)`) };
}
