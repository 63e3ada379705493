/** A route whose paths an earlier one answers in part, with another guard, is listed as guarded and served by the other's: it refuses to start. */

import { describe, expect, it } from "vitest";
import { shop } from "./routes-shop.ts";

// Paths and declarations come from tables, which the compiler cannot know.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;

const text = (c: Untyped): Response => c.text("reached");
async function declared(
  first: string,
  second: string,
  guards: readonly [string, string] = ["OPEN", "admin"],
  more = {},
) {
  const { security } = await shop();
  const app: Untyped = security.app();
  for (const [index, route] of [first, second].entries()) {
    const [method, path] = route.split(" ");
    app.on(method, path, { authz: guards[index], ...(index === 1 ? more : {}) }, text);
  }
  return app;
}

describe("a route that overlaps with an earlier one of another guard", () => {
  it.each<[first: string, second: string, path: string | RegExp]>([
    ["GET /:org/settings", "GET /admin/:page", "GET /admin/settings"],
    ["GET /f/:n{.+\\.pdf}", "GET /f/private/:n", /GET \/f\/private\/\S+\.pdf/],
    ["GET /z/:x{[^1]+}", "GET /z/:id{[0-9]+}", /GET \/z\/\d+/],
    ["GET /z/:x{.{3,}}", "GET /z/:id{[0-9]+}", /GET \/z\/\d+/],
    ["GET /z/:x{[0-9]{4}}", "GET /z/:id{[0-9]+}", /GET \/z\/\d{4}/],
    ["GET /z/:x{[0-9]{4}}", "GET /z/:id{int}", /GET \/z\/\d{4}/],
    ["ALL /:org/settings", "POST /admin/:page", "POST /admin/settings"],
    ["GET /:org/settings", "ALL /admin/:page", "GET /admin/settings"],
    ["GET /:a/:b/c", "GET /x/*", /GET \/x\/\S+\/c/],
    ["GET /a/*/c", "GET /a/b/:last", "GET /a/b/c"],
    ["GET /:org/settings/:tab?", "GET /admin/:page", "GET /admin/settings"],
    ["GET /:org/settings", "GET /admin/:page?", "GET /admin/settings"],
    ["GET /:org/:page{[a-z]+}", "GET /admin/:page", /GET \/admin\/[a-z]+/],
  ])("%s before %s", async (first, second, path) => {
    const app = await declared(first, second);
    expect(() => app.accessMatrix()).toThrow(second);
    expect(() => app.accessMatrix()).toThrow(first);
    expect(() => app.accessMatrix()).toThrow(path);
    expect(() => app.request("/")).toThrow(/overlaps: true/);
    for (const word of ["overlaps", "shadowed"]) {
      const meant = await declared(first, second, ["OPEN", "admin"], { [word]: true });
      expect(meant.accessMatrix().length).toBeGreaterThan(1);
    }
  });

  it.each<[first: string, second: string]>([
    ["GET /users/me", "GET /users/:id"],
    ["GET /users/me", "GET /users/:id{[a-z]+}"],
    ["GET /users/:id{int}", "GET /users/:name"],
    ["GET /:org/settings", "GET /:org/:page"],
    ["GET /:org/settings", "GET /:org/*"],
    ["GET /a/b/c", "GET /a/:rest{.+}"],
    ["GET /a/:b/c", "GET /a/:rest{path}"],
    ["GET /:org/settings", "GET /admin/users"],
    ["GET /:org/settings", "POST /admin/:page"],
    ["GET /f/:n{.+\\.pdf}", "GET /g/:n"],
    ["GET /z/:x{[a-z]+}", "GET /z/:id{[0-9]+}"],
    ["GET /z/:x{uuid}", "GET /z/:id{int}"],
    ["GET /x", "ALL /x"],
  ])("%s before %s is no such case", async (first, second) => {
    expect((await declared(first, second)).accessMatrix().length).toBeGreaterThan(1);
  });

  it("the same guard, an open one behind, and another route that stands before both are no matter", async () => {
    const pair = ["GET /:org/settings", "GET /admin/:page"] as const;
    expect((await declared(...pair, ["admin", "admin"])).accessMatrix().length).toBeGreaterThan(1);
    expect((await declared(...pair, ["admin", "OPEN"])).accessMatrix().length).toBeGreaterThan(1);
    await expect(declared(...pair, ["employee", "admin"]).then((app) => app.accessMatrix())).rejects.toThrow(
      /overlaps/,
    );
    const { security } = await shop();
    const app: Untyped = security.app();
    app.get("/admin/settings", { authz: "admin" }, text);
    app.get("/:org/settings", { authz: "OPEN" }, text);
    app.get("/admin/:page", { authz: "admin" }, text);
    expect(app.accessMatrix().length).toBeGreaterThan(1);
  });

  it("mounted ones too", async () => {
    const { security } = await shop();
    const inner: Untyped = security.app();
    inner.get("/:page", { authz: "admin" }, text);
    const outer: Untyped = security.app();
    outer.get("/:org/settings", { authz: "OPEN" }, text);
    outer.route("/admin", inner);
    expect(() => outer.accessMatrix()).toThrow(/GET \/admin\/:page: overlaps with GET \/:org\/settings/);
  });

  it("a word that says nothing refuses to start", async () => {
    for (const word of ["overlaps", "shadowed"] as const) {
      const app = await declared("GET /a/:id", "GET /b/:id", ["OPEN", "admin"], { [word]: true });
      expect(() => app.accessMatrix()).toThrow(new RegExp(`GET /b/:id: ${word}: true says nothing here.*leave it out`));
    }
  });

  it("the word is true or false", async () => {
    await expect(declared("GET /a", "GET /b", ["OPEN", "admin"], { overlaps: "yes" })).rejects.toThrow(
      /overlaps: true or false/,
    );
  });
});
