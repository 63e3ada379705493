import { Kysely, MysqlDialect, type MysqlPool } from "kysely";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import { messageOf } from "../kysely/errors.ts";
import { admitting, type SqlProvider, sqlProvider } from "../kysely/provider.ts";
import { SqlStore } from "../kysely/store.ts";
import { connectionString, wholeNumber } from "../options.ts";
import { TransactionScope } from "../transaction-scope.ts";
import { mysqlDialect } from "./dialect.ts";

export type { Generated, Kysely, SqlProvider } from "../kysely/provider.ts";

/** Options of `mysql()`. */
export interface MysqlOptions {
  /** The most connections, 10 by default. */
  readonly max?: number;
  /** How long to wait for a connection, in milliseconds; 10000 by default. */
  readonly connectTimeout?: number;
}

/**
 * What each connection is set to. The strict mode makes too long values an error instead of cutting them; the list replaces
 * the server's, since `NO_BACKSLASH_ESCAPES` or `ANSI_QUOTES` would change what a statement means. `read committed` as in PostgreSQL: a
 * transaction sees what others have committed, and locks rows instead of gaps.
 */
const setup = `set session time_zone = '+00:00',
  session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'`;
const isolation = "set session transaction isolation level read committed";

/**
 * Accounts in MariaDB or MySQL, by the `mysql2` package, which the application installs. Date-times are kept in UTC, in
 * whole seconds; `DATE` is `YYYY-MM-DD`, also in the application's own queries through `kysely()`. There is no bus: sessions are read from the database at each request.
 *
 * The default collation takes `Bob` and `bob` for the same user name; equality in queries of the store is exact all the same.
 */
export function mysql(uri: string, options: MysqlOptions = {}): SqlProvider {
  checkKnown("mysql(...)", options, ["max", "connectTimeout"]);
  const url = connectionString("mysql(uri)", uri, ["mysql:", "mariadb:"]);
  const max = wholeNumber("mysql(...).max", options.max, 10, 1, 10_000);
  const connectTimeout = wholeNumber("mysql(...).connectTimeout", options.connectTimeout, 10_000, 1, 600_000);

  return sqlProvider("mysql", async (schema, environment) => {
    const { createPool } = await importMysql();
    const pool = createPool({
      uri: url.replace(/^mariadb:/, "mysql:"),
      charset: "utf8mb4",
      timezone: "Z",
      // A day has no zone: it stays the text that it is.
      dateStrings: ["DATE"],
      connectionLimit: max,
      connectTimeout,
      stringifyObjects: true,
      supportBigNumbers: true,
    });
    // Queued before the first query; a connection that cannot be set up must not be used.
    pool.on("connection", (connection) => {
      for (const statement of [setup, isolation]) {
        connection.query(statement, (error) => {
          if (error !== null) connection.destroy();
        });
      }
    });
    const scope = new TransactionScope();
    const db = new Kysely<Record<string, Record<string, unknown>>>({
      dialect: admitting(new MysqlDialect({ pool: pool as unknown as MysqlPool }), () => scope.refuseInside()),
    });
    const dialect = mysqlDialect();
    try {
      await dialect.learn(db);
    } catch (error) {
      pool.end(() => {});
      const cause = dialect.withoutValues(error);
      throw new DatastoreError(`cannot connect to MySQL: ${messageOf(cause)}`, { cause });
    }
    const store = new SqlStore({ db, dialect, schema, environment, bus: undefined, scope });
    return { db, store };
  });
}

async function importMysql(): Promise<typeof import("mysql2")> {
  try {
    return await import("mysql2");
  } catch (cause) {
    throw new ConfigurationError("mysql(...)", "needs the package mysql2: npm install mysql2", { cause });
  }
}
