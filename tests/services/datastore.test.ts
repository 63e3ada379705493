import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { inspect } from "node:util";
import { type Kysely, sql } from "kysely";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import * as vitest from "vitest";
import { expect, it } from "vitest";
import type { Datastore } from "../../src/datastore/contract.ts";
import type { SqlProvider } from "../../src/datastore/kysely/provider.ts";
import { mysqlDialect } from "../../src/datastore/mysql/dialect.ts";
import { mysql } from "../../src/datastore/mysql/index.ts";
import { postgresDialect } from "../../src/datastore/postgres/dialect.ts";
import { postgres } from "../../src/datastore/postgres/index.ts";
import { DatastoreError } from "../../src/model/errors.ts";
import { coreTables } from "../../src/model/tables.ts";
import {
  conformanceEnvironment,
  conformanceSchema,
  userRow,
} from "../../src/testing/datastore-conformance/fixtures.ts";
import { datastoreConformance } from "../../src/testing/datastore-conformance.ts";
import { describeService } from "./available.ts";
import { flaskSecurityStatements, takesOver } from "./flask-security.ts";

const providers = new WeakMap<Datastore, { provider: SqlProvider; place: string }>();
/** The columns of the user that only Portcullis has. */
const ownColumns: ReadonlySet<string> = new Set(["user.fs_token_uniquifier", "user.mail_language"]);
const newName = (): string => `portcullis_test_${randomBytes(6).toString("hex")}`;

describeService("postgres", "PostgreSQL", (postgresUrl) => {
  const schemas: string[] = [];
  const openAt = async (place: string, ...rest: Parameters<SqlProvider["open"]>): Promise<Datastore> => {
    const provider = postgres(postgresUrl, { schema: place });
    const store = await provider.open(...rest);
    providers.set(store, { provider, place });
    return store;
  };
  vitest.afterAll(async () => {
    const client = new pg.Client(postgresUrl);
    await client.connect();
    for (const schema of schemas) await client.query(`drop schema if exists ${schema} cascade`);
    await client.end();
  });
  datastoreConformance(
    "PostgreSQL",
    (schema, environment) => {
      const place = newName();
      schemas.push(place);
      return openAt(place, schema, environment);
    },
    vitest,
    {
      drop,
      scanByEmail: scanOfPostgres,
      another: (store, ...rest) => openAt(providers.get(store)?.place ?? "", ...rest),
    },
  );

  const withClient = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client(postgresUrl);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const newPlace = (): string => {
    const place = newName();
    schemas.push(place);
    return place;
  };

  it("takes over a database that Flask-Security made", async () => {
    const place = newPlace();
    await withClient(async (client) => {
      await client.query(`create schema ${place}; set search_path to ${place}`);
      for (const statement of flaskSecurityStatements("postgresql")) await client.query(statement);
    });
    const store = await openAt(place, coreTables, conformanceEnvironment);
    try {
      await takesOver(store);
    } finally {
      await store.close();
    }
  });

  it("makes the columns that Flask-Security makes, and stores date-times as it does", async () => {
    const theirs = newPlace();
    const ours = newPlace();
    const store = await openAt(ours, coreTables, conformanceEnvironment);
    try {
      await store.migrate();
      await store.insert("user", userRow("dates", { confirmedAt: new Date("2024-05-06T07:08:09.012Z") }));
      await withClient(async (client) => {
        await client.query(`create schema ${theirs}; set search_path to ${theirs}; set time zone 'Asia/Tokyo'`);
        for (const statement of flaskSecurityStatements("postgresql")) await client.query(statement);
        const columns = async (place: string): Promise<Map<string, string>> => {
          const { rows } = await client.query(
            `select table_name || '.' || column_name as place, data_type || coalesce(character_maximum_length::text, '') ||
               is_nullable || coalesce(replace(column_default, $1 || '.', ''), '') as type
             from information_schema.columns where table_schema = $1 and table_name in ('user', 'role', 'roles_users')`,
            [place],
          );
          return new Map(rows.map((row) => [row.place, row.type]));
        };
        const expected = await columns(theirs);
        for (const [place, type] of await columns(ours)) {
          if (!ownColumns.has(place)) expect([place, type]).toEqual([place, expected.get(place)]);
        }
        const { rows } = await client.query(`select confirmed_at::text, create_datetime::text from ${ours}."user"`);
        expect(rows).toEqual([{ confirmed_at: "2024-05-06 07:08:09.012", create_datetime: "2026-02-03 04:05:06" }]);
      });
    } finally {
      await store.close();
    }
  });

  it("tells another store on the same database, and by the time that publish() has resolved", async () => {
    const place = newPlace();
    const one = await openAt(place, coreTables, conformanceEnvironment);
    const two = await openAt(place, coreTables, conformanceEnvironment);
    try {
      await one.migrate();
      await two.migrate();
      await expect.poll(() => [one.bus?.current(), two.bus?.current()], { timeout: 60_000 }).toEqual([true, true]);
      const heard = Promise.withResolvers<unknown>();
      const mine: unknown[] = [];
      one.bus?.onInvalidate((userId) => mine.push(userId));
      two.bus?.onInvalidate((userId) => {
        if (userId === 4711) heard.resolve(userId);
      });
      await one.bus?.publish(4711);
      expect(await heard.promise).toBe(4711);
      expect(mine).toEqual([4711]);
      const everybody = Promise.withResolvers<unknown>();
      one.bus?.onInvalidate((userId) => everybody.resolve(userId));
      await two.bus?.publish(undefined);
      expect(await everybody.promise).toBe(undefined);
    } finally {
      await one.close();
      await two.close();
    }
    expect(one.bus?.current()).toBe(false);
  });

  it("misses nothing when its connections are ended, and recovers", async () => {
    const application = newName();
    const url = new URL(postgresUrl);
    url.searchParams.set("application_name", application);
    const heard: unknown[] = [];
    const lost = Promise.withResolvers<unknown>();
    const back = Promise.withResolvers<void>();
    const store = await postgres(url.href, { schema: newPlace() }).open(coreTables, {
      now: Date.now,
      log: (message) => {
        if (message.includes("connection to PostgreSQL is lost")) lost.resolve(store.bus?.hears?.());
        if (message.endsWith("PostgreSQL is back")) back.resolve();
      },
    });
    try {
      await store.migrate();
      await expect.poll(() => store.bus?.current() && store.bus?.hears?.(), { timeout: 60_000 }).toBe(true);
      store.bus?.onInvalidate((userId) => heard.push(userId));
      const killed = await withClient((client) =>
        client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", [
          application,
        ]),
      );
      expect(killed.rowCount).toBeGreaterThanOrEqual(1);
      expect(await lost.promise).toBe(false);
      await store.transaction(async (tx) => tx.announce?.(4));
      await back.promise;
      await expect.poll(() => store.bus?.current(), { timeout: 60_000 }).toBe(true);
      await store.bus?.publish(5);
      expect(heard).toEqual([4, 5]);
    } finally {
      await store.close();
    }
  });

  it("does not trust its cache when the connection is silent, and makes a new one", async () => {
    const url = new URL(postgresUrl);
    const { hostname, port } = url;
    const through: Socket[] = [];
    const proxy = createServer((near) => {
      const far = connect(Number(port || 5432), hostname);
      for (const socket of [near, far]) {
        socket.on("error", () => {});
        through.push(socket);
      }
      near.pipe(far).pipe(near);
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const address = proxy.address();
    url.hostname = "127.0.0.1";
    url.port = String(typeof address === "object" ? address?.port : "");
    const lost = Promise.withResolvers<unknown>();
    const back = Promise.withResolvers<unknown>();
    const store = await postgres(url.href, { lease: 500, schema: newPlace() }).open(coreTables, {
      now: Date.now,
      log: (message, details) => {
        if (message.includes("cannot be read")) lost.resolve([store.bus?.current(), details?.reason]);
        if (message.includes("can be read")) back.resolve(undefined);
      },
    });
    try {
      await store.migrate();
      // Neither side is told: packets just stop.
      for (const socket of through) socket.unpipe().pause();
      expect(await lost.promise).toEqual([false, expect.stringMatching(/timeout|no answer/)]);
      await back.promise;
      await expect.poll(() => store.bus?.current(), { timeout: 60_000 }).toBe(true);
    } finally {
      for (const socket of through) socket.destroy();
      await store.close();
      proxy.close();
    }
  });

  it("believes nothing cached when it must not listen", async () => {
    const store = await postgres(postgresUrl, { listen: false }).open(coreTables, conformanceEnvironment);
    try {
      expect(store.bus?.current()).toBe(false);
    } finally {
      await store.close();
    }
  });

  it("keeps the password out of the error when it cannot connect", async () => {
    const url = new URL(postgresUrl);
    url.username = "nobody_of_that_name";
    url.password = "the-password";
    const failing = postgres(url.href).open(coreTables, conformanceEnvironment);
    const error = await failing.catch((it_: unknown) => it_);
    expect(error).toBeInstanceOf(DatastoreError);
    expect(inspect(error, { depth: 10 })).not.toContain("the-password");
  });

  it("sees an aborted transaction of the application's own queries, and commits nothing silently", async () => {
    const store = await openAt(newPlace(), coreTables, conformanceEnvironment);
    try {
      await store.migrate();
      const work = store.transaction(async (tx) => {
        await tx.insert("role", { name: "unsaved" });
        await sql`select 1/0`.execute(tx.native as Kysely<unknown>).catch(() => {});
      });
      await expect(work).rejects.toBeInstanceOf(DatastoreError);
      expect(await store.count("role", {})).toBe(0);
    } finally {
      await store.close();
    }
  });
});

describeService("mysql", "MariaDB", (mysqlUrl) => {
  const databases: string[] = [];
  const openAt = async (place: string, ...rest: Parameters<SqlProvider["open"]>): Promise<Datastore> => {
    const url = new URL(mysqlUrl);
    url.pathname = `/${place}`;
    const provider = mysql(url.href);
    const store = await provider.open(...rest);
    providers.set(store, { provider, place });
    return store;
  };
  const administer = async (statement: string): Promise<void> => {
    const connection = await mysqlDriver.createConnection(mysqlUrl);
    await connection.query(statement);
    await connection.end();
  };
  vitest.afterAll(async () => {
    for (const database of databases) await administer(`drop database ${database}`);
  });
  datastoreConformance(
    "MariaDB",
    async (schema, environment) => {
      const place = newName();
      await administer(`create database ${place}`);
      databases.push(place);
      return await openAt(place, schema, environment);
    },
    vitest,
    { drop, scanByEmail: scanOfMysql, another: (store, ...rest) => openAt(providers.get(store)?.place ?? "", ...rest) },
  );

  const newPlace = async (): Promise<string> => {
    const place = newName();
    await administer(`create database ${place}`);
    databases.push(place);
    return place;
  };
  const made = async (place: string): Promise<mysqlDriver.Connection> => {
    const connection = await mysqlDriver.createConnection(mysqlUrl);
    await connection.query(`use ${place}`);
    for (const statement of flaskSecurityStatements("mysql")) await connection.query(statement);
    return connection;
  };

  it("takes over a database that Flask-Security made", async () => {
    const place = await newPlace();
    await (await made(place)).end();
    const store = await openAt(place, coreTables, conformanceEnvironment);
    try {
      await takesOver(store);
    } finally {
      await store.close();
    }
  });

  it("makes the columns that Flask-Security makes, and stores date-times in UTC", async () => {
    const theirs = await newPlace();
    const ours = await newPlace();
    const connection = await made(theirs);
    const store = await openAt(ours, coreTables, conformanceEnvironment);
    try {
      await store.migrate();
      await store.insert("user", userRow("dates", { confirmedAt: new Date("2024-05-06T07:08:09.987Z") }));
      const columns = async (place: string): Promise<Map<string, string>> => {
        const [rows] = await connection.query<mysqlDriver.RowDataPacket[]>(
          `select concat(table_name, '.', column_name) as place,
             concat(column_type, ' ', is_nullable, ' ', coalesce(column_default, ''), ' ', extra) as type
           from information_schema.columns where table_schema = ? and table_name in ('user', 'role', 'roles_users')`,
          [place],
        );
        return new Map(rows.map((row) => [row.place, row.type]));
      };
      const expected = await columns(theirs);
      for (const [place, type] of await columns(ours)) {
        if (!ownColumns.has(place)) expect([place, type]).toEqual([place, expected.get(place)]);
      }
      const [rows] = await connection.query<mysqlDriver.RowDataPacket[]>(
        `select cast(confirmed_at as char) as confirmed, cast(create_datetime as char) as created from ${ours}.user`,
      );
      expect({ ...rows[0] }).toEqual({ confirmed: "2024-05-06 07:08:09", created: "2026-02-03 04:05:06" });
    } finally {
      await connection.end();
      await store.close();
    }
  });

  it("never cuts a value, whatever the server's mode, in the application's own queries too", async () => {
    const place = await newPlace();
    const store = await openAt(place, coreTables, conformanceEnvironment);
    try {
      await store.migrate();
      expect(store.bus).toBe(undefined);
      const db = providers.get(store)?.provider.kysely<Record<string, Record<string, unknown>>>();
      const long = db
        ?.insertInto("role")
        .values({ name: "x".repeat(81) })
        .execute();
      await expect(long).rejects.toThrow("too long");
      const backslash = "\\' or 1=1 -- \\";
      await store.insert("role", { name: backslash });
      expect((await store.findOne("role", { name: backslash }))?.name).toBe(backslash);
      expect(await store.count("role", { name: "\\\\' or 1=1 -- \\\\" })).toBe(0);
    } finally {
      await store.close();
    }
  });

  it("finds without regard to case in columns whose collation tells cases apart", async () => {
    const place = await newPlace();
    await administer(`alter database ${place} character set utf8mb4 collate utf8mb4_bin`);
    const connection = await made(place);
    await connection.query("alter table user modify username varchar(255) character set utf8mb4 collate utf8mb4_bin");
    await connection.end();
    const store = await openAt(place, coreTables, conformanceEnvironment);
    try {
      await store.migrate();
      expect(await store.count("user", { username: { equalsIgnoringCase: "MATT" } })).toBe(1);
    } finally {
      await store.close();
    }
  });
});

async function drop(store: Datastore, table: string, column?: string): Promise<void> {
  const db = providers.get(store)?.provider.kysely();
  if (db === undefined) throw new Error("unknown store");
  if (column === undefined) await sql`drop table ${sql.id(table)}`.execute(db);
  else await sql`alter table ${sql.id(table)} drop column ${sql.id(column)}`.execute(db);
}

const emailColumn = conformanceSchema.user?.columns.email;

async function scanOfPostgres(store: Datastore, email: string): Promise<string | undefined> {
  const db = providers.get(store)?.provider.kysely();
  if (db === undefined || emailColumn === undefined) throw new Error("unknown store");
  const condition = postgresDialect().equalsIgnoringCase("user", emailColumn, email);
  const plan = await sql<Record<string, string>>`explain select * from "user" where ${condition}`.execute(db);
  const text = plan.rows.map((row) => row["QUERY PLAN"]).join("\n");
  return /Seq Scan/.test(text) || !/Index Scan/.test(text) ? text : undefined;
}

async function scanOfMysql(store: Datastore, email: string): Promise<string | undefined> {
  const db = providers.get(store)?.provider.kysely<Record<string, Record<string, unknown>>>();
  if (db === undefined || emailColumn === undefined) throw new Error("unknown store");
  const dialect = mysqlDialect();
  await dialect.learn(db);
  const condition = dialect.equalsIgnoringCase("user", emailColumn, email);
  const plan = await sql<{ key: string | null }>`explain select * from user where ${condition}`.execute(db);
  return plan.rows.every((row) => row.key !== null) ? undefined : inspect(plan.rows);
}
