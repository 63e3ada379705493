import { createHash } from "node:crypto";
import {
  allOf,
  anyOf,
  apiKeyCheckpoint,
  authRequired,
  checkpoint,
  customGuard,
  digest,
  digestSecret,
  fake,
  fresh,
  type Guard,
  httpd,
  loginCheck,
  oauth,
  object,
  param,
  passFunctionCheck,
  password as passwordScheme,
  portcullis,
  rolesRequired,
  scope,
  unauthCsrf,
} from "portcullis";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { advance, basic, basics, call, form, json, password, plant } from "./system.ts";

const ann = "ann@acme.example";

async function paramApp(allowInQuery = false) {
  const security = await portcullis({ ...basics(), schemes: [param({ allowInQuery }), passwordScheme()] });
  await plant(security);
  const app = security.app();
  app.get("/param", { authz: "AUTH", authn: ["param"] }, (c) => c.text(c.var.identity.via));
  app.post("/param", { authz: "AUTH", authn: ["param"] }, (c) => c.text(c.var.identity.via));
  app.post("/password", { authz: "AUTH", authn: ["password"] }, (c) => c.text(c.var.identity.via));
  const params = z.object({ quantity: z.int() });
  app.post("/typed", { authz: "AUTH", authn: ["param"], params }, (c, { quantity }) => c.json({ quantity }));
  app.post("/both", { authz: "AUTH", authn: ["password", "basic", "token"] }, (c) => c.text(c.var.identity.via));
  return app;
}

describe("param", () => {
  it("takes user and password from a form or JSON body, and nothing else", async () => {
    const app = await paramApp();
    expect((await call(app, "/param", form({ USER: ann, PASS: password }))).text).toBe("param");
    const body = JSON.stringify({ USER: ann, PASS: password });
    const headers = { "content-type": "application/json" };
    expect((await call(app, "/param", { method: "POST", headers, body })).text).toBe("param");
    for (const sent of [
      form({ USER: ann, PASS: "wrong" }),
      form({ USER: "nobody@acme.example", PASS: password }),
      form({ USER: "off@acme.example", PASS: password }),
      form({ USER: ann }),
      { method: "POST", headers: { "content-type": "text/plain" }, body },
      { ...form({}), body: `USER=${ann}&PASS=${password}&PASS=x` },
    ]) {
      expect((await call(app, "/param", sent)).status).toBe(401);
    }
    expect((await call(app, `/param?USER=${ann}&PASS=${encodeURIComponent(password)}`)).status).toBe(401);
  });

  it("from the query where the option says so", async () => {
    const app = await paramApp(true);
    expect((await call(app, `/param?USER=${ann}&PASS=${encodeURIComponent(password)}`)).text).toBe("param");
  });

  it("needs no declaration of its parameters, and leaves them to nobody", async () => {
    const app = await paramApp();
    const sent = form({ USER: ann, PASS: password, quantity: "3" });
    expect((await call(app, "/typed", sent)).text).toBe('{"quantity":3}');
  });

  it("refuses names that cannot be", () => {
    expect(() => param({ user: "a", password: "a" })).toThrow("schemes.param: user and password need two names");
    expect(() => param({ user: "a b" })).toThrow("schemes.param.user");
    expect(() => param({ users: "a" } as never)).toThrow("schemes.param.users: unknown option");
  });
});

describe("password", () => {
  it("takes basic, then parameters, and challenges once for each scheme, in order", async () => {
    const app = await paramApp();
    const headers = { authorization: basic(ann, password) };
    expect((await call(app, "/password", { method: "POST", headers })).text).toBe("password");
    expect((await call(app, "/password", form({ USER: ann, PASS: password }))).text).toBe("password");
    // A browser adds basic by itself: a foreign page must not use it.
    const foreign = { ...headers, origin: "https://evil.example" };
    expect((await call(app, "/password", { method: "POST", headers: foreign })).status).toBe(400);
    const refused = await call(app, "/both", { method: "POST" });
    expect([refused.status, refused.challenge]).toEqual([401, 'Basic realm="Login Required", charset="UTF-8"']);
  });
});

describe("httpd", () => {
  it("believes the front end's socket alone", async () => {
    const security = await portcullis({ ...basics(), trustedProxies: ["10.0.0.0/8"], schemes: [httpd()] });
    await plant(security);
    const app = security.app();
    app.get("/", { authz: "AUTH", authn: ["httpd"] }, (c) => c.json(c.var.identity));
    const headers = { "remote-user": ann };
    const good = await call(app, "/", { headers, socket: "10.1.2.3" });
    expect(JSON.parse(good.text)).toMatchObject({ via: "httpd", methods: ["httpd"], authenticatedAt: null });
    expect((await call(app, "/", { headers, socket: "::ffff:10.1.2.3" })).status).toBe(200);
    for (const [sent, socket] of [
      [headers, "192.0.2.1"],
      [{ ...headers, "x-forwarded-for": "10.1.2.3" }, "192.0.2.1"],
      [{ "remote-user": `${ann}, ${ann}` }, "10.1.2.3"],
      [{ "remote-user": "off@acme.example" }, "10.1.2.3"],
      [{ "remote-user": "nobody" }, "10.1.2.3"],
      [{}, "10.1.2.3"],
    ] as const) {
      expect((await call(app, "/", { headers: sent, socket })).status).toBe(401);
    }
  });

  it("does not start without the front end's addresses", async () => {
    await expect(portcullis({ ...basics(), schemes: [httpd()] })).rejects.toThrow(/^trustedProxies: /);
    await expect(portcullis({ ...basics(), trustedProxies: { hops: 1 }, schemes: [httpd()] })).rejects.toThrow(
      /^trustedProxies: /,
    );
  });
});

describe("fake", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("is whoever a local test says", async () => {
    const security = await portcullis({ ...basics(), schemes: [fake()] });
    await plant(security);
    const app = security.app();
    app.get("/", { authz: "AUTH", authn: ["fake"] }, (c) => c.text(c.var.user.email));
    expect((await call(app, `/?LOGIN=${ann}`)).text).toBe(ann);
    expect((await call(app, "/?LOGIN=off@acme.example")).status).toBe(401);
    expect((await call(app, `/?LOGIN=${ann}`, { socket: "192.0.2.1" })).status).toBe(401);
    expect((await call(app, `/?LOGIN=${ann}`, { headers: { "x-forwarded-for": "127.0.0.1" } })).status).toBe(401);
  });

  it("does not start in production", async () => {
    const schemes = [fake()];
    await expect(portcullis({ ...basics(), origins: ["https://acme.example"], schemes })).rejects.toThrow(/^schemes: /);
    await expect(portcullis({ ...basics(), trustedProxies: ["10.0.0.1"], schemes })).rejects.toThrow(/^schemes: /);
    vi.stubEnv("NODE_ENV", "production");
    await expect(portcullis({ ...basics(), schemes })).rejects.toThrow(/^schemes: .*NODE_ENV is production/);
  });
});

describe("none, oauth and schemes that do not fit", () => {
  it("refuse to start where nobody, or a limited token, could pass", async () => {
    const security = await portcullis({ ...basics(), scopes: ["read"], schemes: [oauth()] });
    const app = security.app();
    app.get("/open", { authz: "OPEN", authn: ["none"] }, (c) => c.text("open"));
    expect(() => app.get("/a", { authz: "AUTH", authn: ["none"] }, (c) => c.text(""))).toThrow("GET /a: authn");
    expect(() => app.get("/b", { authz: "AUTH", authn: ["oauth"] }, (c) => c.text(""))).toThrow("GET /b: authz");
    app.get("/c", { authz: scope("read"), authn: ["oauth"] }, (c) => c.text("c"));
    // @ts-expect-error there is no such scope
    expect(() => app.get("/d", { authz: scope("write"), authn: ["oauth"] }, (c) => c.text(""))).toThrow(
      'there is no scope "write"',
    );
    // @ts-expect-error a scheme that is not on
    expect(() => app.get("/e", { authz: "AUTH", authn: ["digest"] }, (c) => c.text(""))).toThrow("no scheme");
    expect((await call(app, "/open")).text).toBe("open");
  });
});

describe("the order of schemes", () => {
  it("is that in which a guard, else the route, names them", async () => {
    const security = await portcullis(basics());
    onTestFinished(() => security.close());
    const user = await plant(security);
    const app = security.app();
    app.get("/a", { authz: authRequired("basic", "token") }, (c) => c.text(c.var.identity.via));
    app.get("/b", { authz: authRequired("token", "basic") }, (c) => c.text(c.var.identity.via));
    app.get("/c", { authz: authRequired(), authn: ["basic", "token"] }, (c) => c.text(c.var.identity.via));
    const headers = {
      authorization: basic("ann@acme.example", password),
      "authentication-token": await security.createToken(user),
    };
    const via = async (path: string) => (await call(app, path, { headers })).text;
    expect([await via("/a"), await via("/b"), await via("/c")]).toEqual(["basic", "token", "basic"]);
  });
});

describe("a token that is limited to scopes, on routes that ask for none", () => {
  const limited = {
    scopes: ["read"],
    schemes: [oauth()],
    objects: { box: { check: () => true, id: "text" } },
  } as const;
  const pass = (): boolean => true;
  const guards: readonly [name: string, guard: Guard | "AUTH" | "OPEN"][] = [
    ["AUTH", "AUTH"],
    ["OPEN", "OPEN"],
    ["a guard of the application's own", customGuard("own", () => ({ kind: "allow" }))],
    ["a function", passFunctionCheck(pass)],
    ["a checkpoint", checkpoint("plan", "team")],
    ["a login check", loginCheck("plan", "team")],
    ["an object", object("box", "id")],
    ["roles", rolesRequired("staff")],
    ["freshness", fresh()],
    ["a scheme", authRequired("oauth")],
    ["a CSRF token", unauthCsrf()],
    [
      "all of them without a scope",
      allOf(
        customGuard("own", () => ({ kind: "allow" })),
        passFunctionCheck(pass),
      ),
    ],
    ["one alternative without a scope", anyOf(scope("read"), passFunctionCheck(pass))],
  ];

  it.each(guards)("refuses to start by its own authn: %s", async (_name, guard) => {
    const security = await portcullis({ ...basics(), ...limited, roles: ["staff"] });
    const declare = security.app().get as (path: string, declaration: object, handler: () => Response) => void;
    expect(() => declare("/x/:id", { authz: guard, authn: ["oauth"] }, () => new Response())).toThrow(
      'the route accepts "oauth" but asks for no scope',
    );
    await security.close();
  });

  it("nor is it taken where all routes take the scheme: it is refused, or nobody is seen", async () => {
    const security = await portcullis({ ...basics(), ...limited, authn: ["token", "oauth"] });
    await plant(security);
    const owner = await security.users.find("email", ann);
    const headers = { "authentication-token": await security.createToken(owner ?? 0, { scopes: ["read"] }) };
    const app = security.app();
    const own = customGuard("own", () => ({ kind: "allow" }));
    expect(() => app.get("/own", { authz: own }, (c) => c.text(""))).toThrow("asks for no scope");
    expect(() => security.guard(own)).toThrow("asks for no scope");
    await expect(security.check(new Request("http://localhost/"), own)).rejects.toThrow("asks for no scope");
    await expect(security.check(new Request("http://localhost/"), passFunctionCheck(pass))).rejects.toThrow("no scope");
    app.get("/", { authz: "OPEN" }, async (c) => c.json([c.var.user?.email, (await security.getUser(c))?.email]));
    app.get("/key", { authz: apiKeyCheckpoint({ keys: ["a key of sixteen or more"] }) }, async (c) =>
      c.json([(await security.getUser(c))?.email]),
    );
    app.get("/closed", { authz: "CLOSE" }, (c) => c.text(""));
    app.get("/scoped", { authz: allOf(scope("read"), own) }, (c) => c.text(c.var.user.email));
    expect((await call(app, "/", { headers })).text).toBe("[null,null]");
    const keyed = { ...headers, "x-api-key": "a key of sixteen or more" };
    expect((await call(app, "/key", { headers: keyed })).text).toBe("[null]");
    expect((await call(app, "/scoped", { headers })).text).toBe(ann);
    const state = await security.checkLoginState(new Request("http://localhost/", { headers }));
    expect(state.allowed).toBe(false);
    expect((await security.check(new Request("http://localhost/", { headers }), "OPEN")).allowed).toBe(true);
    await security.close();
  });
});

describe("digest", () => {
  async function digestApp(allowMd5 = false) {
    const security = await portcullis({
      ...basics(),
      realm: "Store",
      schemes: [
        digest({
          allowMd5,
          secret: (user, realm, algorithm) =>
            user === ann || user === "off@acme.example" ? digestSecret(user, realm, password, algorithm) : undefined,
        }),
      ],
    });
    await plant(security);
    const app = security.app();
    app.get("/", { authz: "AUTH", authn: ["digest"] }, (c) => c.text(c.var.user.email));
    app.get("/vault", { authz: "AUTH", authn: ["digest"], realm: "Vault" }, (c) => c.text("vault"));
    return app;
  }
  const hash = (algorithm: string, text: string): string =>
    createHash(algorithm === "MD5" ? "md5" : "sha256")
      .update(text)
      .digest("hex");
  const field = (challenge: string, name: string): string =>
    new RegExp(`\\b${name}="?([^",]+)`).exec(challenge)?.[1] ?? "";

  interface Parts {
    readonly user?: string;
    readonly secret?: string;
    readonly nc?: string;
    readonly uri?: string;
    readonly nonce?: string;
    readonly opaque?: string;
    readonly algorithm?: string;
    readonly realm?: string;
    readonly qop?: string;
  }
  function answer(challenge: string, parts: Parts = {}): { authorization: string } {
    const { user = ann, secret = password, nc = "00000001", uri = "/", algorithm = "SHA-256", realm = "Store" } = parts;
    const nonce = parts.nonce ?? field(challenge, "nonce");
    const ha1 = hash(algorithm, `${user}:${realm}:${secret}`);
    const response = hash(algorithm, `${ha1}:${nonce}:${nc}:abc:auth:${hash(algorithm, `GET:${uri}`)}`);
    const opaque = parts.opaque ?? field(challenge, "opaque");
    const qop = parts.qop ?? "qop=auth, ";
    return {
      authorization: `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", ${qop}nc=${nc}, cnonce="abc", response="${response}", opaque="${opaque}", algorithm=${algorithm}`,
    };
  }

  it("RFC 7616 3.9.1: the secret of the example", () => {
    const user = "Mufasa";
    const secret = digestSecret(user, "http-auth@example.org", "Circle of Life");
    expect(secret).toBe("7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
    const nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    const ha2 = hash("SHA-256", "GET:/dir/index.html");
    expect(hash("SHA-256", `${secret}:${nonce}:00000001:${cnonce}:auth:${ha2}`)).toBe(
      "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    );
  });

  it("counts each nonce, and refuses what is replayed, foreign, changed or weaker", async () => {
    const app = await digestApp();
    const { status, challenge } = await call(app, "/");
    expect(status).toBe(401);
    expect(challenge).toMatch(
      /^Digest realm="Store", qop="auth", algorithm=SHA-256, nonce="[^"]+", opaque="[^"]+", charset=UTF-8$/,
    );
    expect((await call(app, "/", { headers: answer(challenge) })).text).toBe(ann);
    expect((await call(app, "/", { headers: answer(challenge, { nc: "00000003" }) })).status).toBe(200);
    // Overtaken, but not used yet.
    expect((await call(app, "/", { headers: answer(challenge, { nc: "00000002" }) })).status).toBe(200);
    const nonce = field(challenge, "nonce");
    for (const parts of [
      { nc: "00000001" },
      { nc: "00000002" },
      { nc: "00000000" },
      { nc: "00000004", secret: "wrong" },
      { nc: "00000004", user: "nobody@acme.example" },
      { nc: "00000004", user: "off@acme.example" },
      { nc: "00000004", opaque: "x" },
      { nc: "00000004", algorithm: "MD5" },
      { nc: "00000004", realm: "Vault" },
      { nc: "00000004", uri: "/vault" },
      { nc: "00000004", qop: "" },
      { nc: "00000004", qop: "qop=auth-int, " },
      { nc: "00000004", nonce: `${nonce.slice(0, -1)}${nonce.endsWith("A") ? "B" : "A"}` },
      { nc: "00000004", nonce: "foreign" },
    ]) {
      const refused = await call(app, "/", { headers: answer(challenge, parts) });
      expect([parts, refused.status, refused.challenge.includes("stale")]).toEqual([parts, 401, false]);
    }
    // The right digest of the user who is not active has used up the fourth.
    expect((await call(app, "/", { headers: answer(challenge, { nc: "00000005" }) })).status).toBe(200);
  });

  it("says stale=true to a right answer over an old nonce alone", async () => {
    const app = await digestApp();
    const { challenge } = await call(app, "/");
    advance(5 * 60_000);
    const old = await call(app, "/", { headers: answer(challenge) });
    expect([old.status, old.challenge.endsWith("stale=true")]).toEqual([401, true]);
    expect((await call(app, "/", { headers: answer(challenge, { secret: "wrong" }) })).challenge).not.toContain(
      "stale",
    );
    expect((await call(app, "/", { headers: answer(old.challenge) })).status).toBe(200);
  });

  it("speaks MD5 where the option says so, SHA-256 first", async () => {
    const app = await digestApp(true);
    const { challenge } = await call(app, "/");
    expect(challenge).toMatch(/algorithm=SHA-256,.*, Digest realm="Store".*algorithm=MD5,/);
    expect((await call(app, "/", { headers: answer(challenge, { algorithm: "MD5" }) })).status).toBe(200);
  });

  it("keeps realms apart", async () => {
    const app = await digestApp();
    const { challenge } = await call(app, "/vault");
    expect(challenge).toContain('realm="Vault"');
    const parts = { uri: "/vault", realm: "Vault" };
    expect((await call(app, "/vault", { headers: answer(challenge, parts) })).text).toBe("vault");
  });

  it("survives whatever comes", async () => {
    const app = await digestApp();
    for (const text of [
      "Digest",
      "Digest ",
      'Digest username="',
      "Digest a=b,,",
      `Digest ${"a=b, ".repeat(500)}`,
      "digest =x",
    ]) {
      expect((await call(app, "/", { headers: { ...json, authorization: text } })).status).toBe(401);
    }
  });
});
