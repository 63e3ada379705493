import { Hono } from "hono";
import {
  allOf,
  authRequired,
  customGuard,
  digest,
  forbidden,
  httpd,
  type OpenApiDocument,
  type OpenApiOptions,
  oauth,
  object,
  param,
  password,
  portcullis,
  type Scheme,
  scope,
  unauthCsrf,
} from "portcullis";
import { passwords, refresh, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { faultsOf, type Json, operationsOf } from "./openapi-checks.ts";

type Options = Parameters<typeof start>[0];

async function start(options: {
  readonly openapi?: Partial<OpenApiOptions<"admin">>;
  readonly tokens?: object;
  readonly csrf?: object;
}) {
  const security = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: ["http://localhost:3000"],
    cookies: { allowInsecure: false },
    datastore: memory(),
    features: [passwords(), registration(), refresh({ carrier: "body" })],
    roles: ["admin"],
    scopes: ["read"],
    schemes: [oauth()],
    objects: { store: (_user, id: number) => id === 1 },
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    log: () => {},
    ...(options as { openapi?: OpenApiOptions<"admin"> }),
  });
  onTestFinished(() => security.close());
  await security.users.create({ email: "admin@example.com", password: "password", roles: ["admin"] });
  await security.users.create({ email: "user@example.com", password: "password" });
  return security;
}

async function startApp(options: Options) {
  const security = await start(options);
  return { security, app: security.app() };
}

function operation(document: OpenApiDocument, method: string, path: string): Json {
  const found = operationsOf(document).find((one) => one.method === method && one.path === path);
  if (found === undefined) throw new Error(`no ${method} ${path}`);
  return found.operation;
}

const json = { headers: { accept: "application/json" } };

describe("where the description is served", () => {
  it("is nowhere unless said", async () => {
    const { app } = await startApp({});
    for (const path of ["/openapi.json", "/openapi"]) expect((await testClient(app).get(path, json)).status).toBe(404);
    expect(app.accessMatrix().some(({ path }) => path.startsWith("/openapi"))).toBe(false);
    expect(Object.keys(app.openapi().paths)).toContain("/login");
  });

  it("is for who may read it, as a document and as a page", async () => {
    const { app } = await startApp({ openapi: { authz: "admin" } });
    const user = testClient(app);
    await user.signIn("user@example.com", "password");
    const admin = testClient(app);
    await admin.signIn("admin@example.com", "password");
    for (const path of ["/openapi.json", "/openapi"]) {
      expect((await testClient(app).get(path, json)).status).toBe(401);
      expect((await user.get(path, json)).status).toBe(403);
      const answer = await admin.get(path, { headers: { accept: "text/html" } });
      expect(answer.status).toBe(200);
      // One's own right to read it is nothing that a shared cache may pass on.
      expect(answer.headers.get("cache-control")).toMatch(/private|no-store/);
    }
    const listed = app.accessMatrix().filter(({ path }) => path.startsWith("/openapi"));
    expect(listed.map(({ method, path, guard }) => [method, path, guard])).toEqual([
      ["GET", "/openapi.json", "role admin"],
      ["GET", "/openapi", "role admin"],
    ]);
  });

  it("is sent once and then answered by 304", async () => {
    const { app } = await startApp({ openapi: { authz: "OPEN", path: "/api/description.json", page: false } });
    app.get("/hello", { authz: "OPEN" }, (c) => c.text("hello"));
    const client = testClient(app);
    const first = await client.get("/api/description.json");
    expect([first.status, first.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(first.json.paths).toHaveProperty(["/hello"]);
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await client.get("/api/description.json", { headers: { "if-none-match": tags } });
      expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    expect((await client.get("/api/description.json", { headers: { "if-none-match": '"other"' } })).status).toBe(200);
    expect((await client.get("/openapi")).status).toBe(404);
  });

  it("is also there for account pages in a plain Hono application", async () => {
    const security = await start({ openapi: { authz: "OPEN" } });
    const hono = new Hono().route("/", security.accounts());
    const { json: document } = await testClient(hono).get("/openapi.json");
    expect(Object.keys(document.paths)).toEqual([
      "/login",
      "/logout",
      "/openapi",
      "/openapi.json",
      "/refresh-token",
      "/register",
      "/verify",
    ]);
    expect(security.accessMatrix().map(({ path }) => path)).toContain("/openapi.json");
  });

  it("is not mounted along with an application, which describes the other's routes at their new paths", async () => {
    const security = await start({ openapi: { authz: "OPEN" } });
    const inner = security.app();
    inner.get("/:sid", { authz: object("store", "sid"), params: z.object({ sid: z.int() }) }, (c) => c.text(""));
    const app = security.app();
    app.route("/store/:region", inner);
    expect((await testClient(app).get("/store/x/openapi.json", json)).status).not.toBe(200);
    const described = operation(app.openapi(), "GET", "/store/{region}/{sid}");
    expect((described["parameters"] as Json[]).map(({ name, in: place }) => [name, place])).toEqual([
      ["region", "path"],
      ["sid", "path"],
    ]);
    expect(await faultsOf(app.openapi())).toBeUndefined();
  });

  it.each<[string, object]>([
    ["openapi.authz", {}],
    ["openapi.autz", { authz: "OPEN", autz: "x" }],
    ["openapi.path", { authz: "OPEN", path: "x" }],
    ["openapi.path", { authz: "OPEN", path: "/login" }],
    ["openapi.page", { authz: "OPEN", page: "/register" }],
    ["openapi.page", { authz: "OPEN", path: "/x", page: "/x" }],
    ["openapi.version", { authz: "OPEN", version: 1 }],
    ["openapi.toJsonSchema", { authz: "OPEN", toJsonSchema: "x" }],
    ["openapi", { authz: "amdin" }],
    ["openapi", { authz: true }],
  ])("refuses to start: %s %j", async (path, openapi) => {
    await expect(start({ openapi: openapi as Options["openapi"] & object })).rejects.toMatchObject({
      name: "ConfigurationError",
      path,
    });
  });

  it("refuses a route of the application in its place", async () => {
    const { app } = await startApp({ openapi: { authz: "OPEN" } });
    app.get("/openapi", { authz: "OPEN" }, (c) => c.text("mine"));
    expect(() => app.accessMatrix()).toThrow(/GET \/openapi: is where the API is described/);
  });
});

describe("what the description says", () => {
  it("has the credentials of each scheme, the CSRF token where it is asked, and scopes", async () => {
    const { app } = await startApp({ openapi: { authz: "OPEN" }, tokens: { carriers: ["bearer", "cookie"] } });
    app.get("/me", { authz: "AUTH" }, (c) => c.text(""));
    app.post("/me", { authz: "AUTH", params: z.object({ name: z.string() }) }, (c) => c.text(""));
    app.get("/basic", { authz: authRequired("basic") }, (c) => c.text(""));
    app.get("/scoped", { authz: allOf(authRequired("oauth", "session"), scope("read")) }, (c) => c.text(""));
    const document = app.openapi();
    expect(operation(document, "GET", "/me")["security"]).toEqual([
      { token_bearer: [] },
      { token_cookie: [] },
      { session: [] },
    ]);
    expect(operation(document, "POST", "/me")["security"]).toEqual([
      { token_bearer: [] },
      { token_cookie: [], csrfToken: [] },
      { session: [], csrfToken: [] },
    ]);
    expect(operation(document, "GET", "/basic")["security"]).toEqual([{ basic: [] }]);
    expect(operation(document, "GET", "/scoped")["security"]).toEqual([
      { oauth_bearer: ["read"] },
      { oauth_cookie: ["read"] },
      { session: [] },
    ]);
    expect(document.components.securitySchemes).toMatchObject({
      session: { type: "apiKey", in: "cookie", name: "__Host-session" },
      token_bearer: { type: "http", scheme: "bearer" },
      token_cookie: { type: "apiKey", in: "cookie", name: "__Host-token" },
      basic: { type: "http", scheme: "basic" },
      csrfToken: { type: "apiKey", in: "header", name: "X-CSRF-Token" },
    });
    expect(await faultsOf(document)).toBeUndefined();
  });

  it("says of every scheme how it is spoken, and of the application's own what it says itself", async () => {
    const mute: Scheme & { readonly name: "mute" } = { name: "mute", authenticate: () => undefined };
    const spoken: Scheme & { readonly name: "spoken" } = {
      name: "spoken",
      authenticate: () => undefined,
      describe: () => [{ type: "apiKey", in: "header", name: "X-Spoken", description: "A word." }],
    };
    const security = await portcullis({
      secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
      origins: ["http://localhost:3000"],
      cookies: { allowInsecure: false },
      datastore: memory(),
      features: [passwords()],
      trustedProxies: ["127.0.0.1"],
      tokens: { carriers: ["header", "bearer", "parameter"], bearer: ["Bearer", "Token"], allowInQuery: "token" },
      schemes: [param(), password(), digest({ secret: () => undefined }), httpd(), mute, spoken],
      log: () => {},
    });
    onTestFinished(() => security.close());
    const app = security.app();
    const all = ["token", "basic", "param", "password", "digest", "httpd", "mute", "spoken"] as const;
    for (const name of all) app.post(`/${name}`, { authz: authRequired(name) }, (c) => c.text(""));
    const document = app.openapi();
    expect(await faultsOf(document)).toBeUndefined();
    expect(operation(document, "POST", "/token")["security"]).toEqual([
      { token_header: [] },
      { token_bearer: [] },
      { token_bearer_token: [] },
      { token_parameter: [] },
      { token_query: [] },
    ]);
    expect(document.components.securitySchemes).toMatchObject({
      token_header: { type: "apiKey", in: "header", name: "Authentication-Token" },
      token_bearer: { type: "http", scheme: "bearer" },
      token_bearer_token: { type: "http", scheme: "token" },
      token_parameter: { type: "http", description: expect.stringContaining('"auth_token"') },
      token_query: { type: "apiKey", in: "query", name: "token" },
      basic: { type: "http", scheme: "basic" },
      param: { type: "http", description: expect.stringContaining('"USER" and "PASS"') },
      password_header: { type: "http", scheme: "basic" },
      password_password: { description: expect.stringContaining('"USER" and "PASS"') },
      digest: { type: "http", scheme: "digest" },
      httpd: { type: "apiKey", in: "header", name: "Remote-User" },
      mute: { type: "http", scheme: "mute", description: expect.stringContaining("not known") },
      spoken: { type: "apiKey", in: "header", name: "X-Spoken" },
    });
    // Guessing is limited where a password comes with each request.
    for (const name of all) {
      const answers = operation(document, "POST", `/${name}`)["responses"] as Json;
      expect([name, "429" in answers]).toEqual([name, ["basic", "param", "password", "digest"].includes(name)]);
    }
  });

  it("has the parameters where they are taken", async () => {
    const { app } = await startApp({});
    const params = z.object({
      id: z.int(),
      since: z.date().optional(),
      filter: z.object({ a: z.string() }).optional(),
    });
    app.get("/of/:id{[0-9]+}", { authz: "OPEN", params }, (c) => c.text(""));
    app.put("/of/:other", { authz: "OPEN", params: z.object({ other: z.string(), name: z.string() }) }, (c) =>
      c.text(""),
    );
    app.delete("/of/:id{[0-9]+}", { authz: "OPEN", params }, (c) => c.text(""));
    app.post("/scan", { authz: "OPEN", params: z.object({ scan: z.file() }) }, (c) => c.text(""));
    app.post("/raw", { authz: "OPEN" }, (c) => c.text(""));
    const document = app.openapi();
    const get = operation(document, "GET", "/of/{id}");
    expect(get["parameters"]).toEqual([
      expect.objectContaining({
        name: "id",
        in: "path",
        required: true,
        schema: expect.objectContaining({ type: "integer" }),
      }),
      { name: "since", in: "query", schema: { type: "string", format: "date-time" } },
      {
        name: "filter",
        in: "query",
        content: { "application/json": { schema: expect.objectContaining({ type: "object" }) } },
      },
    ]);
    expect(get["requestBody"]).toBeUndefined();
    expect(operation(document, "DELETE", "/of/{id}")["parameters"]).toEqual(get["parameters"]);
    // The same path for OpenAPI, so its parameter has one name.
    const put = operation(document, "PUT", "/of/{id}");
    expect(put["parameters"]).toEqual([{ name: "id", in: "path", required: true, schema: { type: "string" } }]);
    const body = put["requestBody"] as { content: Record<string, { schema: Json }> };
    expect(Object.keys(body.content)).toEqual([
      "application/json",
      "application/x-www-form-urlencoded",
      "multipart/form-data",
    ]);
    expect(body.content["application/json"]?.schema).toEqual({
      type: "object",
      properties: { name: { type: "string" } },
      required: ["name"],
      additionalProperties: false,
    });
    const scan = operation(document, "POST", "/scan")["requestBody"] as { content: Json };
    expect(Object.keys(scan.content)).toEqual(["multipart/form-data"]);
    expect(operation(document, "POST", "/raw")["requestBody"]).toBeUndefined();
    expect(await faultsOf(document)).toBeUndefined();
  });

  it("leaves out what nobody can call, and says what it cannot know", async () => {
    const { app } = await startApp({});
    app.get("/closed", { authz: "CLOSE" }, (c) => c.text(""));
    app.get("/hidden", { authz: "OPEN", doc: { listed: false } }, (c) => c.text(""));
    app.get("/own", { authz: customGuard("on weekdays", () => forbidden("it is Sunday")) }, (c) => c.text(""));
    app.post("/csrf", { authz: unauthCsrf() }, (c) => c.text(""));
    app.all("/all", { authz: "AUTH" }, (c) => c.text(""));
    app.query("/query", { authz: "AUTH" }, (c) => c.text(""));
    const document = app.openapi();
    expect(Object.keys(document.paths)).not.toEqual(expect.arrayContaining(["/closed"]));
    expect(Object.keys(document.paths)).not.toEqual(expect.arrayContaining(["/hidden"]));
    const own = operation(document, "GET", "/own");
    expect([own["x-guard"], own["security"]]).toEqual(["on weekdays", [{}]]);
    expect(Object.keys(own["responses"] as Json)).toEqual(expect.arrayContaining(["401", "403", "404"]));
    expect(operation(document, "POST", "/csrf")["parameters"]).toEqual([
      expect.objectContaining({ name: "X-CSRF-Token", in: "header" }),
    ]);
    expect(Object.keys(document.paths["/all"] ?? {})).toEqual(["get", "put", "post", "patch", "delete"]);
    expect(Object.keys(document.paths["/query"] ?? {})).toEqual(["x-query"]);
    expect(await faultsOf(document)).toBeUndefined();
  });

  it("says what a route says of itself", async () => {
    const { app } = await startApp({
      openapi: { authz: "OPEN", title: "Acme", version: "2.1", description: "All of it." },
    });
    const store = z.object({ id: z.int(), name: z.string() });
    app.get(
      "/store",
      {
        authz: "OPEN",
        doc: {
          summary: "All stores",
          description: "By number.",
          tags: ["stores"],
          deprecated: true,
          answers: { 200: { description: "The stores.", schema: z.array(store) }, 304: { description: "As before." } },
        },
      },
      (c) => c.json([]),
    );
    const document = app.openapi();
    expect(document.info).toEqual({ title: "Acme", version: "2.1", description: "All of it." });
    expect(operation(document, "GET", "/store")).toMatchObject({
      operationId: "getStore",
      summary: "All stores",
      description: "By number.",
      tags: ["stores"],
      deprecated: true,
      responses: {
        200: { description: "The stores.", content: { "application/json": { schema: { type: "array" } } } },
        304: { description: "As before." },
      },
    });
    const declare = (doc: object) => () =>
      app.get("/x", { authz: "OPEN", doc: doc as { summary: string } }, (c) => c.text(""));
    expect(declare({ sumary: "x" })).toThrow(/GET \/x: doc: unknown option "sumary"/);
    expect(declare({ answers: { ok: { description: "x" } } })).toThrow(/doc: answers/);
  });

  it("has the account endpoints with their fields and answers", async () => {
    const { app } = await startApp({});
    const document = app.openapi();
    const login = operation(document, "POST", "/login");
    expect(login).toMatchObject({ operationId: "login", tags: ["passwords"], security: [] });
    const { content } = login["requestBody"] as {
      content: Record<string, { schema: { properties: Json; required: string[] } }>;
    };
    expect(Object.keys(content)).toEqual(["application/json", "application/x-www-form-urlencoded"]);
    expect(Object.keys(content["application/json"]?.schema.properties ?? {})).toEqual([
      "email",
      "password",
      "remember",
    ]);
    expect(operation(document, "GET", "/login")).toMatchObject({ operationId: "get_login" });
    expect(operation(document, "POST", "/verify")["security"]).toEqual([{ session: [], csrfToken: [] }, { token: [] }]);
    const { requestBody } = operation(document, "POST", "/refresh-token");
    expect(Object.keys((requestBody as { content: Json }).content)).toEqual(["application/json"]);
  });
});

describe("the page", () => {
  it("shows everything without a script or anything from elsewhere, in the caller's language", async () => {
    const { app } = await startApp({ openapi: { authz: "OPEN", title: "<Acme>" } });
    const params = z.object({ sid: z.int().min(1), name: z.string().describe("<b>As</b> people call it.") });
    app.post("/store/:sid", { authz: object("store", "sid"), params }, (c) => c.text(""));
    const page = await testClient(app).get("/openapi", { headers: { accept: "text/html", "accept-language": "de" } });
    expect([page.status, page.headers.get("content-language")]).toEqual([200, "de"]);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("script-src");
    expect(page.text).not.toMatch(/<script|https?:\/\/(?!localhost)| on\w+=|style=/);
    expect(page.text).toContain("&lt;Acme&gt;");
    expect(page.text).toContain("&lt;b&gt;As&lt;/b&gt; people call it.");
    for (const text of [
      "POST /store/{sid}",
      "may reach the store &quot;:sid&quot;",
      "session + csrfToken",
      "integer, at least 1",
      "Wer darf",
      "/openapi.json",
    ]) {
      expect(page.text).toContain(text);
    }
    const ids = [...page.text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.text.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  });
});
