import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setCookie } from "hono/cookie";
import { HTTPException } from "hono/http-exception";
import { allow, customGuard, fresh, httpAuthRequired, notFound, object, rolesRequired } from "portcullis";
import { serve } from "portcullis/node";
import { type ClientRequest, testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { browser, json, type Shop, type ShopOptions, shop, signedIn } from "./routes-shop.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
type Untyped = any;

const text = (c: { text(body: string): Response }): Response => c.text("reached");

/** Routes for every kind of refusal. */
function refusing(security: Shop["security"]): ReturnType<Shop["security"]["app"]> {
  const app = security.app();
  app.get("/auth", { authz: "AUTH" }, text);
  app.post("/auth", { authz: "AUTH" }, text);
  app.get("/admin", { authz: "admin" }, text);
  app.get("/gone", { authz: customGuard("gone", () => notFound) }, text);
  app.get("/stale", { authz: fresh({ within: 0, grace: 0 }) }, text);
  app.get("/number", { authz: "OPEN", params: z.object({ n: z.int(), q: z.string() }) }, text);
  app.get("/denied", { authz: "OPEN" }, (c) => c.text("denied"));
  return app;
}

describe("a script that takes anything", () => {
  it("gets the status and JSON where a browser is led to a page", async () => {
    const { security } = await shop();
    const app = refusing(security);
    const scripts = [
      { accept: "*/*", "sec-fetch-mode": "cors" },
      { accept: "*/*", "x-requested-with": "XMLHttpRequest" },
    ];
    for (const headers of scripts) {
      const closed = await testClient(app).get("/auth", { headers });
      expect([closed.status, closed.location, closed.json.code]).toEqual([401, null, "unauthenticated"]);
      const client = await signedIn(app);
      const stale = await client.get("/stale", { headers });
      expect([stale.status, stale.location, stale.json.reauth_required]).toEqual([401, null, true]);
    }
    const page = await testClient(app).get("/auth", { headers: { accept: "*/*", "sec-fetch-mode": "navigate" } });
    expect(page.status).toBe(302);
  });
});

describe("JSON", () => {
  it("is problem details with the members of RFC 9457, a stable code and the twins of account pages", async () => {
    const { security } = await shop();
    const app = refusing(security);
    const client = await signedIn(app);
    const problem = async (path: string, who = client, init: ClientRequest = { headers: json }): Promise<Untyped> => {
      const answer = await who.get(path, init);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.json.status).toBe(answer.status);
      expect(answer.json.meta).toEqual({ code: answer.status });
      expect(answer.json.response.errors).toEqual([answer.json.title]);
      expect(answer.json.type).toBe("about:blank");
      return answer.json;
    };
    expect(await problem("/auth", testClient(app) as typeof client)).toMatchObject({
      status: 401,
      code: "unauthenticated",
    });
    expect(await problem("/admin")).toMatchObject({ status: 403, code: "forbidden" });
    expect(await problem("/gone")).toMatchObject({ status: 404, code: "not_found" });
    expect(await problem("/nowhere")).toMatchObject({ status: 404, code: "not_found" });
    expect(await problem("/stale")).toMatchObject({
      status: 401,
      code: "reauthentication_required",
      reauth_required: true,
      has_webauthn_verify_credential: false,
      response: { reauth_required: true },
    });
    expect(await problem("/number?n=x&z=1")).toMatchObject({
      status: 400,
      code: "invalid_parameters",
      parameters: [
        { name: "n", code: "invalid" },
        { name: "z", code: "unexpected" },
        { name: "q", code: "missing" },
      ],
    });
    const csrf = await client.post("/auth", { csrf: false, headers: json });
    expect(csrf.json).toMatchObject({ status: 400, code: "csrf_missing", meta: { code: 400 } });
    const foreign = await client.post("/auth", { headers: { ...json, origin: "https://evil.example" } });
    expect(foreign.json).toMatchObject({ status: 400, code: "csrf_origin" });
  });

  it("does not tell outsiders what failed", async () => {
    const { security, log } = await shop();
    const client = await signedIn(refusing(security));
    expect((await client.get("/admin", { headers: json })).text).not.toContain("admin");
    expect(log.at(-1)?.details).toEqual({ route: "GET /admin", reason: "lacks the role admin" });
  });

  it.each<[string, Record<string, string>, boolean]>([
    ["JSON", { accept: "application/json" }, true],
    ["a +json type", { accept: "application/vnd.shop+json" }, true],
    ["JSON first", { accept: "application/json, text/plain, */*" }, true],
    ["JSON by q", { accept: "text/html;q=0.5, application/json" }, true],
    ["HTML by q", { accept: "text/html, application/json;q=0.9" }, false],
    ["a browser", { ...browser }, false],
    ["a JSON body", { "content-type": "application/json", accept: "text/html" }, true],
    ["a form", { "content-type": "application/x-www-form-urlencoded", accept: "text/html" }, false],
    ["nothing", {}, false],
    ["anything", { accept: "*/*" }, false],
  ])("is what a caller gets who accepts: %s", async (_, headers, wants) => {
    const { security } = await shop();
    const answer = await testClient(refusing(security)).get("/auth", { headers });
    expect([answer.status, answer.location]).toEqual(wants ? [401, null] : [302, "/login?next=%2Fauth"]);
  });
});

describe("pages", () => {
  it("send nobody to sign-in, with the way back only for what can be repeated", async () => {
    const { security } = await shop();
    const client = testClient(refusing(security));
    const turned = await client.get("/auth?a=b&c=%26", { headers: browser });
    expect([turned.status, turned.location]).toEqual([302, "/login?next=%2Fauth%3Fa%3Db%26c%3D%2526"]);
    expect(turned.headers.get("cache-control")).toBe("no-store");
    expect((await client.post("/auth", { headers: browser })).location).toBe("/login");
    const login = await client.get(turned.location ?? "", { headers: browser });
    expect(login.text).toContain("You need to sign in for this.");
    // The message is shown once.
    expect((await client.get("/login", { headers: browser })).text).not.toContain("You need to sign in for this.");
    const page = await client.get(turned.location ?? "", { headers: browser });
    const action = /action="([^"]+)"/.exec(page.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const form = { email: "employee@example.com", password: "password", csrf_token: client.csrfToken ?? "" };
    const done = await client.post(action, { form, headers: browser, csrf: false });
    expect([done.status, done.location]).toEqual([302, "/auth?a=b&c=%26"]);
  });

  it("say 403 and 404, with the headers of account pages", async () => {
    const { security } = await shop();
    const client = await signedIn(refusing(security));
    const forbidden = await client.get("/admin", { headers: browser });
    expect(forbidden.status).toBe(403);
    expect(forbidden.text).toContain("Your account does not have access to this.");
    expect(forbidden.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect((await client.get("/gone", { headers: browser })).status).toBe(404);
    expect((await client.get("/nowhere", { headers: browser })).text).toContain("There is nothing at this address.");
  });

  it("send a stale session to /verify and back", async () => {
    const { security, clock } = await shop();
    const app = security.app();
    app.get("/stale", { authz: fresh({ within: 5, grace: 0 }) }, text);
    const client = await signedIn(app);
    clock.now += 10 * 60_000;
    const turned = await client.get("/stale?x=1", { headers: browser });
    expect([turned.status, turned.location]).toEqual([302, "/verify?next=%2Fstale%3Fx%3D1"]);
    await client.get(turned.location ?? "", { headers: browser });
    const form = { password: "password", csrf_token: client.csrfToken ?? "" };
    const done = await client.post(turned.location ?? "", { form, headers: browser });
    expect(done.location).toBe("/stale?x=1");
    expect((await client.get("/stale?x=1", { headers: browser })).text).toBe("reached");
    // A token has no page to go to.
    clock.now += 10 * 60_000;
    const other = await signedIn(app);
    clock.now += 10 * 60_000;
    const stale = await testClient(app).get("/stale", { headers: { ...browser, "authentication-token": other.token } });
    expect(stale.status).toBe(401);
  });

  it("answer with a challenge where basic is accepted", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/x", { authz: httpAuthRequired() }, text);
    const answer = await testClient(app).get("/x", { headers: browser });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
    expect(answer.headers.get("www-authenticate")).toContain("Basic realm=");
  });

  it("go to the application's own page for 403, once", async () => {
    const { security } = await shop({ destinations: { unauthorized: "/denied" } });
    const app = refusing(security);
    const client = await signedIn(app);
    const turned = await client.get("/admin", { headers: browser });
    expect([turned.status, turned.location]).toEqual([302, "/denied"]);
    expect((await client.get("/admin", { headers: json })).status).toBe(403);
    // A page of one's own that is itself forbidden must not send the browser in circles.
    const looping = await shop({ destinations: { unauthorized: "/denied" } });
    const other = looping.security.app();
    other.get("/denied", { authz: "admin" }, text);
    expect((await (await signedIn(other)).get("/denied", { headers: browser })).status).toBe(403);
  });
});

describe("handlers of the application's own", () => {
  it("take the place of each answer, or leave it to the built-in one", async () => {
    const seen: string[] = [];
    const own = (name: string): Response => new Response(name, { status: 418 });
    const { security } = await shop({
      handlers: {
        unauthenticated: (rq, verdict) => {
          seen.push(`${rq.route.label} ${verdict.schemes.join()}`);
          return rq.url.search === "" ? own("unauthenticated") : undefined;
        },
        unauthorized: async (_rq, verdict) => own(`unauthorized ${verdict.reason}`),
        reauthenticate: () => own("reauthenticate"),
        renderJson: (body, status) => Response.json({ mine: body.response }, { status }),
        renderProblem: (problem) => (problem.code === "not_found" ? own(problem.code) : undefined),
        wantsJson: (rq) => rq.header("x-json") !== undefined || rq.header("content-type") !== undefined,
      },
    });
    const app = refusing(security);
    const client = testClient(app);
    await client.signIn("employee@example.com", "password");
    expect((await testClient(app).get("/auth")).text).toBe("unauthenticated");
    expect((await testClient(app).get("/auth?x", { headers: browser })).location).toBe("/login?next=%2Fauth%3Fx");
    expect(seen).toEqual(["GET /auth token,session", "GET /auth token,session"]);
    expect((await client.get("/admin")).text).toBe("unauthorized lacks the role admin");
    expect((await client.post("/auth", { csrf: false })).text).toBe("unauthorized CSRF_MISSING");
    expect((await client.get("/stale")).text).toBe("reauthenticate");
    const jsonly = { headers: { "x-json": "1" } };
    expect((await client.get("/gone", jsonly)).text).toBe("not_found");
    expect((await client.get("/number", jsonly)).json.code).toBe("invalid_parameters");
    expect((await testClient(app).get("/login", jsonly)).json.mine.csrf_token).toMatch(/./);
    // Who is not to be answered in JSON gets a page, whatever they accept.
    expect((await client.get("/number")).text).toContain("<!doctype html>");
    expect((await client.get("/number", { headers: json })).text).toContain("<!doctype html>");
  });

  it("are told why as data, and a 401 of theirs keeps its challenge (RFC 9110 15.5.2)", async () => {
    const told: unknown[] = [];
    const answered = (verdict: object, status: number, headers = {}): Response => {
      told.push(verdict);
      return Response.json({ own: true }, { status, headers });
    };
    const { security } = await shop({
      handlers: {
        unauthenticated: (rq, verdict) =>
          answered(verdict, rq.path === "/other" ? 404 : 401, rq.path === "/own" ? { "www-authenticate": "Own" } : {}),
        unauthorized: (_rq, verdict) => answered(verdict, 403),
        reauthenticate: (_rq, verdict) => answered(verdict, 401),
      },
    });
    const app = refusing(security);
    for (const path of ["/basic", "/own", "/other"]) app.get(path, { authz: httpAuthRequired("Shop") }, text);
    app.get("/lately", { authz: fresh({ within: 5, grace: 0.5 }) }, text);
    app.get("/store/:sid{int}", { authz: object("store", "sid", "owner") }, text);
    const challenge = 'Basic realm="Shop", charset="UTF-8"';
    const nobody = testClient(app);
    const sent = async (path: string) => {
      const answer = await nobody.get(path, { headers: json });
      return [answer.status, answer.headers.get("www-authenticate"), answer.json.own];
    };
    expect(await sent("/basic")).toEqual([401, challenge, true]);
    expect(await sent("/own")).toEqual([401, "Own", true]);
    expect(await sent("/other")).toEqual([404, null, true]);
    expect(told[0]).toMatchObject({ kind: "unauthenticated", headers: { "www-authenticate": challenge } });
    const client = await signedIn(app);
    told.length = 0;
    for (const path of ["/admin", "/store/2", "/stale"]) await client.get(path, { headers: json });
    expect(told).toMatchObject([
      { kind: "forbidden", lacking: { kind: "role", names: ["admin"], any: false }, headers: {} },
      { kind: "forbidden", lacking: { kind: "object", object: "store", mode: "owner" } },
      { kind: "stale", within: 0, grace: 0 },
    ]);
    expect((await client.get("/lately", { headers: json })).status).toBe(200);
  });

  it("close the request when they fail", async () => {
    const fail = (): never => {
      throw new Error("mine");
    };
    const { security } = await shop({
      handlers: { unauthenticated: fail, unauthorized: fail, reauthenticate: fail, renderProblem: fail },
    });
    const app = refusing(security);
    app.onError((error, c) => c.text(error.message, 500));
    const client = await signedIn(app);
    for (const path of ["/admin", "/stale", "/gone"]) {
      expect([path, (await client.get(path, { headers: json })).text]).toEqual([path, "mine"]);
    }
    expect((await testClient(app).get("/auth")).text).toBe("mine");
  });
});

describe("what handlers answer", () => {
  it("is kept out of caches where it is somebody's, unless the handler says otherwise", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/open", { authz: "OPEN" }, (c) => c.text("x"));
    app.get("/auth", { authz: "AUTH" }, (c) => c.text("x"));
    app.get("/cached", { authz: "AUTH" }, (c) => c.text("x", 200, { "cache-control": "private, max-age=60" }));
    app.get("/bag", { authz: "OPEN" }, (c) => {
      c.var.session.set("cart", ["pen"]);
      return c.text("x", 200, { "cache-control": "public, max-age=60" });
    });
    const client = await signedIn(app);
    const control = async (who: ReturnType<typeof testClient>, path: string): Promise<string | null> =>
      (await who.get(path)).headers.get("cache-control");
    expect(await control(testClient(app), "/open")).toBeNull();
    expect(await control(client, "/open")).toBe("no-store");
    expect(await control(client, "/auth")).toBe("no-store");
    expect(await control(client, "/cached")).toBe("private, max-age=60");
    // The visitor's new session goes out with it.
    expect(await control(testClient(app), "/bag")).toBe("no-store");
  });

  it("takes cookies along also when its headers can't be changed, and keeps its own", async () => {
    const upstream = createServer((_request, response) => {
      response.setHeader("set-cookie", "up=1");
      response.setHeader("cache-control", "public");
      response.end("from upstream");
    });
    await new Promise<void>((resolve) => upstream.listen(0, resolve));
    onTestFinished(() => void upstream.close());
    const url = `http://localhost:${(upstream.address() as AddressInfo).port}/`;
    const { security } = await shop();
    const app = security.app();
    app.get("/proxy", { authz: "OPEN" }, (c) => {
      c.var.session.set("cart", []);
      return fetch(url);
    });
    app.get("/away", { authz: "OPEN" }, (c) => {
      c.var.session.set("cart", []);
      return Response.redirect("https://acme.example/", 303);
    });
    app.get("/own", { authz: "OPEN" }, (c) => {
      c.var.session.set("cart", []);
      setCookie(c, "mine", "1");
      return c.text("x");
    });
    app.get("/flash", { authz: "OPEN" }, (c) => {
      c.var.session.flash("info", "hello");
      return c.body(null, 204);
    });
    const names = async (path: string): Promise<(string | undefined)[]> => {
      const answer = await app.request(path);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      return answer.headers.getSetCookie().map((cookie) => cookie.split("=")[0]);
    };
    expect(await names("/proxy")).toEqual(["up", "__Host-session"]);
    expect(await (await app.request("/proxy")).text()).toBe("from upstream");
    expect(await names("/away")).toEqual(["__Host-session"]);
    expect((await app.request("/away")).headers.get("location")).toBe("https://acme.example/");
    expect(await names("/own")).toEqual(["mine", "__Host-session"]);
    expect(await names("/flash")).toEqual(["__Host-flash"]);
  });

  it("may be a stream", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/x", { authz: "AUTH" }, (c) => {
      const parts = ["one ", "two ", "three"];
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          const part = parts.shift();
          if (part === undefined) controller.close();
          else controller.enqueue(new TextEncoder().encode(part));
        },
      });
      c.var.session.flash("info", "streamed");
      return c.body(stream);
    });
    const answer = await (await signedIn(app)).get("/x");
    expect(answer.text).toBe("one two three");
    expect(answer.headers.getSetCookie()).toHaveLength(1);
  });

  it("goes to the application's error handler when it throws, sooner or later", async () => {
    const { security } = await shop();
    const app = security.app();
    app.onError((error, c) => c.text(`mine: ${error.message}`, 500));
    app.get("/now", { authz: "AUTH" }, () => {
      throw new Error("now");
    });
    app.get("/later", { authz: "AUTH" }, async () => Promise.reject(new Error("later")));
    const { OverloadedError } = await import("portcullis");
    app.get("/busy", { authz: "AUTH" }, () => {
      throw new OverloadedError("x", 3);
    });
    app.get("/busy/later", { authz: "AUTH" }, async () => Promise.reject(new OverloadedError("x", 3)));
    const plain = security.app();
    plain.get("/teapot", { authz: "OPEN" }, () => {
      throw new HTTPException(418, { message: "teapot" });
    });
    const client = await signedIn(app);
    for (const path of ["/now", "/later"]) {
      const answer = await client.get(path);
      expect([answer.status, answer.text, answer.headers.get("cache-control")]).toEqual([
        500,
        `mine: ${path.slice(1)}`,
        "no-store",
      ]);
    }
    // The same error is treated alike, whenever it is thrown.
    expect((await client.get("/busy")).text).toBe((await client.get("/busy/later")).text);
    expect((await testClient(plain).get("/teapot")).status).toBe(418);
  });

  it("brings the renewed remember credential to the browser also when it throws", async () => {
    const { security, clock } = await shop();
    const app = security.app();
    app.onError((_error, c) => c.text("failed", 500));
    app.get("/now", { authz: "AUTH" }, () => {
      throw new Error("now");
    });
    app.get("/later", { authz: "AUTH" }, async () => Promise.reject(new Error("later")));
    app.get("/x", { authz: "AUTH" }, text);
    for (const path of ["/now", "/later"]) {
      const client = testClient(app);
      await client.signIn("employee@example.com", "password", { remember: true });
      client.cookies.delete("__Host-session");
      const before = client.cookies.get("__Host-remember");
      expect((await client.get(path)).status).toBe(500);
      expect(client.cookies.get("__Host-remember")).not.toBe(before);
      expect(client.cookies.has("__Host-session")).toBe(true);
      clock.now += 60_000;
      client.cookies.delete("__Host-session");
      expect((await client.get("/x")).text).toBe("reached");
    }
  });
});

describe("a warm request", () => {
  it("is answered without a single await", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/role", { authz: "employee", params: z.object({ q: z.string().default("x") }) }, (c, { q }) =>
      c.json({ q, email: c.var.user.email }),
    );
    app.get("/store/:sid", { authz: object("store", "sid"), params: z.object({ sid: z.int() }) }, (c, { sid }) =>
      c.json(sid),
    );
    app.get("/admin", { authz: rolesRequired("admin") }, text);
    const client = await signedIn(app);
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers: Record<string, string>[] = [{ cookie }, { "authentication-token": client.token }];
    for (const header of headers) {
      await client.get("/role", { headers: header });
      for (const path of ["/role", "/role?q=y", "/store/1"]) {
        const answer = app.fetch(new Request(`http://localhost:3000${path}`, { headers: header }));
        expect(answer).toBeInstanceOf(Response);
        expect((answer as Response).status).toBe(200);
      }
    }
    const before = security.cacheStats().session;
    app.fetch(new Request("http://localhost:3000/role", { headers: { cookie } }));
    expect(security.cacheStats().session.hits).toBe(before.hits + 1);
    expect(security.cacheStats().session.misses).toBe(before.misses);
    // Nobody is found out without an await too.
    expect(app.fetch(new Request("http://localhost:3000/login"))).toBeInstanceOf(Promise);
  });
});

describe("the client's address", () => {
  async function addressSeen(
    options: Partial<ShopOptions>,
    headers: Record<string, string>,
  ): Promise<string | undefined> {
    let seen: string | undefined;
    const { security } = await shop(options);
    const app = security.app();
    const guard = customGuard("sees the address", (rq) => {
      seen = rq.address;
      return allow;
    });
    app.get("/x", { authz: guard }, text);
    const server = await serve(app, { port: 0, hostname: "127.0.0.1" });
    await fetch(`${server.url}/x`, { headers });
    await server.close();
    return seen;
  }

  it("is the socket's, unless proxies are declared [ASVS 15.3.4]", async () => {
    const forwarded = {
      "x-forwarded-for": "203.0.113.9, 198.51.100.7",
      "x-real-ip": "203.0.113.9",
      forwarded: "for=203.0.113.9",
    };
    expect(await addressSeen({}, forwarded)).toBe("127.0.0.1");
    expect(await addressSeen({ trustedProxies: { hops: 1 } }, forwarded)).toBe("198.51.100.7");
    expect(await addressSeen({ trustedProxies: ["127.0.0.0/8"] }, forwarded)).toBe("198.51.100.7");
    expect(await addressSeen({ trustedProxies: ["10.0.0.0/8"] }, forwarded)).toBe("127.0.0.1");
  });
});
