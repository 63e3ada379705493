/** Other processes are told of changes on PostgreSQL, and who cannot hear believes nothing that it has cached. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { portcullis } from "portcullis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { checkRunning } from "../../src/cli/doctor/running.ts";
import type { Datastore } from "../../src/datastore/contract.ts";
import { type PostgresOptions, postgres } from "../../src/datastore/postgres/index.ts";
import { coreTables } from "../../src/model/tables.ts";
import { type Database, postgresDatabase } from "./account-servers.ts";
import { describeService } from "./available.ts";

interface Opened {
  readonly store: Datastore;
  readonly logs: string[];
  /** The users that it heard of. */
  readonly heard: number[];
}

/** A way to the server that can be closed, and that can keep for a while what the server says. */
interface Way {
  readonly url: string;
  /** Milliseconds by which what the server says is late. */
  late: number;
  close(): void;
  open(): void;
}

async function wayTo(target: string): Promise<Way & { end(): Promise<void> }> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let closed = false;
  const server: Server = createServer((near) => {
    if (closed) {
      near.destroy();
      return;
    }
    const far = connect(Number(port || 5432), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on("data", (data) => {
      if (way.late === 0) near.write(data);
      else setTimeout(() => near.write(data), way.late);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const way = {
    url: url.href,
    late: 0,
    close() {
      closed = true;
      for (const socket of sockets) socket.destroy();
    },
    open() {
      closed = false;
    },
    async end() {
      way.close();
      server.close();
      await once(server, "close");
    },
  };
  return way;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

describeService("postgres", "what PostgreSQL carries", (url) => {
  let database: Database;
  let other: Database;
  const open = async (options: PostgresOptions = {}): Promise<Opened> => {
    const logs: string[] = [];
    const heard: number[] = [];
    const store = await postgres(database.connection, { heartbeat: 50, ...options }).open(coreTables, {
      now: Date.now,
      log: (message) => logs.push(message),
    });
    store.bus?.onInvalidate((userId) => {
      if (userId !== undefined) heard.push(userId);
    });
    return { store, logs, heard };
  };

  beforeAll(async () => {
    [database, other] = await Promise.all([postgresDatabase(url), postgresDatabase(url)]);
  });
  afterAll(async () => {
    await Promise.all([database?.remove(), other?.remove()]);
  });

  it("believes nothing where the listening connection is answered and hears nothing, says so once, and tells the others", async () => {
    // As behind a pooler in transaction mode, or beside a server that has taken over.
    const deaf = await open({ listenUrl: other.connection });
    const hearing = await open();
    for (let count = 0; count < 50; count += 1) {
      expect(deaf.store.bus?.current()).toBe(false);
      await pause(20);
    }
    expect(deaf.logs).toEqual([expect.stringMatching(/do not arrive.*pooler.*listenUrl/)]);
    await deaf.store.bus?.publish(-1);
    expect(new Set(hearing.heard)).toEqual(new Set([-1]));
    await Promise.all([deaf.store.close(), hearing.store.close()]);
  });

  it("is found by the doctor where it hears nothing, and only where it listens", async () => {
    const findings = async (options: PostgresOptions): Promise<readonly Finding[]> => {
      const datastore = postgres(database.connection, { heartbeat: 50, ...options });
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
    const [deaf, direct, off] = [
      await findings({ listenUrl: other.connection }),
      await findings({ listenUrl: database.connection }),
      await findings({ listen: false }),
    ];
    expect(deaf).toEqual([
      {
        check: "notifications",
        level: "warning",
        path: "datastore",
        text: expect.stringContaining("do not arrive"),
        mend: expect.stringMatching(/listenUrl.*listen: false/),
      },
    ]);
    expect(direct.map(({ level }) => level)).toEqual(["ok"]);
    expect(off).toEqual([]);
  });

  it("is believed with a direct connection beside the one for queries", async () => {
    const way = await wayTo(database.connection);
    const { store, logs } = await open({ listenUrl: way.url });
    expect(store.bus?.current()).toBe(true);
    way.close();
    await until(() => store.bus?.current() === false);
    way.open();
    await until(() => store.bus?.current() === true);
    expect(logs).toEqual([expect.stringContaining("is lost"), expect.stringContaining("is back")]);
    await store.close();
    await way.end();
  });

  it("tells the others also from a process that does not listen", async () => {
    const silent = await open({ listen: false });
    const hearing = await open();
    expect(silent.store.bus?.current()).toBe(false);
    await silent.store.bus?.publish(-2);
    await until(() => hearing.heard.includes(-2));
    await Promise.all([silent.store.close(), hearing.store.close()]);
  });

  it("waits for the others while its own listening connection is down", async () => {
    const [near, far] = await Promise.all([wayTo(database.connection), wayTo(database.connection)]);
    const told = await open({ listenUrl: near.url, heartbeat: 200 });
    const late = await open({ listenUrl: far.url });
    near.close();
    await until(() => told.store.bus?.current() === false);
    far.late = 150;
    for (let user = 10; user < 15; user += 1) {
      if (user === 12) near.open();
      await told.store.bus?.publish(-user);
      expect([user, late.heard.includes(-user) || late.store.bus?.current() === false]).toEqual([user, true]);
    }
    await Promise.all([told.store.close(), late.store.close()]);
    await Promise.all([near.end(), far.end()]);
  });

  it("refuses a listenUrl that nothing uses, and one that is none", () => {
    const refused = (options: PostgresOptions) => (): unknown => postgres(database.connection, options);
    expect(refused({ listen: false, listenUrl: database.connection })).toThrow(/listenUrl: listen: false says/);
    expect(refused({ listenUrl: "mysql://x" })).toThrow(/listenUrl/);
  });
});
