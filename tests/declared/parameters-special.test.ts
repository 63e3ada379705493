// Parameters that come from elsewhere: headers, cookies, the request, the session, the user, and the application's own.

import { HTTPException } from "hono/http-exception";
import { authRequired, object, portcullis, type SecurityRequest } from "portcullis";
import { passwords } from "portcullis/features";
import { cookie, currentUser, header, request, rest, session, special } from "portcullis/params";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { basic, basics, call, form, password, plant, type Sent } from "./system.ts";

const security = await portcullis({
  ...basics(),
  features: [passwords()],
  schemes: [],
  objects: { shop: (_user, id: number) => (id === 404 ? undefined : id === 7) },
});
beforeAll(() => plant(security as never));
afterAll(() => security.close());

const app = security.app();
const asAnn = { authorization: basic("ann@acme.example", password) };

async function values(path: string, sent?: Sent): Promise<unknown> {
  const answer = await call(app, path, sent);
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text);
}

async function faults(path: string, sent?: Sent): Promise<string[]> {
  const answer = await call(app, path, sent);
  expect(answer.status, answer.text).toBe(400);
  return JSON.parse(answer.text).parameters.map(
    (fault: { name: string; code: string }) => `${fault.name} ${fault.code}`,
  );
}

describe("headers", () => {
  app.on(
    ["GET", "POST"],
    "/header",
    {
      authz: "OPEN",
      params: {
        agent: header("User-Agent"),
        depth: header("depth", z.int().max(9).optional()),
        since: header("if-modified-for", z.date().optional()),
        tags: header("x-tags", z.array(z.string()).default([])),
        q: z.string().optional(),
      },
    },
    (c, p) => c.json(p),
  );
  const agent = { "user-agent": "tests" };
  const params = { shop: header("x-shop", z.int()) };
  app.get("/shop", { authz: object("shop", "shop"), authn: ["basic"], params }, (c, { shop }) => c.json({ shop }));

  it("are converted by their schema, lists split at their commas", async () => {
    expect(await values("/header", { headers: agent })).toEqual({ agent: "tests", tags: [] });
    const headers = { ...agent, depth: "3", "if-modified-for": "2026-01-31", "x-tags": 'a, "b, c" ,d,,' };
    expect(await values("/header?q=x", { headers })).toEqual({
      ...{ agent: "tests", depth: 3, since: "2026-01-31T00:00:00.000Z", tags: ["a", '"b, c"', "d"], q: "x" },
    });
  });

  it("are faults by the parameter's name", async () => {
    expect(await faults("/header")).toEqual(["agent missing"]);
    expect(await faults("/header", { headers: { ...agent, depth: "0x3" } })).toEqual(["depth invalid"]);
    expect(await faults("/header", { headers: { ...agent, depth: "10" } })).toEqual(["depth invalid"]);
    expect(await faults("/header", { headers: { ...agent, depth: "1, 2" } })).toEqual(["depth invalid"]);
  });

  it("come from the header alone: nothing crosses", async () => {
    expect(await faults("/header?depth=3", { headers: agent })).toEqual(["depth unexpected"]);
    expect(await faults("/header?depth=3", { headers: { ...agent, depth: "3" } })).toEqual(["depth duplicate"]);
    expect(await faults("/header?agent=x")).toEqual(["agent unexpected"]);
    expect(await faults("/header", { ...form({ agent: "x" }), headers: { ...form({}).headers, ...agent } })).toEqual([
      "agent duplicate",
    ]);
    expect(await values("/header", { headers: { ...agent, q: "x" } })).toEqual({ agent: "tests", tags: [] });
  });

  it("may be what a guard's rule is asked about", async () => {
    expect(await values("/shop", { headers: { ...asAnn, "x-shop": "7" } })).toEqual({ shop: 7 });
    expect((await call(app, "/shop", { headers: { ...asAnn, "x-shop": "8" } })).status).toBe(403);
    expect((await call(app, "/shop", { headers: { ...asAnn, "x-shop": "404" } })).status).toBe(404);
    expect(await faults("/shop", { headers: asAnn })).toEqual(["shop missing"]);
  });
});

describe("cookies", () => {
  app.get(
    "/cookie",
    {
      authz: "OPEN",
      params: {
        theme: cookie("theme", z.enum(["light", "dark"]).default("light")),
        seen: cookie("seen", z.int().optional()),
        name: cookie("name", z.string().optional()),
      },
    },
    (c, p) => c.json(p),
  );

  it("are converted by their schema, percent-decoded", async () => {
    expect(await values("/cookie")).toEqual({ theme: "light" });
    expect(await values("/cookie", { headers: { cookie: "theme=dark; seen=3; name=Zo%C3%AB%3B" } })).toEqual({
      ...{ theme: "dark", seen: 3, name: "Zoë;" },
    });
  });

  it("are faults where they are wrong, and not there where somebody sent two", async () => {
    expect(await faults("/cookie", { headers: { cookie: "theme=blue; seen=x; name=%ff" } })).toEqual([
      ...["theme invalid", "seen invalid", "name invalid"],
    ]);
    expect(await faults("/cookie", { headers: { cookie: "name=a%00b" } })).toEqual(["name invalid"]);
    expect(await values("/cookie", { headers: { cookie: "theme=dark; theme=light; seen=3" } })).toEqual({
      theme: "light",
      seen: 3,
    });
    expect(await faults("/cookie?theme=dark")).toEqual(["theme unexpected"]);
  });
});

describe("the request, the session and the user", () => {
  app.get(
    "/who",
    { authz: "AUTH", authn: ["basic"], params: { user: currentUser(), rq: request(), q: z.int() } },
    (c, p) => c.json({ email: p.user.email, via: p.rq.identity?.via, path: p.rq.path, q: p.q, address: p.rq.address }),
  );
  app.get("/open", { authz: "OPEN", params: { user: currentUser() } }, (c, { user }) => c.json({ user }));
  app.get("/rest", { authz: "OPEN", params: { user: currentUser(), others: rest() } }, (c, p) => c.json(p));
  app.post("/count", { authz: authRequired("session"), params: { bag: session() } }, (c, { bag }) => {
    const count = ((bag.get("count") as number | undefined) ?? 0) + 1;
    bag.set("count", count);
    return c.json({ count });
  });

  it("are given as they are, beside what is sent", async () => {
    expect(await values("/who?q=1", { headers: asAnn })).toEqual({
      ...{ email: "ann@acme.example", via: "basic", path: "/who", q: 1, address: "127.0.0.1" },
    });
    expect(await values("/open")).toEqual({ user: null });
  });

  it("nobody can send them", async () => {
    expect(await faults("/who?q=1&user=root", { headers: asAnn })).toEqual(["user unexpected"]);
    expect(await faults("/open?user=root")).toEqual(["user unexpected"]);
    expect(await faults("/rest?user=root&a=1")).toEqual(["user unexpected"]);
    expect(await values("/rest?a=1")).toEqual({ user: null, others: { a: "1" } });
  });

  it("the session bag is the one that is kept", async () => {
    const client = testClient(app, "http://localhost:3000");
    await client.signIn("ann@acme.example", password);
    for (const count of [1, 2, 3]) expect((await client.post("/count", { json: {} })).json).toEqual({ count });
  });

  it("are not in the access matrix, where what is sent stands", () => {
    const lines = app.accessMatrix();
    expect(lines.find(({ path }) => path === "/who")?.parameters).toEqual(["q: integer"]);
    expect(lines.find(({ path }) => path === "/cookie")?.parameters).toEqual([
      ...['theme?: "light" | "dark" from a cookie', "seen?: integer from a cookie", "name?: string from a cookie"],
    ]);
  });
});

describe("the application's own", () => {
  let made = 0;
  const tenant = special({ host: header("x-tenant", z.string().regex(/^[a-z]+$/)) }, ({ host }) => {
    made += 1;
    return { tenant: host };
  });
  const basket = special({ user: currentUser(), tenant, rq: request() }, async ({ user, tenant: of, rq }, { name }) => {
    await Promise.resolve();
    return `${name} of ${user?.email ?? "nobody"} at ${of.tenant} by ${rq.method}`;
  });
  app.get("/basket", { authz: "AUTH", authn: ["basic"], params: { basket, tenant, q: z.int() } }, (c, p) => c.json(p));
  app.get("/at", { authz: "OPEN", params: { at: special(({ name, rq }) => `${name} ${rq.path}`) } }, (c, { at }) =>
    c.json(at),
  );
  const slow = special({ n: header("x-n", z.int()) }, async ({ n }) => {
    await new Promise((resolve) => setTimeout(resolve, 10 - n));
    return n;
  });
  app.get("/slow", { authz: "OPEN", params: { slow } }, (c, p) => c.json(p.slow));
  const headers = { ...asAnn, "x-tenant": "acme" };

  it("may ask for others, each made once a request", async () => {
    made = 0;
    expect(await values("/basket?q=1", { headers })).toEqual({
      ...{ basket: "basket of ann@acme.example at acme by GET", tenant: { tenant: "acme" }, q: 1 },
    });
    expect(made).toBe(1);
    expect(await values("/at")).toBe("at /at");
  });

  it("is made after all checks only", async () => {
    made = 0;
    expect((await call(app, "/basket?q=1", { headers: { "x-tenant": "acme" } })).status).toBe(401);
    expect(await faults("/basket?q=x", { headers })).toEqual(["q invalid"]);
    expect(made).toBe(0);
  });

  it("what it asks for and does not get is a fault of the caller", async () => {
    expect(await faults("/basket?q=1", { headers: asAnn })).toEqual(["host missing"]);
    expect(await faults("/basket?q=1", { headers: { ...asAnn, "x-tenant": "ACME" } })).toEqual(["host invalid"]);
  });

  it("without waiting where nothing waits", () => {
    const answer = app.fetch(new Request("http://localhost:3000/at"));
    expect(answer).toBeInstanceOf(Response);
  });

  it.each([
    [
      "at once",
      () => {
        throw new HTTPException(409, { message: "no basket" });
      },
    ],
    [
      "later",
      async () => {
        throw new HTTPException(409, { message: "no basket" });
      },
    ],
  ])("one that throws %s closes: the handler is not called", async (_when, make: () => unknown) => {
    let called = false;
    const failing = security.app();
    failing.get("/x", { authz: "OPEN", params: { own: special(make) } }, (c) => {
      called = true;
      return c.text("");
    });
    expect([(await call(failing, "/x")).status, called]).toEqual([409, false]);
  });

  it("two at the same time get values of their own", async () => {
    const all = Array.from({ length: 10 }, (_, n) => values("/slow", { headers: { "x-n": String(n) } }));
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe("what cannot be", () => {
  const declare =
    (params: Record<string, unknown>, path = "/x") =>
    () =>
      security.app().get(path, { authz: "OPEN", params: params as { a: z.ZodInt } }, (c) => c.text(""));

  it.each<[string, () => unknown, RegExp]>([
    [
      "a special parameter in the path",
      declare({ id: header("x-id") }, "/x/:id"),
      /id stands in the path and cannot be special/,
    ],
    ["the user in the path", declare({ id: currentUser() }, "/x/:id"), /id stands in the path and cannot be special/],
    ["two rests", declare({ a: rest(), b: rest() }), /a and b: one rest is enough/],
    ["a file in a header", declare({ a: header("x", z.file()) }), /a is a file, which no header can be/],
    ["something else than a schema", declare({ a: "int" }), /the parameter a must have a schema/],
    ["nothing", declare({ a: undefined }), /the parameter a has no schema/],
    ["a class's instance as the record", declare(new Date() as never), /params must be a schema/],
    ["a list", declare([z.int()] as never), /params must be a schema/],
    ["a header's name", () => header("x y"), /header: "x y" is no name for a header/],
    ["a cookie's name", () => cookie(""), /cookie: "" is no name for a cookie/],
    // biome-ignore lint/suspicious/noThenProperty: that is what is refused
    ["a special parameter called then", declare(Object.fromEntries([["then", request()]])), /cannot be called then/],
    [
      "a need that is not special",
      () => special({ a: z.int() as never }, () => 1),
      /special.a: a special parameter is expected/,
    ],
    ["a rest as a need", () => special({ a: rest() as never }, () => 1), /special.a: a special parameter is expected/],
    ["no function", () => special({}, undefined as never), /special: a function is expected/],
  ])("%s", (_what, attempt, message) => {
    expect(attempt).toThrow(message);
  });

  it("a forged one is no special parameter", () => {
    expect(declare({ a: { special: "user", needs: {}, make: (_: unknown, rq: SecurityRequest) => rq } })).toThrow(
      /the parameter a must have a schema/,
    );
  });
});
