import { type CacheOptions, object, portcullis, scope } from "portcullis";
import { memory } from "portcullis/memory";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { members } from "./members.ts";
import { sharedTexts } from "./shared-texts.ts";
import { advance, basic, basics, call, password, plant } from "./system.ts";

const ann = { authorization: basic("ann@acme.example", password) };

interface Asked {
  group: number;
  object: number;
}

async function cachedApp(caches: CacheOptions, datastore = memory(), plants = true) {
  const asked: Asked = { group: 0, object: 0 };
  const rules = { staff: true as unknown, store: true as unknown };
  const security = await portcullis({
    ...basics(),
    datastore,
    caches,
    authn: ["basic", "token"],
    groups: ["staff", "board"],
    groupCheck: () => {
      asked.group += 1;
      return rules.staff as boolean;
    },
    objects: {
      store: async () => {
        asked.object += 1;
        return rules.store as boolean;
      },
    },
  });
  const user = plants ? await plant(security) : ((await security.users.find("email", "ann@acme.example")) as never);
  const app = security.app();
  app.onError((_error, c) => c.text("failed", 500));
  app.get("/staff", { authz: "staff" }, (c) => c.text("staff"));
  app.get("/board", { authz: "board" }, (c) => c.text("board"));
  app.get("/store/:sid", { authz: object("store"), params: z.object({ sid: z.int() }) }, (c) => c.text("store"));
  app.get("/mode/:sid{int}", { authz: object("store", undefined, "own") }, (c) => c.text("store"));
  const status = async (path: string): Promise<number> => (await call(app, path, { headers: ann })).status;
  return { security, app, user, asked, rules, status };
}

describe("group and object decisions", () => {
  it("are asked each time unless the options say otherwise", async () => {
    const { status, asked, security } = await cachedApp({});
    await status("/staff");
    await status("/staff");
    await status("/store/1");
    await status("/store/1");
    expect(asked).toEqual({ group: 2, object: 2 });
    expect(security.cacheStats().group).toEqual({ size: 0, hits: 0, misses: 0, hitRate: 0 });
  });

  it("are believed for the time to live of their kind, with the hit rate shown", async () => {
    const { status, asked, rules, security } = await cachedApp({ group: { ttl: "30s" }, object: { ttl: "2m" } });
    for (let round = 0; round < 4; round += 1) {
      expect([await status("/staff"), await status("/store/1")]).toEqual([200, 200]);
    }
    expect(asked).toEqual({ group: 1, object: 1 });
    expect(security.cacheStats().group).toEqual({ size: 1, hits: 3, misses: 1, hitRate: 0.75 });
    // Another object, mode or group is another decision.
    await status("/store/2");
    await status("/mode/1");
    await status("/board");
    expect(asked).toEqual({ group: 2, object: 3 });
    rules.staff = false;
    rules.store = undefined;
    expect([await status("/staff"), await status("/store/1")]).toEqual([200, 200]);
    advance(31_000);
    expect([await status("/staff"), await status("/store/1")]).toEqual([403, 200]);
    advance(90_000);
    expect(await status("/store/1")).toBe(404);
    // Refusals are kept as well.
    rules.store = true;
    expect(await status("/store/1")).toBe(404);
  });

  it("the least used go first where the size is reached", async () => {
    const { status, asked, security } = await cachedApp({ object: { size: 2 } });
    await status("/store/1");
    await status("/store/2");
    await status("/store/1");
    await status("/store/3");
    expect(security.cacheStats().object.size).toBe(2);
    await status("/store/1");
    expect(asked.object).toBe(3);
    await status("/store/2");
    expect(asked.object).toBe(4);
  });

  it("uncache: per entry, per user, and all", async () => {
    const { status, asked, security, user } = await cachedApp({ group: {}, object: {} });
    const all = async (): Promise<void> => {
      for (const path of ["/staff", "/board", "/store/1", "/store/2", "/mode/1"]) await status(path);
    };
    await all();
    await all();
    expect(asked).toEqual({ group: 2, object: 3 });
    await security.uncache.group(user, "staff");
    await security.uncache.object("store", user, 1);
    await all();
    expect(asked).toEqual({ group: 3, object: 4 });
    await security.uncache.user(user);
    await all();
    expect(asked).toEqual({ group: 5, object: 7 });
    await security.uncache.all();
    await all();
    expect(asked).toEqual({ group: 7, object: 10 });
    await expect(security.uncache.object("store", user, {})).rejects.toThrow("uncache.object: id");
  });

  it("what is neither true, false nor undefined is not kept, nor what threw", async () => {
    const { status, asked, rules } = await cachedApp({ group: {}, object: {} });
    rules.staff = 1;
    rules.store = "yes";
    expect([await status("/staff"), await status("/staff")]).toEqual([403, 403]);
    expect([await status("/store/1"), await status("/store/1")]).toEqual([403, 403]);
    expect(asked).toEqual({ group: 2, object: 2 });
    rules.store = Promise.reject(new Error("gone"));
    expect(await status("/store/1")).toBe(500);
    rules.store = true;
    expect(await status("/store/1")).toBe(200);
  });

  it("one that was worked out before an uncache is not kept after it", async () => {
    const { status, asked, security, user, rules } = await cachedApp({ object: {} });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    rules.store = promise;
    const first = status("/store/1");
    while (asked.object === 0) await new Promise((later) => setTimeout(later, 1));
    await security.uncache.user(user);
    rules.store = false;
    resolve(true);
    expect(await first).toBe(200);
    expect(await status("/store/1")).toBe(403);
  });

  it("nor after an uncache of this very entry, in this process or in a shared store", async () => {
    for (const store of [undefined, sharedTexts().provider]) {
      const { status, asked, security, user, rules } = await cachedApp({
        object: {},
        group: {},
        ...(store === undefined ? {} : { store }),
      });
      const { promise, resolve } = Promise.withResolvers<boolean>();
      rules.store = promise;
      const first = status("/store/1");
      while (asked.object === 0) await new Promise((later) => setTimeout(later, 1));
      await security.uncache.object("store", user, 1);
      rules.store = false;
      resolve(true);
      expect(await first).toBe(200);
      expect([await status("/store/1"), await status("/store/1")]).toEqual([403, 403]);
      expect(asked.object).toBe(2);
    }
  });

  it("a change of the user forgets them", async () => {
    const { status, asked, security, user } = await cachedApp({ group: {} });
    await status("/staff");
    await security.users.setTokenUniquifier(user);
    await status("/staff");
    expect(asked.group).toBe(2);
  });

  it("a cached grant is never used by endpoints that change accounts", async () => {
    let staff = true;
    let asked = 0;
    const security = await portcullis({
      ...basics(),
      authn: ["basic"],
      caches: { group: { ttl: "10m" }, password: { ttl: "10m" } },
      groups: ["staff"],
      groupCheck: () => {
        asked += 1;
        return staff;
      },
      features: [members("basic")],
    });
    const user = await plant(security);
    const app = security.app();
    app.get("/staff", { authz: "staff" }, (c) => c.text("staff"));
    expect((await call(app, "/staff", { headers: ann })).status).toBe(200);
    expect((await call(app, "/staff", { headers: ann })).status).toBe(200);
    expect(asked).toBe(1);
    staff = false;
    // The application's route believes the cache, the account endpoint asks.
    expect((await call(app, "/staff", { headers: ann })).status).toBe(200);
    expect((await call(app, "/members", { method: "POST", headers: ann })).status).toBe(403);
    expect(asked).toBe(2);
    staff = true;
    expect((await call(app, "/members", { method: "POST", headers: ann })).status).toBe(200);
    const { hits } = security.cacheStats().password;
    expect((await call(app, "/members", { method: "POST", headers: ann })).status).toBe(200);
    expect(security.cacheStats().password.hits).toBe(hits);
    expect(user.id).toBeGreaterThan(0);
  });

  it("options that cannot be do not start", async () => {
    for (const [caches, message] of [
      [{ groups: {} }, /^caches\.groups: unknown option/],
      [{ group: { life: "1m" } }, /^caches\.group\.life: unknown option/],
      [{ group: { size: 0 } }, /^caches\.group\.size/],
      [{ object: { size: 1.5 } }, /^caches\.object\.size/],
      [{ token: { ttl: "soon" } }, /^caches\.token\.ttl/],
      [{ password: true }, /^caches\.password: /],
      [{ store: {} }, /^caches\.store: /],
      [{ group: { shared: true } }, /^caches\.group\.shared: needs caches\.store/],
      [{ object: { shared: "yes" } }, /^caches\.object\.shared: true or false/],
      [{ token: { shared: true } }, /^caches\.token\.shared: needs caches\.store/],
    ] as const) {
      await expect(portcullis({ ...basics(), caches: caches as never })).rejects.toThrow(message);
    }
  });
});

describe("passwords and tokens", () => {
  async function tokenApp(caches: CacheOptions) {
    let hash: string | undefined = "";
    let asked = 0;
    const { datastore: _, ...without } = basics();
    const security = await portcullis({
      ...without,
      caches,
      authn: ["basic", "token"],
      scopes: ["read"],
      getUserPass: (login) => {
        asked += 1;
        return login === "ann" ? hash : undefined;
      },
    });
    hash = await security.hashPassword(password);
    const app = security.app();
    app.get("/me", { authz: "AUTH" }, (c) => c.text(c.var.identity.via));
    app.get("/token", { authz: "AUTH" }, async (c) => c.text(await security.createToken(c.var.user)));
    app.get("/read", { authz: scope("read") }, (c) => c.text("read"));
    const by = { headers: { authorization: basic("ann", password) } };
    const token = (await call(app, "/token", by)).text;
    asked = 0;
    return {
      security,
      app,
      token,
      asked: () => asked,
      change: (value: string | undefined) => {
        hash = value;
      },
      byPassword: async (): Promise<number> => (await call(app, "/me", by)).status,
      byToken: async (): Promise<number> =>
        (await call(app, "/me", { headers: { "authentication-token": token } })).status,
    };
  }

  it("without a datastore they are believed where the options say so, for their time to live", async () => {
    const system = await tokenApp({ password: { ttl: "1m" }, token: { ttl: "30s" } });
    await system.byPassword();
    const first = system.asked();
    await system.byPassword();
    expect(system.asked()).toBe(first);
    await system.byToken();
    const second = system.asked();
    expect([await system.byToken(), system.asked()]).toEqual([200, second]);
    system.change("");
    expect([await system.byPassword(), await system.byToken()]).toEqual([200, 200]);
    advance(31_000);
    expect([await system.byPassword(), await system.byToken()]).toEqual([200, 401]);
    advance(30_000);
    expect(await system.byPassword()).toBe(401);
  });

  it("uncache: the password of a user, one token, all", async () => {
    const system = await tokenApp({ password: { ttl: "10m" }, token: { ttl: "10m" } });
    expect([await system.byPassword(), await system.byToken()]).toEqual([200, 200]);
    const user = (await system.security.users.find("username", "ann")) as { readonly id: number };
    system.change("");
    await system.security.uncache.token(system.token);
    expect([await system.byPassword(), await system.byToken()]).toEqual([200, 401]);
    await system.security.uncache.password(user);
    expect(await system.byPassword()).toBe(401);
    const other = await tokenApp({ password: {}, token: {} });
    expect([await other.byPassword(), await other.byToken()]).toEqual([200, 200]);
    other.change("");
    await other.security.uncache.all();
    expect([await other.byPassword(), await other.byToken()]).toEqual([401, 401]);
    expect(other.security.cacheStats().token.size).toBe(0);
  });

  it("uncache goes by login too, also of a user who is gone", async () => {
    const system = await tokenApp({ password: { ttl: "10m" }, token: { ttl: "10m" } });
    expect([await system.byPassword(), await system.byToken()]).toEqual([200, 200]);
    system.change(undefined);
    expect(await system.security.users.find("username", "ann")).toBeUndefined();
    expect([await system.byPassword(), await system.byToken()]).toEqual([200, 200]);
    await system.security.uncache.user("bob");
    expect([await system.byPassword(), await system.byToken()]).toEqual([200, 200]);
    await system.security.uncache.user("ann");
    expect([await system.byPassword(), await system.byToken()]).toEqual([401, 401]);
    const { security } = await cachedApp({});
    await expect(security.uncache.user("ann@acme.example")).rejects.toThrow("users here do not go by login");
  });

  it("false switches a cache off", async () => {
    const security = await portcullis({ ...basics(), authn: ["basic"], caches: { password: false, token: false } });
    await plant(security);
    const app = security.app();
    app.get("/me", { authz: "AUTH" }, (c) => c.text(c.var.identity.via));
    for (let round = 0; round < 2; round += 1) expect((await call(app, "/me", { headers: ann })).status).toBe(200);
    expect(security.cacheStats().password).toMatchObject({ size: 0, hits: 0 });
  });

  it("the token cache knows no token by its text", async () => {
    const system = await tokenApp({ token: {} });
    await system.byToken();
    expect(system.security.cacheStats().token.size).toBe(1);
    expect(await system.byToken()).toBe(200);
    expect(system.security.cacheStats().token.hits).toBe(1);
  });
});

describe("shared between processes", () => {
  it("decisions and verified passwords, forgotten everywhere at once", async () => {
    const shared = sharedTexts();
    const caches = { group: { ttl: "5m" }, object: { ttl: "5m" }, store: shared.provider } as const;
    const datastore = memory();
    const one = await cachedApp(caches, datastore);
    const two = await cachedApp(caches, datastore);
    expect([await one.status("/staff"), await one.status("/store/1")]).toEqual([200, 200]);
    expect([await two.status("/staff"), await two.status("/store/1")]).toEqual([200, 200]);
    expect([one.asked, two.asked]).toEqual([
      { group: 1, object: 1 },
      { group: 0, object: 0 },
    ]);
    expect(two.security.cacheStats().group).toMatchObject({ hits: 1, misses: 0, hitRate: 1 });
    two.rules.staff = false;
    two.rules.store = false;
    await one.security.uncache.group(one.user, "staff");
    expect([await two.status("/staff"), await two.status("/store/1")]).toEqual([403, 200]);
    await one.security.uncache.user(one.user);
    expect(await two.status("/store/1")).toBe(403);
    two.rules.store = true;
    await one.security.uncache.all();
    expect(await two.status("/store/1")).toBe(200);
  });

  it("who can write to the store can grant nothing", async () => {
    const shared = sharedTexts();
    const caches = { group: { ttl: "5m" }, store: shared.provider } as const;
    const { status, rules, asked } = await cachedApp(caches);
    expect(await status("/board")).toBe(200);
    rules.staff = false;
    expect(await status("/staff")).toBe(403);
    const entries = [...shared.texts].filter(([key]) => key.startsWith("entry:"));
    expect(entries).toHaveLength(3);
    expect(JSON.stringify(entries)).not.toMatch(/ann|acme|staff|battery/);
    const yes = entries.find(([, value]) => value.endsWith(" yes")) as [string, string];
    const no = entries.find(([, value]) => value.endsWith(" no")) as [string, string];
    // The grant of another decision, and the refusal made a grant.
    for (const forged of [yes[1], no[1].replace(/ no$/, " yes"), "yes", ""]) {
      shared.texts.set(no[0], forged);
      const before = asked.group;
      expect(await status("/staff")).toBe(403);
      expect(asked.group).toBe(before + 1);
    }
  });

  it("a store that does not answer is passed over: the functions are asked", async () => {
    const shared = sharedTexts();
    const { status, asked, security, user } = await cachedApp({ group: { ttl: "5m" }, store: shared.provider });
    shared.down = true;
    expect([await status("/staff"), await status("/staff")]).toEqual([200, 200]);
    expect(asked.group).toBe(2);
    // Who uncaches must know that it did not work.
    await expect(security.uncache.user(user)).rejects.toThrow("the cache is gone");
  });

  it("a new password ends what the processes share of the old one", async () => {
    const shared = sharedTexts();
    const { datastore: _, ...without } = basics();
    let hash = "";
    const opened = async () => {
      let verified = 0;
      const security = await portcullis({
        ...without,
        authn: ["basic"],
        caches: { password: { ttl: "5m" }, store: shared.provider },
        passwords: {
          ...without.passwords,
          wrapHasher: (hasher) => ({
            ...hasher,
            verify(text, stored) {
              verified += 1;
              return hasher.verify(text, stored);
            },
          }),
        },
        getUserPass: (login) => (login === "ann" ? hash : undefined),
      });
      const app = security.app();
      app.get("/me", { authz: "AUTH" }, (c) => c.text("in"));
      const by = async (secret: string): Promise<number> =>
        (await call(app, "/me", { headers: { authorization: basic("ann", secret) } })).status;
      return { security, by, verified: () => verified };
    };
    const one = await opened();
    hash = await one.security.hashPassword(password);
    expect([await one.by(password), one.verified()]).toEqual([200, 1]);
    const two = await opened();
    expect([await two.by(password), two.verified()]).toEqual([200, 0]);
    expect(two.security.cacheStats().password).toMatchObject({ hits: 1, misses: 0, hitRate: 1 });
    expect([await two.by("wrong"), two.verified()]).toEqual([401, 1]);
    hash = await one.security.hashPassword("another battery");
    // Effective at once, in the process that has verified the old one too.
    expect([await two.by(password), await one.by(password)]).toEqual([401, 401]);
    expect(await two.by("another battery")).toBe(200);
  });
});
