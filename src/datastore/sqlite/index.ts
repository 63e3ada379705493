import { closeSync, openSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { ReadNow } from "../kysely/bundle.ts";
import { messageOf } from "../kysely/errors.ts";
import { type SqlProvider, sqlProvider } from "../kysely/provider.ts";
import { SqlStore } from "../kysely/store.ts";
import { localBus } from "../listeners.ts";
import { wholeNumber } from "../options.ts";
import { TransactionScope } from "../transaction-scope.ts";
import { dataVersionBus } from "./bus.ts";
import { sqliteDialect } from "./dialect.ts";
import { NodeSqliteDialect, NodeSqliteDriver, whenUnlocked } from "./driver.ts";
import { foldTexts } from "./folding.ts";
import { GivenNumbers, numberTables } from "./numbers.ts";

export type { Generated, Kysely, SqlProvider } from "../kysely/provider.ts";

/** Options of `sqlite()`. */
export interface SqliteOptions {
  /** How long a write waits for the lock of another process, in milliseconds; 5000 by default. The event loop runs on meanwhile. */
  readonly lockTimeout?: number;
}

/**
 * Accounts in an SQLite file, by Node's own `node:sqlite`; several processes may share it. `":memory:"` is a database that
 * ends with the process. A file that does not exist is created readable by its owner alone.
 *
 * There is one connection that writes: a transaction makes everybody else wait who does more than read a session, so keep
 * them short. The application's queries inside a transaction must go through `kysely(tx)`; those through `kysely()` throw
 * MissingTransactionError there instead of hanging.
 * A transaction that the application begins itself with `kysely().transaction()` must not call the datastore inside.
 */
export function sqlite(path: string, options: SqliteOptions = {}): SqlProvider {
  checkKnown("sqlite(...)", options, ["lockTimeout"]);
  const lockTimeout = wholeNumber("sqlite(...).lockTimeout", options.lockTimeout, 5000, 0, 600_000);
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new ConfigurationError("sqlite(path)", 'must be the path of a file, or ":memory:"');
  }
  const inMemory = path === ":memory:";
  const isFile = !inMemory && !path.startsWith("file:");
  return sqlProvider("sqlite", async (schema, environment) => {
    const { DatabaseSync: Connection } = await importSqlite();
    let connection: DatabaseSync | undefined;
    let reader: DatabaseSync | undefined;
    // The working directory may change between the two connections.
    const place = isFile ? resolve(path) : path;
    try {
      if (isFile) createPrivately(place);
      const before = isFile ? identityOf(place) : undefined;
      const opened = new Connection(place, { timeout: 0, enableForeignKeyConstraints: true });
      connection = opened;
      // WAL: readers and a writer do not wait for each other. With it, NORMAL loses no consistency.
      if (!inMemory) await whenUnlocked(lockTimeout, () => opened.exec("PRAGMA journal_mode = WAL"));
      opened.exec("PRAGMA synchronous = NORMAL");
      const numbers = new GivenNumbers(opened);
      foldTexts(opened);
      const scope = new TransactionScope();
      if (isFile) {
        try {
          const second = new Connection(place, { timeout: 0, readOnly: true });
          reader = second;
          foldTexts(second);
          // The files beside the database are opened by the first read.
          await whenUnlocked(lockTimeout, () => second.exec("select count(*) from sqlite_master"));
          if (identityOf(place) !== before) throw new DatastoreError("the file was replaced meanwhile");
        } catch (error) {
          if (reader?.isOpen === true) reader.close();
          reader = undefined;
          environment.log("SQLite: no second connection for reading; sessions wait for transactions", {
            error: messageOf(error),
          });
        }
      }
      const driver = new NodeSqliteDriver({
        db: opened,
        lockTimeout,
        admit: () => scope.refuseInside(),
        reader,
        numbers,
      });
      const bus = inMemory ? localBus() : await whenUnlocked(lockTimeout, () => dataVersionBus(opened));
      const db = new Kysely<Record<string, Record<string, unknown>>>({ dialect: new NodeSqliteDialect(driver) });
      // Kysely destroys only what it has used.
      await db.connection().execute(async () => {});
      const readNow: ReadNow = (text, parameters) => driver.readNow(text, parameters);
      return {
        db,
        store: new SqlStore({
          db,
          dialect: sqliteDialect,
          schema: { ...schema, ...numberTables },
          environment,
          bus,
          scope,
          readNow,
        }),
      };
    } catch (error) {
      if (reader?.isOpen === true) reader.close();
      connection?.close();
      throw new DatastoreError(`cannot open the SQLite database "${path}": ${messageOf(error)}`, { cause: error });
    }
  });
}

/** The file holds password hashes; SQLite gives its journals the same mode. */
function createPrivately(path: string): void {
  closeSync(openSync(path, "a", 0o600));
}

/** Tells a file from another one of the same path. */
function identityOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev} ${ino}`;
}

/** Not imported at the top: where it is missing, the package itself says that Node.js is too old. */
async function importSqlite(): Promise<typeof import("node:sqlite")> {
  try {
    return await import("node:sqlite");
  } catch (cause) {
    throw new ConfigurationError("sqlite(...)", "needs the module node:sqlite, which this platform does not have", {
      cause,
    });
  }
}
