/** A guard asks about the value that its handler works on, or about none: one name twice in a path of plain Hono closes the route. */

import { Hono, type MiddlewareHandler } from "hono";
import { object, portcullis } from "portcullis";
import { passwords, sessions } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { goodPassword, origin, secretKey, weakHashing } from "./authn-system.ts";

const asked: unknown[] = [];
const logged: string[] = [];
// Who is asked says yes of 7, the outer one.
const start = () =>
  portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore: memory(),
    features: [passwords(), sessions()],
    objects: {
      item: {
        id: "text",
        check: (_user, id) => {
          asked.push(id);
          return id === "7";
        },
      },
    },
    passwords: { hashing: weakHashing },
    log: (message, details) => void logged.push(`${message} ${JSON.stringify(details)}`),
  });
let security: Awaited<ReturnType<typeof start>>;
beforeEach(async () => {
  security = await start();
  await security.users.create({ email: "ann@acme.example", password: goodPassword });
});
afterEach(() => security.close());

const byId = () => security.guard(object("item", "id"));
const first = () => security.guard(object("item"));
const reached = (c: { text(body: string): Response }): Response => c.text("reached");
const declared = () => {
  const app = security.app();
  app.get("/items/:id", { authz: object("item", "id") }, reached);
  return app as unknown as Hono;
};
// The types of plain Hono know no variables of a guard.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Plain = Hono<any, any, any>;
const under = (prefix: string, sub: Plain): Hono => new Hono().route(prefix, sub);
const guarded = (guard: MiddlewareHandler = byId()): Plain => new Hono().get("/items/:id", guard, reached);

async function call(app: Plain, path: string) {
  asked.length = 0;
  logged.length = 0;
  const whole = new Hono().route("/", app).route("/", security.accounts());
  const client = testClient(whole, origin);
  await client.signIn("ann@acme.example", goodPassword);
  const answer = await client.get(path, { headers: { accept: "application/json" } });
  return {
    status: answer.status,
    text: answer.text,
    asked: [...asked],
    logged: logged.filter((line) => line.includes("a guarded route is closed")),
  };
}

describe("a path that has one name twice is closed", () => {
  it.each<[what: string, app: () => Plain, path: string]>([
    ["route", () => under("/orgs/:id", guarded()), "/orgs/7/items/999"],
    ["route, by the first parameter", () => under("/orgs/:id", guarded(first())), "/orgs/7/items/999"],
    ["route, with a pattern", () => under("/orgs/:id{[0-9]+}", guarded()), "/orgs/7/items/999"],
    ["basePath", () => new Hono().basePath("/orgs/:id").get("/items/:id", byId(), reached), "/orgs/7/items/999"],
    ["nested", () => under("/a/:id", under("/b", under("/c/:org", guarded()))), "/a/7/b/c/1/items/999"],
    ["nested the other way", () => under("/a/:org", under("/orgs/:id", guarded())), "/a/1/orgs/7/items/999"],
    ["all in one path", () => new Hono().get("/orgs/:id/items/:id", byId(), reached), "/orgs/7/items/999"],
    [
      "the guard before the handler, as middleware",
      () => under("/orgs/:id", new Hono().use("/items/:id", byId()).get("/items/:id", reached)),
      "/orgs/7/items/999",
    ],
    [
      "the guard before all",
      () => under("/orgs/:id", new Hono().use("*", byId()).get("/items/:id", reached)),
      "/orgs/7/items/999",
    ],
    [
      "security.check",
      () =>
        under(
          "/orgs/:id",
          new Hono().get("/items/:id", async (c) => {
            const decision = await security.check(c, object("item", "id"));
            return decision.allowed ? c.text("reached") : decision.response;
          }),
        ),
      "/orgs/7/items/999",
    ],
    ["a whole application", () => under("/orgs/:id", declared()), "/orgs/7/items/999"],
    [
      "a whole application, nested",
      () => under("/a", under("/orgs/:id", under("/b", declared()))),
      "/a/orgs/7/b/items/999",
    ],
    [
      "a whole application by basePath",
      () => new Hono().basePath("/orgs/:id").route("/", declared()),
      "/orgs/7/items/999",
    ],
  ])("%s", async (_, app, path) => {
    const answer = await call(app(), path);
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("reached");
    expect(answer.asked).toEqual([]);
    expect(answer.logged.join("\n")).toMatch(/has one name twice.*:id.*items\/:id.*rename/s);
  });

  it("is said once for each path", async () => {
    const app = under("/orgs/:id", guarded());
    expect((await call(app, "/orgs/7/items/999")).logged).toHaveLength(1);
    expect(await call(app, "/orgs/7/items/1000")).toMatchObject({ status: 500, logged: [] });
  });

  it.each<[what: string, app: () => Plain, path: string, status: number, id: string]>([
    ["another name outside", () => under("/orgs/:org", guarded()), "/orgs/1/items/7", 200, "7"],
    ["another name outside, refused", () => under("/orgs/:org", guarded()), "/orgs/7/items/1", 403, "1"],
    ["a whole application under another name", () => under("/orgs/:org", declared()), "/orgs/1/items/7", 200, "7"],
    [
      "a guard for the outer one",
      () => new Hono().use("/orgs/:id/*", byId()).get("/orgs/:id/items/:item", reached),
      "/orgs/7/items/1",
      200,
      "7",
    ],
    ["a name that begins like another", () => under("/orgs/:i", guarded()), "/orgs/1/items/7", 200, "7"],
  ])("%s is asked as ever", async (_, app, path, status, id) => {
    expect(await call(app(), path)).toMatchObject({ status, asked: [id] });
  });
});
