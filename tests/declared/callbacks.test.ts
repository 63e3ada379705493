import {
  column,
  digest,
  digestSecret,
  fake,
  httpd,
  type OwnUser,
  object,
  param,
  password as passwordScheme,
  portcullis,
  rolesRequired,
  type TokenOptions,
} from "portcullis";
import { passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { describe, expect, it } from "vitest";
import { advance, basic, basics, call, form, password } from "./system.ts";

const { datastore: _, ...without } = basics();
const minute = 60_000;

/** A user table of the application's own: login and stored hash, or more. */
async function ownUsers(options: { readonly tokens?: TokenOptions; readonly record?: boolean } = {}) {
  const table = new Map<string, string | OwnUser | null>();
  const asked: string[] = [];
  const members = new Set(["ann"]);
  const security = await portcullis({
    ...without,
    authn: ["token", "basic"],
    schemes: [param(), passwordScheme()],
    getUserPass: async (login) => {
      asked.push(login);
      return table.get(login);
    },
    columns: { company: column.string({ nullable: true }) },
    groups: ["staff"],
    groupCheck: (user) => members.has(user.username ?? ""),
    objects: {
      store: {
        check: (user, id: string, mode) => (id === "9" ? undefined : user.username === "ann" && mode === "own"),
        id: "text",
      },
    },
    tokens: { carriers: ["bearer"], ...options.tokens },
  });
  const hash = await security.hashPassword(password);
  table.set(
    "ann",
    options.record === true ? { password: hash, id: 7, email: "ann@acme.example", company: "Acme" } : hash,
  );
  table.set("bob", hash);
  const app = security.app();
  app.onError((_error, c) => c.text("failed", 500));
  app.get("/me", { authz: "AUTH" }, (c) => c.json({ ...c.var.user.securityPayload(), via: c.var.identity.via }));
  app.get("/company", { authz: "AUTH" }, (c) => c.text(`${c.var.user.id} ${c.var.user.company}`));
  app.get("/staff", { authz: rolesRequired("staff") }, (c) => c.text("staff"));
  app.get("/store/:sid", { authz: object("store", "sid", "own") }, (c) => c.text("store"));
  app.get("/token", { authz: "AUTH", authn: ["basic"] }, async (c) =>
    c.text(await security.createToken(c.var.user, { identity: c.var.identity })),
  );
  app.post("/form", { authz: "AUTH", authn: ["param"] }, (c) => c.text(c.var.user.username ?? ""));
  const by = (login: string, secret = password) => ({ headers: { authorization: basic(login, secret) } });
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  return { security, app, table, asked, members, by, bearer, hash };
}

describe("without a datastore: getUserPass, groupCheck, objects", () => {
  it("getUserPass: HTTP Basic, parameters, and nobody else", async () => {
    const { app, by, table, hash } = await ownUsers();
    expect((await call(app, "/me", by("ann"))).text).toBe('{"email":"ann","username":"ann","via":"basic"}');
    expect((await call(app, "/form", form({ USER: "bob", PASS: password }))).text).toBe("bob");
    table.set("off", { password: hash, active: false });
    table.set("none", null);
    table.set("unset", { password: null });
    for (const sent of [
      by("ann", "wrong"),
      by("carl"),
      by("ANN"),
      by("off"),
      by("none"),
      by("unset"),
      by("unset", ""),
      by("__proto__"),
      by("x".repeat(300)),
    ]) {
      expect((await call(app, "/me", sent)).status).toBe(401);
    }
  });

  it("a record says more: id, address, and the application's columns, which are typed", async () => {
    const { app, by } = await ownUsers({ record: true });
    expect((await call(app, "/company", by("ann"))).text).toBe("7 Acme");
    expect((await call(app, "/me", by("ann"))).text).toContain('"email":"ann@acme.example"');
    expect((await call(app, "/company", by("bob"))).text).toMatch(/^\d{5,16} null$/);
  });

  it("groupCheck and objects", async () => {
    const { app, by, members } = await ownUsers();
    expect((await call(app, "/staff", by("ann"))).status).toBe(200);
    expect((await call(app, "/staff", by("bob"))).status).toBe(403);
    members.delete("ann");
    expect((await call(app, "/staff", by("ann"))).status).toBe(403);
    const stores = await Promise.all(["ann", "bob"].map((login) => call(app, "/store/1", by(login))));
    expect(stores.map(({ status }) => status)).toEqual([200, 403]);
    expect((await call(app, "/store/9", by("ann"))).status).toBe(404);
  });

  it.each(["opaque", "fsa", "jwt"] as const)(
    "%s tokens end with the password, the user and their time",
    async (type) => {
      const { app, by, bearer, table, security } = await ownUsers({ tokens: { type, life: "15m" }, record: true });
      const token = (await call(app, "/token", by("ann"))).text;
      expect((await call(app, "/me", bearer(token))).text).toContain('"via":"token"');
      // The first letter of the user is as good as the whole: a changed token is none.
      expect((await call(app, "/me", bearer(`${token}x`))).status).toBe(401);
      const former = table.get("ann") as OwnUser;
      table.set("ann", { ...former, password: await security.hashPassword("another battery") });
      expect((await call(app, "/me", bearer(token))).status).toBe(401);
      table.set("ann", former);
      expect((await call(app, "/me", bearer(token))).status).toBe(200);
      table.set("ann", { ...former, active: false });
      expect((await call(app, "/me", bearer(token))).status).toBe(401);
      table.delete("ann");
      expect((await call(app, "/me", bearer(token))).status).toBe(401);
      table.set("ann", former);
      advance(15 * minute);
      expect((await call(app, "/me", bearer(token))).status).toBe(401);
    },
  );

  it("a token outlives a change of the secret keys", async () => {
    const [key = ""] = without.secretKeys;
    let hash = "";
    const opened = async (secretKeys: readonly string[]) => {
      const security = await portcullis({ ...without, secretKeys, getUserPass: () => hash });
      const app = security.app();
      app.get("/me", { authz: "AUTH" }, (c) => c.text(c.var.user.username ?? ""));
      return { security, app };
    };
    const old = await opened([key]);
    hash = await old.security.hashPassword(password);
    const ann = await old.security.users.find("username", "ann");
    const token = await old.security.createToken(ann as never);
    const rotated = await opened(["another key of the tests: Wb2Rk7Xe15qUZn8m", key]);
    const headers = { "authentication-token": token };
    expect((await call(rotated.app, "/me", { headers })).text).toBe("ann");
    expect(
      (await call((await opened(["a third key of the tests: Wb2Rk7Xe15qUZn8m"])).app, "/me", { headers })).status,
    ).toBe(401);
  });

  it("guesses are counted and lock, in memory", async () => {
    const { app, by } = await ownUsers();
    const statuses: number[] = [];
    for (let guess = 0; guess < 11; guess += 1)
      statuses.push((await call(app, "/me", by("ann", `wrong${guess}`))).status);
    expect(statuses).toEqual([...Array(10).fill(401), 429]);
    expect((await call(app, "/me", by("ann"))).status).toBe(429);
    expect((await call(app, "/me", by("bob"))).status).toBe(200);
    advance(15 * minute);
    expect((await call(app, "/me", by("ann"))).status).toBe(200);
  });

  it("nothing is believed longer than the request: each asks again", async () => {
    const { app, by, bearer, asked, table } = await ownUsers();
    const token = (await call(app, "/token", by("ann"))).text;
    asked.length = 0;
    await call(app, "/me", bearer(token));
    await call(app, "/me", bearer(token));
    await call(app, "/me", by("ann"));
    expect(asked.length).toBeGreaterThanOrEqual(3);
    table.delete("ann");
    expect((await call(app, "/me", by("ann"))).status).toBe(401);
  });

  it("ERR-01: a callback that fails, or answers nonsense, closes", async () => {
    for (const answer of [
      () => Promise.reject(new Error("gone")),
      () => {
        throw new Error("gone");
      },
      () => 7,
      () => true,
      () => ["hash"],
      () => ({ password: 7 }),
      () => ({ id: -1 }),
      () => ({ active: "yes" }),
    ]) {
      const security = await portcullis({ ...without, authn: ["basic"], getUserPass: answer as never });
      const app = security.app();
      app.onError((_error, c) => c.text("failed", 500));
      app.get("/me", { authz: "AUTH" }, (c) => c.text("in"));
      const { status } = await call(app, "/me", { headers: { authorization: basic("ann", password) } });
      expect([answer.toString(), status]).toEqual([answer.toString(), 500]);
    }
  });

  it("passwords.check alone knows the users", async () => {
    const security = await portcullis({
      ...without,
      authn: ["basic", "token"],
      passwords: { ...without.passwords, check: (login, secret) => login === "ann" && secret === password },
    });
    const app = security.app();
    app.get("/me", { authz: "AUTH" }, (c) => c.text(c.var.user.username ?? ""));
    const status = async (login: string, secret: string): Promise<number> =>
      (await call(app, "/me", { headers: { authorization: basic(login, secret) } })).status;
    expect([await status("ann", password), await status("ann", "wrong"), await status("bob", password)]).toEqual([
      200, 401, 401,
    ]);
  });

  it("digest, a front end's word and fake find their users too", async () => {
    const getUserPass = (login: string): string | undefined => (login === "ann" ? "" : undefined);
    const security = await portcullis({
      ...without,
      getUserPass,
      schemes: [fake(), digest({ secret: (user, realm, algorithm) => digestSecret(user, realm, password, algorithm) })],
    });
    const app = security.app();
    app.get("/me", { authz: "AUTH", authn: ["fake"] }, (c) => c.text(c.var.user.username ?? ""));
    expect((await call(app, "/me?LOGIN=ann")).text).toBe("ann");
    expect((await call(app, "/me?LOGIN=bob")).status).toBe(401);
    const front = await portcullis({ ...without, getUserPass, trustedProxies: ["10.0.0.0/8"], schemes: [httpd()] });
    const behind = front.app();
    behind.get("/me", { authz: "AUTH", authn: ["httpd"] }, (c) => c.text(c.var.user.username ?? ""));
    const sent = (user: string) => ({ headers: { "remote-user": user }, socket: "10.0.0.1" });
    expect((await call(behind, "/me", sent("ann"))).text).toBe("ann");
    expect((await call(behind, "/me", sent("bob"))).status).toBe(401);
  });

  it("what needs a database does not start", async () => {
    const getUserPass = (): undefined => undefined;
    const start = (options: object): Promise<unknown> => portcullis({ ...without, getUserPass, ...options } as never);
    for (const [options, message] of [
      [{ getUserPass: undefined }, /^datastore: is missing; .*getUserPass/],
      [{ getUserPass: "hash" }, /^getUserPass: a function/],
      [{ datastore: memory() }, /^getUserPass: stands in the place of a datastore/],
      [{ features: [passwords()] }, /^features: needs the option datastore/],
      [{ roles: ["admin"] }, /^roles: needs the option datastore.*groupCheck/],
      [{ permissions: ["edit"] }, /^permissions: needs the option datastore/],
      [{ sessions: { enabled: true } }, /^sessions\.enabled: needs the option datastore/],
      [{ sessions: { idle: "1h" } }, /^sessions\.idle: leave it out: there is no datastore/],
      [{ identities: ["email"] }, /^identities: needs the option datastore/],
      [{ tables: { user: "users" } }, /^tables: needs the option datastore/],
      [{ audit: { required: true } }, /^audit: needs the option datastore/],
      [{ migrate: "check" }, /^migrate: needs the option datastore/],
      [{ passwords: { policy: { history: { last: 3 } } } }, /^passwords\.policy\.history: needs the option datastore/],
      [{ authn: ["session"] }, /^authn: there is no scheme "session"/],
    ] as const) {
      await expect(start(options)).rejects.toThrow(message);
    }
    const security = await portcullis({ ...without, getUserPass });
    await expect(security.users.create({ email: "a@b.example" })).rejects.toMatchObject({ code: "no_datastore" });
    await expect(security.roles.list()).rejects.toMatchObject({ code: "no_datastore" });
    await expect(security.audit.list()).rejects.toMatchObject({ code: "no_datastore" });
    await security.purge();
    expect(await security.lockouts()).toEqual([]);
    await security.close();
  });
});
