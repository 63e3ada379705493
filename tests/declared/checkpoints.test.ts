import {
  allOf,
  anyOf,
  apiCheckpoint,
  apiKeyCheckpoint,
  bearerCheckpoint,
  checkpoint,
  includeCsrf,
  loginCheck,
  passFunctionCheck,
  permissionCheck,
  portcullis,
  rolesRequired,
} from "portcullis";
import { passwords } from "portcullis/features";
import { testClient } from "portcullis/testing";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { basics, call, json, origin, password, plant } from "./system.ts";

const browser = { accept: "text/html,*/*;q=0.8" };
const key = "0123456789abcdef-first";
const second = "0123456789abcdef-second";

/** A visitor's session takes any value by /set; the routes of the test are added by `declare`. */
async function checkpointApp(declare: (app: ReturnType<Awaited<ReturnType<typeof start>>["app"]>) => void) {
  const security = await start();
  const user = await plant(security);
  const app = security.app();
  app.onError((_error, c) => c.text("failed", 500));
  app.get("/flashes", { authz: "OPEN" }, (c) => c.json(c.var.session.flashes()));
  app.post("/set", { authz: "OPEN", params: z.object({ key: z.string(), value: z.any() }) }, (c, { key, value }) => {
    c.var.session.set(key, value);
    return c.text("set");
  });
  app.get("/", { authz: "OPEN", name: "home" }, (c) => c.text("home"));
  declare(app);
  const client = testClient(app, origin);
  const set = async (key: string, value: unknown): Promise<void> => {
    expect((await client.post("/set", { json: { key, value } })).text).toBe("set");
  };
  return { security, app, user, client, set };
}

const start = () => portcullis({ ...basics(), features: [passwords()], roles: ["staff"] });

describe("checkpoint", () => {
  it("passes where the session's key holds one of the allowed values, of exactly that type", async () => {
    const { client, set } = await checkpointApp((app) => {
      app.get("/team", { authz: checkpoint("plan", ["team", "enterprise"]) }, (c) => c.text("team"));
      app.get("/one", { authz: checkpoint("flag", true) }, (c) => c.text("one"));
      app.get("/number", { authz: checkpoint("level", [1, 2]) }, (c) => c.text("number"));
    });
    expect((await client.get("/team", { headers: json })).status).toBe(403);
    for (const [name, value, path, status] of [
      ["plan", "team", "/team", 200],
      ["plan", "enterprise", "/team", 200],
      ["plan", "free", "/team", 403],
      ["plan", ["free", "team"], "/team", 200],
      ["plan", ["free"], "/team", 403],
      ["plan", [], "/team", 403],
      ["plan", { team: true }, "/team", 403],
      ["plan", [["team"]], "/team", 403],
      ["flag", true, "/one", 200],
      ["flag", "true", "/one", 403],
      ["flag", 1, "/one", 403],
      ["level", 2, "/number", 200],
      ["level", "2", "/number", 403],
      ["level", null, "/number", 403],
    ] as const) {
      await set(name, value);
      expect([name, value, (await client.get(path, { headers: json })).status]).toEqual([name, value, status]);
    }
  });

  it("of a signed-in user's own session, and of no other", async () => {
    const { client, set, security, app, user } = await checkpointApp((it) => {
      it.get("/team", { authz: checkpoint("plan", "team") }, (c) => c.text("team"));
      it.get("/staff", { authz: allOf(rolesRequired("staff"), checkpoint("plan", "team")) }, (c) => c.text("staff"));
    });
    await client.post("/login", { json: { email: "ann@acme.example", password } });
    await set("plan", "team");
    expect((await client.get("/team", { headers: json })).status).toBe(200);
    expect((await client.get("/staff", { headers: json })).status).toBe(403);
    await security.users.addRole(user, "staff");
    expect((await client.get("/staff", { headers: json })).status).toBe(200);
    expect((await testClient(app, origin).get("/team", { headers: json })).status).toBe(403);
    // A token has no session.
    const token = await security.createToken(user);
    expect((await call(app, "/team", { headers: { "authentication-token": token } })).status).toBe(403);
    await client.post("/logout");
    expect((await client.get("/team", { headers: json })).status).toBe(403);
  });

  it("a change by a visitor's session comes from our own pages and with their token", async () => {
    const { client, set, security } = await checkpointApp((app) => {
      app.get("/form", { authz: checkpoint("in", true) }, (c) => c.html(security.csrfField(c)));
      app.post("/save", { authz: checkpoint("in", true) }, (c) => c.text("saved"));
    });
    await set("in", true);
    await client.get("/form");
    const form = { csrf_token: client.csrfToken as string };
    expect((await client.post("/save", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
    expect((await client.post("/save", { csrf: false, form })).text).toBe("saved");
    const foreign = { ...json, "x-csrf-token": form.csrf_token, origin: "https://evil.example" };
    expect((await client.post("/save", { csrf: false, headers: foreign })).json.code).toBe("csrf_origin");
    await client.post("/login", { json: { email: "ann@acme.example", password } });
    await set("in", true);
    expect((await client.post("/save", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
  });

  it("fail: a redirect to a path, to a named route with its parameters, and to an account page, with a message", async () => {
    const { client } = await checkpointApp((app) => {
      const message = "Not in your plan.";
      app.get("/path", { authz: checkpoint("plan", "team", { fail: { redirect: "/plans?a=1", message } }) }, (c) =>
        c.text(""),
      );
      const fail = { route: "shop", params: { item: "a b/c" }, message, category: "warning" } as const;
      app.get("/named/:shop", { authz: checkpoint("plan", "team", { fail }) }, (c) => c.text(""));
      app.get("/login-page", { authz: loginCheck("logged_in", true, { fail: { route: "login" } }) }, (c) => c.text(""));
      const more = { route: "login", params: { reason: "a&b", page: 2 } };
      app.get("/more/:shop", { authz: checkpoint("plan", "team", { fail: more }) }, (c) => c.text(""));
      const sub = app.basePath("/sub");
      sub.get("/shop/:shop{[0-9]+}/:item/:more?", { authz: "OPEN", name: "shop" }, (c) => c.text(""));
    });
    const first = await client.get("/path", { headers: browser });
    expect([first.status, first.location]).toEqual([302, "/plans?a=1"]);
    expect((await client.get("/flashes")).json).toEqual([{ category: "error", text: "Not in your plan." }]);
    const named = await client.get("/named/7", { headers: browser });
    expect([named.status, named.location]).toEqual([302, "/sub/shop/7/a%20b%2Fc"]);
    expect((await client.get("/flashes")).json).toEqual([{ category: "warning", text: "Not in your plan." }]);
    expect((await client.get("/login-page", { headers: browser })).location).toBe("/login");
    expect((await client.get("/more/7", { headers: browser })).location).toBe("/login?reason=a%26b&page=2");
    // A program is told, and not sent elsewhere; so is a page's script, which takes anything.
    for (const headers of [json, { accept: "*/*", "sec-fetch-mode": "cors" }]) {
      const program = await client.get("/path", { headers });
      expect([program.status, program.json.code, program.location]).toEqual([403, "checkpoint_failed", null]);
    }
  });

  it("fail: JSON with a status of its own", async () => {
    const { client } = await checkpointApp((app) => {
      const fail = { json: { error: "upgrade" }, status: 402 };
      app.get("/json", { authz: checkpoint("plan", "team", { fail }) }, (c) => c.text(""));
      const both = { ...fail, redirect: "/plans" };
      app.get("/both", { authz: checkpoint("plan", "team", { fail: both }) }, (c) => c.text(""));
      app.get("/page", { authz: checkpoint("plan", "team", { fail: { message: "No <plan>." } }) }, (c) => c.text(""));
    });
    for (const headers of [json, browser]) {
      const answer = await client.get("/json", { headers });
      expect([answer.status, answer.json]).toEqual([402, { error: "upgrade" }]);
    }
    expect((await client.get("/both", { headers: json })).json).toEqual({ error: "upgrade" });
    expect((await client.get("/both", { headers: browser })).location).toBe("/plans");
    const page = await client.get("/page", { headers: browser });
    expect([page.status, page.text.includes("No &lt;plan&gt;.")]).toEqual([403, true]);
  });

  it("pass: elsewhere, a message, or JSON in the place of the handler", async () => {
    const handler = vi.fn();
    const { client, set } = await checkpointApp((app) => {
      const pass = { route: "home", message: "Already signed in." } as const;
      const fail = { message: "x" };
      app.get("/entry", { authz: loginCheck("in", true, { pass }) }, (c) => c.text(""));
      app.get("/hello", { authz: checkpoint("in", true, { pass: { message: "Hello." }, fail }) }, (c) => {
        handler();
        return c.text("hello");
      });
      const answer = { json: { done: true }, status: 202 };
      app.get("/json", { authz: checkpoint("in", true, { pass: answer }) }, (c) => {
        handler();
        return c.text("");
      });
    });
    await set("in", true);
    const entry = await client.get("/entry", { headers: browser });
    expect([entry.status, entry.location]).toEqual([302, "/"]);
    expect((await client.get("/flashes")).json).toEqual([{ category: "info", text: "Already signed in." }]);
    expect((await client.get("/hello")).text).toBe("hello");
    expect((await client.get("/flashes")).json).toEqual([{ category: "info", text: "Hello." }]);
    expect(handler).toHaveBeenCalledTimes(1);
    const answer = await client.get("/json");
    expect([answer.status, answer.json]).toEqual([202, { done: true }]);
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it("in a combination a pass is acted on once everything has passed", async () => {
    const pass = { json: { welcome: true } };
    const { client, set, security, user } = await checkpointApp((app) => {
      const inside = checkpoint("in", true, { pass });
      app.get("/all", { authz: allOf(inside, rolesRequired("staff")) }, (c) => c.text("handler"));
      app.get("/any", { authz: anyOf(rolesRequired("staff"), inside) }, (c) => c.text("handler"));
      app.get("/two", { authz: allOf(inside, checkpoint("more", true)) }, (c) => c.text("handler"));
    });
    await client.post("/login", { json: { email: "ann@acme.example", password } });
    await set("in", true);
    expect((await client.get("/all", { headers: json })).status).toBe(403);
    expect((await client.get("/two", { headers: json })).status).toBe(403);
    expect((await client.get("/any", { headers: json })).json).toEqual({ welcome: true });
    await security.users.addRole(user, "staff");
    expect((await client.get("/all", { headers: json })).json).toEqual({ welcome: true });
    expect((await client.get("/any", { headers: json })).text).toBe("handler");
  });

  it("a failure without an action is any other 403, and goes to the application's handler", async () => {
    const security = await portcullis({
      ...basics(),
      handlers: { unauthorized: () => new Response("ours", { status: 403 }) },
    });
    const app = security.app();
    app.get("/none", { authz: checkpoint("plan", "team") }, (c) => c.text(""));
    app.get("/own", { authz: checkpoint("plan", "team", { fail: { json: { no: true } } }) }, (c) => c.text(""));
    expect((await call(app, "/none")).text).toBe("ours");
    expect((await call(app, "/own")).text).toBe('{"no":true}');
  });

  it("a named route is found where its application is mounted", async () => {
    const { client, security, app } = await checkpointApp(() => undefined);
    const sub = security.app();
    sub.get("/plans/:plan", { authz: "OPEN", name: "plans" }, (c) => c.text("plans"));
    const fail = { route: "plans", params: { plan: "team" } };
    sub.get("/reports", { authz: checkpoint("plan", "team", { fail }) }, (c) => c.text("reports"));
    app.route("/shop", sub);
    expect((await client.get("/shop/reports", { headers: browser })).location).toBe("/shop/plans/team");
    expect((await client.get("/shop/plans/team")).text).toBe("plans");
  });

  it("what cannot be does not start", async () => {
    for (const [make, message] of [
      [() => checkpoint("", true), /^checkpoint: the key/],
      [() => checkpoint("x", []), /^checkpoint: /],
      [() => checkpoint("x", null as never), /^checkpoint: /],
      [() => checkpoint("x", 1, { fail: { redirect: "https://evil.example" } }), /^checkpoint\.fail\.redirect/],
      [() => checkpoint("x", 1, { fail: { redirect: "//evil.example" } }), /^checkpoint\.fail\.redirect/],
      [() => checkpoint("x", 1, { fail: { redirect: "/\\evil.example" } }), /^checkpoint\.fail\.redirect/],
      [() => checkpoint("x", 1, { fail: { redirect: "/a\nb" } }), /^checkpoint\.fail\.redirect/],
      [() => checkpoint("x", 1, { fail: { redirect: "/a", route: "b" } }), /^checkpoint\.fail: /],
      [() => checkpoint("x", 1, { fail: { params: { a: 1 } } }), /^checkpoint\.fail\.params/],
      [() => checkpoint("x", 1, { fail: { status: 200 } }), /^checkpoint\.fail\.status/],
      [() => checkpoint("x", 1, { pass: { status: 404 } }), /^checkpoint\.pass\.status/],
      [() => checkpoint("x", 1, { fail: { category: "error" } }), /^checkpoint\.fail\.category/],
      [() => checkpoint("x", 1, { fail: { urll: "/a" } as never }), /^checkpoint\.fail\.urll: unknown option/],
      [() => apiCheckpoint("x", 1, { fail: { redirect: "/a" } }), /^apiCheckpoint\.fail/],
      [() => apiKeyCheckpoint({ keys: [] }), /^apiKeyCheckpoint\.keys/],
      [() => apiKeyCheckpoint({ keys: ["short"] }), /^apiKeyCheckpoint\.keys\[0\]/],
      [() => apiKeyCheckpoint({ keys: [key], header: "Cookie" }), /^apiKeyCheckpoint\.header/],
      [() => bearerCheckpoint({ keys: [key], query: "x" } as never), /^bearerCheckpoint\.query: unknown option/],
      [() => passFunctionCheck("x" as never), /^passFunctionCheck: /],
      [() => passFunctionCheck(() => true, { missing: "maybe" as never }), /^passFunctionCheck\.missing/],
    ] as const) {
      expect(make).toThrow(message);
    }
    const security = await start();
    const missing = security.app();
    missing.get("/x", { authz: checkpoint("x", 1, { fail: { route: "nowhere" } }) }, (c) => c.text(""));
    expect(() => missing.accessMatrix()).toThrow('GET /x: authz: there is no route "nowhere"');
    const twice = security.app();
    twice.get("/a", { authz: "OPEN", name: "a" }, (c) => c.text(""));
    expect(() => twice.get("/b", { authz: "OPEN", name: "a" }, (c) => c.text(""))).toThrow('"a" is the name of /a');
    const taken = security.app();
    taken.get("/c", { authz: "OPEN", name: "login" }, (c) => c.text(""));
    expect(() => taken.accessMatrix()).toThrow('"login" is the name of an account page');
    const args = { args: ["sid"] };
    expect(() => taken.get("/d", { authz: passFunctionCheck(() => true, args) }, (c) => c.text(""))).toThrow(
      'the route has no parameter "sid"',
    );
  });
});

describe("apiCheckpoint", () => {
  it("answers programs and browsers alike in JSON", async () => {
    const { client, set } = await checkpointApp((app) => {
      app.get("/api", { authz: apiCheckpoint("in", true) }, (c) => c.json("in"));
      const fail = { json: { error: "sign in" }, status: 401 };
      app.get("/own", { authz: apiCheckpoint("in", true, { fail }) }, (c) => c.json("in"));
    });
    const refused = await client.get("/api", { headers: browser });
    expect([refused.status, refused.json]).toEqual([403, { error: "forbidden" }]);
    expect((await client.get("/own", { headers: browser })).status).toBe(401);
    await set("in", true);
    expect((await client.get("/api")).json).toBe("in");
  });
});

describe("loginCheck and permissionCheck", () => {
  it("look at the key's value, or at its values", async () => {
    const { client, set } = await checkpointApp((app) => {
      app.get("/in", { authz: loginCheck("logged_in", true) }, (c) => c.text("in"));
      const editors = permissionCheck("permissions", ["edit", "admin"]);
      app.get("/edit", { authz: allOf(loginCheck("logged_in", true), editors) }, (c) => c.text("edit"));
    });
    await set("permissions", ["read", "edit"]);
    expect((await client.get("/edit", { headers: json })).status).toBe(403);
    await set("logged_in", true);
    expect([(await client.get("/in")).text, (await client.get("/edit")).text]).toEqual(["in", "edit"]);
    await set("permissions", ["read"]);
    expect((await client.get("/edit", { headers: json })).status).toBe(403);
    await set("permissions", "admin");
    expect((await client.get("/edit")).text).toBe("edit");
  });
});

describe("passFunctionCheck", () => {
  it("gives the function the route's parameters, converted, and predefined arguments that stand over them", async () => {
    const asked: unknown[] = [];
    const even = (args: Readonly<Record<string, unknown>>): boolean => {
      asked.push(args);
      return typeof args.number === "number" && args.number % 2 === 0;
    };
    const params = z.object({ number: z.int(), word: z.string().optional() });
    const { client } = await checkpointApp((app) => {
      app.get("/all/:number", { authz: passFunctionCheck(even), params }, (c) => c.text("even"));
      const predefined = { number: 10, limit: 3 };
      app.get("/over/:number", { authz: passFunctionCheck(even, { predefined }), params }, (c) => c.text("even"));
      const named = { args: ["number", "limit"], predefined: { limit: 3 } };
      app.get("/named/:number", { authz: passFunctionCheck(even, named), params }, (c) => c.text("even"));
      const fail = { redirect: "/", message: "Odd." };
      app.get("/sent/:number", { authz: passFunctionCheck(async (a) => even(a), { fail }), params }, (c) => c.text(""));
    });
    expect((await client.get("/all/2?word=x")).status).toBe(200);
    expect((await client.get("/all/3", { headers: json })).status).toBe(403);
    expect((await client.get("/all/x", { headers: json })).status).toBe(400);
    expect((await client.get("/over/3")).status).toBe(200);
    expect((await client.get("/named/4?word=x")).status).toBe(200);
    expect((await client.get("/sent/3", { headers: browser })).location).toBe("/");
    expect(asked).toEqual([
      { number: 2, word: "x" },
      { number: 3 },
      { number: 10, limit: 3 },
      { number: 4, limit: 3 },
      { number: 3 },
    ]);
  });

  it("a missing argument fails, or is passed over where the option says so", async () => {
    const check = vi.fn(() => true);
    const params = z.object({ word: z.string().optional() });
    const args = ["word"];
    const { client } = await checkpointApp((app) => {
      app.get("/fail", { authz: passFunctionCheck(check, { args }), params }, (c) => c.text("passed"));
      app.get("/over", { authz: passFunctionCheck(check, { args, missing: "ignore" }), params }, (c) =>
        c.text("passed"),
      );
      const other = { args: ["elsewhere"], missing: "ignore" } as const;
      app.get("/other", { authz: passFunctionCheck(check, other), params }, (c) => c.text("passed"));
    });
    expect((await client.get("/fail", { headers: json })).status).toBe(403);
    expect(check).not.toHaveBeenCalled();
    expect((await client.get("/fail?word=a")).text).toBe("passed");
    expect((await client.get("/over")).text).toBe("passed");
    expect((await client.get("/other")).text).toBe("passed");
    expect(check.mock.calls.map(([first]: unknown[]) => first)).toEqual([{ word: "a" }, {}, {}]);
  });

  it("only true passes, and what throws closes", async () => {
    for (const [answer, status] of [
      [true, 200],
      [1, 403],
      ["yes", 403],
      [undefined, 403],
      [Promise.resolve({}), 403],
    ] as const) {
      const { client } = await checkpointApp((app) =>
        app.get("/x", { authz: passFunctionCheck(() => answer as boolean) }, (c) => c.text("passed")),
      );
      expect([answer, (await client.get("/x", { headers: json })).status]).toEqual([answer, status]);
    }
    const fails = (): never => {
      throw new Error("gone");
    };
    const { client } = await checkpointApp((app) =>
      app.get("/x", { authz: passFunctionCheck(fails) }, (c) => c.text("passed")),
    );
    expect((await client.get("/x", { headers: json })).status).toBe(500);
  });
});

describe("includeCsrf", () => {
  it("makes a token on GET and asks for it on every unsafe method, whoever is calling", async () => {
    const { client, app, security, user } = await checkpointApp((it) => {
      it.get("/form", { authz: includeCsrf() }, (c) => c.html(security.csrfField(c)));
      it.on(["POST", "PUT", "PATCH", "DELETE", "PURGE"], "/form", { authz: includeCsrf() }, (c) => c.text("done"));
    });
    const page = await client.get("/form");
    expect(page.headers.get("set-cookie")).toContain("csrf");
    const token = client.csrfToken as string;
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "PURGE"]) {
      const without = await client.request(method, "/form", { csrf: false, headers: json });
      expect([method, without.status]).toEqual([method, 400]);
      const headers = { ...json, "x-csrf-token": token };
      expect((await client.request(method, "/form", { csrf: false, headers })).text).toBe("done");
    }
    const form = { csrf_token: token };
    expect((await client.post("/form", { csrf: false, form })).text).toBe("done");
    const foreign = { ...json, "x-csrf-token": token, origin: "https://evil.example" };
    expect((await client.post("/form", { csrf: false, headers: foreign })).status).toBe(400);
    // With an auth token too, which elsewhere needs none.
    const bearer = { "authentication-token": await security.createToken(user) };
    expect((await call(app, "/form", { method: "POST", headers: bearer })).status).toBe(400);
  });
});

describe("API-key and bearer checkpoints", () => {
  it("take any of several keys from the header, and from the query where the option says so", async () => {
    const { app } = await checkpointApp((it) => {
      it.get("/key", { authz: apiKeyCheckpoint({ keys: [key, second] }) }, (c) => c.text("in"));
      const query = { keys: [key], header: "X-Shop-Key", allowInQuery: "key" };
      it.post("/query", { authz: apiKeyCheckpoint(query) }, (c) => c.text("in"));
    });
    for (const one of [key, second]) {
      expect((await call(app, "/key", { headers: { "x-api-key": one } })).text).toBe("in");
    }
    for (const wrong of ["", "x", `${key} x`, key.slice(1), key.toUpperCase(), `${key}, ${second}`, "x".repeat(5000)]) {
      const refused = await call(app, "/key", { headers: { "x-api-key": wrong } });
      expect([refused.status, refused.text]).toEqual([403, '{"error":"invalid_api_key"}']);
    }
    expect((await call(app, `/key?x-api-key=${key}`)).status).toBe(403);
    expect((await call(app, `/query?key=${key}`, { method: "POST" })).text).toBe("in");
    expect((await call(app, `/query?key=${key}&key=${key}`, { method: "POST" })).status).toBe(403);
    expect((await call(app, "/query", { method: "POST", headers: { "x-shop-key": key } })).text).toBe("in");
  });

  it("bearer keys, with the challenge of RFC 6750", async () => {
    const { app } = await checkpointApp((it) => {
      it.get("/bearer", { authz: bearerCheckpoint({ keys: [key, second] }) }, (c) => c.text("in"));
      it.get("/realm", { authz: bearerCheckpoint({ keys: [key] }), realm: "Shop" }, (c) => c.text("in"));
    });
    const bearer = (text: string) => call(app, "/bearer", { headers: { authorization: text } });
    expect((await bearer(`Bearer ${key}`)).text).toBe("in");
    expect((await bearer(`bearer ${second}`)).text).toBe("in");
    for (const wrong of [`Bearer ${key}x`, `Basic ${key}`, key, `Bearer ${key}, Bearer ${key}`, `Bearer  `]) {
      const refused = await bearer(wrong);
      expect([refused.status, refused.challenge]).toEqual([401, 'Bearer realm="API", error="invalid_token"']);
    }
    const none = await call(app, "/realm");
    expect([none.status, none.challenge]).toEqual([401, 'Bearer realm="Shop"']);
  });

  it("have fail and pass actions too", async () => {
    const { app } = await checkpointApp((it) => {
      const fail = { json: { error: "no key" }, status: 418 };
      it.get("/key", { authz: apiKeyCheckpoint({ keys: [key], fail, pass: { json: { ok: true } } }) }, (c) =>
        c.text(""),
      );
    });
    expect((await call(app, "/key")).status).toBe(418);
    expect((await call(app, "/key", { headers: { "x-api-key": key } })).text).toBe('{"ok":true}');
  });
});
