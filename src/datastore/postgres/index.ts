import { Kysely, PostgresDialect, sql } from "kysely";
import type { ClientConfig, Pool } from "pg";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { Schema } from "../../model/schema.ts";
import { parseDate } from "../kysely/codec.ts";
import type { Database } from "../kysely/dialect.ts";
import { messageOf } from "../kysely/errors.ts";
import { admitting, type SqlProvider, sqlProvider } from "../kysely/provider.ts";
import { SqlStore } from "../kysely/store.ts";
import { connectionString, wholeNumber } from "../options.ts";
import { checkSchema } from "../tables.ts";
import { TransactionScope } from "../transaction-scope.ts";
import { type PostgresBus, postgresBus } from "./bus.ts";
import { changeTables } from "./change-log.ts";
import { postgresDialect } from "./dialect.ts";
import { discarding } from "./pool.ts";

export type { Generated, Kysely, SqlProvider } from "../kysely/provider.ts";

/** Options of `postgres()`. */
export interface PostgresOptions {
  /**
   * The most connections for queries, 10 by default. Beside them a process has one that looks for changes, one that listens for
   * them, and one for migrations and the hourly removal of what is over while those run.
   */
  readonly max?: number;
  /**
   * The schema that has the tables, made by the migration if need be; by default the first that exists on the connection's
   * search path. Tables in others are not looked at.
   */
  readonly schema?: string;
  /**
   * Whether to listen for changes by other processes over a connection of its own, true by default. `"poll"` where there is no
   * way past a pooler that does not carry LISTEN: changes are looked for five times in a `lease`, and a revocation is
   * acknowledged when all have looked. False: nothing is kept in memory, sessions are read from the database at each request.
   */
  readonly listen?: boolean | "poll";
  /** Where that connection goes, past a pooler in transaction mode: a direct URL of the same database. Left out, it goes where the others go. */
  readonly listenUrl?: string;
  /** How long to wait for a connection, in milliseconds; 10000 by default. */
  readonly connectTimeout?: number;
  /**
   * How long one statement may take, in milliseconds; 10000 by default. Past it the server ends the statement, and the answer is
   * 503 with Retry-After. A server that says nothing is given two seconds more, then the connection is given up. Migrations
   * and the hourly removal of what is over have no limit.
   */
  readonly statementTimeout?: number;
  /** How long a statement may wait for what another transaction has locked, in milliseconds; 8000 by default. */
  readonly lockTimeout?: number;
  /** How long a transaction may wait for this process, in milliseconds, before the server ends it; 30000 by default. */
  readonly idleTransactionTimeout?: number;
  /**
   * How long, in milliseconds, a process trusts what it keeps after it last looked at what others have changed; 1000 by default,
   * from 100 to 10000. While it cannot look, it asks the database at each request. So long at most a committed change can
   * stay unseen, and a revocation waits for a process that does not answer.
   */
  readonly lease?: number;
}

const known = [
  ...["max", "schema", "listen", "listenUrl", "lease"],
  ...["connectTimeout", "statementTimeout", "lockTimeout", "idleTransactionTimeout"],
];

/** So much longer than the server's own limit, in milliseconds, its answer is waited for. */
const silence = 2000;

/**
 * Accounts in PostgreSQL, by the `pg` package, which the application installs. Sessions run in UTC: `timestamp without time
 * zone` is read and written as UTC, also in the application's own queries through `kysely()`, and `date` as `YYYY-MM-DD`.
 *
 * Changes are written down with what they change (portcullis_change), and other processes read them there, woken by
 * LISTEN/NOTIFY: a revocation is effective in all of them when it is acknowledged. See docs/operations.md.
 */
export function postgres(connection: string, options: PostgresOptions = {}): SqlProvider {
  checkKnown("postgres(...)", options, known);
  const url = connectionString("postgres(connectionString)", connection, ["postgres:", "postgresql:"]);
  const max = wholeNumber("postgres(...).max", options.max, 10, 1, 10_000);
  const connectTimeout = wholeNumber("postgres(...).connectTimeout", options.connectTimeout, 10_000, 1, 600_000);
  const statementTimeout = wholeNumber(
    "postgres(...).statementTimeout",
    options.statementTimeout,
    10_000,
    100,
    3_600_000,
  );
  const lockTimeout = wholeNumber("postgres(...).lockTimeout", options.lockTimeout, 8000, 10, 3_600_000);
  const idleTimeout = wholeNumber(
    "postgres(...).idleTransactionTimeout",
    options.idleTransactionTimeout,
    30_000,
    100,
    3_600_000,
  );
  const lease = wholeNumber("postgres(...).lease", options.lease, 1000, 100, 10_000);
  const listening: unknown = options.listen ?? true;
  if (typeof listening !== "boolean" && listening !== "poll") {
    throw new ConfigurationError("postgres(...).listen", 'must be true, false or "poll"');
  }
  const listenUrl =
    options.listenUrl === undefined
      ? url
      : connectionString("postgres(...).listenUrl", options.listenUrl, ["postgres:", "postgresql:"]);
  if (listening !== true && options.listenUrl !== undefined) {
    throw new ConfigurationError(
      "postgres(...).listenUrl",
      `listen: ${JSON.stringify(listening)} says that nothing listens; leave one of them out`,
    );
  }
  const name = checkedSchema(options.schema);
  const dialect = postgresDialect(name);

  return sqlProvider("postgres", async (tables, environment) => {
    const schema = { ...tables, ...changeTables };
    checkSchema(schema);
    const pg = await importPg();
    const config: ClientConfig = {
      connectionString: url,
      connectionTimeoutMillis: connectTimeout,
      keepAlive: true,
      types: { getTypeParser: typeParser(pg.types.getTypeParser) as typeof pg.types.getTypeParser },
    };
    const setup = ["set time zone 'UTC'", "set datestyle to ISO, YMD"];
    if (name !== undefined) setup.push(`set search_path to ${pg.escapeIdentifier(name)}`);
    const limits = [
      `set statement_timeout to ${statementTimeout}`,
      `set lock_timeout to ${lockTimeout}`,
      `set idle_in_transaction_session_timeout to ${idleTimeout}`,
    ];
    const poolOf = (most: number, statements: readonly string[], answerWithin: number | undefined): Pool => {
      const made = new pg.Pool({
        ...config,
        ...(answerWithin === undefined ? {} : { query_timeout: answerWithin }),
        max: most,
        allowExitOnIdle: true,
        onConnect: async (client) => {
          await client.query(statements.join("; "));
        },
      });
      // An idle connection that breaks: the pool drops it, the next query gets another.
      made.on("error", (error) => environment.log("an idle connection to PostgreSQL broke", { reason: error.message }));
      return made;
    };
    const pool = poolOf(max, [...setup, ...limits], statementTimeout + silence);
    // For looks at the changes: where requests hold all others, what is kept must not count as unknown. Its settings are those of
    // the others, as a pooler may hand its connection to the server on to them.
    const lookPool = poolOf(1, [...setup, ...limits], statementTimeout + silence);
    // For what takes long and nobody waits for; no connection is made before the first of it.
    const slowPool = poolOf(1, setup, undefined);
    const scope = new TransactionScope();
    const db = new Kysely<Record<string, Record<string, unknown>>>({
      dialect: admitting(new PostgresDialect({ pool: discarding(pool) }), () => scope.refuseInside()),
    });
    const slow = new Kysely<Record<string, Record<string, unknown>>>({
      dialect: admitting(new PostgresDialect({ pool: discarding(slowPool) }), () => scope.refuseInside()),
    });
    try {
      await checkSearchPath(db, schema, name);
      // A server that accepts a connection and then says nothing must not keep the bus from trying again.
      const listener: ClientConfig = { ...config, connectionString: listenUrl, query_timeout: connectTimeout };
      const joined: PostgresBus = await postgresBus({
        pool,
        lookPool,
        slowPool,
        makeClient: (it) => new pg.Client(it),
        schema: name,
        listener: listening === true ? listener : listening === "poll" ? "poll" : undefined,
        lease,
        environment,
      });
      const store = new SqlStore({
        db,
        dialect,
        schema,
        environment,
        bus: joined.bus,
        scope,
        announcer: joined.announcer,
        slow,
        afterMigration: joined.begun,
        purge: joined.purge,
        beforeClose: async () => {
          await joined.close();
          await slow.destroy();
        },
      });
      return { db, store };
    } catch (error) {
      await Promise.all([pool.end(), lookPool.end(), slowPool.end()]);
      if (error instanceof ConfigurationError) throw error;
      const cause = dialect.withoutValues(error);
      throw new DatastoreError(`cannot connect to PostgreSQL: ${messageOf(cause)}`, { cause });
    }
  });
}

/**
 * Refuses what would make new, empty tables though there are accounts: they are in a schema further along the search path, and
 * another one comes first. Connects.
 */
async function checkSearchPath(db: Database, schema: Schema, named: string | undefined): Promise<void> {
  const { rows } = await sql<{ first: string | null }>`select current_schema()::text as "first"`.execute(db);
  const first = rows[0]?.first ?? undefined;
  if (named !== undefined) return;
  const path = "postgres(...).schema";
  if (first === undefined) {
    throw new ConfigurationError(path, "the search path of this connection names no schema that exists: name one");
  }
  const { user } = schema;
  const mark = user?.columns["fsUniquifier"]?.name;
  if (user === undefined || mark === undefined) return;
  const tables = await sql<{ at: string }>`
    select n.nspname::text as at from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = ${mark} and not a.attisdropped
    where c.relkind in ('r', 'p') and c.relname = ${user.name} and n.nspname = any(current_schemas(false))
    order by array_position(current_schemas(false), n.nspname)`.execute(db);
  const at = tables.rows[0]?.at;
  if (at === undefined || at === first) return;
  throw new ConfigurationError(
    path,
    `the accounts are in the schema "${at}", but "${first}" comes first on the search path: say schema: "${at}", or "${first}" for new tables`,
  );
}

function checkedSchema(name: unknown): string | undefined {
  if (name === undefined) return undefined;
  if (typeof name !== "string" || name === "" || Buffer.byteLength(name) > 63 || name.includes("\0")) {
    throw new ConfigurationError("postgres(...).schema", "must be a name of 1 to 63 bytes");
  }
  return name;
}

async function importPg(): Promise<typeof import("pg").default> {
  try {
    return (await import("pg")).default;
  } catch (cause) {
    throw new ConfigurationError("postgres(...)", "needs the package pg: npm install pg", { cause });
  }
}

/** `int8` as a number where it is exact, `timestamp` as a Date in UTC whatever the zone of the process. */
function typeParser(fallback: (oid: number, format?: "text") => unknown): (oid: number, format?: "text") => unknown {
  return (oid, format) => {
    if (oid === 20) {
      return (text: string): number | string => {
        const number = Number(text);
        return Number.isSafeInteger(number) ? number : text;
      };
    }
    // A day has no zone: as a Date it would be another one elsewhere.
    if (oid === 1082) return (text: string): string => text;
    if (oid === 1114) return (text: string): Date | string => parseDate(text) ?? text;
    return fallback(oid, format);
  };
}
