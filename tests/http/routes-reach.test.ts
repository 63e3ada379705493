import { Hono } from "hono";
import { object } from "portcullis";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { lockText } from "../../src/routes/matrix.ts";
import { shop } from "./routes-shop.ts";

// Paths and declarations come from tables, which the compiler cannot know.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;

const text = (c: { text(body: string): Response }): Response => c.text("reached");
const declare = (app: Untyped, routes: readonly string[], more: object = {}): Untyped => {
  for (const [index, route] of routes.entries()) {
    const [method = "", path] = route.split(" ");
    const last = index === routes.length - 1;
    app.on(method, path, { authz: last ? "admin" : "OPEN", ...(last ? more : {}) }, text);
  }
  return app;
};

describe("ADV-A: a guarded route behind a wider one refuses to start, and both are named", () => {
  it.each<[first: string, second: string]>([
    ["GET /users/:id", "GET /users/export"],
    ["GET /users/:id", "GET /users/:name{[a-z]+}"],
    ["GET /users/:id", "GET /users/:name{(?:new|old)-[0-9]{4,}}"],
    ["GET /users/:id", "GET /users/:name{(?=x)[^a-z]+}"],
    ["GET /users/:id", "GET /users/:id{int}"],
    ["GET /users/:id{.+}", "GET /users/:id/keys"],
    ["GET /users/:id{path}", "GET /users/:id/keys/:key{uuid}"],
    ["GET /users/:id{[^/]+}", "GET /users/:name"],
    ["GET /users/:id?", "GET /users"],
    ["GET /users", "GET /users/:id?"],
    ["GET /users/:id", "GET /users/:name?"],
    ["GET /users/:id", "ALL /users/export"],
    ["ALL /users/:id", "POST /users/export"],
    ["ALL /reports/*", "GET /reports/secret"],
    ["GET /reports/*", "GET /reports/:year/:month{[0-9]{2}}"],
    ["GET /*", "GET /a/b/c"],
    ["GET *", "GET /"],
    ["ALL /x", "GET /x"],
    ["ALL /x/:a", "GET /x/:b"],
    ["GET /a/*/c", "GET /a/b/c"],
    ["GET /:a/:b", "GET /users/:id"],
    ["QUERY /x/:id", "QUERY /x/find"],
    ["PURGE /x/:id", "PURGE /x/all"],
  ])("%s before %s", async (first, second) => {
    const { security } = await shop();
    // "GET *" is said by a path that starts with a slash.
    const routes = [first.replace(/ \*$/, " /*"), second];
    const app = declare(security.app(), routes);
    const message = (): unknown => app.accessMatrix();
    expect(message).toThrow(second);
    expect(message).toThrow(routes[0]);
    expect(message).toThrow(/shadowed: true/);
    // It serves nothing, whoever asks.
    expect(() => app.request("/")).toThrow(/stands before it/);
    const meant = declare(security.app(), routes, { shadowed: true });
    const label = ({ method, path }: Untyped): string => `${method} ${path}`;
    expect(meant.accessMatrix().find((record: Untyped) => label(record) === second).behind).toBe(routes[0]);
    expect(lockText(meant.accessMatrix())).toContain(`; behind ${routes[0]?.replace(/[\\;]/g, "\\$&")}`);
  });

  it.each<[first: string, second: string]>([
    ["GET /users/export", "GET /users/:id"],
    ["GET /users/:id{int}", "GET /users/:name"],
    ["GET /users/:id{[0-9]+}", "GET /users/:name{[a-z]+}"],
    ["GET /users/0", "GET /users/:id{[0-9]+}"],
    ["GET /users/new", "GET /users/:name{new|old}"],
    ["GET /users/:id", "POST /users/export"],
    ["GET /x", "ALL /x"],
    ["GET /reports/secret", "ALL /reports/*"],
    ["GET /users/:id", "GET /users/:id/keys"],
    ["GET /users/:id?", "GET /users/:id/keys"],
    ["GET /users/:id{uuid}", "GET /users/:id{date}"],
    ["GET /a/*/c", "GET /a/b/d"],
    ["GET /users/:id/keys", "GET /users/:id/:what"],
    ["GET /users/:id{(?!new$).+}", "GET /users/new"],
  ])("%s before %s is no such case", async (first, second) => {
    const { security } = await shop();
    const app = declare(security.app(), [first, second]);
    expect(app.accessMatrix().some((record: Untyped) => record.behind !== undefined)).toBe(false);
  });

  it("several narrow ones together, mounted ones, those behind a base path, and three levels of them", async () => {
    const { security } = await shop();
    const both = declare(security.app(), ["GET /x/:a{[0-9]+}", "GET /x/:b{[^0-9].*|[0-9]+[^0-9].*}", "GET /x/:c"]);
    expect(() => both.accessMatrix()).toThrow("GET /x/:c: is never reached");

    const inner: Untyped = security.app();
    inner.get("/export", { authz: "admin" }, text);
    const outer: Untyped = security.app();
    outer.get("/users/:id", { authz: "OPEN" }, text);
    outer.route("/users", inner);
    expect(() => outer.accessMatrix()).toThrow(/GET \/users\/export: is never reached.*GET \/users\/:id/);

    const wide: Untyped = security.app();
    wide.get("/:page{.+}", { authz: "OPEN" }, text);
    const middle: Untyped = security.app();
    middle.route("/b", wide);
    const top: Untyped = security.app();
    top.route("/a", middle);
    top.basePath("/a").basePath("/b").get("/secret", { authz: "admin" }, text);
    expect(() => top.request("/a/b/secret")).toThrow(/GET \/a\/b\/secret: is never reached.*GET \/a\/b\/:page/);

    const closed: Untyped = security.app();
    closed.route(
      "/raw",
      new Hono().get("/*", (c) => c.text("leaked")),
    );
    closed.get("/raw/x", { authz: "admin" }, text);
    expect(() => closed.accessMatrix()).toThrow(/GET \/raw\/x: .*without a declaration/);

    const twice: Untyped = security.app();
    const again: Untyped = security.app().get("/x", { authz: "admin" }, text);
    twice.route("/one", again);
    twice.get("/two/*", { authz: "OPEN" }, text);
    twice.route("/two", again);
    expect(() => twice.accessMatrix()).toThrow(/GET \/two\/x: is never reached.*GET \/two\/\*/);
  });

  it.each<[string, readonly unknown[]]>([
    ["at a path", ["/admin/*", (c: Untyped) => c.text("open to all")]],
    ["everywhere", [(c: Untyped) => c.text("open to all")]],
    ["behind another one", ["/x", (_c: Untyped, next: Untyped) => next(), (c: Untyped) => c.text("open to all")]],
    ["without a context", ["/x", () => new Response("open to all")]],
    ["asynchronous", ["/x", async (c: Untyped) => c.text("open to all")]],
    ["no function", ["/x", {}]],
  ])("middleware that takes no next would be an undeclared route: %s", async (_, use) => {
    const { security } = await shop();
    for (const app of [security.app(), security.app().basePath("/base")] as Untyped[]) {
      expect(() => app.use(...use)).toThrow(/^use \S+: middleware takes \(c, next\)/);
      expect((await app.request("/x")).status).toBe(404);
    }
  });

  it("middleware, and account pages", async () => {
    const { security } = await shop();
    const passing: Untyped = security.app();
    passing.use("/admin/*", (_c: Untyped, next: () => Promise<void>) => next());
    passing.get("/admin/users", { authz: "admin" }, text);
    expect(passing.accessMatrix().length).toBeGreaterThan(1);
    const account: Untyped = security.app();
    account.get("/:page{login|about}", { authz: "OPEN" }, text);
    expect(account.accessMatrix().length).toBeGreaterThan(1);
    account.get("/:name{log(?:in)}", { authz: "admin" }, text);
    expect(() => account.accessMatrix()).toThrow(/the account page \/login/);
  });

  it("is asked again for what is added later, and a shadowed route is no part of the API's description", async () => {
    const { security } = await shop();
    const app: Untyped = security.app();
    app.get("/users/:id", { authz: "OPEN" }, text);
    app.accessMatrix();
    app.get("/users/export", { authz: "admin" }, text);
    expect(() => app.accessMatrix()).toThrow(/GET \/users\/export/);
    const meant = declare(security.app(), ["GET /users/:id", "GET /users/export"], { shadowed: true });
    expect(Object.keys(meant.openapi().paths)).toContain("/users/{id}");
    expect(Object.keys(meant.openapi().paths)).not.toContain("/users/export");
    expect(() => declare(security.app(), ["GET /x"], { shadowed: "yes" })).toThrow("shadowed: true or false");
  });

  it("routes for HEAD, which GET answers", async () => {
    const { security } = await shop();
    const app: Untyped = security.app();
    expect(() => app.on("HEAD", "/x", { authz: "admin" }, text)).toThrow(/HEAD \/x: is never reached/);
    expect(() => app.on(["GET", "head"], "/x", { authz: "admin" }, text)).toThrow(/HEAD \/x: is never reached/);
  });

  it("a thousand routes are asked in a moment", async () => {
    const { security } = await shop();
    const app: Untyped = security.app();
    for (let index = 0; index < 1_000; index++) app.get(`/r${index}/:a/:b{[a-z]+}`, { authz: "admin" }, text);
    const began = performance.now();
    app.accessMatrix();
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});

describe("a prefix that binds the name of an inner parameter refuses to start", () => {
  const item = object("store", "id");
  const params = z.object({ id: z.unknown(), item: z.unknown().optional() });
  const inner = (security: Untyped, path: string): Untyped =>
    security.app().delete(path, path.includes(":id") ? { authz: item, params } : { authz: "admin" }, text);

  it.each<[prefix: string, path: string]>([
    ["/orgs/:id", "/items/:id"],
    ["/orgs/:id{[0-9]+}", "/items/:id"],
    ["/orgs/:id", "/items/:id{int}"],
    ["/orgs/:id{int}", "/items/:id{uuid}"],
    ["/orgs/:id", "/items/:id?"],
    ["/orgs/:id", "/*/items/:id"],
    ["/orgs/:id/*", "/items/:id"],
    ["/:org/:id", "/items/:item/parts/:id{.+}"],
  ])("%s mounts %s", async (prefix, path) => {
    const { security } = await shop();
    const twice = /DELETE \/.*has the parameter id twice/;
    expect(() => (security.app() as Untyped).route(prefix, inner(security, path))).toThrow(twice);
    expect(() => (security.app() as Untyped).basePath(prefix).delete(path, { authz: item }, text)).toThrow(twice);
    expect(() => (security.app() as Untyped).basePath(prefix).route("/deep", inner(security, path))).toThrow(twice);
    const middle: Untyped = security.app();
    middle.route("/deep", inner(security, path));
    expect(() => (security.app() as Untyped).route(prefix, middle)).toThrow(twice);
    const based: Untyped = security.app();
    based.basePath("/deep").route("/deeper", inner(security, path));
    expect(() => (security.app() as Untyped).basePath("/top").route(prefix, based)).toThrow(twice);
    expect(() => (security.app() as Untyped).delete(`${prefix}${path}`, { authz: item }, text)).toThrow(twice);
  });

  it("other names are each their own, at every level", async () => {
    const { security } = await shop();
    const app: Untyped = security.app();
    app.route("/orgs/:org", security.app().route("/teams/:team", inner(security, "/items/:id")) as Untyped);
    expect(app.accessMatrix().some((record: Untyped) => record.path === "/orgs/:org/teams/:team/items/:id")).toBe(true);
  });

  it.each([
    ["/orgs/:id?/items", /id in the path .* is optional, but a part follows/],
    ["/files/:id{[0-9]+}.json", /a text follows the parameter id/],
    ["/files/:id?x", /is optional, but a part follows/],
  ])("what the router reads otherwise refuses too: %s", async (path, message) => {
    const { security } = await shop();
    expect(() => (security.app() as Untyped).get(path, { authz: "OPEN" }, text)).toThrow(message);
    const [, first = "", rest = ""] = /^(\/[^/]+\/[^/]+)(.*)$/.exec(path) ?? [];
    const sub: Untyped = security.app().get((rest || "/") as "/", { authz: "OPEN" }, text);
    expect(() => (security.app() as Untyped).route(first, sub)).toThrow(message);
  });
});
