/** A plain check of a request knows the connection by which it came: limits by address hold, events and paths are told. */
import { type Context, Hono } from "hono";
import { allow, type Guard, httpAuthRequired, object, portcullis, type RequestOrigin } from "portcullis";
import { passwords } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { notePeer } from "../../src/http/connection.ts";
import { basic, basics, call, password, plant } from "./system.ts";

const budget = { signIn: { perAddress: "5/15m" } } as const;

async function start() {
  const reached: (string | undefined)[] = [];
  const failed: (string | undefined)[] = [];
  const security = await portcullis({
    ...basics(),
    features: [passwords()],
    limits: budget,
    authn: ["basic"],
    permissions: ["read"],
    objects: { store: { check: (_user, id: string) => id === "7", id: "text" } },
  });
  await plant(security);
  security.events.on("limitReached", ({ address }) => {
    reached.push(address);
  });
  security.events.on("unknownIdentity", (_event, { address }) => {
    failed.push(address);
  });
  return { security, reached, failed };
}

type Started = Awaited<ReturnType<typeof start>>["security"];
type Decided = Promise<{ readonly allowed: boolean; readonly response?: Response }>;

const answer = async (decided: Decided): Promise<Response> => (await decided).response ?? new Response("let in");

/** Each way to ask about a request, in an application where it came by a way of ours. */
const ways: readonly (readonly [name: string, ask: (security: Started, c: Context) => Decided])[] = [
  ["check(c.req.raw)", (security, c) => security.check(c.req.raw, httpAuthRequired()) as Decided],
  ["check(c)", (security, c) => security.check(c, httpAuthRequired()) as Decided],
  ["checkLoginState(c.req.raw)", (security, c) => security.checkLoginState(c.req.raw) as Decided],
  ["checkLoginState(c)", (security, c) => security.checkLoginState(c) as Decided],
];

/** Lets all in, and asks of nobody who it is: that would be a guess of its own. */
const unasked: Guard<never> = {
  check: () => allow,
  describe: () => ({ text: "everybody", open: "a test", authenticated: false }),
};

interface Fetching {
  fetch(request: Request, env?: object): Response | Promise<Response>;
}

const guess = async (app: Fetching, n: number, socket = "203.0.113.9"): Promise<number> =>
  (await call(app, "/x", { headers: { authorization: basic(`nobody${n}`, "a wrong guess") }, socket })).status;

describe.each(ways)("%s", (_name, ask) => {
  const inApp = (security: Started): Fetching => {
    const app = security.app();
    app.get("/x", { authz: unasked }, (c) => answer(ask(security, c)));
    return app;
  };
  const behindGuard = (security: Started): Fetching => {
    const app = new Hono();
    app.use(async (_c, next) => next());
    return app.get("/x", security.guard(unasked) as never, (c: Context) => answer(ask(security, c)));
  };
  it.each([
    ["a declared route", inApp],
    ["a guard in another application", behindGuard],
  ])("counts by address inside of %s", async (_where, make) => {
    const { security, reached, failed } = await start();
    const app = make(security);
    const seen: number[] = [];
    for (let n = 0; n < 8; n += 1) seen.push(await guess(app, n));
    expect(seen).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
    expect(reached).toEqual(Array(3).fill("203.0.113.9"));
    expect(failed).toEqual(Array(5).fill("203.0.113.9"));
    // Another client is not shut out, and who has proved who they are is let in.
    expect(await guess(app, 9, "198.51.100.7")).toBe(401);
    const good = await call(app, "/x", {
      headers: { authorization: basic("ann@acme.example", password) },
      socket: "198.51.100.7",
    });
    expect(good.text).toBe("let in");
  });

  it("refuses a request whose connection has lost its address", async () => {
    const { security } = await start();
    const app = inApp(security);
    const headers = { authorization: basic("ann@acme.example", password), accept: "application/json" };
    const lost = await app.fetch(new Request("http://localhost:3000/x", { headers }), { incoming: { socket: {} } });
    expect([lost.status, (await lost.json()).code]).toEqual([400, "no_client_address"]);
  });
});

describe("a request that came by no way of ours", () => {
  const asked = (security: Started, n: number, from?: RequestOrigin): Decided => {
    const headers = { authorization: basic(`nobody${n}`, "a wrong guess"), accept: "application/json" };
    return security.check(new Request("http://localhost:3000/x", { headers }), "AUTH", from) as Decided;
  };
  const status = async (decided: Decided): Promise<number | undefined> => (await decided).response?.status;

  it("is counted by the address that it is said to come from", async () => {
    const { security } = await start();
    const seen: (number | undefined)[] = [];
    for (let n = 0; n < 7; n += 1) seen.push(await status(asked(security, n, { address: "203.0.113.9" })));
    expect(seen).toEqual([401, 401, 401, 401, 401, 429, 429]);
    expect(await status(asked(security, 9, { address: "198.51.100.7" }))).toBe(401);
  });

  it("is refused where its client is gone", async () => {
    const { security } = await start();
    expect(await status(asked(security, 1, { address: undefined }))).toBe(400);
    const headers = { authorization: basic("ann@acme.example", password) };
    const request = new Request("http://localhost:3000/x", { headers });
    expect(await security.checkLoginState(request, {}, { address: undefined })).toMatchObject({ allowed: false });
  });

  it("cannot be said to come from elsewhere than its host has noted", async () => {
    const { security, reached } = await start();
    for (let n = 0; n < 7; n += 1) {
      const headers = { authorization: basic(`nobody${n}`, "a wrong guess"), accept: "application/json" };
      const request = new Request("http://localhost:3000/x", { headers });
      notePeer(request, { incoming: { socket: { remoteAddress: "203.0.113.9" } } });
      await security.check(request, "AUTH", { address: `198.51.100.${n}` });
    }
    expect(reached).toEqual(["203.0.113.9", "203.0.113.9"]);
  });
});

describe("the parameters of the path", () => {
  const headers = { authorization: basic("ann@acme.example", password) };

  it.each<[string, (security: Started, c: Context) => Decided]>([
    ["of the context", (security, c) => security.check(c, object("store", "sid")) as Decided],
    ["of a request that is handled", (security, c) => security.check(c.req.raw, object("store", "sid")) as Decided],
  ])("%s are there for rules", async (_what, ask) => {
    const { security } = await start();
    const app = security.app();
    app.get("/store/:sid", { authz: "OPEN" }, (c) => answer(ask(security, c)));
    expect((await call(app, "/store/7", { headers })).text).toBe("let in");
    expect((await call(app, "/store/8", { headers })).status).toBe(403);
  });

  it("can be said where no route knows them", async () => {
    const { security } = await start();
    const check = (sid: string) =>
      security.check(new Request("http://localhost:3000/", { headers }), object("store", "sid"), {
        address: "203.0.113.9",
        params: { sid },
      });
    expect((await check("7")).allowed).toBe(true);
    expect((await check("8")).allowed).toBe(false);
  });
});

describe("verifyPassword", () => {
  it("counts for the client's address where it is given the context", async () => {
    const { security } = await start();
    const app = security.app();
    app.get("/x", { authz: "OPEN" }, async (c) => c.text(String(await security.verifyPassword(undefined, "wrong", c))));
    const seen: number[] = [];
    for (let n = 0; n < 7; n += 1) seen.push((await call(app, "/x", { socket: "203.0.113.9" })).status);
    expect(seen).toEqual([200, 200, 200, 200, 200, 429, 429]);
  });
});
