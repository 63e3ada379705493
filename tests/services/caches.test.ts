import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { object, portcullis } from "portcullis";
import { redisCache } from "portcullis/redis";
import { expect, it } from "vitest";
import { basic, basics, call, password } from "../declared/system.ts";
import { describeService } from "./available.ts";

const ann = { headers: { authorization: basic("ann", password) } };
const { datastore: _, ...without } = basics();

/** One process of an application that shares its decisions. */
async function process(redis: Redis, prefix: string, hash: () => string) {
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
      store: async () => {
        asked.object += 1;
        return answers.store;
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
