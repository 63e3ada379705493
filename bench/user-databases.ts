// Databases of a benchmark of their own, with however many users, and how many rows each statement looks at there.
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SQLInputValue, StatementSync } from "node:sqlite";
import { CompiledQuery, type Kysely, sql } from "kysely";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import { mysql } from "../src/datastore/mysql/index.ts";
import { postgres } from "../src/datastore/postgres/index.ts";
import { type SqlProvider, sqlite } from "../src/datastore/sqlite/index.ts";

/** The databases that the benchmark knows. */
export type Dialect = "sqlite" | "postgres" | "mysql";

type Db = Kysely<Record<string, Record<string, unknown>>>;

/** An empty database, and its end. */
export interface Place {
  readonly provider: SqlProvider;
  remove(): Promise<void>;
}

/** A statement and how the database goes about it; `bad`: it reads or sorts more than a page asks for. */
export interface Plan {
  readonly statement: string;
  readonly steps: readonly string[];
  readonly bad: boolean;
}

/** A page of 25 looks at some hundred rows, and counts a thousand: a statement that needs more reads the table. */
const mostRows = 3_000;

/** Makes a database. The servers are those of `POSTGRES_URL` and `MYSQL_URL`, or of this machine. */
export async function place(dialect: Dialect): Promise<Place> {
  const name = `portcullis_bench_${randomBytes(6).toString("hex")}`;
  if (dialect === "sqlite") {
    const file = join(tmpdir(), `${name}.db`);
    return {
      provider: sqlite(file),
      async remove() {
        for (const end of ["", "-wal", "-shm"]) await rm(`${file}${end}`, { force: true });
      },
    };
  }
  const postgresql = dialect === "postgres";
  const server = postgresql
    ? (process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres")
    : (process.env["MYSQL_URL"] ?? "mysql://root@127.0.0.1:3306");
  const tell = postgresql ? tellPostgres : tellMysql;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await tell(server, `create database ${name}`);
  return {
    provider: postgresql ? postgres(url.href) : mysql(url.href),
    remove: () => tell(server, `drop database if exists ${name}${postgresql ? " with (force)" : ""}`),
  };
}

async function tellPostgres(server: string, statement: string): Promise<void> {
  const client = new pg.Client(server);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function tellMysql(server: string, statement: string): Promise<void> {
  const connection = await mysqlDriver.createConnection(server);
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}

/** The address of the user of that number, from 0. */
export function addressOf(index: number): string {
  return `user${10_000_000 + index}@example.org`;
}

/**
 * Copies the only user, with their roles, until there are so many more. Half of them have a username; of those
 * in the second half of the table half is not active, so that whoever looks for these by id passes many others first. In common SQL: the numbers are made of their digits, as not every database counts by itself.
 */
export async function fill(db: Db, dialect: Dialect, users: number): Promise<void> {
  const [model] = (await sql<Record<string, unknown>>`select * from ${sql.id("user")}`.execute(db)).rows;
  const made = ["id", "email", "username", "active", "fs_uniquifier", "password"];
  const copied = Object.keys(model ?? {}).filter((column) => !made.includes(column));
  const places = Math.max(1, Math.ceil(Math.log10(users)));
  const digits = sql.raw(
    Array.from({ length: 10 }, (_, digit) => `select ${digit}${digit === 0 ? " as i" : ""}`).join(" union all "),
  );
  const joined = sql.raw(Array.from({ length: places }, (_, at) => `digits d${at}`).join(" cross join "));
  const number = sql.raw(Array.from({ length: places }, (_, at) => `d${at}.i * ${10 ** at}`).join(" + "));
  const text = sql`cast(n.i + 10000000 as char(8))`;
  await sql`
    insert into ${sql.id("user")} (email, username, active, fs_uniquifier, ${sql.join(copied.map((it) => sql.id(it)))})
    with digits as (${digits}), n as (select ${number} as i from ${joined})
    select concat('user', ${text}, '@example.org'),
      case when n.i % 2 = 0 then concat('name', ${text}) else null end,
      case when n.i % 2 = 1 and n.i * 2 >= ${sql.lit(users)} then false else true end,
      concat('benchmark-', ${text}), ${sql.join(copied.map((it) => sql.ref(`m.${it}`)))}
    from n cross join ${sql.id("user")} m where n.i < ${sql.lit(users)} and m.id = ${sql.lit(model?.["id"])}
    order by n.i`.execute(db);
  await sql`
    insert into roles_users (user_id, role_id)
    select u.id, r.role_id from ${sql.id("user")} u cross join (select role_id from roles_users) r
    where u.id <> ${sql.lit(model?.["id"])}`.execute(db);
  // What the servers do by themselves after a while.
  if (dialect === "postgres") await sql`vacuum analyze`.execute(db);
  if (dialect === "mysql") await sql`analyze table ${sql.id("user")}, roles_users`.execute(db);
}

/** The statements that `work` sends, each kind once, and how the database goes about them. */
export async function plansOf(db: Db, dialect: Dialect, work: () => Promise<unknown>): Promise<readonly Plan[]> {
  const sent = new Map<string, CompiledQuery>();
  const stop = dialect === "sqlite" ? watchSqlite(sent) : watchKysely(db, sent);
  try {
    await work();
  } finally {
    stop();
  }
  const plans: Plan[] = [];
  for (const query of sent.values()) {
    const explain = { sqlite: "explain query plan", postgres: "explain (analyze, format json)", mysql: "analyze" };
    const { rows } = await db.executeQuery(
      CompiledQuery.raw(`${explain[dialect]} ${query.sql}`, [...query.parameters]),
    );
    const read = { sqlite: sqliteSteps, postgres: postgresSteps, mysql: mysqlSteps }[dialect];
    const steps = read(rows as Record<string, unknown>[], query.sql);
    plans.push({
      statement: query.sql.replace(/^select .*? from/, "select … from"),
      steps: steps.map(({ what, rows: looked }) => (looked === undefined ? what : `${what}: ${looked} rows`)),
      bad: steps.some(({ rows: looked, bad }) => bad === true || (looked ?? 0) > mostRows),
    });
  }
  return plans;
}

function watchKysely(db: Db, sent: Map<string, CompiledQuery>): () => void {
  const executeQuery = db.executeQuery.bind(db);
  db.executeQuery = ((query: CompiledQuery) => {
    sent.set(query.sql, query);
    return executeQuery(query);
  }) as typeof db.executeQuery;
  return () => Reflect.deleteProperty(db, "executeQuery");
}

/** Whatever reaches SQLite, by whichever connection: a look-up goes past Kysely, and past a transaction that runs. */
function watchSqlite(sent: Map<string, CompiledQuery>): () => void {
  const { prototype } = StatementSync;
  const { all, run, iterate } = prototype;
  const watched = <A extends SQLInputValue[], R>(method: (...parameters: A) => R) =>
    function (this: StatementSync, ...parameters: A): R {
      sent.set(this.sourceSQL, CompiledQuery.raw(this.sourceSQL, parameters));
      return method.apply(this, parameters);
    };
  // Not `get`: by that the bus alone asks, for the version of the file.
  Object.assign(prototype, { all: watched(all), run: watched(run), iterate: watched(iterate) });
  return () => Object.assign(prototype, { all, run, iterate });
}

interface Step {
  readonly what: string;
  /** Rows that it looked at; undefined where the database does not tell. */
  readonly rows?: number;
  readonly bad?: boolean;
}

/** SQLite tells no numbers: a scan that a limit ends and a sort of rows that a list names are small. */
function sqliteSteps(rows: readonly Record<string, unknown>[], statement: string): Step[] {
  return rows.map((row) => {
    const what = String(row["detail"]);
    const scans = /^SCAN (user|roles_users)\b/.test(what) && !statement.includes(" limit ");
    return { what, bad: scans || (what.includes("TEMP B-TREE FOR ORDER BY") && !namesRows(statement)) };
  });
}

function namesRows(statement: string): boolean {
  return / in \(\?/.test(statement);
}

interface PostgresNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly Plans?: readonly PostgresNode[];
}

function postgresSteps(rows: readonly Record<string, unknown>[]): Step[] {
  const told = rows.flatMap((row) => row["QUERY PLAN"] as readonly { readonly Plan: PostgresNode }[]);
  const visit = (node: PostgresNode): Step[] => {
    const each =
      node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
    const on = node["Index Name"] ?? node["Relation Name"];
    const what = on === undefined ? node["Node Type"] : `${node["Node Type"]} on ${on}`;
    return [{ what, rows: each * node["Actual Loops"] }, ...(node.Plans ?? []).flatMap(visit)];
  };
  return told.flatMap(({ Plan: top }) => visit(top));
}

/** A sort is told of, but not how many rows it read. */
function mysqlSteps(rows: readonly Record<string, unknown>[], statement: string): Step[] {
  return rows.map((row) => {
    const how = [row["type"], row["key"] === null ? "no index" : row["key"], row["Extra"]].filter(Boolean).join(", ");
    const bad = how.includes("filesort") && !namesRows(statement);
    return { what: `${row["table"]} (${how})`, rows: Number(row["r_rows"] ?? 0), bad };
  });
}
