import { randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { Redis } from "ioredis";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import { expect, it } from "vitest";
import { redisLimits } from "../../src/authn/limits/redis.ts";
import { datastoreLimits } from "../../src/authn/limits/store.ts";
import { mysql } from "../../src/datastore/mysql/index.ts";
import { postgres } from "../../src/datastore/postgres/index.ts";
import { DatastoreError } from "../../src/model/errors.ts";
import { coreTables } from "../../src/model/tables.ts";
import { start } from "../http/authn-system.ts";
import { describeService } from "./available.ts";
import { limitStoreTests } from "./limit-store.ts";

const environment = { now: Date.now, log: () => undefined };
const newName = (): string => `portcullis_limits_${randomBytes(6).toString("hex")}`;

describeService("postgres", "limits in PostgreSQL", (url) => {
  limitStoreTests(async () => {
    const schema = newName();
    const open = () => postgres(url, { schema }).open(coreTables, environment);
    const first = await open();
    await first.migrate();
    const second = await open();
    return {
      stores: [datastoreLimits(first), datastoreLimits(second)],
      async close() {
        await first.close();
        await second.close();
        const client = new pg.Client(url);
        await client.connect();
        await client.query(`drop schema ${schema} cascade`);
        await client.end();
      },
    };
  });
});

describeService("mysql", "limits in MariaDB", (url) => {
  limitStoreTests(async () => {
    const name = newName();
    const admin = await mysqlDriver.createConnection(url);
    await admin.query(`create database ${name}`);
    const place = new URL(url);
    place.pathname = `/${name}`;
    const open = () => mysql(place.href).open(coreTables, environment);
    const first = await open();
    await first.migrate();
    const second = await open();
    return {
      stores: [datastoreLimits(first), datastoreLimits(second)],
      async close() {
        await first.close();
        await second.close();
        await admin.query(`drop database ${name}`);
        await admin.end();
      },
    };
  });
});

describeService("redis", "limits in Redis", (url) => {
  const prefix = (): string => `test-${randomBytes(6).toString("hex")}:`;
  const client = (): Redis => new Redis(url, { maxRetriesPerRequest: 1 });

  limitStoreTests(async () => {
    const name = prefix();
    const clients = [client(), client()] as const;
    return {
      stores: [
        redisLimits(clients[0], { prefix: name }).open(),
        // As node-redis takes commands.
        redisLimits(
          {
            sendCommand: ([command = "", ...args]: string[]) => clients[1].call(command, ...args),
          },
          { prefix: name },
        ).open(),
      ],
      async close() {
        const keys = await clients[0].keys(`*${name}*`);
        if (keys.length > 0) await clients[0].del(...keys);
        for (const one of clients) one.disconnect();
      },
    };
  });

  it("loads its script again where the server has forgotten it, and its keys end by themselves", async () => {
    const redis = client();
    const name = prefix();
    const store = redisLimits(redis, { prefix: name }).open();
    const meter = { wholeAt: 5, failures: 1, lockedUntil: 0, expiresAt: 9, countedAt: 4 };
    const first = await store.swap("key", undefined, meter, { userId: null, life: 60_000 });
    await redis.script("FLUSH");
    expect(await store.swap("key", first?.stamp, meter, { userId: null, life: 30_000 })).toBeDefined();
    expect(await store.swap("key", first?.stamp, meter, { userId: null, life: 30_000 })).toBeUndefined();
    const [key = ""] = await redis.keys(`*${name}*`);
    expect(await redis.pttl(key)).toBeGreaterThan(20_000);
    expect(await redis.pttl(key)).toBeLessThanOrEqual(30_000);
    await redis.del(key);
    redis.disconnect();
  });

  it("closes when Redis is frozen or gone: sign-ins get 503 in time, what is signed in goes on", async () => {
    const { hostname, port } = new URL(url);
    const sockets: Socket[] = [];
    let frozen = false;
    // A server that still accepts and no longer answers, as one that was stopped.
    const proxy = createServer((socket) => {
      const upstream = connect(port === "" ? 6379 : Number(port), hostname);
      sockets.push(socket, upstream);
      socket.on("data", (data) => frozen || upstream.write(data));
      upstream.on("data", (data) => frozen || socket.write(data));
      for (const end of [socket, upstream]) end.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address();
    const redis = new Redis({
      host: "127.0.0.1",
      port: typeof address === "object" && address !== null ? address.port : 0,
      maxRetriesPerRequest: 1,
      retryStrategy: () => null,
    });
    redis.on("error", () => undefined);
    const system = await start({ limits: { store: redisLimits(redis, { prefix: prefix(), deadline: 200 }) } });
    const signedIn = system.client();
    await signedIn.signIn("ann@acme.example", "battery staple");
    frozen = true;
    for (const state of ["frozen", "gone"]) {
      if (state === "gone") redis.disconnect();
      const answer = await system.client().post("/login", {
        json: { email: "ann@acme.example", password: "battery staple" },
      });
      expect([state, answer.status, answer.headers.get("retry-after")]).toEqual([state, 503, "5"]);
      expect((await signedIn.get("/me")).status).toBe(200);
    }
    await expect(redisLimits(redis).open().read("x")).rejects.toThrow(DatastoreError);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
    await system.security.close();
  });
});
