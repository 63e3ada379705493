/** Servers in processes of their own on one database, and that database as it is, past the product. */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import mysqlDriver from "mysql2/promise";
import pg from "pg";

/** Where the accounts are. */
export interface Place {
  readonly dialect: "sqlite" | "postgres" | "mysql";
  /** A path, or a URL. */
  readonly connection: string;
}

/** A place with a direct look into it. */
export interface Database extends Place {
  /** The rows of a query in common SQL; `"user"` is written as `{user}`. */
  rows(query: string): Promise<Record<string, unknown>[]>;
  /** Removes the place. */
  remove(): Promise<void>;
}

/** A process that has loaded its program. */
export interface LoadedServer {
  readonly child: ChildProcess;
  /** Opens the database and listens; `ahead`: how fast its clock is, in milliseconds. */
  open(ahead?: number): Promise<string>;
  /** Kills it, and resolves when it is gone. */
  kill(): Promise<void>;
}

const accounts = fileURLToPath(new URL("account-server.ts", import.meta.url));
const fromSource = new URL("../../scripts/from-source.mjs", import.meta.url).href;

/**
 * Starts the program. `compileCache` is a folder in which processes leave compiled code for the next; `more` is told to the program
 * beside the place.
 */
export function loadServer(
  { dialect, connection }: Place,
  compileCache: string,
  { program = accounts, more = {} }: { readonly program?: string; readonly more?: object } = {},
): LoadedServer {
  const child = fork(program, [JSON.stringify({ dialect, connection, ...more })], {
    execArgv: ["--import", fromSource],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const gone = once(child, "exit");
  const early = gone.then(() => {
    throw new Error(`the server ended early: ${errors}`);
  });
  early.catch(() => {});
  const loaded = Promise.race([once(child, "message"), early]);
  loaded.catch(() => {});
  return {
    child,
    async open(ahead = 0) {
      await loaded;
      const answer = once(child, "message");
      child.send({ ahead });
      const [message] = (await Promise.race([answer, early])) as [{ readonly url: string }];
      return message.url;
    },
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

const newName = (): string => `portcullis_test_${randomBytes(6).toString("hex")}`;

/** An SQLite file in a folder of its own. */
export async function sqliteFile(): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-"));
  const connection = join(folder, "accounts.db");
  return {
    dialect: "sqlite",
    connection,
    async rows(query) {
      const db = new DatabaseSync(connection, { readOnly: true, timeout: 5000 });
      try {
        return db.prepare(query.replaceAll("{user}", '"user"')).all();
      } finally {
        db.close();
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A database of its own on a PostgreSQL server. */
export async function postgresDatabase(server: string): Promise<Database> {
  const name = newName();
  const place = new URL(server);
  place.pathname = `/${name}`;
  const on = async (url: string, query: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client(url);
    await client.connect();
    try {
      return (await client.query(query)).rows;
    } finally {
      await client.end();
    }
  };
  await on(server, `create database ${name}`);
  // What a power failure would take away is no matter to a test: commits do not wait for the disk.
  await on(server, `alter database ${name} set synchronous_commit = off`);
  return {
    dialect: "postgres",
    connection: place.href,
    rows: (query) => on(place.href, query.replaceAll("{user}", '"user"')),
    async remove() {
      await on(server, `drop database if exists ${name} with (force)`);
    },
  };
}

/** A database of its own on a MariaDB or MySQL server. */
export async function mysqlDatabase(server: string): Promise<Database> {
  const name = newName();
  const place = new URL(server);
  place.pathname = `/${name}`;
  const on = async (url: string, query: string): Promise<Record<string, unknown>[]> => {
    const connection = await mysqlDriver.createConnection(url);
    try {
      const [rows] = await connection.query<mysqlDriver.RowDataPacket[]>(query);
      return rows;
    } finally {
      await connection.end();
    }
  };
  await on(server, `create database ${name}`);
  return {
    dialect: "mysql",
    connection: place.href,
    rows: (query) => on(place.href, query.replaceAll("{user}", "`user`")),
    async remove() {
      await on(server, `drop database if exists ${name}`);
    },
  };
}

/** What no account may ever look like: each text tells of one that is half there. */
export async function halfDone(database: Database): Promise<string[]> {
  const { rows } = database;
  const found: string[] = [];
  const none = async (what: string, query: string): Promise<void> => {
    for (const row of await rows(query)) found.push(`${what}: ${String(row.subject)}`);
  };
  await none(
    "a user without a password",
    "select email as subject from {user} where password is null or password not like '$argon2id$%'",
  );
  await none(
    "a user without the role, or with two",
    "select email as subject from {user} u where (select count(*) from roles_users r where r.user_id = u.id) <> 1",
  );
  await none(
    "a user without what onRegister writes, or twice",
    "select email as subject from {user} u where (select count(*) from welcome w where w.user_id = u.id) <> 1",
  );
  await none(
    "onRegister's row without a user",
    "select user_id as subject from welcome w where not exists (select 1 from {user} u where u.id = w.user_id)",
  );
  await none(
    "a remember credential without its session",
    `select id as subject from portcullis_remember m
     where not exists (select 1 from portcullis_session s where s.remember_id = m.id)`,
  );
  await none(
    "an address twice",
    "select lower(email) as subject from {user} group by lower(email) having count(*) > 1",
  );
  return found;
}
