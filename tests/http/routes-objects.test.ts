import {
  allOf,
  allow,
  anyOf,
  authRequired,
  customGuard,
  fresh,
  httpAuthRequired,
  object,
  permissionsRequired,
  rolesRequired,
  type SecurityRequest,
  unauthCsrf,
} from "portcullis";
import { type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { cookie, guarded, json, type SignedIn, shop, signedIn, thenable, token } from "./routes-shop.ts";

// biome-ignore lint/suspicious/noExplicitAny: what the compiler would refuse is said in plain JavaScript
type Untyped = any;

describe("object", () => {
  const params = z.object({ sid: z.int(), q: z.string().optional() });

  async function store(rule: (user: Untyped, id: unknown, mode: string | undefined) => unknown): Promise<{
    readonly employee: SignedIn;
    readonly nobody: TestClient;
  }> {
    const { security } = await shop({ store: rule });
    const app = security.app();
    app.onError((_error, c) => c.text("failed", 500));
    app.get("/store/:sid", { authz: object("store", "sid", "manager"), params }, (c) => c.text("reached"));
    app.get("/role/:sid", { authz: allOf(object("store", "sid"), rolesRequired("admin")), params }, (c) => c.text(""));
    app.get("/text/:sid", { authz: object("store", "sid"), params: z.object({ sid: z.string() }) }, (c) =>
      c.text("reached"),
    );
    app.get("/list", { authz: object("store", "sid"), params: z.object({ sid: z.array(z.int()) }) }, (c) =>
      c.text("reached"),
    );
    app.get("/maybe", { authz: object("store", "sid"), params: params.partial() }, (c) => c.text("reached"));
    return { employee: await signedIn(app), nobody: testClient(app) };
  }

  it.each<[string, unknown, number]>([
    ["true", true, 200],
    ["false", false, 403],
    ["undefined", undefined, 404],
    ["a promise of true", Promise.resolve(true), 200],
    ["a promise of false", Promise.resolve(false), 403],
    ["a promise of undefined", Promise.resolve(undefined), 404],
    ["a foreign promise of true", thenable(true), 200],
    ["a foreign promise of false", thenable(false), 403],
    ["1", 1, 403],
    ["a text", "yes", 403],
    ["an object", {}, 403],
    ["a row", { id: 1 }, 403],
    ["a Boolean", Object(true), 403],
    ["null", null, 403],
    ["a promise of a row", Promise.resolve([{ id: 1 }]), 403],
  ])("a rule that answers %s", async (_, result, status) => {
    const { employee, nobody } = await store(() => result);
    expect((await employee.get("/store/1", { headers: json })).status).toBe(status);
    expect((await nobody.get("/store/1", { headers: json })).status).toBe(401);
  });

  it("closes when the rule throws or rejects", async () => {
    for (const rule of [
      () => {
        throw new Error("database");
      },
      () => Promise.reject(new Error("database")),
    ]) {
      const { employee } = await store(rule);
      const answer = await employee.get("/store/1", { headers: json });
      expect([answer.status, answer.text]).toEqual([500, "failed"]);
    }
  });

  it("gives the rule the user, the identifier in the schema's type, and the mode", async () => {
    const asked: unknown[] = [];
    const { employee } = await store((user, id, mode) => {
      asked.push([user.email, id, mode]);
      return true;
    });
    await employee.get("/store/7");
    await employee.get("/text/7");
    await employee.get("/list?sid=1&sid=2");
    await employee.get("/maybe");
    expect(asked).toEqual([
      ["employee@example.com", 7, "manager"],
      ["employee@example.com", "7", undefined],
      ["employee@example.com", [1, 2], undefined],
    ]);
    expect((await employee.get("/maybe", { headers: json })).status).toBe(403);
  });

  it("answers 401 before 400, and 400 before 404 and 403", async () => {
    const { employee, nobody } = await store(() => false);
    const wrong = "/store/x?z=1";
    expect((await nobody.get(wrong, { headers: json })).status).toBe(401);
    expect((await employee.get(wrong, { headers: json })).status).toBe(400);
    expect((await employee.get("/store/1", { headers: json })).status).toBe(403);
    // What needs no parameters is asked before them.
    expect((await employee.get("/role/x", { headers: json })).status).toBe(403);
  });
});

describe("customGuard", () => {
  it("knows who is calling, and closes on whatever is no verdict", async () => {
    const seen: (string | undefined)[] = [];
    const own = customGuard("own", (rq: SecurityRequest) => {
      seen.push(rq.identity?.account.email);
      return allow;
    });
    const { call, employee } = await guarded(own);
    await call();
    expect((await call(cookie(employee))).json.user).toBe("employee@example.com");
    expect(seen).toEqual([undefined, "employee@example.com"]);
    for (const result of [
      true,
      undefined,
      null,
      {},
      "allow",
      { kind: "allowed" },
      Promise.resolve(true),
      thenable(true),
    ]) {
      const wrong = await shop();
      const app = wrong.security.app();
      app.onError((_error, c) => c.text("failed", 500));
      app.get("/x", { authz: customGuard("wrong", () => result as Untyped) }, (c) => c.text("reached"));
      expect(
        await testClient(app)
          .get("/x")
          .then(({ text }) => text),
      ).toBe("failed");
    }
  });

  it("holds requests that a session makes to the CSRF check", async () => {
    const { security } = await shop();
    const app = security.app();
    app.post("/x", { authz: customGuard("own", () => allow) }, (c) => c.text("done"));
    const client = await signedIn(app);
    expect((await client.post("/x", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
    expect((await client.post("/x")).text).toBe("done");
  });
});

describe("freshness", () => {
  it("ends after `within`, and a check that passed holds for `grace`", async () => {
    const { security, clock } = await shop();
    const app = security.app();
    app.get("/x", { authz: fresh({ within: 10, grace: 0 }) }, (c) => c.text("fresh"));
    app.get("/grace", { authz: authRequired("session", { within: 10, grace: 20 }) }, (c) => c.text("fresh"));
    const client = await signedIn(app);
    const answers = async (path: string): Promise<number> => (await client.get(path, { headers: json })).status;
    clock.now += 9 * 60_000;
    expect([await answers("/x"), await answers("/grace")]).toEqual([200, 200]);
    clock.now += 2 * 60_000;
    expect([await answers("/x"), await answers("/grace")]).toEqual([401, 200]);
    clock.now += 20 * 60_000;
    expect(await answers("/grace")).toBe(401);
    // A clock that went back makes nothing fresh.
    clock.now -= 60 * 60_000;
    expect(await answers("/x")).toBe(401);
  });

  it("takes the options freshness where the guard says nothing", async () => {
    const { security, clock } = await shop({ freshness: { within: "5m", grace: "0s" } });
    const app = security.app();
    app.get("/x", { authz: fresh() }, (c) => c.text("fresh"));
    const client = await signedIn(app);
    clock.now += 4 * 60_000;
    expect((await client.get("/x", { headers: json })).status).toBe(200);
    clock.now += 2 * 60_000;
    expect((await client.get("/x", { headers: json })).status).toBe(401);
  });
});

describe("unauthCsrf", () => {
  it("asks a POST by nobody for a token, as a header or a form field", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/form", { authz: "OPEN" }, (c) => c.html(security.csrfField(c)));
    app.on(["POST", "OPTIONS", "PURGE"], "/x", { authz: unauthCsrf() }, (c) => c.text("done"));
    const visitor = testClient(app);
    await visitor.get("/form");
    const found = visitor.csrfToken ?? "";
    expect((await visitor.post("/x", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
    expect((await visitor.post("/x", { csrf: false, form: { csrf_token: "x" }, headers: json })).json.code).toBe(
      "csrf_invalid",
    );
    expect((await visitor.post("/x", { csrf: false, form: { csrf_token: found } })).text).toBe("done");
    expect((await visitor.post("/x")).text).toBe("done");
    expect((await visitor.request("PURGE", "/x", { csrf: false, headers: json })).status).toBe(400);
    expect((await visitor.request("OPTIONS", "/x", { csrf: false })).status).toBe(200);
    // The token hangs on the visitor's cookie.
    expect((await testClient(app).post("/x", { headers: { "x-csrf-token": found, ...json } })).status).toBe(400);
    const client = await signedIn(app);
    expect((await client.post("/x", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
    expect((await testClient(app).post("/x", { headers: token(client) })).text).toBe("done");
  });
});

it("keeps guards as they were made", async () => {
  const names = ["employee", "admin"] as const;
  const list: string[] = [...names];
  const guard = rolesRequired(...(list as Untyped));
  list.pop();
  for (const one of [
    guard,
    allOf(guard),
    anyOf(guard),
    authRequired("token"),
    httpAuthRequired("x"),
    permissionsRequired("read"),
  ]) {
    const first = structuredClone(one.describe());
    for (const value of Object.values(one.describe())) {
      if (!Array.isArray(value)) continue;
      try {
        value.length = 0;
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
    }
    expect(one.describe()).toEqual(first);
  }
  expect((await (await guarded(guard)).employee.get("/x", { headers: json })).status).toBe(403);
});
