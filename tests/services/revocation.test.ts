import { randomBytes } from "node:crypto";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Datastore } from "../../src/datastore/contract.ts";
import { postgres } from "../../src/datastore/postgres/index.ts";
import { coreTables } from "../../src/model/tables.ts";
import { describeService } from "./available.ts";
import { twoProcesses } from "./two-processes.ts";

const newName = (): string => `portcullis_test_${randomBytes(6).toString("hex")}`;

describeService("postgres", "PostgreSQL", (url) => {
  // A database of its own: notifications are heard in the whole database, also by other tests.
  const database = newName();
  const execute = async (statement: string, at = url): Promise<void> => {
    const client = new pg.Client(at);
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  const place = new URL(url);
  place.pathname = `/${database}`;
  // A lease that no busy machine lets run out.
  const open = async (lease = 10_000): Promise<Datastore> => {
    const store = await postgres(place.href, { lease }).open(coreTables, { now: Date.now, log: () => undefined });
    await store.migrate();
    return store;
  };

  beforeAll(() => execute(`create database ${database}`));
  afterAll(() => execute(`drop database if exists ${database} with (force)`));

  twoProcesses("PostgreSQL", true, async () => ["postgres", place.href]);

  it("waits until the others have heard, and not for those that are gone", async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const heard: number[][] = stores.map(() => []);
    for (const [index, store] of stores.entries()) {
      store.bus?.onInvalidate((userId) => {
        if (userId !== undefined) heard[index]?.push(userId);
      });
    }
    for (let user = 1; user <= 20; user += 1) {
      await stores[0]?.bus?.publish(-user);
      expect(heard.map((list) => list.includes(-user))).toEqual([true, true, true]);
    }
    await stores[2]?.close();
    await stores[0]?.bus?.publish(-21);
    expect(heard.map((list) => list.includes(-21))).toEqual([true, true, false]);
    await Promise.all([stores[0]?.close(), stores[1]?.close()]);
  });

  it("waits for one that says nothing only until its lease is out, and not for long", async () => {
    const store = await open(300);
    // A process that has stopped.
    await execute(
      `insert into portcullis_node (node, beat, lease, position, at) values ('stopped', 1, 300, null, 0)`,
      place.href,
    );
    const waited = async (): Promise<number> => {
      const started = performance.now();
      await store.bus?.publish(-1);
      return performance.now() - started;
    };
    expect(await waited()).toBeGreaterThanOrEqual(300);
    // Its row has stood still for long enough.
    await expect.poll(waited, { timeout: 60_000 }).toBeLessThan(290);
    await store.close();
  });
});

describeService("mysql", "MariaDB", (url) => {
  const database = newName();
  const execute = async (statement: string): Promise<void> => {
    const connection = await mysqlDriver.createConnection(url);
    await connection.query(statement);
    await connection.end();
  };
  afterAll(() => execute(`drop database if exists ${database}`));
  twoProcesses("MariaDB", false, async () => {
    await execute(`create database ${database}`);
    const place = new URL(url);
    place.pathname = `/${database}`;
    return ["mysql", place.href];
  });
});
