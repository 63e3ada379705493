import { Kysely, PostgresDialect, sql } from "kysely";
import type { ClientConfig } from "pg";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { Schema } from "../../model/schema.ts";
import { parseDate } from "../kysely/codec.ts";
import type { Database, SqlDialect } from "../kysely/dialect.ts";
import { messageOf } from "../kysely/errors.ts";
import { admitting, type SqlProvider, sqlProvider } from "../kysely/provider.ts";
import { SqlStore } from "../kysely/store.ts";
import { connectionString, wholeNumber } from "../options.ts";
import { TransactionScope } from "../transaction-scope.ts";
import { announcedBy, tellOnly } from "./announcements.ts";
import { type BusQueries, listen } from "./bus.ts";
import { postgresDialect } from "./dialect.ts";
import { discarding } from "./pool.ts";

export type { Generated, Kysely, SqlProvider } from "../kysely/provider.ts";

/** Options of `postgres()`. */
export interface PostgresOptions {
  /** The most connections for queries, 10 by default; one more listens for changes. */
  readonly max?: number;
  /**
   * The schema that has the tables, made by the migration if need be; by default the first that exists on the connection's
   * search path. Tables in others are not looked at.
   */
  readonly schema?: string;
  /**
   * Whether to hear of changes by other processes over a connection of its own, true by default. False where there is no
   * way past a pooler that does not carry LISTEN; sessions are then read from the database at each request.
   */
  readonly listen?: boolean;
  /** Where that connection goes, past a pooler in transaction mode: a direct URL of the same database. Left out, it goes where the others go. */
  readonly listenUrl?: string;
  /** How long to wait for a connection, in milliseconds; 10000 by default. */
  readonly connectTimeout?: number;
  /**
   * Between two heartbeats, in milliseconds; 1000 by default. Each is sent over the connections for queries and must be heard on
   * the listening one: five times as long after the last one that was, the caches are not used.
   */
  readonly heartbeat?: number;
}

const known = ["max", "schema", "listen", "listenUrl", "connectTimeout", "heartbeat"];

/**
 * Accounts in PostgreSQL, by the `pg` package, which the application installs. Sessions run in UTC: `timestamp without time
 * zone` is read and written as UTC, also in the application's own queries through `kysely()`, and `date` as `YYYY-MM-DD`.
 *
 * Other processes learn of a change over LISTEN/NOTIFY and acknowledge it: it is effective in all of them when it is done.
 */
export function postgres(connection: string, options: PostgresOptions = {}): SqlProvider {
  checkKnown("postgres(...)", options, known);
  const url = connectionString("postgres(connectionString)", connection, ["postgres:", "postgresql:"]);
  const max = wholeNumber("postgres(...).max", options.max, 10, 1, 10_000);
  const connectTimeout = wholeNumber("postgres(...).connectTimeout", options.connectTimeout, 10_000, 1, 600_000);
  const heartbeat = wholeNumber("postgres(...).heartbeat", options.heartbeat, 1000, 10, 60_000);
  const listening = options.listen ?? true;
  if (typeof listening !== "boolean") throw new ConfigurationError("postgres(...).listen", "must be true or false");
  const listenUrl =
    options.listenUrl === undefined
      ? url
      : connectionString("postgres(...).listenUrl", options.listenUrl, ["postgres:", "postgresql:"]);
  if (!listening && options.listenUrl !== undefined) {
    throw new ConfigurationError(
      "postgres(...).listenUrl",
      "listen: false says that nothing listens; leave one of them out",
    );
  }
  const name = checkedSchema(options.schema);

  return sqlProvider("postgres", async (schema, environment) => {
    const pg = await importPg();
    const config: ClientConfig = {
      connectionString: url,
      connectionTimeoutMillis: connectTimeout,
      keepAlive: true,
      types: { getTypeParser: typeParser(pg.types.getTypeParser) as typeof pg.types.getTypeParser },
    };
    const setup = ["set time zone 'UTC'", "set datestyle to ISO, YMD"];
    if (name !== undefined) setup.push(`set search_path to ${pg.escapeIdentifier(name)}`);
    const pool = new pg.Pool({
      ...config,
      max,
      allowExitOnIdle: true,
      onConnect: async (client) => {
        await client.query(setup.join("; "));
      },
    });
    // An idle connection that breaks: the pool drops it, the next query gets another.
    pool.on("error", (error) => environment.log("an idle connection to PostgreSQL broke", { reason: error.message }));
    const scope = new TransactionScope();
    const db = new Kysely<Record<string, Record<string, unknown>>>({
      dialect: admitting(new PostgresDialect({ pool: discarding(pool) }), () => scope.refuseInside()),
    });
    try {
      await checkSearchPath(db, schema, name);
      const channel = "portcullis_invalidate";
      const queries: BusQueries = {
        async notify(to, payload) {
          await pool.query("select pg_notify($1, $2)", [to, payload]);
        },
        async beat(to, payload, patience) {
          // The types of pg do not know the limit of one query.
          const limited = {
            text: "select pg_notify($1, $2) as heartbeat",
            values: [to, payload],
            query_timeout: patience,
          };
          await pool.query(limited);
        },
        async lockHolders(key) {
          const { rows } = await pool.query<{ holder: number }>(
            `select objid::bigint as holder from pg_locks where locktype = 'advisory' and granted and objsubid = 2
               and classid = $1::bigint::oid
               and database = (select oid from pg_database where datname = current_database())`,
            [key],
          );
          return rows.map(({ holder }) => holder);
        },
      };
      const times = { heartbeat, silence: heartbeat * 5, patience: 100, retry: 5000 };
      const makeClient = (it: ClientConfig): InstanceType<typeof pg.Client> => new pg.Client(it);
      // A server that accepts a connection and then says nothing must not keep the bus from trying again.
      const listener: ClientConfig = { ...config, connectionString: listenUrl, query_timeout: connectTimeout };
      const bus = listening ? await listen(makeClient, listener, channel, queries, environment, times) : undefined;
      const store = new SqlStore({
        db,
        dialect: name === undefined ? postgresDialect : inSchema(name),
        schema,
        environment,
        bus: bus ?? tellOnly((payload) => queries.notify(channel, payload)),
        scope,
        announce: (userId) => sql`select pg_notify(${channel}, ${announcedBy(userId)})`,
        beforeClose: async () => await bus?.close(),
      });
      return { db, store };
    } catch (error) {
      await pool.end();
      if (error instanceof ConfigurationError) throw error;
      const cause = postgresDialect.withoutValues(error);
      throw new DatastoreError(`cannot connect to PostgreSQL: ${messageOf(cause)}`, { cause });
    }
  });
}

/** The dialect whose migration makes the schema first. */
function inSchema(name: string): SqlDialect {
  return {
    ...postgresDialect,
    migrationLock: (db, work) =>
      postgresDialect.migrationLock(db, async (locked) => {
        await sql`create schema if not exists ${sql.id(name)}`.execute(locked);
        return await work(locked);
      }),
  };
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
