import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import { describe, expect, it, onTestFinished } from "vitest";
import { browser, json, openShop, type Shop, type ShopOptions, signedIn } from "../tests/http/routes-shop.ts";
import { anyOf, authTokenRequired, fresh, httpAuthRequired, object, PortcullisError } from "./index.ts";
import { testClient } from "./testing/client.ts";

async function shop(options?: Partial<ShopOptions>): Promise<Shop> {
  const opened = await openShop(options);
  onTestFinished(() => opened.security.close());
  return opened;
}

describe("security.guard in a plain Hono application", () => {
  it("guards, says who is calling, and leaves other routes alone", async () => {
    const { security, clock } = await shop();
    const hono = new Hono();
    hono.route("/", security.accounts());
    hono.get("/plain", (c) => c.text("plain"));
    hono.get("/auth", security.guard("AUTH"), (c) => c.json({ email: c.var.user.email, via: c.var.identity.via }));
    hono.get("/admin", security.guard("admin"), (c) => c.text("reached"));
    hono.get("/open", security.guard("OPEN"), (c) => c.json(c.var.user));
    hono.get("/stale", security.guard(fresh({ within: 5, grace: 0 })), (c) => c.text("reached"));
    hono.get("/basic", security.guard(httpAuthRequired("Staff")), (c) => c.text("reached"));
    const client = await signedIn(hono);
    const nobody = testClient(hono);
    expect((await nobody.get("/plain")).text).toBe("plain");
    expect((await nobody.get("/auth", { headers: json })).json.code).toBe("unauthenticated");
    expect((await nobody.get("/auth", { headers: browser })).location).toBe("/login?next=%2Fauth");
    expect((await nobody.get("/open")).text).toBe("null");
    expect((await nobody.get("/basic", { headers: json })).headers.get("www-authenticate")).toContain('realm="Staff"');
    const mine = await client.get("/auth");
    expect(mine.json).toEqual({ email: "employee@example.com", via: "session" });
    expect(mine.headers.get("cache-control")).toBe("no-store");
    expect((await client.get("/admin", { headers: json })).status).toBe(403);
    expect((await client.get("/nowhere")).status).toBe(404);
    // Without a schema the identifier is text; the rule knows the number only.
    expect(() => security.guard(object("store", "sid"))).toThrow(/the rule of "store" would be handed text/);
    clock.now += 10 * 60_000;
    expect((await client.get("/stale", { headers: browser })).location).toBe("/verify?next=%2Fstale");
  });

  it("asks for the CSRF token, and leaves the body to the handler", async () => {
    const { security } = await shop();
    const hono = new Hono();
    hono.route("/", security.accounts());
    hono.post("/form", security.guard("AUTH"), async (c) => c.json(await c.req.parseBody()));
    hono.post("/json", security.guard("AUTH"), async (c) => c.json(await c.req.json()));
    const client = await signedIn(hono);
    expect((await client.post("/form", { form: { a: "1" }, csrf: false, headers: json })).json.code).toBe(
      "csrf_missing",
    );
    const token = client.csrfToken ?? "";
    expect((await client.post("/form", { form: { a: "1", csrf_token: token }, csrf: false })).json).toEqual({
      a: "1",
      csrf_token: token,
    });
    expect((await client.post("/json", { json: { a: 1 } })).json).toEqual({ a: 1 });
  });

  it("sends the session's cookies with whatever the handler answers", async () => {
    const { security } = await shop();
    const hono = new Hono();
    const bag = security.guard("OPEN");
    hono.get("/own", bag, (c) => {
      setCookie(c, "mine", "1");
      c.var.session.set("cart", []);
      return c.text("x");
    });
    hono.get("/fixed", bag, (c) => {
      c.var.session.set("cart", []);
      const answer = Response.redirect("http://localhost:3000/x");
      return answer;
    });
    hono.get("/fetched", bag, async (c) => {
      c.var.session.set("cart", []);
      return fetch("data:text/plain,fetched");
    });
    for (const [path, names] of [
      ["/own", ["mine", "__Host-session"]],
      ["/fixed", ["__Host-session"]],
      ["/fetched", ["__Host-session"]],
    ] as const) {
      const answer = await hono.request(path);
      expect(answer.headers.getSetCookie().map((cookie) => cookie.split("=")[0])).toEqual(names);
      expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });

  it("keeps cookies of its own beside those of a response that can't be changed", async () => {
    const { security } = await shop();
    const upstream = createServer((_request, response) => {
      response.setHeader("set-cookie", "up=1");
      response.setHeader("cache-control", "public");
      response.end("from upstream");
    });
    await new Promise<void>((resolve) => upstream.listen(0, resolve));
    onTestFinished(() => void upstream.close());
    const url = `http://localhost:${(upstream.address() as AddressInfo).port}/`;
    const hono = new Hono();
    hono.get("/x", security.guard("OPEN"), (c) => {
      c.var.session.set("cart", []);
      return fetch(url);
    });
    const answer = await hono.request("/x");
    expect(answer.headers.getSetCookie().map((cookie) => cookie.split("=")[0])).toEqual(["up", "__Host-session"]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("hands errors of the handler to the application", async () => {
    const { security } = await shop();
    const hono = new Hono();
    hono.onError((error, c) => c.text(`mine: ${error.message}`, 500));
    hono.get("/x", security.guard("OPEN"), () => {
      throw new Error("x");
    });
    expect(await (await hono.request("/x")).text()).toBe("mine: x");
  });
});

describe("security.check on a plain request", () => {
  it("says who may, or what to answer", async () => {
    const { security } = await shop();
    const client = await signedIn(security.app());
    const request = (headers: Record<string, string> = {}, method = "GET"): Request =>
      new Request("http://localhost:3000/x", { method, headers });
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");

    const refused = await security.check(request(json), "AUTH");
    if (refused.allowed) throw new Error("was allowed");
    expect(refused.response.status).toBe(401);
    expect(await refused.response.json()).toMatchObject({ code: "unauthenticated" });

    const page = await security.check(request(browser), "AUTH");
    if (page.allowed) throw new Error("was allowed");
    expect(page.response.headers.get("location")).toBe("/login?next=%2Fx");
    expect(page.response.headers.getSetCookie()[0]).toContain("__Host-flash=");

    const allowed = await security.check(request({ cookie }), "employee");
    if (!allowed.allowed) throw new Error("was refused");
    expect(allowed.user.email).toBe("employee@example.com");
    expect(allowed.identity.via).toBe("session");
    expect(allowed.cookies).toEqual([]);

    const openly = await security.check(request(), "OPEN");
    expect(openly).toEqual({ allowed: true, user: null, identity: null, cookies: [] });

    const forbidden = await security.check(request({ cookie, ...json }), "admin");
    expect(forbidden.allowed ? 200 : forbidden.response.status).toBe(403);
    const byToken = await security.check(request({ "authentication-token": client.token }), authTokenRequired());
    expect(byToken.allowed).toBe(true);
    const closed = await security.check(request({ cookie }), "CLOSE");
    expect(closed.allowed).toBe(false);
    // There are no parameters to take the object from.
    const noObject = security.check(request({ cookie, ...json }), object("store", "sid"));
    await expect(noObject).rejects.toThrow(/the rule of "store" would be handed text/);
  });

  it("asks an unsafe request for its CSRF token and brings renewed credentials", async () => {
    const { security } = await shop();
    const app = security.app();
    const client = testClient(app);
    await client.signIn("employee@example.com", "password", { remember: true });
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const post = (headers: Record<string, string>): Request =>
      new Request("http://localhost:3000/x", { method: "POST", headers: { ...json, cookie, ...headers } });
    const missing = await security.check(post({}), "AUTH");
    expect(missing.allowed ? undefined : await missing.response.json()).toMatchObject({ code: "csrf_missing" });
    const good = await security.check(post({ "x-csrf-token": client.csrfToken ?? "" }), "AUTH");
    expect(good.allowed).toBe(true);
    const remember = `__Host-remember=${client.cookies.get("__Host-remember")}`;
    const restored = await security.check(
      new Request("http://localhost:3000/x", { headers: { cookie: remember } }),
      "AUTH",
    );
    expect(restored.allowed ? restored.cookies.map((one) => one.split("=")[0]) : []).toEqual([
      "__Host-remember",
      "__Host-session",
    ]);
  });
});

describe("what pages of the application's own use", () => {
  it("csrfField and csrfToken make forms that pass", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/form", { authz: "AUTH" }, (c) => c.html(security.csrfField(c)));
    app.get("/token", { authz: "AUTH" }, (c) => c.text(security.csrfToken(c)));
    app.post("/form", { authz: "AUTH" }, (c) => c.text("done"));
    const client = await signedIn(app);
    const field = (await client.get("/form")).text;
    expect(field).toMatch(/^<input type="hidden" name="csrf_token" value="[\w.-]+">$/);
    const form = { csrf_token: /value="([^"]+)"/.exec(field)?.[1] ?? "" };
    expect((await client.post("/form", { form, csrf: false })).text).toBe("done");
    const token = (await client.get("/token")).text;
    expect((await client.post("/form", { headers: { "x-xsrf-token": token }, csrf: false })).text).toBe("done");
    expect((await client.post("/form", { form: { csrf_token: "x" }, csrf: false, headers: json })).status).toBe(400);
  });

  it("signOutButton signs out, and is missing where the feature is", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/x", { authz: "AUTH" }, (c) => c.html(security.signOutButton(c, "Bye <now>") ?? "none"));
    const client = await signedIn(app);
    const button = (await client.get("/x", { headers: browser })).text;
    expect(button).toContain("Bye &lt;now&gt;");
    const action = /action="([^"]+)"/.exec(button)?.[1] ?? "";
    await client.post(action, { form: { csrf_token: client.csrfToken ?? "" }, csrf: false, headers: browser });
    expect((await client.get("/x", { headers: json })).status).toBe(401);
    const bare = await shop({ features: [] });
    const other = bare.security.app();
    other.get("/x", { authz: "OPEN" }, (c) => c.html(bare.security.signOutButton(c) ?? "none"));
    // Without a sign-in page there is nowhere to send a browser.
    other.get("/in", { authz: "AUTH" }, (c) => c.text(""));
    expect((await testClient(other).get("/in", { headers: browser })).status).toBe(401);
    expect((await testClient(other).get("/x")).text).toBe("none");
    expect((await testClient(other).get("/login")).status).toBe(404);
  });

  it("page puts content into the frame of the account pages, with messages shown once", async () => {
    const { security } = await shop();
    const app = security.app();
    const { html } = await import("./views/index.ts");
    app.get("/flash", { authz: "OPEN" }, (c) => {
      c.var.session.flash("info", "Saved <b>");
      return c.redirect("/page");
    });
    app.get("/page", { authz: "OPEN" }, (c) =>
      security.page(c, { title: "Stores & more", content: html`<p id="mine">mine</p>`, status: 201 }),
    );
    const client = testClient(app);
    await client.get("/flash");
    const page = await client.get("/page");
    expect(page.status).toBe(201);
    expect(page.text).toContain('<p id="mine">mine</p>');
    expect(page.text).toContain("Stores &amp; more");
    expect(page.text).toContain("Saved &lt;b&gt;");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect((await client.get("/page")).text).not.toContain("Saved");
  });

  it("say so where no guard came before them", async () => {
    const { security } = await shop();
    const hono = new Hono();
    hono.onError((error, c) => c.text(error instanceof PortcullisError ? error.code : "other", 500));
    hono.get("/x", (c) => c.text(security.csrfToken(c)));
    expect(await (await hono.request("/x")).text()).toBe("no_request");
  });
});

it("offers every way in where any of several would do", async () => {
  const { security } = await shop();
  const decision = await security.check(
    new Request("http://localhost:3000/x", { headers: browser }),
    anyOf(authTokenRequired(), httpAuthRequired()),
  );
  if (decision.allowed) throw new Error("was allowed");
  expect(decision.response.headers.get("www-authenticate")).toContain("Basic");
});
