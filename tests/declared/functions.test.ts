import {
  apiKeyCheckpoint,
  LimitedError,
  oauth,
  type PasswordCheck,
  PasswordRefusedError,
  portcullis,
  type SecurityOptions,
  scope,
} from "portcullis";
import { passwords } from "portcullis/features";
import { testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { advance, basic, basics, call, origin, password, plant } from "./system.ts";

type Policy = NonNullable<NonNullable<SecurityOptions["passwords"]>["policy"]>;

const key = "0123456789abcdef-api-key";

async function system(policy: Policy = {}, check?: PasswordCheck) {
  const security = await portcullis({
    ...basics(),
    features: [passwords()],
    scopes: ["read", "write"],
    schemes: [oauth()],
    authn: ["token", "session", "basic", "oauth"],
    passwords: { ...basics().passwords, policy, ...(check === undefined ? {} : { check }) },
  });
  const user = await plant(security);
  const app = security.app();
  app.onError((_error, c) => c.text("failed", 500));
  return { security, app, user };
}

describe("userScope", () => {
  it("is true for what the credential may, and for everything where it is not limited", async () => {
    const { security, app, user } = await system();
    app.get("/", { authz: scope("read") }, (c) =>
      c.json([security.userScope(c, "read"), security.userScope(c, "write")]),
    );
    app.get("/plain", { authz: "AUTH", authn: ["token"] }, (c) =>
      c.json([security.userScope(c, "read"), security.userScope(c, "write")]),
    );
    app.get("/open", { authz: "OPEN" }, (c) => c.json([security.userScope(c, "read"), security.userScope(c, "write")]));
    const token = await security.createToken(user, { scopes: ["read"] });
    expect((await call(app, "/", { headers: { "authentication-token": token } })).text).toBe("[true,false]");
    const plain = await security.createToken(user);
    expect((await call(app, "/plain", { headers: { "authentication-token": plain } })).text).toBe("[true,true]");
    expect((await call(app, "/open")).text).toBe("[false,false]");
    // A token limited to scopes is nobody where none is asked for.
    expect((await call(app, "/open", { headers: { "authentication-token": token } })).text).toBe("[false,false]");
  });
});

describe("hashPassword, checkPassword, checkUserPassword", () => {
  it("hash as stored, and check any known hash", async () => {
    const { security } = await system();
    const hash = await security.hashPassword("correct horse");
    expect(hash).toMatch(/^\$argon2id\$/);
    expect(await security.checkPassword("correct horse", hash)).toBe(true);
    expect(await security.checkPassword("wrong horse", hash)).toBe(false);
    const bcrypt = "$2b$04$AVGYpRtAIpWwLyh.yD0t2.X3cx1Lb6XBRT/3cBEjLuczLgDjEf1ry";
    expect(typeof (await security.checkPassword("correct horse", bcrypt))).toBe("boolean");
    for (const nothing of [null, undefined, "", "plain", "correct horse"]) {
      expect(await security.checkPassword("correct horse", nothing)).toBe(false);
    }
  });

  it("checkUserPassword finds the user, counts guesses, and leaves out who is not active", async () => {
    const { security } = await system();
    expect((await security.checkUserPassword("ann@acme.example", password))?.email).toBe("ann@acme.example");
    expect(await security.checkUserPassword("ann@acme.example", "wrong")).toBeUndefined();
    expect(await security.checkUserPassword("nobody@acme.example", password)).toBeUndefined();
    expect(await security.checkUserPassword("off@acme.example", password)).toBeUndefined();
    const guesses = Array.from({ length: 11 }, () => security.checkUserPassword("bob@acme.example", "wrong"));
    const results = await Promise.allSettled(guesses);
    const last = results.filter(({ status }) => status === "rejected");
    expect(last).toHaveLength(1);
    expect((last[0] as PromiseRejectedResult).reason).toBeInstanceOf(LimitedError);
    advance(16 * 60_000);
  });
});

describe("password rules", () => {
  it("length, patterns and a quality hook of your own", async () => {
    const { security, user } = await system({
      minLength: 10,
      patterns: [/[a-z]/u, /[0-9]/u],
      validators: [async (text) => (text.includes("acme") ? [{ key: "PASSWORD_TOO_SIMPLE" }] : [])],
    });
    const refused = async (text: string): Promise<unknown> => {
      try {
        await security.hashPassword(text, { check: true, user });
        return "accepted";
      } catch (error) {
        expect(error).toBeInstanceOf(PasswordRefusedError);
        expect((error as Error).message).not.toContain(text);
        return (error as PasswordRefusedError).faults.map((fault) => fault.key);
      }
    };
    expect(await refused("short 1")).toEqual(["PASSWORD_INVALID_LENGTH"]);
    expect(await refused("only letters here")).toEqual(["PASSWORD_PATTERN"]);
    expect(await refused("1234567890123")).toEqual(["PASSWORD_PATTERN"]);
    expect(await refused("my acme word 7")).toEqual(["PASSWORD_TOO_SIMPLE"]);
    expect(await refused("ann@acme.example")).toEqual(["PASSWORD_PATTERN"]);
    expect(await refused("seven 7 battery")).toBe("accepted");
    // Without `check` it is hashed as it is.
    expect(await security.hashPassword("x")).toMatch(/^\$argon2id\$/);
    for (const patterns of [[/a/g], [/a/y], ["a"], "a"]) {
      await expect(system({ patterns: patterns as never })).rejects.toThrow(/^passwords\.policy\.patterns/);
    }
  });
});

describe("currentUser and getUser", () => {
  it("tell who is calling, where the guard looked and where it did not", async () => {
    const { security, app, user } = await system();
    const both = async (c: Parameters<typeof security.getUser>[0]): Promise<Response> => {
      const current = security.currentUser(c)?.email ?? null;
      return c.json([current, (await security.getUser(c))?.email ?? null]);
    };
    app.get("/open", { authz: "OPEN" }, both);
    const authz = apiKeyCheckpoint({ keys: [key] });
    app.get("/key", { authz }, both);
    app.post("/key", { authz }, both);
    const token = { "authentication-token": await security.createToken(user), "x-api-key": key };
    expect((await call(app, "/open", { headers: token })).text).toBe('["ann@acme.example","ann@acme.example"]');
    expect((await call(app, "/open")).text).toBe("[null,null]");
    expect((await call(app, "/key", { headers: token })).text).toBe('[null,"ann@acme.example"]');
    expect((await call(app, "/key", { method: "POST", headers: token })).text).toBe('[null,"ann@acme.example"]');
    // A session that another website's form brings along is nobody's.
    const client = testClient(app, origin);
    await client.signIn("ann@acme.example", password);
    const headers = { "x-api-key": key };
    expect((await client.get("/key", { headers })).text).toBe('[null,"ann@acme.example"]');
    expect((await client.post("/key", { headers, csrf: false })).text).toBe("[null,null]");
    expect((await client.post("/key", { headers })).text).toBe('[null,"ann@acme.example"]');
  });
});

describe("an alternative password check", () => {
  const bob = { headers: { authorization: basic("ann@acme.example", "from the directory") } };
  const stored = { headers: { authorization: basic("ann@acme.example", password) } };

  async function checked(check: PasswordCheck) {
    const { app, security } = await system({}, check);
    app.get("/me", { authz: "AUTH", authn: ["basic", "session"] }, (c) => c.text(c.var.user.email));
    const status = async (sent: typeof bob): Promise<number> => (await call(app, "/me", sent)).status;
    return { app, security, status };
  }

  it("true and false decide, undefined leaves it to the stored hash, anything else is no", async () => {
    for (const [answer, directory, hash] of [
      [true, 200, 200],
      [false, 401, 401],
      [undefined, 401, 200],
      ["yes", 401, 401],
      [1, 401, 401],
      [null, 401, 401],
    ] as const) {
      const { status } = await checked(() => answer as boolean);
      expect([answer, await status(bob), await status(stored)]).toEqual([answer, directory, hash]);
    }
  });

  it("is asked of unknown logins too, by the stored name of known ones, and opens for nobody", async () => {
    const asked: unknown[] = [];
    const { app } = await checked(async (login, secret, user) => {
      asked.push([login, secret, user?.email]);
      return true;
    });
    const by = (login: string) => call(app, "/me", { headers: { authorization: basic(login, "x") } });
    expect((await by("ANN@acme.example")).status).toBe(200);
    expect((await by("nobody@acme.example")).status).toBe(401);
    expect((await by("off@acme.example")).status).toBe(401);
    expect(asked).toEqual([
      ["ann@acme.example", "x", "ann@acme.example"],
      ["nobody@acme.example", "x", undefined],
      ["off@acme.example", "x", "off@acme.example"],
    ]);
  });

  it("serves the sign-in page as well, counts guesses, and closes when it throws", async () => {
    const { app, security } = await checked((_login, secret) => secret === "from the directory");
    const client = testClient(app, origin);
    expect((await client.signIn("ann@acme.example", "from the directory")).status).toBe(200);
    expect((await client.get("/me")).text).toBe("ann@acme.example");
    const guesses = [];
    for (let guess = 0; guess < 11; guess += 1) {
      guesses.push(
        (await call(app, "/me", { headers: { authorization: basic("ann@acme.example", `x${guess}`) } })).status,
      );
    }
    expect(guesses).toEqual([...Array(10).fill(401), 429]);
    await security.close();
    const broken = await checked(() => {
      throw new Error("the directory is gone");
    });
    expect([await broken.status(bob), await broken.status(stored)]).toEqual([500, 500]);
  });

  it("is closed with the system", async () => {
    let closed = 0;
    const check = Object.assign(() => undefined, {
      close: async () => {
        closed += 1;
      },
    });
    const { security } = await system({}, check);
    await security.close();
    expect(closed).toBe(1);
    await expect(system({}, "ldap" as never)).rejects.toThrow("passwords.check: a function is expected");
  });
});
