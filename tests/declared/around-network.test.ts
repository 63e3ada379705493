// What a request says of where it comes from: CORS, plain HTTP; and what developers are told.
import { object, portcullis, type SecurityOptions } from "portcullis";
import { passwords } from "portcullis/features";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { basic, basics, password, plant } from "./system.ts";

type Line = readonly [string, Readonly<Record<string, unknown>> | undefined];

async function start(options: Partial<SecurityOptions>) {
  const log: Line[] = [];
  const security = await portcullis({
    ...basics(),
    features: [passwords()],
    authn: ["basic"],
    roles: ["admin"],
    objects: { shop: (_user, id: number) => (id === 404 ? undefined : id === 1) },
    log: (message: string, details?: Readonly<Record<string, unknown>>) => void log.push([message, details]),
    ...(options as object),
  });
  onTestFinished(() => security.close());
  await plant(security as never);
  const app = security.app();
  app.on(["GET", "POST"], "/ok", { authz: "OPEN" }, (c) => c.text("ok"));
  app.get("/me", { authz: "AUTH" }, (c) => c.json({ email: c.var.user.email }));
  app.get("/admin", { authz: "admin" }, (c) => c.text("admin"));
  app.get("/shop/:id", { authz: object("shop", "id"), params: z.object({ id: z.int() }) }, (c) => c.text("shop"));
  app.get("/typed", { authz: "OPEN", params: { a: z.int() } }, (c) => c.text("typed"));
  app.get("/says", { authz: "OPEN" }, (c) => {
    c.header("access-control-allow-origin", "*");
    c.header("access-control-allow-credentials", "true");
    c.header("vary", "Accept");
    return c.text("says");
  });
  app.get("/throws", { authz: "OPEN" }, () => {
    throw new Error("broken");
  });
  const send = async (
    url: string,
    init: { method?: string; headers?: Record<string, string>; socket?: object | null } = {},
  ): Promise<Response> => {
    const { socket = { remoteAddress: "127.0.0.1" }, ...rest } = init;
    const request = new Request(url, { ...rest, headers: { accept: "application/json", ...rest.headers } });
    return app.fetch(request, socket === null ? {} : { incoming: { socket } });
  };
  return { app, log, send, security };
}

const at = (path: string): string => `http://localhost:3000${path}`;
const ann = { authorization: basic("ann@acme.example", password) };

describe("CORS", () => {
  const origin = "https://app.example";
  const question = { "access-control-request-method": "POST", "access-control-request-headers": "content-type" };
  const allowed = (response: Response): string | null => response.headers.get("access-control-allow-origin");

  it("says nothing where the option is not given", async () => {
    const { send } = await start({});
    const answer = await send(at("/ok"), { headers: { origin } });
    expect([allowed(answer), answer.headers.get("vary")]).toEqual([null, null]);
    const asked = await send(at("/ok"), { method: "OPTIONS", headers: { origin, ...question } });
    expect([asked.status, allowed(asked)]).toEqual([405, null]);
  });

  it("lets scripts of exactly the listed origins read every answer", async () => {
    const { send } = await start({ cors: { origins: [origin], expose: ["X-Total"] } });
    for (const path of ["/ok", "/me", "/nowhere", "/throws", "/login"]) {
      const answer = await send(at(path), { headers: { origin } });
      expect([path, allowed(answer)]).toEqual([path, origin]);
      expect(answer.headers.get("access-control-expose-headers")).toBe("Retry-After, WWW-Authenticate, X-Total");
      expect(answer.headers.get("access-control-allow-credentials")).toBe(null);
      expect(answer.headers.get("vary")).toMatch(/\bOrigin\b/);
    }
    const others = [
      ...[
        "https://app.example.evil.example",
        "https://sub.app.example",
        "http://app.example",
        "https://app.example:444",
      ],
      ...["https://APP.example", "https://app.example/", "null", "*", "https://app.example, https://evil.example", ""],
    ];
    for (const other of others) {
      const answer = await send(at("/ok"), { headers: { origin: other } });
      expect([other, allowed(answer), answer.headers.get("vary")]).toEqual([other, null, "Origin"]);
    }
    const none = await send(at("/ok"));
    expect([allowed(none), none.headers.get("vary")]).toEqual([null, "Origin"]);
  });

  it("answers the question before a request, and only for those", async () => {
    const { send } = await start({
      cors: { origins: [origin], methods: ["GET", "POST"], headers: ["X-A"], maxAge: 5 },
    });
    const answer = await send(at("/me"), { method: "OPTIONS", headers: { origin, ...question } });
    expect([answer.status, await answer.text(), allowed(answer)]).toEqual([204, "", origin]);
    expect(answer.headers.get("access-control-allow-methods")).toBe("GET, POST");
    const always = "Accept, Authorization, Content-Type, X-CSRF-Token, X-XSRF-Token, X-CSRFToken, Authentication-Token";
    expect(answer.headers.get("access-control-allow-headers")).toBe(`${always}, X-A`);
    expect(answer.headers.get("access-control-max-age")).toBe("5");
    const other = await send(at("/me"), {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", ...question },
    });
    expect([other.status, allowed(other), other.headers.get("access-control-allow-methods")]).toEqual([
      405,
      null,
      null,
    ]);
    const plain = await send(at("/me"), { method: "OPTIONS", headers: { origin } });
    expect(plain.status).toBe(405);
  });

  it("allows the headers of our own client under the names that the options give them", async () => {
    const { send } = await start({
      cors: { origins: [origin], headers: ["accept", "X-Mine"], expose: ["retry-after"] },
      csrf: { header: "X-Mine" },
      tokens: { header: "X-Token" },
    });
    const answer = await send(at("/me"), { method: "OPTIONS", headers: { origin, ...question } });
    const names = (answer.headers.get("access-control-allow-headers") ?? "").toLowerCase().split(", ");
    expect(names).toEqual(expect.arrayContaining(["x-csrf-token", "x-mine", "x-token", "accept"]));
    expect(new Set(names).size).toBe(names.length);
    expect(names).not.toContain("authentication-token");
    const exposed = (await send(at("/ok"), { headers: { origin } })).headers.get("access-control-expose-headers");
    expect(exposed?.toLowerCase()).toBe("retry-after, www-authenticate");
  });

  it("with cookies only where the option says so, and a handler can say no more", async () => {
    const { send } = await start({ cors: { origins: [origin], credentials: true } });
    const answer = await send(at("/ok"), { headers: { origin } });
    expect([allowed(answer), answer.headers.get("access-control-allow-credentials")]).toEqual([origin, "true"]);
    const asked = await send(at("/ok"), { method: "OPTIONS", headers: { origin, ...question } });
    expect(asked.headers.get("access-control-allow-credentials")).toBe("true");
    const evil = await send(at("/says"), { headers: { origin: "https://evil.example" } });
    expect([allowed(evil), evil.headers.get("access-control-allow-credentials")]).toEqual([null, null]);
    expect(evil.headers.get("vary")).toBe("Accept, Origin");
  });

  it("does not open what the check of origins closes: a change by cookie from a listed origin", async () => {
    const { app } = await start({ cors: { origins: [origin], credentials: true }, authn: ["session"] });
    app.post("/change", { authz: "AUTH" }, (c) => c.text("changed"));
    const signedIn = await app.request(at("/login"), {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ email: "ann@acme.example", password }),
    });
    const cookie = signedIn.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
    const headers = { cookie, origin, accept: "application/json", "sec-fetch-site": "cross-site" };
    const answer = await app.request(at("/change"), { method: "POST", headers });
    expect([answer.status, (await answer.json()).code, allowed(answer)]).toEqual([400, "csrf_origin", origin]);
    const ours = { ...headers, origin: "http://localhost:3000", "sec-fetch-site": "same-origin" };
    const fromOurs = await app.request(at("/change"), { method: "POST", headers: ours });
    expect((await fromOurs.json()).code).toBe("csrf_missing");
  });

  it.each<[string, unknown, RegExp]>([
    ["all", { origins: ["*"] }, /^cors\.origins\[0\]: each origin must be written out/],
    ["all, as a word", { origins: "*" }, /^cors\.origins: a list/],
    ["a pattern", { origins: [origin, "https://*.example"] }, /^cors\.origins\[1\]: each origin/],
    ["null", { origins: ["null"] }, /^cors\.origins\[0\]: each origin/],
    ["a path", { origins: ["https://app.example/x"] }, /^cors\.origins\[0\]: .*origin/],
    ["none", { origins: [] }, /^cors\.origins: a list/],
    ["all methods", { origins: [origin], methods: ["*"] }, /^cors\.methods\[0\]: each must be written out/],
    ["all headers", { origins: [origin], headers: ["*"] }, /^cors\.headers\[0\]: each/],
    ["a line break", { origins: [origin], expose: ["a\r\nb"] }, /^cors\.expose\[0\]: each/],
    ["a word for credentials", { origins: [origin], credentials: "yes" }, /^cors\.credentials: true or false/],
    ["an unknown option", { origins: [origin], origin }, /^cors\.origin: unknown option/],
    ["a long memory", { origins: [origin], maxAge: 1e9 }, /^cors\.maxAge: seconds/],
  ])("refuses to start with %s", async (_what, cors, message) => {
    await expect(start({ cors: cors as never })).rejects.toThrow(message);
  });
});

describe("plain HTTP", () => {
  const origins = ["https://acme.example", "https://shop.example:8443"];
  const far = { remoteAddress: "203.0.113.9" };

  it("is refused off this machine by default where all origins are https [ASVS 4.1.2]", async () => {
    const { send, log } = await start({ origins });
    for (const path of ["/ok", "/login", "/nowhere"]) {
      const answer = await send(`http://acme.example${path}`, { socket: far });
      expect([path, answer.status, (await answer.json()).code]).toEqual([path, 421, "insecure_transport"]);
    }
    expect((await send("http://acme.example/ok", { method: "POST", socket: far })).status).toBe(421);
    expect(log.some(([message]) => message === "a request over plain HTTP was refused")).toBe(true);
    // The Host says nothing of where a request comes from.
    expect((await send("http://localhost/ok", { socket: far })).status).toBe(421);
    expect(
      (await send("http://acme.example/ok", { socket: far, headers: { "x-forwarded-proto": "https" } })).status,
    ).toBe(421);
  });

  it.each<[string, object | null, string]>([
    ["over TLS", { ...far, encrypted: true }, "https://acme.example/ok"],
    ["from this machine", { remoteAddress: "127.0.0.1" }, "http://acme.example/ok"],
    ["from this machine by IPv6", { remoteAddress: "::1" }, "http://acme.example/ok"],
    ["from this machine, mapped", { remoteAddress: "::ffff:127.0.0.1" }, "http://acme.example/ok"],
    ["by a socket in the file system", { server: { address: () => "/run/acme" } }, "http://acme.example/ok"],
    ["by a host without sockets over https", null, "https://acme.example/ok"],
    ["by a host without sockets on this machine", null, "http://localhost:3000/ok"],
  ])("is not %s", async (_what, socket, url) => {
    const { send } = await start({ origins });
    expect((await send(url, { socket })).status).toBe(200);
  });

  it("is what a connection that has lost its address came by", async () => {
    const { send } = await start({ origins });
    const lost = { server: { listening: true, address: () => ({ address: "0.0.0.0", port: 80 }) } };
    for (const socket of [{}, lost]) {
      expect((await send("http://acme.example/ok", { socket })).status).toBe(421);
      expect((await send("https://acme.example/ok", { socket })).status).toBe(421);
      const encrypted = await send("https://acme.example/ok", { socket: { ...socket, encrypted: true } });
      expect([encrypted.status, (await encrypted.json()).code]).toEqual([400, "no_client_address"]);
    }
  });

  it("is told by declared proxies alone", async () => {
    const proxy = { remoteAddress: "10.0.0.1" };
    for (const trustedProxies of [["10.0.0.0/8"], { hops: 1 }] as const) {
      const { send } = await start({ origins, trustedProxies });
      const by = (said: string | undefined, socket: object) =>
        send("http://acme.example/ok", { socket, headers: said === undefined ? {} : { "x-forwarded-proto": said } });
      expect((await by("https", proxy)).status).toBe(200);
      expect((await by("https, http", proxy)).status).toBe(200);
      expect((await by("HTTPS", proxy)).status).toBe(200);
      expect((await by("http", proxy)).status).toBe(421);
      expect((await by(undefined, proxy)).status).toBe(421);
    }
    const { send } = await start({ origins, trustedProxies: ["127.0.0.1"] });
    const local = (said: string | undefined) =>
      send("http://acme.example/ok", { headers: said === undefined ? {} : { "x-forwarded-proto": said } });
    expect([(await local("http")).status, (await local("https")).status, (await local(undefined)).status]).toEqual([
      421, 200, 200,
    ]);
    const headers = { "x-forwarded-proto": "https" };
    expect((await send("http://acme.example/ok", { socket: far, headers })).status).toBe(421);
  });

  it("is redirected where the option says so, to a configured origin; what was sent in clear is refused", async () => {
    const { send } = await start({ origins, secure: "redirect" });
    const to = async (url: string, method = "GET"): Promise<[number, string | null]> => {
      const { status, headers } = await send(url, { socket: far, method });
      return [status, headers.get("location")];
    };
    expect(await to("http://acme.example/ok?a=%2F1")).toEqual([308, "https://acme.example/ok?a=%2F1"]);
    expect(await to("http://shop.example/ok", "HEAD")).toEqual([308, "https://shop.example:8443/ok"]);
    expect(await to("http://evil.example/ok")).toEqual([308, "https://acme.example/ok"]);
    expect(await to("http://acme.example//evil.example/x")).toEqual([308, "https://acme.example//evil.example/x"]);
    expect(await to("http://acme.example/ok", "POST")).toEqual([421, null]);
  });

  it("is taken where the option says so, and where origins are not https", async () => {
    expect(
      (await (await start({ origins, secure: false })).send("http://acme.example/ok", { socket: far })).status,
    ).toBe(200);
    expect((await (await start({})).send(at("/ok"), { socket: far })).status).toBe(200);
    await expect(start({ secure: "refuse" })).rejects.toThrow(/^secure: "refuse" needs origins that are all https/);
    await expect(start({ origins, secure: true as never })).rejects.toThrow(
      /^secure: must be "refuse", "redirect" or false/,
    );
  });
});

describe("modes", () => {
  const said = (response: Response): Record<string, string> =>
    Object.fromEntries([...response.headers].filter(([name]) => name.startsWith("portcullis-")));

  it("prod tells nobody anything", async () => {
    const { send, log } = await start({});
    for (const path of ["/ok", "/me", "/admin", "/throws"]) {
      expect(said(await send(at(path), { headers: path === "/admin" ? ann : {} }))).toEqual({});
    }
    expect(log.filter(([message]) => message === "request")).toEqual([]);
  });

  const time = expect.stringMatching(/^\d+\.\d{3} ms$/);
  const me = { "portcullis-user": "ann@acme.example", "portcullis-scheme": "basic" };
  const nobody = { "portcullis-user": "nobody", "portcullis-scheme": "none" };

  it.each<[string, Record<string, string>, Record<string, unknown>]>([
    ["/me", ann, { ...me, "portcullis-route": "GET /me", "portcullis-guard": "signed in" }],
    [
      "/me",
      {},
      {
        ...nobody,
        "portcullis-route": "GET /me",
        "portcullis-guard": "signed in",
        "portcullis-refused": "not signed in by basic",
      },
    ],
    [
      "/admin",
      ann,
      {
        ...me,
        "portcullis-route": "GET /admin",
        "portcullis-guard": "role admin",
        "portcullis-refused": expect.stringContaining("admin"),
      },
    ],
    [
      "/shop/404",
      ann,
      {
        ...me,
        "portcullis-route": "GET /shop/:id",
        "portcullis-guard": expect.stringContaining("shop"),
        "portcullis-refused": "there is no such object",
      },
    ],
    [
      "/typed?a=x",
      {},
      {
        ...nobody,
        "portcullis-route": "GET /typed",
        "portcullis-guard": "everybody",
        "portcullis-refused": "invalid parameters: a",
      },
    ],
    [
      "/throws",
      {},
      {
        ...nobody,
        "portcullis-route": "GET /throws",
        "portcullis-guard": "everybody",
        "portcullis-refused": "the handler failed",
      },
    ],
    ["/login", {}, { ...nobody, "portcullis-route": "GET /login", "portcullis-guard": "everybody" }],
    ["/nowhere", {}, { ...nobody, "portcullis-route": "request", "portcullis-guard": "none" }],
  ])("dev tells who, by which scheme, which guard, how long and why refused: %s", async (path, headers, expected) => {
    const { send, log } = await start({ mode: "dev" });
    const answer = await send(at(path), { headers });
    expect(said(answer)).toEqual({ ...expected, "portcullis-time": time });
    const lines = log.filter(([message]) => message === "request");
    expect(lines).toHaveLength(1);
    const refused = expected["portcullis-refused"];
    expect(lines[0]?.[1]).toEqual({
      ...{ method: "GET", path: path.split("?")[0], status: answer.status, ms: expect.any(Number) },
      ...{
        user: expected["portcullis-user"],
        scheme: expected["portcullis-scheme"],
        guard: expected["portcullis-guard"],
      },
      route: expected["portcullis-route"],
      ...(refused === undefined ? {} : { refused }),
    });
  });

  it("debug also tells which schemes were tried, and the parameters' names, never their values", async () => {
    const { send, log } = await start({ mode: "debug", authn: ["token", "basic"] as never });
    await send(at("/me"), { headers: ann });
    await send(at("/typed?a=hidden-7"));
    const lines = log.filter(([message]) => message === "request").map(([, details]) => details);
    expect(lines[0]).toMatchObject({
      accepts: ["token", "basic"],
      tried: ["basic"],
      parameters: [],
      address: "127.0.0.1",
    });
    expect(lines[1]).toMatchObject({ parameters: ["a"], refused: "invalid parameters: a" });
    expect(JSON.stringify(log)).not.toMatch(/hidden-7|battery staple|Basic /);
  });

  it("what somebody sends cannot break the header", async () => {
    const { send } = await start({ mode: "dev" });
    const answer = await send(at("/typed?%0d%0aset-cookie%3Aa=1&a=2"));
    expect(answer.headers.get("set-cookie")).toBe(null);
    expect(answer.headers.get("portcullis-refused")).toBe("invalid parameters: ??set-cookie:a");
  });

  it("dev and debug refuse to start in production and where others can call, unless an option says so", async () => {
    for (const mode of ["dev", "debug"] as const) {
      await expect(start({ mode, origins: ["https://acme.example"] })).rejects.toThrow(
        new RegExp(`^mode: "${mode}" at https://acme.example tells callers .* exposeInternals: true`),
      );
      vi.stubEnv("NODE_ENV", "production");
      await expect(start({ mode })).rejects.toThrow(new RegExp(`^mode: "${mode}" with NODE_ENV=production tells`));
      const told = await start({ mode, exposeInternals: true, origins: ["https://acme.example"] });
      expect(said(await told.send("https://acme.example/ok"))["portcullis-user"]).toBe("nobody");
      vi.unstubAllEnvs();
    }
    await expect(start({ mode: "test" as never })).rejects.toThrow(/^mode: must be/);
    await expect(start({ exposeInternals: true })).rejects.toThrow(/^exposeInternals: is for the modes/);
  });
});

describe("one route over plain HTTP", () => {
  const secured = { origins: ["https://acme.example"] };
  const plain = "http://acme.example";
  const from = (remoteAddress: string, more: object = {}) => ({ socket: { remoteAddress }, ...more });

  it("answers clients of the declared networks, and nobody else; no other route does", async () => {
    for (const secure of ["refuse", "redirect"] as const) {
      const { app, send } = await start({ ...secured, secure });
      app.get("/health", { authz: "OPEN", plainHttp: ["10.0.0.0/8", "fd00::/8"] }, (c) => c.text("alive"));
      const refusal = secure === "refuse" ? 421 : 308;
      for (const address of ["10.1.2.3", "::ffff:10.9.9.9", "fd00::1"]) {
        const answer = await send(`${plain}/health`, from(address));
        expect([address, answer.status, await answer.text()]).toEqual([address, 200, "alive"]);
        expect((await send(`${plain}/ok`, from(address))).status).toBe(refusal);
        expect((await send(`${plain}/me`, from(address, { headers: ann }))).status).toBe(refusal);
        for (const path of ["/health/", "/HEALTH", "/health/..%2fme", "//health", "/login", "/nowhere"]) {
          expect([path, (await send(`${plain}${path}`, from(address))).status]).toEqual([path, refusal]);
        }
      }
      expect((await send(`${plain}/health`, from("10.1.2.3", { method: "HEAD" }))).status).toBe(200);
      expect((await send(`${plain}/health`, from("10.1.2.3", { method: "POST" }))).status).toBe(421);
      for (const address of ["11.0.0.1", "192.168.1.1", "fc00::1"]) {
        expect([address, (await send(`${plain}/health`, from(address))).status]).toEqual([address, refusal]);
      }
      // A connection that tells no address.
      expect((await send(`${plain}/health`, { socket: {} })).status).toBe(refusal);
      const forged = { headers: { "x-forwarded-for": "10.1.2.3" } };
      expect((await send(`${plain}/health`, from("11.0.0.1", forged))).status).toBe(refusal);
    }
  });

  it("behind a declared proxy the client's network counts, not the proxy's", async () => {
    const { app, send } = await start({ ...secured, trustedProxies: ["10.0.0.0/8"] });
    app.get("/health", { authz: "OPEN", plainHttp: ["10.0.0.0/8"] }, (c) => c.text("alive"));
    const through = (client: string) =>
      send(
        `${plain}/health`,
        from("10.0.0.1", { headers: { "x-forwarded-proto": "http", "x-forwarded-for": client } }),
      );
    expect((await through("10.5.5.5")).status).toBe(200);
    expect((await through("203.0.113.9")).status).toBe(421);
    expect((await through("10.5.5.5, 203.0.113.9")).status).toBe(421);
  });

  it("a mounted one answers where it was mounted, and nowhere else", async () => {
    const { app, send, security } = await start(secured);
    const sub = security.app();
    sub.get("/health", { authz: "OPEN", plainHttp: ["10.0.0.0/8"] }, (c) => c.text("alive"));
    app.get("/health", { authz: "AUTH" }, (c) => c.text("private"));
    app.route("/probes", sub);
    expect((await send(`${plain}/probes/health`, from("10.1.1.1"))).status).toBe(200);
    expect((await send(`${plain}/health`, from("10.1.1.1", { headers: ann }))).status).toBe(421);
  });

  it("is refused where a credential could be asked for, and where it is not plain what it is about", async () => {
    const { app } = await start(secured);
    const declare =
      (declaration: object, path = "/x", method: "get" | "post" | "all" = "get") =>
      () =>
        (app[method] as (path: string, declaration: object, handler: () => Response) => unknown)(
          path,
          declaration,
          () => new Response(),
        );
    expect(declare({ authz: "AUTH", plainHttp: true })).toThrow("plainHttp: is for open routes");
    expect(declare({ authz: "admin", plainHttp: ["10.0.0.0/8"] })).toThrow("plainHttp: is for open routes");
    expect(declare({ authz: "OPEN", plainHttp: [] })).toThrow("plainHttp: networks are expected");
    expect(declare({ authz: "OPEN", plainHttp: false })).toThrow("plainHttp: networks are expected");
    expect(declare({ authz: "OPEN", plainHttp: ["10.0.0.0/33"] })).toThrow("plainHttp[0]");
    expect(declare({ authz: "OPEN", plainHttp: ["example.com"] })).toThrow("plainHttp[0]");
    for (const path of ["/x/:id", "/*"]) {
      const other = await start(secured);
      other.app.get(path, { authz: "OPEN", plainHttp: true }, (c) => c.text("one of many"));
      expect(() => other.app.accessMatrix()).toThrow("must have no parameters");
    }
    expect(declare({ authz: "OPEN", plainHttp: true }, "/x", "post")).toThrow("is for GET");
    expect(declare({ authz: "OPEN", plainHttp: true }, "/x", "all")).toThrow("is for GET");
    app.get("/:page", { authz: "AUTH", params: { page: z.string() } }, (c) => c.text("page"));
    app.get("/late", { authz: "OPEN", plainHttp: true, shadowed: true }, (c) => c.text("late"));
    expect(() => app.accessMatrix()).toThrow("plainHttp: GET /:page answers in its place");
  });

  it("true: this machine, also through a proxy on it that says that it speaks HTTP", async () => {
    const { app, send } = await start({ ...secured, trustedProxies: ["127.0.0.1"] });
    app.get("/health", { authz: "OPEN", plainHttp: true }, (c) => c.text("alive"));
    const proxied = (client: string) =>
      send(
        `${plain}/health`,
        from("127.0.0.1", { headers: { "x-forwarded-proto": "http", "x-forwarded-for": client } }),
      );
    expect((await proxied("127.0.0.1")).status).toBe(200);
    expect((await proxied("203.0.113.9")).status).toBe(421);
    expect((await send(`${plain}/health`, from("203.0.113.9"))).status).toBe(421);
  });
});
