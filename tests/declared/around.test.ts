// What happens around a route: errors and their formats, hooks, added headers, the page to sign in on, the rule of paths.
import { HTTPException } from "hono/http-exception";
import { customGuard, object, portcullis, type RouteOptions, type SecurityOptions } from "portcullis";
import { passwords } from "portcullis/features";
import { special } from "portcullis/params";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { type Answer, basic, basics, call, password, plant, type Sent } from "./system.ts";

type Line = readonly [string, Readonly<Record<string, unknown>> | undefined];

/** A system with routes that succeed and fail in every way. */
async function start(routes: RouteOptions = {}, more: Partial<SecurityOptions> = {}) {
  const log: Line[] = [];
  const options = {
    ...basics(),
    features: [passwords()],
    authn: ["basic"],
    roles: ["admin"],
    objects: {
      shop: (_user: unknown, id: number): boolean | undefined => {
        if (id === 500) throw new RangeError("the rule broke: secret-7");
        return id === 404 ? undefined : id === 1;
      },
    },
    log: (message: string, details?: Readonly<Record<string, unknown>>) => void log.push([message, details]),
    ...more,
    routes,
  } as const;
  const security = await portcullis(options as unknown as SecurityOptions<"admin", never, { shop: () => true }>);
  onTestFinished(() => security.close());
  await plant(security as never);
  const app = security.app();
  app.get("/ok", { authz: "OPEN" }, (c) => c.text("ok"));
  app.get("/me", { authz: "AUTH" }, (c) => c.json({ email: c.var.user.email }));
  app.get("/admin", { authz: "admin" }, (c) => c.text("admin"));
  app.get("/shop/:id", { authz: object("shop", "id"), params: z.object({ id: z.int() }) }, (c) => c.text("shop"));
  app.get("/typed", { authz: "OPEN", params: { a: z.int(), b: z.int() } }, (c) => c.text("typed"));
  app.get("/throws", { authz: "OPEN" }, () => {
    throw new Error("the handler broke: secret-7");
  });
  app.get(
    "/rejects",
    { authz: "OPEN" },
    async (): Promise<Response> => Promise.reject(new Error("the handler broke: secret-7")),
  );
  app.get("/teapot", { authz: "OPEN" }, () => {
    throw new HTTPException(418, { message: "short and stout" });
  });
  app.get("/brought", { authz: "OPEN" }, () => {
    throw new HTTPException(409, { res: new Response("brought along", { status: 409, headers: { "x-own": "1" } }) });
  });
  app.get(
    "/guard",
    { authz: customGuard("a broken one", () => Promise.reject(new Error("the guard broke: secret-7"))) },
    (c) => c.text("in"),
  );
  return { app, security, log, get: (path: string, sent?: Sent) => call(app, path, sent) };
}

const ann = { headers: { authorization: basic("ann@acme.example", password) } };
const type = (answer: Answer): string | null => answer.headers.get("content-type");

describe("the format of errors", () => {
  const paths = [
    "/me",
    "/shop/2",
    "/shop/404",
    "/typed?a=x",
    "/throws",
    "/rejects",
    "/guard",
    "/teapot",
    "/nowhere",
  ] as const;
  const sentTo = (path: string): Sent => (path.startsWith("/shop") ? ann : {});
  const statuses = [401, 403, 404, 400, 500, 500, 500, 418, 404];

  it("problem: RFC 9457, with a stable code", async () => {
    for (const routes of [{}, { onError: "problem" }] as const) {
      const { get } = await start(routes);
      const codes: string[] = [];
      for (const [index, path] of paths.entries()) {
        const answer = await get(path, sentTo(path));
        expect([path, answer.status, type(answer)]).toEqual([path, statuses[index], "application/problem+json"]);
        const problem = JSON.parse(answer.text);
        expect(problem).toMatchObject({ type: "about:blank", status: statuses[index], title: expect.any(String) });
        codes.push(problem.code);
      }
      expect(codes).toEqual([
        ...["unauthenticated", "forbidden", "not_found", "invalid_parameters"],
        ...["application_error", "application_error", "internal_failure", "application_error", "not_found"],
      ]);
    }
  });

  it("plain: text", async () => {
    const { get } = await start({ onError: "plain" });
    for (const [index, path] of paths.entries()) {
      const answer = await get(path, sentTo(path));
      expect([path, answer.status, type(answer)]).toEqual([path, statuses[index], "text/plain; charset=utf-8"]);
      expect(answer.text).toMatch(/^\w.*\w/s);
      expect([answer.headers.get("x-content-type-options"), answer.headers.get("cache-control")]).toEqual([
        "nosniff",
        "no-store",
      ]);
    }
    expect((await get("/typed?a=x")).text).toMatch(/ a: must be an integer; b: is required$/);
    expect((await get("/teapot")).text).toBe("short and stout");
    expect((await get("/me")).headers.get("www-authenticate")).toContain("Basic");
  });

  it("json: a JSON text, json:key: an object with it", async () => {
    const { get } = await start({ onError: "json" });
    const keyed = await start({ onError: "json:error" });
    for (const [index, path] of paths.entries()) {
      const [answer, other] = [await get(path, sentTo(path)), await keyed.get(path, sentTo(path))];
      expect([path, answer.status, type(answer)]).toEqual([path, statuses[index], "application/json"]);
      expect([path, other.status, type(other)]).toEqual([path, statuses[index], "application/json"]);
      expect(JSON.parse(answer.text)).toEqual(expect.any(String));
      expect(JSON.parse(other.text)).toEqual({ error: JSON.parse(answer.text) });
    }
  });

  it("a function: its answer, or problem details where it has none", async () => {
    const { get } = await start({
      onError: async ({ status, code }, rq) =>
        code === "not_found" ? undefined : new Response(`${code} at ${rq.path}`, { status, headers: { "x-own": "1" } }),
    });
    expect((await get("/me")).text).toBe("unauthenticated at /me");
    expect((await get("/me")).headers.get("www-authenticate")).toContain("Basic");
    expect((await get("/throws")).text).toBe("application_error at /throws");
    expect(type(await get("/nowhere"))).toBe("application/problem+json");
  });

  it.each<[string, RouteOptions["onError"]]>([
    [
      "throws",
      () => {
        throw new Error("secret-7");
      },
    ],
    ["rejects", () => Promise.reject(new Error("secret-7"))],
    ["answers nonsense", (() => ({ status: 200 })) as never],
  ])("a function that %s closes, with problem details and a line in the log", async (_what, onError) => {
    const { get, log } = await start({ onError: onError as NonNullable<typeof onError> });
    for (const path of ["/me", "/throws", "/nowhere", "/typed"]) {
      const answer = await get(path);
      expect([answer.status, type(answer), answer.text.includes("secret-7")]).toEqual([
        500,
        "application/problem+json",
        false,
      ]);
    }
    expect(log.map(([message]) => message)).toContain("an error could not be written");
  });

  it("is the same for browsers, where it is said; account pages stay pages", async () => {
    const browser = { headers: { accept: "text/html,*/*;q=0.8" } };
    const { get } = await start({ onError: "plain" });
    expect(type(await get("/typed", browser))).toBe("text/plain; charset=utf-8");
    expect(type(await get("/login", browser))).toBe("text/html; charset=utf-8");
    const pages = await start();
    expect(type(await pages.get("/typed", browser))).toBe("text/html; charset=utf-8");
    expect(type(await pages.get("/throws", browser))).toBe("text/html; charset=utf-8");
  });

  it("tells nobody what broke, but the log", async () => {
    const { get, log } = await start();
    for (const path of ["/throws", "/rejects", "/guard", "/shop/500"]) {
      const answer = await get(path, ann);
      expect(answer.status).toBe(500);
      expect(answer.text + JSON.stringify([...answer.headers])).not.toMatch(/secret-7|broke|Error|\.ts/);
    }
    const broken = log.filter(([, details]) => String(details?.["error"]).includes("secret-7"));
    expect(broken.map(([message, details]) => [message, details?.["route"]])).toEqual([
      ["a handler failed", "GET /throws"],
      ["a handler failed", "GET /rejects"],
      ["a request failed on its way to the handler", "GET /guard"],
      ["a request failed on its way to the handler", "GET /shop/:id"],
    ]);
  });

  it("an answer that an error brings along is that answer", async () => {
    const { get } = await start({ onError: "plain" });
    const answer = await get("/brought");
    expect([answer.status, answer.text, answer.headers.get("x-own")]).toEqual([409, "brought along", "1"]);
  });
});

describe("the application's own errors", () => {
  it("are kept for Hono where the option says so", async () => {
    const { get } = await start({ keepErrors: true });
    const lines: unknown[] = [];
    const { error } = console;
    console.error = (...line: unknown[]) => void lines.push(line);
    onTestFinished(() => {
      console.error = error;
    });
    expect((await get("/throws")).text).toBe("Internal Server Error");
    expect((await get("/teapot")).text).toBe("short and stout");
    expect(lines).toHaveLength(1);
  });

  it("are app.onError's wherever there is one, of the application and of a mounted one", async () => {
    for (const keepErrors of [true, false]) {
      const { app, security } = await start({ keepErrors });
      app.onError((error, c) => c.text(`mine: ${error.message}`, 503));
      const sub = security.app();
      sub.get("/x", { authz: "OPEN" }, () => {
        throw new Error("x");
      });
      app.route("/sub", sub);
      const own = security.app();
      own.onError((error, c) => c.text(`theirs: ${error.message}`, 503));
      own.get("/x", { authz: "OPEN" }, () => {
        throw new Error("x");
      });
      app.route("/own", own);
      expect((await call(app, "/throws")).text).toBe("mine: the handler broke: secret-7");
      expect((await call(app, "/own/x")).text).toBe("theirs: x");
      if (!keepErrors) expect((await call(app, "/sub/x")).text).toBe("mine: x");
    }
  });

  it("of a mounted application and of middleware are converted too", async () => {
    const { app, security } = await start({ onError: "plain" });
    const sub = security.app();
    sub.get("/x", { authz: "OPEN" }, () => {
      throw new HTTPException(402, { message: "pay first" });
    });
    app.route("/sub", sub);
    app.use("/middle", (_c, _next) => {
      throw new Error("secret-7");
    });
    app.get("/middle", { authz: "OPEN" }, (c) => c.text(""));
    expect([(await call(app, "/sub/x")).status, (await call(app, "/sub/x")).text]).toEqual([402, "pay first"]);
    expect([(await call(app, "/middle")).status, (await call(app, "/middle")).text]).toEqual([
      500,
      "Something went wrong on our side.",
    ]);
  });

  it("a mounted application's routes answer at once all the same", async () => {
    const { app, security } = await start();
    app.route(
      "/sub",
      security.app().get("/x", { authz: "OPEN" }, (c) => c.text("x")),
    );
    expect(app.fetch(new Request("http://localhost:3000/sub/x"))).toBeInstanceOf(Response);
  });
});

describe("statuses", () => {
  it("of failures on the way to the handler are told apart from the handler's", async () => {
    const { get } = await start({
      internalStatus: 518,
      beforeExec: (rq) => {
        if (rq.path === "/ok") throw new Error("the hook broke: secret-7");
      },
    });
    expect((await get("/throws")).status).toBe(500);
    for (const path of ["/guard", "/shop/500", "/ok"]) {
      const answer = await get(path, ann);
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([518, "internal_failure"]);
    }
  });

  it("of an object that is not there", async () => {
    const gone = await start({ notFoundStatus: 410 });
    expect((await gone.get("/shop/404", ann)).status).toBe(410);
    expect((await gone.get("/nowhere")).status).toBe(404);
    const hidden = await start({ notFoundStatus: 403 });
    const [absent, refused] = [await hidden.get("/shop/404", ann), await hidden.get("/shop/2", ann)];
    expect([absent.status, absent.text]).toEqual([403, refused.text]);
    expect([...absent.headers]).toEqual([...refused.headers]);
  });
});

describe("hooks", () => {
  it("beforeRequest is asked first, in order, and may answer", async () => {
    const seen: string[] = [];
    const { get } = await start({
      beforeRequest: [
        (rq) => void seen.push(`1 ${rq.method} ${rq.path} ${rq.address} ${rq.identity === undefined}`),
        async (rq) => {
          seen.push("2");
          return rq.path === "/admin" ? new Response("closed today", { status: 503 }) : undefined;
        },
        () => void seen.push("3"),
      ],
    });
    expect((await get("/ok")).text).toBe("ok");
    expect(seen).toEqual(["1 GET /ok 127.0.0.1 true", "2", "3"]);
    seen.length = 0;
    expect([(await get("/admin")).text, seen.at(-1)]).toEqual(["closed today", "2"]);
    // Also what is nobody's route, and account pages.
    for (const path of ["/nowhere", "/login"]) {
      seen.length = 0;
      await get(path);
      expect(seen).toHaveLength(3);
    }
  });

  it("beforeExec is asked after all checks, with identity, and may answer", async () => {
    const seen: string[] = [];
    const { get } = await start({
      beforeExec: [
        (rq) => void seen.push(`${rq.identity?.account.email} by ${rq.identity?.via}`),
        (rq) =>
          rq.path === "/me" && rq.header("x-stop") !== undefined ? new Response("stopped", { status: 423 }) : undefined,
      ],
    });
    expect((await get("/me", ann)).text).toBe('{"email":"ann@acme.example"}');
    expect(seen).toEqual(["ann@acme.example by basic"]);
    expect((await get("/me", { headers: { ...ann.headers, "x-stop": "1" } })).text).toBe("stopped");
    seen.length = 0;
    for (const path of ["/me", "/shop/2", "/typed?a=x"]) await get(path);
    await get("/admin", ann);
    expect(seen).toEqual([]);
    await get("/ok");
    expect(seen).toEqual(["undefined by undefined"]);
  });

  it("beforeExec comes after the special parameters", async () => {
    const order: string[] = [];
    const { app } = await start({ beforeExec: () => void order.push("hook") });
    const own = special(() => void order.push("special"));
    app.get("/order", { authz: "OPEN", params: { own } }, (c) => {
      order.push("handler");
      return c.text("");
    });
    await call(app, "/order");
    expect(order).toEqual(["special", "hook", "handler"]);
  });

  it("afterRequest sees every answer last, and may change it", async () => {
    const seen: string[] = [];
    const { get } = await start({
      beforeRequest: (rq) => (rq.path === "/early" ? new Response("early") : undefined),
      afterRequest: [
        (response, rq) => {
          seen.push(`${rq.path} ${response.status} ${rq.identity?.account.email ?? "nobody"}`);
          response.headers.append("x-after", "1");
        },
        async (response, rq) => (rq.path === "/ok" ? new Response(`${await response.text()}!`, response) : undefined),
      ],
    });
    expect((await get("/ok")).text).toBe("ok!");
    for (const path of ["/me", "/throws", "/nowhere", "/login", "/early"]) {
      expect((await get(path)).headers.get("x-after")).toBe("1");
    }
    await get("/me", ann);
    expect(seen).toEqual([
      ...["/ok 200 nobody", "/me 401 nobody", "/throws 500 nobody", "/nowhere 404 nobody", "/login 200 nobody"],
      ...["/early 200 nobody", "/me 200 ann@acme.example"],
    ]);
  });

  it.each<[string, RouteOptions]>([
    ["beforeRequest", { beforeRequest: () => Promise.reject(new Error("secret-7")) }],
    [
      "beforeRequest at once",
      {
        beforeRequest: () => {
          throw new Error("secret-7");
        },
      },
    ],
    ["beforeExec", { beforeExec: () => Promise.reject(new Error("secret-7")) }],
    [
      "beforeExec at once",
      {
        beforeExec: () => {
          throw new Error("secret-7");
        },
      },
    ],
    ["afterRequest", { afterRequest: () => Promise.reject(new Error("secret-7")) }],
    [
      "afterRequest at once",
      {
        afterRequest: () => {
          throw new Error("secret-7");
        },
      },
    ],
    ["beforeRequest that answers nonsense", { beforeRequest: (() => true) as never }],
    ["beforeExec that answers nonsense", { beforeExec: (() => ({ allowed: true })) as never }],
    ["afterRequest that answers nonsense", { afterRequest: (async () => "x") as never }],
    [
      "a header's function",
      {
        headers: {
          "x-a": () => {
            throw new Error("secret-7");
          },
        },
      },
    ],
    ["a header's line breaks", { headers: { "x-a": () => "a\r\nset-cookie: b=c" } }],
  ])("%s that fails closes", async (_what, routes) => {
    const { get, log } = await start(routes);
    const answer = await get("/ok");
    expect([answer.status, answer.text.includes("ok"), answer.text.includes("secret")]).toEqual([500, false, false]);
    expect(answer.headers.get("set-cookie")).toBe(null);
    expect(JSON.parse(answer.text).code).toBe("internal_failure");
    expect(log.map(([message]) => message)).toContain("a request failed on its way to the handler");
  });

  it("that do not wait let a request be answered at once", async () => {
    const nothing = (): undefined => undefined;
    const { app } = await start({
      beforeRequest: nothing,
      beforeExec: nothing,
      afterRequest: nothing,
      headers: { "x-a": "b" },
    });
    const answer = app.fetch(new Request("http://localhost:3000/ok"));
    expect(answer).toBeInstanceOf(Response);
    expect((answer as Response).headers.get("x-a")).toBe("b");
  });

  it("requests at the same time see their own identity", async () => {
    const seen = new Map<string, string>();
    const { get } = await start({
      beforeRequest: () => new Promise((resolve) => setTimeout(resolve, Math.random() * 5)),
      afterRequest: (_response, rq) => void seen.set(rq.header("x-n") ?? "", rq.identity?.account.email ?? "nobody"),
    });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        get("/me", { headers: { ...(n % 2 === 0 ? ann.headers : {}), "x-n": String(n) } }),
      ),
    );
    for (let n = 0; n < 20; n += 1) expect(seen.get(String(n))).toBe(n % 2 === 0 ? "ann@acme.example" : "nobody");
  });
});

describe("headers and media types", () => {
  it("are added to every answer: values, and functions that may say nothing", async () => {
    const { get, app } = await start({
      headers: {
        "X-Version": "1.2",
        "x-status": (response, rq) => (rq.path === "/ok" ? undefined : String(response.status)),
      },
    });
    app.get("/frozen", { authz: "OPEN" }, () => Response.redirect("http://localhost:3000/ok"));
    for (const [path, status] of [
      ["/ok", null],
      ["/me", "401"],
      ["/nowhere", "404"],
      ["/login", "200"],
      ["/frozen", "302"],
    ]) {
      const { headers } = await get(path as string);
      expect([headers.get("x-version"), headers.get("x-status")]).toEqual(["1.2", status]);
    }
  });

  it("an answer that says no media type gets the default one, others keep theirs", async () => {
    const { app, get } = await start({ contentType: "application/x-own" });
    app.get("/bytes", { authz: "OPEN" }, () => new Response(new Uint8Array([65])));
    app.get("/none", { authz: "OPEN" }, (c) => c.body(null, 204));
    expect([type(await get("/bytes")), type(await get("/none")), type(await get("/me", ann))]).toEqual([
      ...["application/x-own", null, "application/json"],
    ]);
    expect(type(await get("/ok"))).toMatch(/^text\/plain/);
  });
});

describe("401 for browsers", () => {
  const browser = { headers: { accept: "text/html,*/*;q=0.8" } };
  const sessions = { authn: ["session"] } as unknown as Partial<SecurityOptions>;

  it("leads to the page of the feature and back", async () => {
    const answer = await (await start({}, sessions)).get("/me?a=1&b=%26", browser);
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/login?next=%2Fme%3Fa%3D1%26b%3D%2526"]);
  });

  it("leads to a page of the application's own, with the address to come back to under its name", async () => {
    const routes = { signInPage: "/enter?from=here", returnParameter: "URL" };
    const { app } = await start(routes, sessions);
    app.get("/enter", { authz: "AUTH" }, (c) => c.text(""));
    const answer = await call(app, "/me?a=1", browser);
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/enter?from=here&URL=%2Fme%3Fa%3D1"]);
    // A page to sign in on that is closed itself must not send the browser to itself; programs are not sent anywhere.
    expect((await call(app, "/enter", browser)).status).toBe(401);
    expect((await call(app, "/me")).status).toBe(401);
  });

  it("leads there wherever a browser could come back with a credential", async () => {
    const to = "/enter?next=%2Fme";
    const own = { name: "own", ambient: true, authenticate: () => undefined };
    const ways: readonly Partial<SecurityOptions>[] = [
      { authn: ["token"], tokens: { carriers: ["cookie"] } },
      { authn: ["token"], tokens: { type: "jwt", carriers: ["bearer", "cookie"] } },
      { authn: ["session", "basic"] },
      { authn: ["own"] as never, schemes: [own] as never },
    ];
    for (const way of ways) {
      const { get } = await start({ signInPage: "/enter" }, way);
      const answer = await get("/me", browser);
      expect([answer.status, answer.headers.get("location")], JSON.stringify(way)).toEqual([302, to]);
    }
    // A route of its own that takes no such credential: its challenge is all that helps.
    const { app } = await start({ signInPage: "/enter" }, sessions);
    app.get("/api", { authz: "AUTH", authn: ["basic"] }, (c) => c.text(""));
    const answer = await call(app, "/api", browser);
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, expect.stringContaining("Basic")]);
  });

  it("refuses to start with a page that nobody would come back from", async () => {
    const page = { signInPage: "/enter" };
    const message = /^routes\.signInPage: the option authn takes no credential that a browser keeps/;
    await expect(start(page)).rejects.toThrow(message);
    await expect(start(page, { authn: ["token"] })).rejects.toThrow(message);
  });
});

describe("the rule of paths", () => {
  it("refuses to start what it objects to, with its words", async () => {
    const seen: string[] = [];
    const { security } = await start({
      pathRule: (method, path) => {
        seen.push(`${method} ${path}`);
        return path.includes("_") ? "no underscores in paths" : undefined;
      },
    });
    const app = security.app();
    app.basePath("/a").get("/b/:c{int}", { authz: "OPEN" }, (c) => c.text(""));
    expect(seen.at(-1)).toBe("GET /a/b/:c{int}");
    expect(() => app.post("/a_b", { authz: "OPEN" }, (c) => c.text(""))).toThrow("POST /a_b: no underscores in paths");
  });
});

describe("options that cannot be", () => {
  it.each<[string, Partial<SecurityOptions>, RegExp]>([
    ["an unknown one", { routes: { onEror: "plain" } as never }, /^routes\.onEror: unknown option/],
    ["a format", { routes: { onError: "xml" as never } }, /^routes\.onError: must be/],
    ["a key for a prototype", { routes: { onError: "json:__proto__" } }, /^routes\.onError: must be/],
    ["a key with a space", { routes: { onError: "json:a b" } }, /^routes\.onError: must be/],
    [
      "two who write errors",
      { routes: { onError: "plain" }, handlers: { renderProblem: () => undefined } },
      /^handlers\.renderProblem: says the same/,
    ],
    ["a flag", { routes: { keepErrors: 1 as never } }, /^routes\.keepErrors: true or false/],
    [
      "a status of success for failures",
      { routes: { internalStatus: 200 } },
      /^routes\.internalStatus: a status from 500/,
    ],
    [
      "a status of success for what is not there",
      { routes: { notFoundStatus: 200 } },
      /^routes\.notFoundStatus: a status from 400/,
    ],
    ["a hook that is none", { routes: { beforeExec: ["x"] as never } }, /^routes\.beforeExec\[0\]: a function/],
    ["a header's name", { routes: { headers: { "x y": "1" } } }, /^routes\.headers\.x y: is no name/],
    ["a header's value", { routes: { headers: { x: "a\nb" } } }, /^routes\.headers\.x: a text without line breaks/],
    [
      "a cookie as a header",
      { routes: { headers: { "Set-Cookie": "a=b" } } },
      /^routes\.headers\.Set-Cookie: is written by/,
    ],
    ["a media type", { routes: { contentType: "text" } }, /^routes\.contentType: a media type/],
    [
      "a page elsewhere",
      { routes: { signInPage: "https://evil.example/" } },
      /^routes\.signInPage: a path on this server/,
    ],
    ["a parameter without a page", { routes: { returnParameter: "URL" } }, /^routes\.returnParameter: is for a page/],
    ["a rule that is none", { routes: { pathRule: /x/ as never } }, /^routes\.pathRule: a function/],
    ["JSON", { routes: { json: { streem: true } as never } }, /^routes\.json\.streem: unknown option/],
    ["a conversion", { routes: { json: { convert: [{}] as never } } }, /^routes\.json\.convert\[0\]: toJson/],
    ["a list", { routes: [] as never }, /^routes: an object/],
  ])("%s", async (_what, options, message) => {
    await expect(portcullis({ ...basics(), features: [passwords()], ...options } as never)).rejects.toThrow(message);
  });
});
