/** Other processes learn of changes on PostgreSQL, whether or not notifications arrive, and who cannot look trusts nothing. */
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { portcullis } from "portcullis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { checkRunning } from "../../src/cli/doctor/running.ts";
import type { Datastore } from "../../src/datastore/contract.ts";
import { type PostgresOptions, postgres } from "../../src/datastore/postgres/index.ts";
import { coreTables } from "../../src/model/tables.ts";
import { type Database, postgresDatabase } from "./account-servers.ts";
import { describeService } from "./available.ts";
import { wayTo } from "./way.ts";

interface Opened {
  readonly store: Datastore;
  readonly logs: string[];
  /** The users that it heard of. */
  readonly heard: number[];
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

describeService("postgres", "what PostgreSQL carries", (url) => {
  let database: Database;
  let other: Database;
  const open = async (options: PostgresOptions = {}, connection = database.connection): Promise<Opened> => {
    const logs: string[] = [];
    const heard: number[] = [];
    // A lease that no busy machine lets run out.
    const store = await postgres(connection, { lease: 10_000, ...options }).open(coreTables, {
      now: Date.now,
      log: (message) => logs.push(message),
    });
    await store.migrate();
    store.bus?.onInvalidate((userId) => {
      if (userId !== undefined) heard.push(userId);
    });
    return { store, logs, heard };
  };
  const trusted = async ({ store }: Opened): Promise<void> => until(() => store.bus?.current() === true);

  beforeAll(async () => {
    [database, other] = await Promise.all([postgresDatabase(url), postgresDatabase(url)]);
  });
  afterAll(async () => {
    await Promise.all([database?.remove(), other?.remove()]);
  });

  it("looks for changes where the listening connection is answered and hears nothing, and says so once", async () => {
    // As behind a pooler in transaction mode, or beside a server that has taken over.
    const deaf = await open({ lease: 500, listenUrl: other.connection });
    const hearing = await open();
    await until(() => deaf.logs.some((line) => line.includes("do not arrive")));
    expect(deaf.store.bus?.hears?.()).toBe(false);
    for (let user = 1; user <= 5; user += 1) {
      await deaf.store.bus?.publish(-user);
      await hearing.store.bus?.publish(-10 - user);
      expect(hearing.heard.includes(-user)).toBe(true);
      expect(deaf.heard.includes(-10 - user) || deaf.store.bus?.current() === false).toBe(true);
    }
    expect(deaf.logs.filter((line) => line.includes("do not arrive"))).toEqual([
      expect.stringMatching(/pooler.*listenUrl.*listen: "poll"/),
    ]);
    await Promise.all([deaf.store.close(), hearing.store.close()]);
  });

  it("is found by the doctor where it hears nothing, and only where it listens", async () => {
    const findings = async (options: PostgresOptions): Promise<readonly Finding[]> => {
      const datastore = postgres(database.connection, { lease: 500, ...options });
      const security = await portcullis({
        secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
        origins: ["https://acme.example"],
        datastore,
        migrate: "always",
        log: () => undefined,
      });
      const found = await checkRunning(security as never, {}).finally(() => security.close());
      return found.filter(({ check }) => check === "notifications");
    };
    const [deaf, direct, off, polling] = [
      await findings({ listenUrl: other.connection }),
      await findings({ listenUrl: database.connection }),
      await findings({ listen: false }),
      await findings({ listen: "poll" }),
    ];
    expect(deaf).toEqual([
      {
        check: "notifications",
        level: "warning",
        path: "datastore",
        text: expect.stringContaining("do not arrive"),
        mend: expect.stringMatching(/listenUrl.*listen: "poll"/),
      },
    ]);
    expect(direct.map(({ level }) => level)).toEqual(["ok"]);
    expect(off).toEqual([]);
    expect(polling).toEqual([]);
  });

  it("goes on trusting what it keeps while the listening connection alone is lost, and says when it is back", async () => {
    const way = await wayTo(database.connection);
    const one = await open({ listenUrl: way.url });
    const peer = await open();
    await trusted(one);
    await until(() => one.store.bus?.hears?.() === true);
    way.close();
    await until(() => one.store.bus?.hears?.() === false);
    await peer.store.bus?.publish(-3);
    expect(one.heard).toContain(-3);
    expect(one.store.bus?.current()).toBe(true);
    way.open();
    await until(() => one.store.bus?.hears?.() === true);
    expect(one.logs).toEqual([expect.stringContaining("is lost"), expect.stringContaining("is back")]);
    await Promise.all([one.store.close(), peer.store.close()]);
    await way.end();
  });

  it("trusts nothing once it could not look for a lease, and drops what changed meanwhile when it can", async () => {
    const way = await wayTo(database.connection);
    const cut = await open({ lease: 500, listenUrl: database.connection }, way.url);
    const peer = await open();
    await trusted(cut);
    way.close();
    await until(() => cut.store.bus?.current() === false);
    // Acknowledged though it cannot be told: its lease is out.
    await peer.store.bus?.publish(-4);
    expect(cut.store.bus?.current()).toBe(false);
    way.open();
    await trusted(cut);
    expect(cut.heard).toContain(-4);
    await until(() => cut.logs.some((line) => line.includes("can be read from PostgreSQL again")));
    expect(cut.logs.filter((line) => line.includes("cannot be read"))).toHaveLength(1);
    await Promise.all([cut.store.close(), peer.store.close()]);
    await way.end();
  });

  it("works with nothing to listen to", async () => {
    const [one, two] = [await open({ listen: "poll" }), await open({ listen: "poll" })];
    await Promise.all([trusted(one), trusted(two)]);
    await one.store.bus?.publish(-5);
    expect(two.heard).toContain(-5);
    expect(one.store.bus?.hears).toBeUndefined();
    expect([...one.logs, ...two.logs]).toEqual([]);
    await Promise.all([one.store.close(), two.store.close()]);
  });

  it("tells the others also from a process that keeps nothing, and waits for them", async () => {
    const silent = await open({ listen: false });
    const hearing = await open();
    await trusted(hearing);
    expect(silent.store.bus?.current()).toBe(false);
    await silent.store.bus?.publish(-2);
    expect(hearing.heard).toContain(-2);
    await silent.store.transaction(async (tx) => tx.announce?.(-6));
    await silent.store.bus?.publish(-6, true);
    expect(hearing.heard).toContain(-6);
    expect((await database.rows("select * from portcullis_change where user_id = -6")).length).toBe(1);
    await Promise.all([silent.store.close(), hearing.store.close()]);
  });

  it("waits for the others while its own listening connection is down", async () => {
    const [near, far] = await Promise.all([wayTo(database.connection), wayTo(database.connection)]);
    const told = await open({ listenUrl: near.url });
    const late = await open({ listen: "poll" }, far.url);
    await Promise.all([trusted(told), trusted(late)]);
    near.close();
    await until(() => told.store.bus?.hears?.() === false);
    far.late = 150;
    for (let user = 10; user < 15; user += 1) {
      if (user === 12) near.open();
      await told.store.bus?.publish(-user);
      expect([user, late.heard.includes(-user)]).toEqual([user, true]);
    }
    await Promise.all([told.store.close(), late.store.close()]);
    await Promise.all([near.end(), far.end()]);
  });

  it("misses no change that commits after others with a higher number", async () => {
    const [one, two] = [await open(), await open()];
    await Promise.all([trusted(one), trusted(two)]);
    const held = Promise.withResolvers<void>();
    const announced = Promise.withResolvers<void>();
    const late = one.store.transaction(async (tx) => {
      await tx.announce?.(-20);
      announced.resolve();
      await held.promise;
    });
    await announced.promise;
    for (let user = 21; user < 25; user += 1) {
      await one.store.bus?.publish(-user);
      expect(two.heard).toContain(-user);
    }
    expect(two.heard).not.toContain(-20);
    held.resolve();
    await late;
    await one.store.bus?.publish(-20, true);
    expect(two.heard.filter((user) => user === -20)).toHaveLength(1);
    await Promise.all([one.store.close(), two.store.close()]);
  });

  it("forgets everything where the database has lost what it wrote, as after a failover", async () => {
    const one = await open({ lease: 1000 });
    await trusted(one);
    let all = 0;
    one.store.bus?.onInvalidate((user) => {
      if (user === undefined) all += 1;
    });
    await database.rows("update portcullis_node set beat = 0 returning 1");
    await until(() => all > 0);
    await trusted(one);
    await one.store.close();
  });

  it("keeps changes for an hour, and no row of a process that has left", async () => {
    const one = await open();
    await one.store.transaction(async (tx) => tx.announce?.(-30));
    await one.store.transaction(async (tx) => tx.announce?.(-31));
    await trusted(one);
    await database.rows("update portcullis_change set at = at - 3700000 where user_id = -30 returning 1");
    const left = async (): Promise<unknown[]> => {
      await one.store.purge?.();
      return (await database.rows("select user_id from portcullis_change where user_id in (-30, -31)")).map(
        (row) => row.user_id,
      );
    };
    // Once all who look have seen them.
    await expect.poll(left, { timeout: 60_000 }).toEqual([-31]);
    await one.store.close();
    expect(await database.rows("select * from portcullis_node")).toEqual([]);
  });

  it("gives the announcement of a change the limits of a statement, not those of a look", async () => {
    const one = await open({ lease: 500, listen: "poll" });
    await trusted(one);
    const holder = new pg.Client(database.connection);
    await holder.connect();
    // Looks read the table all the same.
    await holder.query("begin; lock table portcullis_change in share mode");
    const published = one.store.bus?.publish(-40);
    // Said below; it must not count as unhandled meanwhile.
    Promise.resolve(published).catch(() => {});
    await pause(1500);
    await holder.end();
    await published;
    await one.store.close();
  });

  it("goes on trusting what it keeps while requests hold all connections, and hears of changes", async () => {
    const lease = 5000;
    const busy = await open({ lease, max: 2, connectTimeout: 1000 });
    const peer = await open();
    await trusted(busy);
    const held = Promise.withResolvers<void>();
    const holding = [1, 2].map(() => {
      const begun = Promise.withResolvers<void>();
      const ended = busy.store.transaction(async (tx) => {
        await tx.count("role", {});
        begun.resolve();
        await held.promise;
      });
      return { begun: begun.promise, ended };
    });
    await Promise.all(holding.map(({ begun }) => begun));
    await expect(busy.store.count("role", {})).rejects.toThrow();
    await pause(lease + 1000);
    expect(busy.store.bus?.current()).toBe(true);
    await peer.store.bus?.publish(-41);
    expect(busy.heard).toContain(-41);
    expect(busy.store.bus?.current()).toBe(true);
    held.resolve();
    await Promise.all(holding.map(({ ended }) => ended));
    expect(busy.logs).toEqual([]);
    await Promise.all([busy.store.close(), peer.store.close()]);
  });

  it("refuses a listenUrl that nothing uses, and one that is none", () => {
    const refused = (options: PostgresOptions) => (): unknown => postgres(database.connection, options);
    expect(refused({ listen: false, listenUrl: database.connection })).toThrow(/listenUrl: listen: false says/);
    expect(refused({ listen: "poll", listenUrl: database.connection })).toThrow(/listenUrl: listen: "poll" says/);
    expect(refused({ listenUrl: "mysql://x" })).toThrow(/listenUrl/);
  });
});
