import { setTimeout as pause } from "node:timers/promises";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import type { DatastoreProvider } from "portcullis";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cookiesSet, goodPassword, otherPassword, type System, start } from "../http/authn-system.ts";
import { type Database, mysqlDatabase, postgresDatabase } from "./account-servers.ts";
import { describeService } from "./available.ts";

/** Somebody with power over the database server. */
interface Saboteur {
  /** Makes all statements on the table wait, or only those that write. The function that it gives lets go again. */
  hold(table: string, what: "everything" | "writes"): Promise<() => Promise<void>>;
  /** Resolves when a statement of the product waits. */
  waiting(): Promise<void>;
  /** Ends every connection of the product, or only those whose statement waits, and says how many. */
  cut(which: "all" | "waiting"): Promise<number>;
  close(): Promise<void>;
}

interface Sabotaged {
  readonly database: Database;
  readonly provider: DatastoreProvider;
  readonly saboteur: Saboteur;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(5);
}

async function sabotagedPostgres(server: string): Promise<Sabotaged> {
  const database = await postgresDatabase(server);
  const application = "portcullis_saboteur";
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database.connection, application_name: application });
    await client.connect();
    return client;
  };
  const [holder, power] = await Promise.all([connect(), connect()]);
  const theirs = "from pg_stat_activity where datname = current_database() and application_name <> $1";
  return {
    database,
    provider: postgres(database.connection),
    saboteur: {
      async hold(table, what) {
        const mode = what === "everything" ? "access exclusive" : "share";
        await holder.query(`begin; lock table "${table}" in ${mode} mode`);
        return async () => {
          await holder.query("rollback");
        };
      },
      waiting: () =>
        until(async () => {
          const { rowCount } = await power.query(`select 1 ${theirs} and wait_event_type = 'Lock'`, [application]);
          return (rowCount ?? 0) > 0;
        }),
      async cut(which) {
        const these = which === "all" ? theirs : `${theirs} and wait_event_type = 'Lock'`;
        const { rowCount } = await power.query(`select pg_terminate_backend(pid) ${these}`, [application]);
        return rowCount ?? 0;
      },
      async close() {
        await Promise.all([holder.end(), power.end()]);
      },
    },
  };
}

async function sabotagedMysql(server: string): Promise<Sabotaged> {
  const database = await mysqlDatabase(server);
  const [holder, power] = await Promise.all([
    mysqlDriver.createConnection(database.connection),
    mysqlDriver.createConnection(server),
  ]);
  const waits = "and state like 'Waiting for table%lock'";
  const theirs = async (more = ""): Promise<number[]> => {
    const [rows] = await power.query<mysqlDriver.RowDataPacket[]>(
      `select id from information_schema.processlist where db = ? and id <> ? ${more}`,
      [new URL(database.connection).pathname.slice(1), holder.threadId],
    );
    return rows.map((row) => Number(row.id ?? row.ID));
  };
  return {
    database,
    provider: mysql(database.connection),
    saboteur: {
      async hold(table, what) {
        await holder.query(`lock tables \`${table}\` ${what === "everything" ? "write" : "read"}`);
        return async () => {
          await holder.query("unlock tables");
        };
      },
      waiting: () => until(async () => (await theirs(waits)).length > 0),
      async cut(which) {
        const ids = await theirs(which === "all" ? "" : waits);
        // One that ended by itself meanwhile is as good as killed.
        for (const id of ids) await power.query(`kill ${id}`).catch(() => {});
        return ids.length;
      },
      async close() {
        await Promise.all([holder.end(), power.end()]);
      },
    },
  };
}

const json = { headers: { accept: "application/json" } };
/** As many connections as the pools of both stores have, all of which may be dead. */
const poolSize = 10;

/** Declares the suite. */
function losesConnections(create: () => Promise<Sabotaged>): void {
  let sabotaged: Sabotaged;
  let system: System;

  beforeAll(async () => {
    sabotaged = await create();
    system = await start({ datastore: sabotaged.provider, sessions: { cached: 0 }, migrate: "always" });
  });
  afterAll(async () => {
    await system?.security.close();
    await sabotaged?.saboteur.close();
    await sabotaged?.database.remove();
  });

  const signedIn = async (email: string, password = goodPassword): Promise<TestClient> => {
    const client = system.client();
    await client.signIn(email, password, { remember: true });
    return client;
  };
  const count = async (table: string): Promise<number> => {
    const [row] = await sabotaged.database.rows(`select count(*) as number from ${table}`);
    return Number(row?.number);
  };
  /** The answer to a request whose connection is cut while the database works on it. */
  const cutOff = async (
    table: string,
    what: "everything" | "writes",
    request: () => Promise<ClientAnswer>,
  ): Promise<ClientAnswer> => {
    const { saboteur } = sabotaged;
    const release = await saboteur.hold(table, what);
    try {
      const answer = request();
      await saboteur.waiting();
      expect(await saboteur.cut("waiting")).toBe(1);
      return await answer;
    } finally {
      await release();
    }
  };
  const expectClosed = (answer: ClientAnswer): void => {
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(cookiesSet(answer).filter((name) => /session|remember/.test(name))).toEqual([]);
    expect(answer.text).not.toMatch(/ann@|authentication_token|terminat|connection|closed/i);
  };

  it("answers 503 to who may, who may not and who is signed out, and the next as it should", async () => {
    const out = await signedIn("ann@acme.example");
    const copy = out.copy();
    await out.post("/logout", { json: {} });
    const callers: [TestClient, number][] = [
      [await signedIn("ann@acme.example"), 200],
      [await signedIn("bob@acme.example", otherPassword), 403],
      [copy, 401],
    ];
    for (const [client, status] of [...callers, ...callers, ...callers]) {
      const ask = (): Promise<ClientAnswer> => client.get("/employee", json);
      expectClosed(await cutOff("portcullis_session", "everything", ask));
      expect((await ask()).status).toBe(status);
    }
  });

  it.each(["portcullis_session", "portcullis_remember"])("signs nobody in whose %s was not stored", async (table) => {
    const client = system.client();
    const before = [await count("portcullis_session"), await count("portcullis_remember")];
    const body = { json: { email: "ann@acme.example", password: goodPassword, remember: true } };
    expectClosed(await cutOff(table, "writes", () => client.post("/login", body)));
    expect([await count("portcullis_session"), await count("portcullis_remember")]).toEqual(before);
    expect((await client.get("/me", json)).status).toBe(401);
    expect((await client.post("/login", body)).status).toBe(200);
    expect((await client.get("/me", json)).status).toBe(200);
  });

  it("does not say that somebody is signed out who is not", async () => {
    const client = await signedIn("ann@acme.example");
    const copy = client.copy();
    const answer = await cutOff("portcullis_session", "writes", () => client.post("/logout", { json: {} }));
    expect(answer.status).toBe(503);
    expect((await copy.get("/me", json)).status).toBe(200);
    expect((await copy.post("/logout", { json: {} })).status).toBe(200);
    expect((await copy.get("/me", json)).status).toBe(401);
  });

  it("makes no account whose row was not stored", async () => {
    const email = "new@acme.example";
    const body = { json: { email, password: goodPassword, password_confirm: goodPassword } };
    const accounts = (): Promise<unknown[]> =>
      sabotaged.database.rows(`select password from {user} where email = '${email}'`);
    expectClosed(await cutOff("user", "writes", () => system.client().post("/register", body)));
    expect(await accounts()).toEqual([]);
    expect((await system.client().post("/register", body)).status).toBe(200);
    expect(await accounts()).toEqual([{ password: expect.stringContaining("$argon2id$") as unknown }]);
  });

  it("opens nothing while connections are lost again and again, and works after each time", async () => {
    const may = await signedIn("ann@acme.example");
    const mayNot = await signedIn("bob@acme.example", otherPassword);
    const out = await signedIn("ann@acme.example");
    const gone = out.copy();
    await out.post("/logout", { json: {} });
    for (let round = 0; round < 10; round += 1) {
      const asked = [may, mayNot, gone, may, mayNot, gone, may, mayNot, gone, may, mayNot, gone].map((client) =>
        client.get("/employee", json),
      );
      await sabotaged.saboteur.cut("all");
      const statuses = (await Promise.all(asked)).map((answer) => answer.status);
      for (const [index, status] of statuses.entries()) expect([503, [200, 403, 401][index % 3]]).toContain(status);
      let tries = 1;
      for (; ; tries += 1) {
        const { status } = await may.get("/employee", json);
        if (status === 200) break;
        expect(status).toBe(503);
        expect(tries).toBeLessThanOrEqual(poolSize);
      }
      expect((await mayNot.get("/employee", json)).status).toBe(403);
      expect((await gone.get("/employee", json)).status).toBe(401);
    }
  });
}

describeService("postgres", "connections lost to PostgreSQL", (url) => losesConnections(() => sabotagedPostgres(url)));
describeService("mysql", "connections lost to MariaDB", (url) => losesConnections(() => sabotagedMysql(url)));
