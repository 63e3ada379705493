import { Hono } from "hono";
import { type App, ConfigurationError, customGuard, object, open, rolesRequired, type Vocabulary } from "portcullis";
import { testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { browser, json, shop, signedIn } from "./routes-shop.ts";

// What follows is said in plain JavaScript: the compiler would refuse it.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;

const text = (c: { text(body: string): Response }): Response => c.text("reached");

/** The message of the refusal. */
function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error("was not refused");
}

describe("a route that says something wrong refuses to start, with the route and the word", () => {
  it.each<[string, (app: Untyped) => unknown, RegExp]>([
    ["no declaration", (app) => app.get("/x", text), /^GET \/x: authz is missing/],
    ["nothing but a path", (app) => app.get("/x"), /^GET \/x: authz is missing/],
    ["no authz", (app) => app.get("/x", {}, text), /^GET \/x: authz is missing/],
    ["undefined authz", (app) => app.get("/x", { authz: undefined }, text), /^GET \/x: authz is missing/],
    ["null", (app) => app.get("/x", { authz: null }, text), /^GET \/x: authz: neither a word/],
    ["a function", (app) => app.get("/x", { authz: () => true }, text), /^GET \/x: authz: neither a word/],
    ["an empty text", (app) => app.get("/x", { authz: "" }, text), /^GET \/x: /],
    ["a list with something else", (app) => app.get("/x", { authz: ["admin", 5] }, text), /^GET \/x: /],
    ["an empty list", (app) => app.get("/x", { authz: [] }, text), /^GET \/x: authz: an empty list of roles/],
    ["a role", (app) => app.get("/x", { authz: "boss" }, text), /^GET \/x: .*role "boss".*employee, admin/],
    ["a role of several", (app) => app.get("/x", { authz: ["admin", "boss"] }, text), /^GET \/x: .*role "boss"/],
    ["open in lower case", (app) => app.get("/x", { authz: "open" }, text), /^GET \/x: .*role "open"/],
    ["a kind of object", (app) => app.get("/x/:id", { authz: object("shop", "id") }, text), /^GET \/x\/:id: .*"shop"/],
    ["a parameter", (app) => app.get("/x/:id", { authz: object("store", "sid") }, text), /"sid".*the route has id/],
    ["a parameter of none", (app) => app.get("/x", { authz: object("store", "sid") }, text), /"sid".*has none/],
    ["a scheme", (app) => app.get("/x", { authz: "AUTH", authn: ["jwt"] }, text), /^GET \/x: authn: .*"jwt".*session/],
    ["no scheme", (app) => app.get("/x", { authz: "AUTH", authn: [] }, text), /^GET \/x: authn: /],
    ["schemes as a text", (app) => app.get("/x", { authz: "AUTH", authn: "basic" }, text), /^GET \/x: authn: /],
    ["a key", (app) => app.get("/x", { authz: "AUTH", rolse: [] }, text), /^GET \/x: unknown option "rolse".*authz/],
    ["a realm", (app) => app.get("/x", { authz: "AUTH", realm: 5 }, text), /^GET \/x: realm: /],
    ["a schema", (app) => app.get("/x", { authz: "AUTH", params: { id: "int" } }, text), /^GET \/x: .*schema/],
    ["no handler", (app) => app.get("/x", { authz: "AUTH" }), /^GET \/x: the handler is missing/],
    ["two handlers", (app) => app.get("/x", { authz: "AUTH" }, text, text), /^GET \/x: one handler is expected/],
    ["no path", (app) => app.get({ authz: "AUTH" }, text), /the path must be a string/],
    ["a path without a slash", (app) => app.get("x", { authz: "AUTH" }, text), /^GET x: the path must/],
    ["several paths", (app) => app.on("GET", ["/x", "/y"], { authz: "AUTH" }, text), /the path must be a string/],
    ["with on", (app) => app.on(["GET", "PURGE"], "/x", { authz: "boss" }, text), /^GET \/x: .*"boss"/],
    ["no declaration with on", (app) => app.on("PURGE", "/x", text), /^PURGE \/x: authz is missing/],
    ["with all", (app) => app.all("/x", text), /^ALL \/x: authz is missing/],
    ["behind a base path", (app) => app.basePath("/y").get("/x", text), /^GET \/y\/x: authz is missing/],
    ["behind two", (app) => app.basePath("/a").basePath("b").post("/x", text), /^POST \/a\/b\/x: authz is missing/],
    ["something mounted raw", (app) => app.mount("/raw", () => new Response()), /\/raw: .*use route/],
    ["a sub-application that is none", (app) => app.route("/sub", { fetch: text }), /^route \/sub: /],
  ])("%s", async (_, declare, message) => {
    const { security } = await shop();
    expect(refusal(() => declare(security.app()))).toMatch(message);
  });

  it.each(["get", "post", "put", "patch", "delete", "options", "query", "all"])("app.%s", async (method) => {
    const { security } = await shop();
    const app: Untyped = security.app();
    expect(refusal(() => app[method]("/x", text))).toBe(
      `${method.toUpperCase()} /x: authz is missing: declare { authz: … } between the path and the handler`,
    );
    app[method]("/x", { authz: "OPEN" }, text);
    const name = method === "all" ? "PURGE" : method.toUpperCase();
    expect((await app.request("/x", { method: name })).status).toBe(200);
  });

  it("words deep inside combinations and in the guards of a plain application", async () => {
    const { security } = await shop();
    const { allOf, anyOf, permissionsAccepted, authRequired } = await import("portcullis");
    const app: Untyped = security.app();
    const deep = anyOf(rolesRequired("admin"), allOf(open("x"), permissionsAccepted("raed")));
    expect(refusal(() => app.get("/x", { authz: deep }, text))).toMatch(/^GET \/x: .*permission "raed".*read, write/);
    expect(refusal(() => app.get("/x", { authz: anyOf(authRequired("jwt"), open("x")) }, text))).toMatch(/"jwt"/);
    const guard = security.guard as Untyped;
    expect(refusal(() => guard("boss"))).toMatch(/^security.guard\(\): .*"boss"/);
    expect(refusal(() => guard())).toMatch(/^security.guard\(\): authz is missing/);
    await expect((security.check as Untyped)(new Request("http://localhost/"), "boss")).rejects.toThrow(
      /^security.check\(\): .*"boss"/,
    );
  });

  it("guards that are made wrongly", async () => {
    const { allOf, anyOf, permissionsRequired, authRequired, fresh } = (await import("portcullis")) as Untyped;
    expect(refusal(() => allOf())).toMatch(/^allOf: name at least one/);
    expect(refusal(() => anyOf("AUTH"))).toMatch(/^anyOf: .*"AUTH".* is no guard/);
    expect(refusal(() => rolesRequired())).toMatch(/^rolesRequired: name at least one/);
    expect(refusal(() => (rolesRequired as Untyped)(["admin"]))).toMatch(/^rolesRequired: /);
    expect(refusal(() => permissionsRequired(""))).toMatch(/^permissionsRequired: /);
    expect(refusal(() => open(" "))).toMatch(/^open: say why/);
    expect(refusal(() => fresh({ wihtin: 1 }))).toMatch(
      /^fresh.wihtin: unknown option; did you mean "within"\? known: within, grace/,
    );
    expect(refusal(() => fresh({ within: -1 }))).toMatch(/^fresh.within: must be a number of minutes/);
    expect(refusal(() => authRequired("session", { grace: "5m" }))).toMatch(/^authRequired.grace: /);
    // Limits that stand elsewhere than at the end must not be lost silently.
    expect(refusal(() => authRequired({ within: 1 }, "session"))).toMatch(/^authRequired: /);
    expect(refusal(() => authRequired(["session"]))).toMatch(/^authRequired: /);
    expect(refusal(() => authRequired("session", null))).toMatch(/^authRequired: /);
    expect(refusal(() => (customGuard as Untyped)("x"))).toMatch(/^customGuard: /);
    expect(refusal(() => (object as Untyped)("store", ""))).toMatch(/^object: /);
  });

  it("a guard whose schemes the route does not accept", async () => {
    const { security } = await shop();
    const { authTokenRequired, httpAuthRequired, anyOf } = await import("portcullis");
    const app = security.app();
    const contradiction = { authz: httpAuthRequired(), authn: ["session"] } as const;
    expect(refusal(() => app.get("/x", contradiction, text))).toMatch(/^GET \/x: authn: .*"basic"/);
    const partly = { authz: anyOf(authTokenRequired(), httpAuthRequired()), authn: ["token"] } as const;
    expect(refusal(() => app.get("/x", partly, text))).toMatch(/^GET \/x: authn: .*"basic"/);
    app.get("/x", { authz: authTokenRequired(), authn: ["session", "token"] }, text);
  });
});

describe("a route that would never be called", () => {
  it("is refused when it is declared twice", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/x/:id", { authz: "OPEN" }, text);
    app.post("/x/:id", { authz: "OPEN" }, text);
    expect(refusal(() => app.get("/x/:id", { authz: "CLOSE" }, text))).toMatch(/^GET \/x\/:id: is declared twice/);
    expect(refusal(() => app.get("/x/:name", { authz: "CLOSE" }, text))).toMatch(/^GET \/x\/:name: .*twice/);
    expect(refusal(() => app.basePath("x").get("/:id", { authz: "CLOSE" }, text))).toMatch(/^GET \/x\/:id: /);
    app.get("/x/:id{[0-9]+}/y", { authz: "OPEN" }, text);
    app.get("/x/:id{[a-z]+}/y", { authz: "OPEN" }, text);
    const sub = security.app();
    sub.get("/:id", { authz: "OPEN" }, text);
    expect(refusal(() => app.route("/x", sub))).toMatch(/^GET \/x\/:id: is declared twice/);
  });

  it.each<[string, (app: App<Vocabulary>) => unknown]>([
    ["GET", (app) => app.get("/login", { authz: "OPEN" }, text)],
    ["POST", (app) => app.post("/login", { authz: "OPEN" }, text)],
    ["ALL", (app) => app.all("/login", { authz: "OPEN" }, text)],
    // Account pages answer 405 to the methods that they don't have.
    ["PUT", (app) => app.put("/login", { authz: "OPEN" }, text)],
    ["GET", (app) => app.basePath("login").get("/", { authz: "OPEN" }, text)],
  ])("is refused when it stands on an account page: %s", async (method, declare) => {
    const { security } = await shop();
    const app = security.app();
    declare(app as unknown as App<Vocabulary>);
    const message = new RegExp(`^${method} /login: is an account page; .*the option prefix$`);
    expect(refusal(() => app.request("/"))).toMatch(message);
    expect(refusal(() => app.accessMatrix())).toMatch(message);
  });

  it("mounted on an account page", async () => {
    const { security } = await shop();
    const sub = security.app();
    sub.get("/login", { authz: "OPEN" }, text);
    const app = security.app();
    app.route("/api", sub);
    expect((await app.request("/api/login")).status).toBe(200);
    const other = security.app();
    other.route("/", sub);
    expect(refusal(() => other.request("/"))).toMatch(/^GET \/login: is an account page/);
  });

  it("is found before the server listens", async () => {
    const { security } = await shop();
    const { serve } = await import("portcullis/node");
    const app = security.app();
    app.get("/register", { authz: "OPEN" }, text);
    await expect((async () => serve(app, { port: 0 }))()).rejects.toThrow(/^GET \/register: is an account page/);
  });
});

describe("routing", () => {
  it("closes all paths of a plain Hono application that is mounted", async () => {
    const { security } = await shop();
    const plain = new Hono();
    plain.use("/mw/*", async (c) => c.text("leaked"));
    plain.get("/", (c) => c.text("leaked"));
    plain.get("/a/:b", (c) => c.text("leaked"));
    plain.all("/all", (c) => c.text("leaked"));
    const inner = new Hono();
    inner.get("/deep", (c) => c.text("leaked"));
    plain.route("/inner", inner);
    const app: Untyped = security.app();
    app.route("/plain", plain);
    app.get("/plain/declared", { authz: "OPEN" }, text);
    const client = await signedIn(app, "admin@example.com");
    for (const path of ["/plain", "/plain/a/1", "/plain/all", "/plain/inner/deep", "/plain/mw/x"]) {
      const answer = await client.get(path);
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.text).not.toContain("leaked");
      expect(answer.json.code).toBe("forbidden");
    }
    expect((await client.post("/plain/all")).status).toBe(403);
    expect((await client.get("/plain/declared")).status).toBe(200);
    const outer: Untyped = security.app();
    outer.route("/outer", app);
    for (const [from, at] of [
      [app, ""],
      [outer, "/outer"],
    ]) {
      const undeclared = from.accessMatrix().filter((record: { declared?: boolean }) => record.declared === false);
      expect(undeclared.map((record: { path: string }) => record.path).sort()).toEqual(
        ["/plain", "/plain/a/:b", "/plain/all", "/plain/inner/deep", "/plain/mw/*"].map((path) => `${at}${path}`),
      );
      expect(undeclared[0].guard).toBe("not declared here: plain handler, closed");
    }
  });

  it("closes CLOSE to everybody", async () => {
    const { security, log } = await shop();
    const app = security.app();
    app.all("/closed", { authz: "CLOSE" }, text);
    const client = await signedIn(app, "admin@example.com");
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
      expect((await client.request(method, "/closed")).status).toBe(403);
    }
    expect((await client.get("/closed", { headers: browser })).text).toContain("<!doctype html>");
    expect(log.at(-1)).toEqual({
      message: "a request was refused",
      details: { route: "ALL /closed", reason: "closed" },
    });
  });

  it("answers HEAD as GET without its body, and OPTIONS only where it is declared", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/x", { authz: "employee" }, (c) => c.json({ method: c.req.method }));
    app.options("/y", { authz: "OPEN" }, (c) => c.body(null, 204));
    const anonymous = testClient(app);
    const refused = await anonymous.request("HEAD", "/x", { headers: json });
    expect([refused.status, refused.text]).toEqual([401, ""]);
    const client = await signedIn(app);
    const head = await client.request("HEAD", "/x");
    expect([head.status, head.text]).toEqual([200, ""]);
    expect(head.headers.get("content-type")).toBe("application/json");
    expect((await client.request("OPTIONS", "/x")).status).toBe(405);
    expect((await client.request("OPTIONS", "/y")).status).toBe(204);
    expect((await client.request("HEAD", "/login", { headers: browser })).status).toBe(302);
    expect((await anonymous.request("HEAD", "/login")).status).toBe(200);
    expect((await anonymous.request("OPTIONS", "/login")).status).toBe(405);
  });

  it("knows app.on with several methods, in any case", async () => {
    const { security } = await shop();
    const app = security.app();
    app.on(["get", "PURGE"], "/x", { authz: "OPEN" }, (c) => c.text(c.req.method));
    expect(await (await app.request("/x")).text()).toBe("GET");
    expect(await (await app.request("/x", { method: "PURGE" })).text()).toBe("PURGE");
    expect(app.accessMatrix().filter(({ path }) => path === "/x")).toMatchObject([
      { method: "GET" },
      { method: "PURGE" },
    ]);
  });

  it("gives base paths and nested applications their full paths", async () => {
    const { security } = await shop();
    const leaf = security.app().get("/leaf/:n", { authz: "admin" }, (c, { n }) => c.text(`leaf ${n}`));
    const middle = security.app().basePath("/mid");
    middle.get("/own", { authz: "employee" }, (c) => c.text("own"));
    middle.route("/deep", leaf);
    const app = security.app().basePath("/api");
    app.get("/", { authz: "OPEN" }, (c) => c.text("root"));
    app.route("/v1", middle);
    const mine = app.accessMatrix().filter(({ source }) => source === "application");
    expect(mine.map(({ method, path, guard }) => [method, path, guard])).toEqual([
      ["GET", "/api", "everybody"],
      ["GET", "/api/v1/mid/own", "role employee"],
      ["GET", "/api/v1/mid/deep/leaf/:n", "role admin"],
    ]);
    const client = await signedIn(app);
    expect((await client.get("/api")).text).toBe("root");
    expect((await client.get("/api/v1/mid/own")).text).toBe("own");
    expect((await client.get("/api/v1/mid/deep/leaf/5")).status).toBe(403);
    const admin = await signedIn(app, "admin@example.com");
    expect((await admin.get("/api/v1/mid/deep/leaf/5")).text).toBe("leaf 5");
    expect((await testClient(app).get("/api/v1/mid/own", { headers: json })).status).toBe(401);
  });

  it("takes a parameter in the prefix of a sub-application as the schema says", async () => {
    const asked: unknown[] = [];
    const { security } = await shop({
      store: (_user, id) => {
        asked.push(id);
        return id === 1;
      },
    });
    const sub = security.app();
    const params = z.object({ sid: z.int(), note: z.string().optional() });
    sub.get("/product", { authz: object("store", "sid"), params }, (c, p) => c.json(p));
    sub.post("/product", { authz: object("store", "sid"), params }, (c, p) => c.json(p));
    const app = security.app();
    app.route("/store/:sid", sub);
    app.basePath("/shelf/:sid").get("/x", { authz: object("store", "sid"), params }, (c, p) => c.json(p));
    const client = await signedIn(app);
    expect((await client.get("/store/1/product?note=x")).json).toEqual({ sid: 1, note: "x" });
    expect((await client.post("/store/1/product", { json: { note: "x" } })).json).toEqual({ sid: 1, note: "x" });
    expect((await client.get("/store/2/product")).status).toBe(403);
    expect((await client.get("/shelf/1/x")).json).toEqual({ sid: 1 });
    expect(asked).toEqual([1, 1, 2, 1]);
    // Neither the query nor the body speaks for the path.
    expect((await client.get("/store/2/product?sid=1")).json.parameters).toMatchObject([
      { name: "sid", code: "duplicate" },
    ]);
    expect((await client.post("/store/2/product", { json: { sid: 1 } })).json.parameters).toMatchObject([
      { name: "sid", code: "duplicate" },
    ]);
    expect((await client.get("/store/x/product")).json.parameters).toMatchObject([{ name: "sid", code: "invalid" }]);
    expect(asked).toHaveLength(4);
  });

  it("answers another method with 405 and those that there are (RFC 9110 15.5.6)", async () => {
    const { security } = await shop();
    const app = security.app();
    app.use(async (_c, next) => next());
    app.get("/x/:id{int}", { authz: "employee" }, (c) => c.text("x"));
    app.put("/x/:id{int}", { authz: "admin" }, (c) => c.text("x"));
    app.get("/gone", { authz: "OPEN" }, (c) => c.notFound());
    app.post("/gone", { authz: "OPEN" }, (c) => c.text("x"));
    app.all("/any", { authz: "OPEN" }, (c) => c.text(c.req.method));
    app.basePath("/base").delete("/x", { authz: "admin" }, (c) => c.text("x"));
    const sub = security.app();
    sub.patch("/y", { authz: "admin" }, (c) => c.text("y"));
    app.route("/sub", sub);
    app.route("/plain", new Hono().get("/z", (c) => c.text("z")) as never);
    const client = testClient(app);
    const told = async (method: string, path: string) => {
      const answer = await client.request(method, path, { headers: json });
      return [answer.status, answer.headers.get("allow")];
    };
    for (const method of ["POST", "DELETE", "OPTIONS", "PURGE"]) {
      expect(await told(method, "/x/7")).toEqual([405, "GET, PUT, HEAD"]);
    }
    expect(await told("GET", "/base/x")).toEqual([405, "DELETE"]);
    expect(await told("HEAD", "/sub/y")).toEqual([405, "PATCH"]);
    expect((await client.post("/x/7", { headers: json })).json).toMatchObject({
      status: 405,
      code: "method_not_allowed",
    });
    const page = await client.post("/x/7", { headers: browser, form: {} });
    expect([page.status, page.headers.get("content-type")]).toEqual([405, "text/html; charset=utf-8"]);
    // What is no route of this path, or says itself that there is nothing.
    for (const [method, path] of [
      ["POST", "/x/seven"],
      ["POST", "/nowhere"],
      ["GET", "/gone"],
      ["HEAD", "/gone"],
      ["POST", "/plain/z"],
    ] as const) {
      expect(await told(method, path), path).toEqual([404, null]);
    }
    expect(await told("PURGE", "/any")).toEqual([200, null]);
  });

  it("hands a prefix's parameter on as text where no schema names it", async () => {
    const { security } = await shop();
    const sub = security.app();
    sub.get("/:product", { authz: "OPEN" }, (c, p) => c.json(p));
    sub.get("/:product/x", { authz: "OPEN", params: { product: z.string(), n: z.int().default(3) } }, (c, p) =>
      c.json(p),
    );
    const app = security.app();
    app.route("/store/:sid", sub);
    const client = testClient(app);
    expect((await client.get("/store/7/pen")).json).toEqual({ sid: "7", product: "pen" });
    expect((await client.get("/store/7/pen/x")).json).toEqual({ sid: "7", product: "pen", n: 3 });
    expect((await client.get("/store/7/pen/x?sid=8")).status).toBe(400);
    expect((await client.get("/store/%00/pen")).status).toBe(400);
  });

  it("runs the application's middleware before account pages", async () => {
    const { security } = await shop();
    const app = security.app();
    app.use(async (c, next) => {
      await next();
      c.header("x-seen", c.req.path);
    });
    app.get("/x", { authz: "OPEN" }, text);
    const client = testClient(app);
    for (const path of ["/login", "/register", "/x", "/nowhere"]) {
      expect((await client.get(path)).headers.get("x-seen")).toBe(path);
    }
  });

  it("does not let wildcards shadow account pages", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/:page", { authz: "OPEN" }, (c) => c.text("page"));
    app.get("/*", { authz: "OPEN" }, (c) => c.text("wild"));
    app.all("/*", { authz: "OPEN" }, (c) => c.text("all"));
    const client = testClient(app);
    expect((await client.get("/anything")).text).toBe("page");
    expect((await client.get("/any/thing")).text).toBe("wild");
    expect((await client.get("/login", { headers: browser })).text).toContain('name="password"');
    expect((await client.get("/logout")).status).toBe(405);
    const style = /href="(\/portcullis-[^"]+\.css)"/.exec((await client.get("/login", { headers: browser })).text);
    expect((await client.get(style?.[1] ?? "")).headers.get("content-type")).toContain("text/css");
  });

  it("has the account pages once, at the root of what is served", async () => {
    const { security } = await shop();
    const sub = security.app();
    sub.get("/x", { authz: "OPEN" }, text);
    sub.onError((_error, c) => c.text("mine", 500));
    const app = security.app();
    app.route("/api", sub);
    const client = testClient(app);
    expect((await client.get("/login", { headers: browser })).status).toBe(200);
    expect((await client.get("/api/login", { headers: browser })).status).toBe(404);
    expect((await client.post("/api/login", { json: {} })).status).toBe(404);
    expect((await client.get("/api/x")).status).toBe(200);
    expect(app.accessMatrix().filter(({ path }) => path.endsWith("/login"))).toHaveLength(2);
    // Served by itself, the other has them at its own root.
    expect((await testClient(sub).get("/login", { headers: browser })).status).toBe(200);
  });

  it("moves the account pages by the option prefix", async () => {
    const { security } = await shop({ prefix: "/auth" });
    const app = security.app();
    app.get("/login", { authz: "OPEN" }, (c) => c.text("mine"));
    app.get("/in", { authz: "AUTH" }, (c) => c.html(security.signOutButton(c) ?? ""));
    const client = testClient(app);
    expect((await client.get("/login")).text).toBe("mine");
    const turned = await client.get("/in", { headers: browser });
    expect(turned.location).toBe("/auth/login?next=%2Fin");
    const page = await client.get(turned.location ?? "", { headers: browser });
    expect(page.text).toContain('action="/auth/login?next=%2Fin"');
    expect(page.text).toContain('href="/auth/portcullis-');
    await client.signIn("employee@example.com", "password", { path: "/auth/login" });
    expect((await client.get("/in")).text).toContain('action="/auth/logout"');
    expect(app.accessMatrix().map(({ path }) => path)).toContain("/auth/verify");
  });

  it("keeps what was declared when the declaration is changed afterwards", async () => {
    const { security } = await shop();
    const app = security.app();
    const roles: ("admin" | "employee")[] = ["admin"];
    const declaration = { authz: roles, authn: ["session" as const] };
    app.get("/x", declaration, text);
    roles[0] = "employee";
    (declaration as Untyped).authz = "OPEN";
    (declaration.authn as string[])[0] = "token";
    expect((await testClient(app).get("/x", { headers: json })).status).toBe(401);
    expect((await (await signedIn(app)).get("/x")).status).toBe(403);
    expect((await (await signedIn(app, "admin@example.com")).get("/x")).status).toBe(200);
  });

  it("says in the matrix what the routes say", async () => {
    const { security } = await shop({ authn: ["session", "basic"] });
    const { allOf, anyOf, authTokenRequired, fresh, httpAuthRequired, permissionsAccepted } = await import(
      "portcullis"
    );
    const app = security.app();
    app.get("/a", { authz: open("so that all can see") }, text);
    app.get("/b", { authz: ["employee", "admin"], authn: ["token", "session"] }, text);
    app.get(
      "/c/:sid",
      { authz: object("store", "sid", "manager"), params: z.object({ sid: z.int(), q: z.string().optional() }) },
      text,
    );
    app.get("/d", { authz: allOf(authTokenRequired(), permissionsAccepted("read", "write")) }, text);
    app.get("/e", { authz: anyOf(httpAuthRequired("Staff"), authTokenRequired()) }, text);
    app.get("/f", { authz: anyOf(authTokenRequired(), allOf(rolesRequired("admin"), fresh({ within: 5 }))) }, text);
    app.get("/g", { authz: anyOf(open("who may"), rolesRequired("admin")) }, text);
    app.get("/h", { authz: customGuard("on Mondays", () => ({ kind: "allow" })) }, text);
    app.get("/i", { authz: "CLOSE" }, text);
    const rows = app.accessMatrix().filter(({ source }) => source === "application");
    expect(
      rows.map(({ path, schemes, guard, open: why, parameters }) => [path, schemes, guard, why, parameters]),
    ).toEqual([
      ["/a", ["session", "basic"], "everybody", "so that all can see", []],
      ["/b", ["token", "session"], "all of the roles employee, admin", undefined, []],
      ["/c/:sid", ["session", "basic"], 'manager of the store ":sid"', undefined, ["sid: integer", "q?: string"]],
      ["/d", ["token"], "all of (signed in by token; any of the permissions read, write)", undefined, []],
      ["/e", ["basic", "token"], 'any of (signed in by basic in the realm "Staff"; signed in by token)', undefined, []],
      // The second alternative takes what every route takes.
      [
        "/f",
        ["token", "session", "basic"],
        "any of (signed in by token; all of (role admin; fresh within 5 min))",
        undefined,
        [],
      ],
      ["/g", ["session", "basic"], "any of (everybody; role admin)", "who may", []],
      ["/h", ["session", "basic"], "on Mondays", undefined, []],
      ["/i", ["session", "basic"], "nobody", undefined, []],
    ]);
    expect(security.accessMatrix().map(({ method, path, source }) => `${method} ${path} ${source}`)).toEqual([
      "GET /login passwords",
      "POST /login passwords",
      "POST /logout passwords",
      "GET /verify passwords",
      "POST /verify passwords",
      "GET /register registration",
      "POST /register registration",
    ]);
  });
});

it("answers JSON requests by default as JSON clients expect", async () => {
  const { security } = await shop();
  const app = security.app();
  app.get("/x", { authz: "AUTH" }, text);
  expect((await testClient(app).get("/x", { headers: json })).status).toBe(401);
});
