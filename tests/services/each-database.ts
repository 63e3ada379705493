/** Suites that every database must pass: SQLite in a file, PostgreSQL and MariaDB, each in a database of the suite's own. */
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { type SqlProvider, sqlite } from "portcullis/sqlite";
import { afterAll, beforeAll, describe } from "vitest";
import { type Database, mysqlDatabase, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";

/** The database of a suite, once its `beforeAll` runs. */
export interface SuiteDatabase {
  /** Opens it; each call is a process of its own, so to say. */
  provider(): SqlProvider;
  /** The database as it is, past the product. */
  place(): Database;
}

/** Describes the suite on each database. It is made before the suite's own `beforeAll` and removed after its `afterAll`. */
export function describeDatabases(name: string, suite: (database: SuiteDatabase) => void): void {
  const on = (create: () => Promise<Database>, open: (connection: string) => SqlProvider): void => {
    let made: Database | undefined;
    const place = (): Database => {
      if (made === undefined) throw new Error("the database is made in beforeAll");
      return made;
    };
    beforeAll(async () => {
      made = await create();
    });
    afterAll(async () => {
      await made?.remove();
    });
    suite({ provider: () => open(place().connection), place });
  };
  describe(`${name}, on SQLite`, () => on(sqliteFile, sqlite));
  describeService("postgres", `${name}, on PostgreSQL`, (url) => on(() => postgresDatabase(url), postgres));
  describeService("mysql", `${name}, on MariaDB`, (url) => on(() => mysqlDatabase(url), mysql));
}
