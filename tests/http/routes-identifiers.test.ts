/** A rule gets what it is made for, or the route is refused. */

import { Hono } from "hono";
import { allOf, anyOf, object, portcullis, rolesRequired } from "portcullis";
import { passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";

const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const security of opened) await security.close();
});

async function start(more: object = { id: "number" }, rule?: unknown) {
  const asked: unknown[] = [];
  const check = (_user: unknown, id: unknown): boolean => {
    asked.push(id);
    return true;
  };
  const security = await portcullis({
    secretKeys: ["identifiers-0123456789-abcdefghijk"],
    origins: ["http://localhost:3000"],
    datastore: memory(),
    features: [passwords()],
    roles: ["admin"],
    objects: { store: (rule ?? { check, ...more }) as never },
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    log: () => undefined,
  });
  opened.push(security);
  await security.users.create({ email: "ann@acme.example", password: "a good password" });
  return { security, asked };
}

const text = (c: { text(body: string): Response }): Response => c.text("done");
const one = object("store", "sid");

describe("an object rule for numbers", () => {
  it.each<[name: string, path: string, declaration: object, starts: boolean]>([
    ["an undeclared parameter", "/:sid", { authz: one }, false],
    ["a pattern of digits", "/:sid{[0-9]+}", { authz: one }, false],
    ["the first parameter", "/:sid", { authz: object("store") }, false],
    ["a text", "/:sid", { authz: one, params: z.object({ sid: z.string() }) }, false],
    ["text or number", "/:sid", { authz: one, params: z.object({ sid: z.union([z.int(), z.string()]) }) }, false],
    ["a uuid", "/:sid{uuid}", { authz: one }, false],
    ["one of several", "/:sid{int}/:line", { authz: object("store", ["sid", "line"]) }, false],
    ["all of several guards", "/:sid", { authz: allOf(rolesRequired("admin"), one) }, false],
    ["one of several guards", "/:sid", { authz: anyOf(rolesRequired("admin"), one) }, false],
    ["a text of the query", "/", { authz: one, params: z.object({ sid: z.string() }) }, false],
    ["a conversion", "/:sid{int}", { authz: one }, true],
    ["a conversion of the first", "/:sid{number}", { authz: object("store") }, true],
    ["a schema", "/:sid", { authz: one, params: z.object({ sid: z.int() }) }, true],
    ["a number of the query", "/", { authz: one, params: z.object({ sid: z.number() }) }, true],
    ["several", "/:sid{int}/:line{int}", { authz: object("store", ["sid", "line"]) }, true],
  ])("%s: %s", async (_, path, declaration, starts) => {
    const { security } = await start();
    const app = security.app() as never as { get(path: string, declaration: object, handler: unknown): unknown };
    const declare = (): unknown => app.get(path, declaration, text);
    if (starts) expect(declare).not.toThrow();
    else expect(declare).toThrow(/GET \/.*: authz: the rule of "store" wants a number, but (?:sid|line) is/);
  });

  it("gets numbers by a declared route, and refuses text at a guard of a plain application", async () => {
    const { security, asked } = await start();
    const app = security.app().get("/s/:sid{int}", { authz: one as never }, text);
    const client = testClient(app);
    await client.signIn("ann@acme.example", "a good password");
    expect((await client.get("/s/7")).status).toBe(200);
    expect(asked).toEqual([7]);
    // A plain application has text alone.
    expect(() => security.guard(one as never)).toThrow(
      /security\.guard\(\): authz: the rule of "store" would be handed text/,
    );
    await expect(security.check(new Request("http://localhost:3000/"), one as never)).rejects.toThrow(/handed text/);
  });

  it("words that are none", async () => {
    await expect(start({ id: "numeric" })).rejects.toThrow(/objects\.store\.id: "number" or "text"/);
    await expect(start({})).rejects.toThrow(/objects\.store\.where/);
  });
});

describe("an object rule that does not say what it is for", () => {
  it.each<[name: string, path: string, declaration: object, starts: boolean | "undeclared"]>([
    ["an undeclared parameter", "/:sid", { authz: one }, false],
    ["a pattern of digits", "/:sid{[0-9]+}", { authz: one }, false],
    ["the first parameter", "/:sid", { authz: object("store") }, false],
    ["an optional one", "/:sid?", { authz: one }, false],
    ["one of several", "/:sid{int}/:line", { authz: object("store", ["sid", "line"]) }, false],
    ["one of several guards", "/:sid", { authz: anyOf(rolesRequired("admin"), one) }, false],
    [
      "conversions beside what is declared",
      "/:sid{int}/:line{uuid}",
      { authz: object("store", ["sid", "line"]), params: z.object({ q: z.string() }) },
      true,
    ],
    ["a conversion to a number", "/:sid{int}", { authz: one }, true],
    ["a conversion to text", "/:sid{uuid}", { authz: one }, true],
    ["a text by its schema", "/:sid", { authz: one, params: z.object({ sid: z.string() }) }, true],
    ["the query", "/", { authz: one, params: z.object({ sid: z.string() }) }, true],
    ["an undeclared one that is not asked about", "/:sid{int}/:line", { authz: one }, true],
    ["another one is declared", "/:sid", { authz: one, params: z.object({ q: z.string() }) }, "undeclared"],
  ])("gets what the route declares: %s", async (_, path, declaration, starts) => {
    for (const rule of [() => true, { check: () => true, where: () => "true" }]) {
      const { security } = await start({}, rule);
      const app = security.app() as never as { get(path: string, declaration: object, handler: unknown): unknown };
      const declare = (): unknown => app.get(path, declaration, text);
      if (starts === true) expect(declare).not.toThrow();
      else if (starts === "undeclared") expect(declare).toThrow(/GET \/:sid: .* :sid, which params does not declare/);
      else expect(declare).toThrow(/would be handed (?:sid|line) as text; declare it .*\{int\}, or say id: "text"/);
      expect(() => security.guard(one as never)).toThrow(/handed text/);
    }
  });

  it("one for texts gets them without a declaration, and nothing else", async () => {
    const { security, asked } = await start({ id: "text" });
    const app = security.app();
    app.get("/a/:sid", { authz: one as never }, text);
    const plain = new Hono().get("/b/:sid", security.guard(one as never), text);
    expect(() => app.get("/c/:sid{int}", { authz: one as never }, text)).toThrow(/wants a text, but sid is integer/);
    const params = z.object({ sid: z.union([z.int(), z.string()]) });
    app.post("/d", { authz: one as never, params }, text);
    const client = testClient(app);
    const { json } = await client.signIn("ann@acme.example", "a good password");
    client.csrfToken = json.response.csrf_token;
    expect((await client.get("/a/7")).status).toBe(200);
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    expect((await plain.request("/b/8", { headers: { cookie } })).status).toBe(200);
    expect((await client.post("/d", { json: { sid: 9 } })).status).toBe(403);
    expect(asked).toEqual(["7", "8"]);
  });
});
