import { allOf, anyOf, object, portcullis, rolesRequired, scope } from "portcullis";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { basic, basics, call, form, password, plant } from "./system.ts";

const ann = { authorization: basic("ann@acme.example", password) };

async function system() {
  const asked: unknown[] = [];
  const security = await portcullis({
    ...basics(),
    authn: ["basic"],
    roles: ["staff"],
    scopes: ["read"],
    objects: {
      // Ann's orders have even numbers; there are a hundred.
      order(user, id: number, mode) {
        asked.push([user.email, id, mode]);
        return id > 100 ? undefined : mode === "delete" ? false : id % 2 === 0;
      },
      async line(_user, [order, line]: readonly [number, number]) {
        await Promise.resolve();
        asked.push([order, line]);
        return line > 9 ? undefined : order === line;
      },
      broken: {
        check: () => {
          throw new Error("the database is gone");
        },
        id: "text",
      },
      named: { check: (_user, name: string) => name === "4", id: "text" },
    },
  });
  const user = await plant(security);
  const app = security.app();
  app.onError((_error, c) => c.text("failed", 500));
  const params = z.object({ order: z.int(), line: z.int(), q: z.string().optional() });
  const one = z.object({ order: z.int(), q: z.string().optional() });
  app.get("/first/:order", { authz: object("order"), params: one }, (c) => c.text("reached"));
  app.get("/mode/:order", { authz: object("order", undefined, "delete"), params: one }, (c) => c.text("reached"));
  app.get("/:order/line/:line", { authz: object("line", ["order", "line"]), params }, (c) => c.text("reached"));
  app.get("/swapped/:line/:order", { authz: object("line", ["order", "line"]), params }, (c) => c.text("reached"));
  app.post("/body", { authz: object("line", ["order", "line"]), params }, (c) => c.text("reached"));
  app.get("/broken/:order", { authz: object("broken", "order") }, (c) => c.text("reached"));
  const status = async (path: string): Promise<number> => (await call(app, path, { headers: ann })).status;
  return { security, app, user, asked, status };
}

describe("object permissions", () => {
  it("several identifying parameters, in the order that the guard names", async () => {
    const { app, status, asked } = await system();
    expect(await status("/3/line/3")).toBe(200);
    expect(await status("/3/line/4")).toBe(403);
    expect(await status("/3/line/10")).toBe(404);
    expect(await status("/3/line/x")).toBe(400);
    expect(await status("/swapped/4/5")).toBe(403);
    expect(asked).toEqual([
      [3, 3],
      [3, 4],
      [3, 10],
      [5, 4],
    ]);
    // Wherever they come from, and each once.
    expect((await call(app, "/body", form({ order: "2", line: "2" }, ann))).status).toBe(200);
    expect((await call(app, "/body?line=2", form({ order: "2", line: "2" }, ann))).status).toBe(400);
    expect((await call(app, "/body", form({ order: "2" }, ann))).status).toBe(400);
  });

  it("the mode, and by default the first parameter", async () => {
    const { status, asked } = await system();
    expect(await status("/first/2")).toBe(200);
    expect(await status("/mode/2")).toBe(403);
    expect(asked).toEqual([
      ["ann@acme.example", 2, undefined],
      ["ann@acme.example", 2, "delete"],
    ]);
  });

  it("true 200, false 403, undefined 404, asynchronously too, and closed when the rule throws [ASVS 8.2.2]", async () => {
    const { app, status } = await system();
    expect([await status("/first/2"), await status("/first/3"), await status("/first/102")]).toEqual([200, 403, 404]);
    expect([await status("/1/line/1"), await status("/1/line/2"), await status("/1/line/11")]).toEqual([200, 403, 404]);
    expect(await status("/broken/1")).toBe(500);
    expect((await call(app, "/first/2")).status).toBe(401);
  });

  it("what names no parameter of the route does not start", async () => {
    const { security } = await system();
    const app = security.app();
    const none =
      (authz: unknown, path = "/:order"): (() => unknown) =>
      () =>
        app.get(path, { authz: authz as "OPEN" }, (c) => c.text(""));
    expect(none(object("order"), "/x")).toThrow('GET /x: authz: object("order"): there is no first parameter');
    expect(none(object("line", ["order", "line"]))).toThrow("there is no such parameter; the route has order");
    expect(none(object("nothing"))).toThrow('there is no object kind "nothing"');
    for (const wrong of [
      () => object("order", []),
      () => object("order", ["a", "a"]),
      () => object("order", ["a", ""]),
      () => object("order", 1 as never),
      () => object("order", "a", 1 as never),
      () => object(""),
    ]) {
      expect(wrong).toThrow(/^object: /);
    }
  });

  it("the access matrix says by which parameters", async () => {
    const { app } = await system();
    const guards = Object.fromEntries(app.accessMatrix().map(({ path, guard }) => [path, guard]));
    expect(guards["/:order/line/:line"]).toBe('may reach the line ":order :line"');
    expect(guards["/mode/:order"]).toBe("delete of the order that the first parameter names");
  });

  it("the guard on a plain request takes the path's first parameter", async () => {
    const { security } = await system();
    const { Hono } = await import("hono");
    const hono = new Hono();
    hono.get("/plain/:order", security.guard(object("named")), (c) => c.text("reached"));
    // Without a declaration it is text, which "4" % 2 would let in.
    expect(() => security.guard(object("order") as never)).toThrow(/the rule of "order" would be handed text/);
    expect((await call(hono, "/plain/4", { headers: ann })).status).toBe(200);
    expect((await call(hono, "/plain/5", { headers: ann })).status).toBe(403);
  });
});

describe("the same rule", () => {
  it("filters a list", async () => {
    const { security, user } = await system();
    const who = user as never;
    const many = Array.from({ length: 120 }, (_, index) => index + 1);
    const even = await security.visible("order", who, many);
    expect(even).toEqual(many.filter((id) => id <= 100 && id % 2 === 0));
    expect(await security.visible("order", who, [2, 4], "delete")).toEqual([]);
    expect(await security.visible("line", who, [[1, 1] as const, [1, 2] as const, [10, 10] as const])).toEqual([
      [1, 1],
    ]);
    expect(await security.visible("order", null, [2])).toEqual([]);
    await expect(security.visible("broken", who, [1])).rejects.toThrow("the database is gone");
    // @ts-expect-error there is no such kind
    await expect(security.visible("nothing", who, [1])).rejects.toThrow('there is no object kind "nothing"');
  });

  it("explains a decision, each part on its own", async () => {
    const { security, user } = await system();
    const guard = allOf(rolesRequired("staff"), anyOf(object("order", "order"), object("line", ["order", "line"])));
    const said = await security.explain(guard, { user, params: { order: 3, line: 12 } });
    expect(said).toMatchObject({ allowed: false, status: 403, reason: "lacks the role staff" });
    expect(said.steps).toEqual([
      { guard: "role staff", allowed: false, reason: "lacks the role staff" },
      {
        guard: 'any of (may reach the order ":order"; may reach the line ":order :line")',
        allowed: false,
        reason: "not allowed for this order",
        steps: [
          { guard: 'may reach the order ":order"', allowed: false, reason: "not allowed for this order" },
          { guard: 'may reach the line ":order :line"', allowed: false, reason: "there is no such object" },
        ],
      },
    ]);
    expect(await security.explain("AUTH", { user: null })).toEqual({
      guard: "signed in",
      allowed: false,
      status: 401,
      reason: "not signed in by basic",
    });
    expect(await security.explain(object("order"), { user, params: { order: 4 } })).toMatchObject({ status: 200 });
    expect(await security.explain(scope("read"), { user, scopes: [] })).toMatchObject({
      status: 403,
      reason: "lacks the scope read",
    });
  });
});
