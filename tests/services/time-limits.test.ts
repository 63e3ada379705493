/** Nothing that PostgreSQL does or leaves undone lets a request wait without end: 503, and the connection is given up. */
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { type PostgresOptions, postgres } from "portcullis/postgres";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { coreTables } from "../../src/model/tables.ts";
import { goodPassword, type System, start } from "../http/authn-system.ts";
import { type Database, postgresDatabase } from "./account-servers.ts";
import { describeService } from "./available.ts";
import { type Way, wayTo } from "./way.ts";

const json = { headers: { accept: "application/json" } };

describeService("postgres", "limits of time on PostgreSQL", (url) => {
  let database: Database;
  let way: Way;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    database = await postgresDatabase(url);
    way = await wayTo(database.connection);
  });
  afterEach(async () => {
    way.open();
    for (const close of closing.splice(0)) await close();
  });
  afterAll(async () => {
    await way?.end();
    await database?.remove();
  });

  const run = async (options: PostgresOptions): Promise<System> => {
    const system = await start({
      datastore: postgres(way.url, { lease: 500, ...options }),
      migrate: "always",
      limits: { allowUnlimited: ["endpoints"] },
    } as never);
    closing.push(() => system.security.close());
    return system;
  };
  const signedIn = async (system: System, email: string): Promise<TestClient> => {
    await system.security.users.create({ email, password: goodPassword });
    const client = system.client();
    await client.signIn(email, goodPassword);
    return client;
  };
  const expectBusy = (answer: ClientAnswer): void => {
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  };

  it("a lock that somebody holds", async () => {
    const system = await run({ lockTimeout: 200, statementTimeout: 60_000, schema: "locked" });
    const client = await signedIn(system, "lock@acme.example");
    const holder = new pg.Client(database.connection);
    await holder.connect();
    closing.push(() => holder.end());
    await holder.query("begin; lock table locked.portcullis_session in access exclusive mode");
    const answer = await client.post("/logout", { json: {} });
    expectBusy(answer);
    await holder.query("rollback");
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
  });

  it("a statement that takes too long", async () => {
    const provider = postgres(database.connection, { statementTimeout: 200 });
    const store = await provider.open(coreTables, { now: Date.now, log: () => {} });
    closing.push(() => store.close());
    await store.migrate();
    const { sql } = await import("kysely");
    const slow = store.transaction(async (tx) => {
      await sql`select pg_sleep(60)`.execute(provider.kysely(tx));
    });
    await expect(slow).rejects.toThrow(/statement timeout/);
    expect(await store.count("user", {})).toBeGreaterThanOrEqual(0);
  });

  it("a server that says nothing any more, and comes back", async () => {
    const system = await run({ statementTimeout: 1000, connectTimeout: 1000, schema: "silent" });
    const client = await signedIn(system, "silent@acme.example");
    expect((await client.get("/me", json)).status).toBe(200);
    way.silence();
    // Longer than a request may take by the limits, and much less than a network's own.
    const began = performance.now();
    // What is cached counts for the lease; after it, identities are as unknown as everything else.
    await pause(600);
    expectBusy(await client.get("/me", json));
    expectBusy(await client.post("/logout", { json: {} }));
    expect(performance.now() - began).toBeLessThan(60_000);
    way.open();
    await expect.poll(async () => (await client.get("/me", json)).status, { timeout: 30_000 }).toBe(200);
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
    expect((await client.get("/me", json)).status).toBe(401);
  });

  it("all connections for requests are held, and who is known is served all the same, and signed out", async () => {
    const lease = 5000;
    const limits = { lease, schema: "held", lockTimeout: 600_000, statementTimeout: 600_000 };
    const busy = await run({ ...limits, max: 2, connectTimeout: 1000 });
    const peer = await postgres(database.connection, limits).open(coreTables, { now: Date.now, log: () => {} });
    closing.push(() => peer.close());
    const [stays, leaves] = [await signedIn(busy, "stays@acme.example"), await signedIn(busy, "leaves@acme.example")];
    const { id } = (await peer.findOne("user", { email: "leaves@acme.example" })) as { readonly id: number };
    for (const client of [stays, leaves]) expect((await client.get("/me", json)).status).toBe(200);
    const holder = new pg.Client(database.connection);
    await holder.connect();
    closing.push(() => holder.end());
    await holder.query("begin; lock table held.role in access exclusive mode");
    const held = [1, 2].map(() => busy.store.count("role", {}));
    await pause(lease + 1000);
    expect((await stays.get("/me", json)).status).toBe(200);
    await peer.transaction(async (tx) => {
      await tx.delete("session", { userId: id });
      await tx.announce?.(id);
    });
    await peer.bus?.publish(id, true);
    // It must be read anew, for which there is no connection; before, it was known.
    expectBusy(await leaves.get("/me", json));
    expect((await stays.get("/me", json)).status).toBe(200);
    await holder.query("rollback");
    await Promise.all(held);
    expect((await leaves.get("/me", json)).status).toBe(401);
  });

  it("a change that cannot be announced, as the connection is cut", async () => {
    const system = await run({ schema: "cut" });
    // What a session keeps is told to the others once it is stored.
    const client = await signedIn(system, "cut@acme.example");
    const keep = (): Promise<ClientAnswer> => client.get("/keep/colour/blue", json);
    const holder = new pg.Client(database.connection);
    await holder.connect();
    closing.push(() => holder.end());
    await holder.query("begin; lock table cut.portcullis_change in share mode");
    const answer = keep();
    await expect
      .poll(
        async () => {
          const waiting = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
          return (await holder.query(`select pg_terminate_backend(pid) from ${waiting}`)).rowCount;
        },
        { timeout: 30_000 },
      )
      .toBe(1);
    expectBusy(await answer);
    await holder.query("rollback");
    expect((await keep()).status).toBe(200);
  });

  it("a transaction that its process has forgotten", async () => {
    const store = await postgres(database.connection, { idleTransactionTimeout: 200 }).open(coreTables, {
      now: Date.now,
      log: () => {},
    });
    closing.push(() => store.close());
    await store.migrate();
    const forgotten = store.transaction(async (tx) => {
      await tx.count("role", {});
      await pause(3000);
      await tx.insert("role", { name: "late" });
    });
    await expect(forgotten).rejects.toThrow();
    expect(await store.count("role", { name: "late" })).toBe(0);
  });

  it("but not a migration, nor the removal of what is over", async () => {
    const store = await postgres(database.connection, { statementTimeout: 200, lockTimeout: 100 }).open(coreTables, {
      now: Date.now,
      log: () => {},
    });
    closing.push(() => store.close());
    await store.migrate();
    await store.insert("role", { name: "going" });
    const holder = new pg.Client(database.connection);
    await holder.connect();
    closing.push(() => holder.end());
    await holder.query("begin; lock table role in access exclusive mode");
    const removed = store.remove?.("role", { name: "going" });
    await pause(1000);
    await holder.query("rollback");
    expect(await removed).toBe(1);
  });
});
