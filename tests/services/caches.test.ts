import { generateKeyPairSync, randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import pg from "pg";
import { type CacheOptions, object, portcullis, type SharedCacheProvider } from "portcullis";
import { postgres } from "portcullis/postgres";
import { redisCache } from "portcullis/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { basic, basics, call, password, plant } from "../declared/system.ts";
import { describeService } from "./available.ts";

const ann = { headers: { authorization: basic("ann", password) } };
const { datastore: _, ...without } = basics();

/** One process of an application that shares its decisions. */
async function process(redis: Redis, prefix: string, hash: () => string, caches: CacheOptions = {}) {
  const asked = { user: 0, group: 0, object: 0, verified: 0 };
  const answers = { staff: true, store: true as boolean | undefined };
  const security = await portcullis({
    ...without,
    authn: ["basic"],
    clock: Date.now,
    caches: {
      password: { ttl: "1m" },
      group: { ttl: "1m" },
      object: { ttl: "1m" },
      store: redisCache(redis, { prefix }),
      ...caches,
    },
    passwords: {
      ...without.passwords,
      wrapHasher: (hasher) => ({
        ...hasher,
        verify(text, stored) {
          asked.verified += 1;
          return hasher.verify(text, stored);
        },
      }),
    },
    getUserPass: (login) => (login === "ann" ? hash() : undefined),
    groups: ["staff"],
    groupCheck: () => {
      asked.group += 1;
      return answers.staff;
    },
    objects: {
      store: {
        check: async () => {
          asked.object += 1;
          return answers.store;
        },
        id: "text",
      },
    },
  });
  const app = security.app();
  app.get("/staff", { authz: "staff" }, (c) => c.text("staff"));
  app.get("/store/:sid", { authz: object("store") }, (c) => c.text("store"));
  const status = async (path: string): Promise<number> => (await call(app, path, ann)).status;
  const user = async () => (await security.users.find("username", "ann")) as { readonly id: number };
  return { security, asked, answers, status, user };
}

/** A shared cache that holds nothing. */
const nowhere: SharedCacheProvider = {
  open: () => ({
    get: (keys) => Promise.resolve(keys.map(() => undefined)),
    set: () => Promise.resolve(),
    add: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  }),
};

describeService("redis", "decisions that processes share in Redis", (url) => {
  const newPrefix = (): string => `portcullis_caches_${randomBytes(6).toString("hex")}:`;

  it("one process asks for all, and forgets for all", async () => {
    const [first, second] = [new Redis(url), new Redis(url)];
    const prefix = newPrefix();
    let hash = "";
    const one = await process(first, prefix, () => hash);
    const two = await process(second, prefix, () => hash);
    hash = await one.security.hashPassword(password);
    expect([await one.status("/staff"), await one.status("/store/1")]).toEqual([200, 200]);
    expect([await two.status("/staff"), await two.status("/store/1")]).toEqual([200, 200]);
    expect(one.asked).toMatchObject({ group: 1, object: 1, verified: 1 });
    expect(two.asked).toMatchObject({ group: 0, object: 0, verified: 0 });
    expect(two.security.cacheStats().object).toMatchObject({ hits: 1, misses: 0, hitRate: 1 });
    two.answers.staff = false;
    two.answers.store = undefined;
    await one.security.uncache.group(await one.user(), "staff");
    expect([await two.status("/staff"), await two.status("/store/1")]).toEqual([403, 200]);
    await one.security.uncache.all();
    expect(await two.status("/store/1")).toBe(404);
    // Another prefix is another cache.
    const other = await process(first, newPrefix(), () => hash);
    await other.status("/staff");
    expect(other.asked.group).toBe(1);
    const keys = await first.keys(`*${prefix}*`);
    expect(keys.length).toBeGreaterThan(3);
    const values = await first.mget(keys);
    expect(JSON.stringify([keys, values])).not.toMatch(/ann|staff|store|battery/);
    for (const key of keys) expect(await first.pttl(key)).toBeGreaterThan(0);
    first.disconnect();
    second.disconnect();
  });

  it("what a kind does not share stays in its process", async () => {
    const redis = new Redis(url);
    const prefix = newPrefix();
    const group = { ttl: "1m", shared: false } as const;
    let hash = "";
    const one = await process(redis, prefix, () => hash, { group, password: group });
    const two = await process(redis, prefix, () => hash, { group, password: group });
    hash = await one.security.hashPassword(password);
    for (const each of [one, two, one, two]) {
      expect([await each.status("/staff"), await each.status("/store/1")]).toEqual([200, 200]);
    }
    expect(one.asked).toMatchObject({ group: 1, object: 1, verified: 1 });
    expect(two.asked).toMatchObject({ group: 1, object: 0, verified: 1 });
    one.answers.staff = false;
    await one.security.uncache.group(await one.user(), "staff");
    expect(await one.status("/staff")).toBe(403);
    redis.disconnect();
  });

  it("one process verifies an issuer's token for all", async () => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const token = await new SignJWT({ sub: "ann" })
      .setIssuer("https://id.acme.example")
      .setAudience("shop")
      .setExpirationTime("5m")
      .setProtectedHeader({ alg: "ES256", kid: "one" })
      .sign(pair.privateKey);
    const prefix = newPrefix();
    const start = async () => {
      const redis = new Redis(url);
      let asked = 0;
      const security = await portcullis({
        ...without,
        authn: ["token"],
        clock: Date.now,
        caches: { token: { shared: true }, store: redisCache(redis, { prefix }) },
        getUserPass: (login) => (login === "ann" ? "" : undefined),
        tokens: {
          issuers: [
            {
              issuer: "https://id.acme.example",
              audience: "shop",
              algorithms: ["ES256"],
              jwks: { keys: [{ ...pair.publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256" }] },
              user: ({ sub }, users) => {
                asked += 1;
                return users.find("username", String(sub));
              },
            },
          ],
        },
      });
      const app = security.app();
      app.get("/me", { authz: "AUTH" }, (c) => c.text(c.var.user.username ?? ""));
      const opens = async () => (await call(app, "/me", { headers: { authorization: `Bearer ${token}` } })).text;
      return { redis, security, asked: () => asked, opens };
    };
    const [one, two] = [await start(), await start()];
    expect([await one.opens(), await two.opens(), one.asked(), two.asked()]).toEqual(["ann", "ann", 1, 0]);
    await two.security.uncache.token(token);
    expect([await one.opens(), one.asked()]).toEqual(["ann", 2]);
    for (const { redis } of [one, two]) redis.disconnect();
  });

  it("a Redis that is gone is passed over; who uncaches is told", async () => {
    const redis = new Redis({ port: 1, lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    redis.on("error", () => undefined);
    let hash = "";
    const one = await process(redis, newPrefix(), () => hash);
    hash = await one.security.hashPassword(password);
    expect([await one.status("/staff"), await one.status("/staff")]).toEqual([200, 200]);
    expect(one.asked.group).toBe(2);
    await expect(one.security.uncache.all()).rejects.toMatchObject({ code: "datastore" });
    redis.disconnect();
  });
});

describeService("postgres", "decisions that processes keep by themselves", (url) => {
  const database = `portcullis_caches_${randomBytes(6).toString("hex")}`;
  const execute = async (statement: string): Promise<void> => {
    const client = new pg.Client(url);
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  beforeAll(() => execute(`create database ${database}`));
  afterAll(() => execute(`drop database if exists ${database} with (force)`));

  it("the others are told of an uncache, also where other kinds are shared", async () => {
    const place = new URL(url);
    place.pathname = `/${database}`;
    let staff = true;
    const start = async () => {
      const security = await portcullis({
        ...basics(),
        datastore: postgres(place.href),
        authn: ["basic"],
        clock: Date.now,
        caches: { group: { ttl: "1m", shared: false }, store: nowhere },
        groups: ["staff"],
        groupCheck: () => staff,
      });
      const app = security.app();
      app.get("/staff", { authz: "staff" }, (c) => c.text("staff"));
      const headers = { authorization: basic("ann@acme.example", password) };
      return { security, status: async () => (await call(app, "/staff", { headers })).status };
    };
    const one = await start();
    const user = await plant(one.security);
    const two = await start();
    expect([await one.status(), await two.status()]).toEqual([200, 200]);
    staff = false;
    expect(await two.status()).toBe(200);
    await one.security.uncache.group(user, "staff");
    await expect.poll(two.status).toBe(403);
    expect(await one.status()).toBe(403);
    await one.security.close();
    await two.security.close();
  });
});
