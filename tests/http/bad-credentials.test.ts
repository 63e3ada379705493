/** A credential that was sent on purpose and is not good, beside one that is: it refuses the request on routes that take its scheme. */
import {
  anyOf,
  apiKey,
  apiKeyCheckpoint,
  authRequired,
  customGuard,
  digest,
  oauth,
  object,
  param,
  passFunctionCheck,
  portcullis,
  scope,
  unauthCsrf,
} from "portcullis";
import { apiKeys, passwords, refresh, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { basic, goodPassword, hour, minute, origin, otherPassword, secretKey, weakHashing } from "./authn-system.ts";

const ann = "ann@acme.example";
const bob = "bob@acme.example";
const checkpointKey = "a key of a checkpoint: 7Yx2";
let time = Date.UTC(2026, 0, 2, 3, 4, 5);

const security = await portcullis({
  secretKeys: [secretKey],
  origins: [origin],
  cookies: { allowInsecure: false },
  datastore: memory(),
  features: [passwords(), registration(), refresh(), apiKeys()],
  schemes: [
    apiKey(),
    oauth(),
    param(),
    digest({ secret: () => undefined }),
    {
      name: "own",
      authenticate: (rq) => (rq.header("x-own") === undefined ? undefined : { refused: "x-own" }),
      place: () => "x-own",
    },
  ],
  scopes: ["files"],
  objects: { box: { check: () => true, id: "text" } },
  tokens: { carriers: ["cookie", "header", "bearer", "parameter"], allowInQuery: "auth_token" },
  passwords: { hashing: weakHashing },
  clock: () => time,
  log: () => undefined,
});
afterAll(() => security.close());

const app = security.app();
const who = (c: { var: { user: { email: string } | null; identity: { via: string } | null } }) =>
  Response.json({ user: c.var.user?.email ?? null, via: c.var.identity?.via ?? null });
app.get("/plain", { authz: "AUTH" }, who);
app.get("/session-first", { authz: "AUTH", authn: ["session", "token"] }, who);
app.get("/session", { authz: authRequired("session") }, who);
app.get("/basic", { authz: "AUTH", authn: ["session", "basic"] }, who);
app.get("/digest", { authz: "AUTH", authn: ["session", "digest"] }, who);
app.get("/key", { authz: "AUTH", authn: ["apiKey", "session"] }, who);
app.get("/basic-first", { authz: "AUTH", authn: ["basic", "token", "session"] }, who);
app.get("/keys", { authz: "AUTH", authn: ["token", "apiKey", "session"] }, who);
app.get("/either", { authz: anyOf(authRequired("basic"), authRequired("session")) }, who);
app.get("/door", { authz: anyOf(authRequired("token"), apiKeyCheckpoint({ keys: [checkpointKey] })) }, who);
app.get("/scoped", { authz: scope("files"), authn: ["token", "oauth", "session"] }, who);
app.get("/custom", { authz: customGuard("anybody", () => ({ kind: "allow" })) }, who);
app.get("/function", { authz: passFunctionCheck(() => true) }, who);
app.get("/box/:id", { authz: object("box", "id") }, who);
app.get("/own", { authz: "AUTH", authn: ["session", "own"] }, who);
app.get("/open", { authz: "OPEN" }, who);
app.post("/form", { authz: unauthCsrf() }, who);
app.post("/param", { authz: "AUTH", authn: ["session", "param"] }, who);

let client: TestClient;
let token: string;
let bobs: string;
let limited: string;
let key: string;
beforeAll(async () => {
  await security.users.create({ email: ann, password: goodPassword });
  await security.users.create({ email: bob, password: otherPassword });
  const owner = await security.users.find("email", ann);
  const other = await security.users.find("email", bob);
  if (owner === undefined || other === undefined) throw new Error("nobody is there");
  client = testClient(app, origin);
  await client.signIn(ann, goodPassword);
  token = await security.createToken(owner, { life: "12h" });
  bobs = await security.createToken(other, { life: "12h" });
  limited = await security.createToken(owner, { scopes: ["files"], life: "12h" });
  key = (await security.apiKeys?.create(owner, { name: "test", unlimited: true }))?.text ?? "";
});

const get = (path: string, headers: Record<string, string>) =>
  client.get(path, { headers: { accept: "application/json", ...headers } });
const sent = (text: string) => ({ "authentication-token": text });
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

describe("a bad credential beside a good session", () => {
  const bad: readonly [name: string, path: string, headers: () => Record<string, string>][] = [
    ["a token in its header", "/plain", () => sent("nonsense")],
    ["a token as a bearer", "/plain", () => bearer("nonsense")],
    ["a token in the query", "/plain?auth_token=nonsense", () => ({})],
    ["a token that is limited to scopes, where no scope is asked", "/plain", () => sent(limited)],
    ["a token behind the session in the list", "/session-first", () => sent("nonsense")],
    ["a password by Basic", "/basic", () => basic(ann, "wrong")],
    ["Basic that cannot be read", "/basic", () => ({ authorization: "Basic !!!" })],
    ["Basic with nothing behind it", "/basic", () => ({ authorization: "Basic" })],
    ["Basic behind a tab", "/basic", () => ({ authorization: "Basic\tx" })],
    ["Digest with nothing behind it", "/digest", () => ({ authorization: "Digest" })],
    ["Digest behind a tab", "/digest", () => ({ authorization: "Digest\tx" })],
    ["a bearer with nothing behind it", "/plain", () => bearer("")],
    ["a bearer behind a tab", "/plain", () => ({ authorization: "Bearer\tx" })],
    ["a bearer with nothing behind it, where keys alone are taken", "/key", () => bearer("")],
    ["a key behind a tab", "/key", () => ({ authorization: `Bearer\t${key}` })],
    ["a key with something behind it", "/key", () => bearer(`${key} x`)],
    ["a header for tokens with nothing in it", "/plain", () => sent("")],
    ["two tokens in the query", "/plain?auth_token=a&auth_token=b", () => ({})],
    ["Basic that is too long", "/basic", () => ({ authorization: `Basic ${"a".repeat(5000)}` })],
    ["an API key as a bearer", "/keys", () => bearer(`${key}x`)],
    ["an API key in its header", "/keys", () => ({ "x-api-key": "pk_nonsense" })],
    ["an alternative's credential", "/either", () => basic(ann, "wrong")],
    ["a credential of the application's own scheme", "/own", () => ({ "x-own": "nonsense" })],
    ["a token, by a guard of the application's own", "/custom", () => sent("nonsense")],
    ["a token, by a function", "/function", () => sent("nonsense")],
    ["a token, by an object's rule", "/box/1", () => sent("nonsense")],
  ];
  it.each(bad)("refuses the request: %s", async (_name, path, headers) => {
    expect((await get(path.replace(/\?.*/, ""), {})).json).toEqual({ user: ann, via: "session" });
    const answer = await get(path, headers());
    expect([answer.status, answer.json?.code]).toEqual([401, "unauthenticated"]);
    // The session itself is none the worse.
    expect((await get("/plain", {})).status).toBe(200);
  });

  it("is refused with the challenge, and a browser is not sent to sign in, which it has", async () => {
    const answer = await get("/plain", bearer("nonsense"));
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="Login Required", error="invalid_token"');
    expect((await get("/basic", basic(ann, "wrong"))).headers.get("www-authenticate")).toContain("Basic realm=");
    const page = await client.get("/session-first", { headers: { accept: "text/html", ...sent("nonsense") } });
    expect([page.status, page.headers.get("location")]).toEqual([401, null]);
  });

  it("is refused in a body", async () => {
    const csrf = (await client.get("/login", { headers: { accept: "application/json" } })).json.response.csrf_token;
    const post = async (json: object) =>
      (await client.post("/param", { json, headers: { "x-csrf-token": csrf as string } })).status;
    expect(await post({ x: 1 })).toBe(200);
    expect(await post({ USER: ann })).toBe(200);
    expect(await post({ USER: ann, PASS: goodPassword })).toBe(200);
    expect(await post({ USER: ann, PASS: "wrong" })).toBe(401);
    expect(await post({ USER: ann, PASS: [goodPassword] })).toBe(401);
    expect(await post({ auth_token: null })).toBe(200);
  });

  it("counts as any failed attempt", async () => {
    const failed: unknown[] = [];
    const stop = security.events.onAny((name, event) => {
      if (name === "userFailedAuthn") failed.push(event);
    });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1)
      statuses.push((await get("/basic", basic(bob, `no ${attempt}`))).status);
    stop?.();
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    expect(failed.length).toBeGreaterThan(3);
    time += 24 * hour;
    client = testClient(app, origin);
    await client.signIn(ann, goodPassword);
  });
});

describe("a good credential beside another", () => {
  it("does for it, the first in the list", async () => {
    const owner = await security.users.find("email", ann);
    const now = await security.createToken(owner ?? 0, {});
    expect((await get("/plain", sent(now))).json).toEqual({ user: ann, via: "token" });
    expect((await get("/session-first", sent(now))).json).toEqual({ user: ann, via: "session" });
    expect((await get("/basic", basic(bob, otherPassword))).json).toEqual({ user: ann, via: "session" });
    expect((await get("/keys", bearer(key))).json).toEqual({ user: ann, via: "apiKey" });
    expect((await get("/keys", { ...bearer(key), "x-api-key": key })).json).toEqual({ user: ann, via: "apiKey" });
    const scoped = await security.createToken(owner ?? 0, { scopes: ["files"] });
    expect((await get("/scoped", sent(scoped))).json).toEqual({ user: ann, via: "oauth" });
    expect((await get("/scoped", bearer(now))).json).toEqual({ user: ann, via: "token" });
  });

  it("does not make up for a bad one in another place", async () => {
    const other = await security.users.find("email", bob);
    const good = await security.createToken(other ?? 0, {});
    const scoped = await security.createToken(other ?? 0, { scopes: ["files"] });
    for (const [path, headers] of [
      ["/plain", { ...sent(good), ...bearer("nonsense") }],
      ["/plain", { ...sent("nonsense"), ...bearer(good) }],
      ["/plain?auth_token=nonsense", sent(good)],
      ["/basic-first", { ...sent(good), ...basic(bob, "wrong") }],
      ["/keys", { ...sent(good), "x-api-key": "pk_nonsense" }],
      ["/keys", { ...sent("nonsense"), ...bearer(key) }],
      ["/scoped", { ...sent(scoped), ...bearer("nonsense") }],
      ["/door", { ...sent("nonsense"), "x-api-key": checkpointKey }],
    ] as const) {
      expect([path, (await get(path, headers)).status]).toEqual([path, 401]);
    }
    expect((await get("/door", { "x-api-key": checkpointKey })).status).toBe(200);
    time += minute;
  });
});

describe("a bad credential is passed over", () => {
  it.each([
    ["on an open route", "/open", () => sent("nonsense")],
    ["of a scheme that the route does not take", "/session", () => sent("nonsense")],
    ["by Basic, which is for a proxy in front", "/plain", () => basic("staging", "of the proxy")],
    ["as an API key where none is taken", "/plain", () => ({ "x-api-key": "pk_nonsense" })],
    [
      "in a session's cookie",
      "/basic",
      () => ({ ...basic(ann, goodPassword), cookie: `__Host-session=${"x".repeat(43)}` }),
    ],
  ])("%s", async (_name, path, headers) => {
    const answer = await get(path, headers());
    expect([answer.status, answer.json.user]).toEqual([200, ann]);
  });

  it("in a cookie that is over, also before a good token in a header", async () => {
    const bare = testClient(app, origin);
    const owner = await security.users.find("email", ann);
    const good = await security.createToken(owner ?? 0, {});
    const over = { cookie: "__Host-token=nonsense; token=nonsense" };
    const answer = await bare.get("/plain", { headers: { accept: "application/json", ...over, ...sent(good) } });
    expect(answer.json).toEqual({ user: ann, via: "token" });
    const session = await get("/plain", {});
    expect(session.json).toEqual({ user: ann, via: "session" });
    expect(bobs).not.toBe(token);
  });

  it("where somebody signs in, refreshes, registers or signs out", async () => {
    const fresh = testClient(app, origin);
    const headers = { ...sent("nonsense"), accept: "application/json" };
    expect((await fresh.post("/register", { headers, json: { email: "x", password: "y" } })).status).toBe(400);
    expect((await fresh.post("/login", { headers, json: { email: ann, password: goodPassword } })).status).toBe(200);
    expect((await fresh.post("/refresh-token", { headers, json: {} })).status).not.toBe(500);
    const csrf = (await fresh.get("/login", { headers })).json.response.csrf_token as string;
    expect((await fresh.post("/logout", { headers: { ...headers, "x-csrf-token": csrf }, json: {} })).status).toBe(200);
    expect((await fresh.get("/plain", { headers: { accept: "application/json" } })).status).toBe(401);
  });
});
