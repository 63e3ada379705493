import { passwords } from "portcullis/features";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import {
  cookiesSet,
  day,
  goodPassword,
  hour,
  minute,
  otherPassword,
  type System,
  start,
  tokenOf,
} from "./authn-system.ts";

const ann = "ann@acme.example";
const bob = "bob@acme.example";
const json = { headers: { accept: "application/json" } };

const me = async (client: TestClient): Promise<string | number> => {
  const answer = await client.get("/me", json);
  return answer.status === 200 ? (answer.json.user as string) : answer.status;
};

async function signedIn(system: System, email = ann, password = goodPassword): Promise<TestClient> {
  const client = system.client();
  await client.signIn(email, password);
  // Warm: what follows must be effective although the session is in the cache.
  expect(await me(client)).toBe(email);
  expect(await me(client)).toBe(email);
  return client;
}

const sessionId = (client: TestClient): string => client.cookies.get("__Host-session") ?? "";

function attributes(answer: ClientAnswer, name: string): string[] {
  const cookie = answer.headers.getSetCookie().find((text) => text.startsWith(`${name}=`));
  return (cookie ?? "")
    .split("; ")
    .slice(1)
    .map((attribute) => attribute.replace(/=\d+$/, "=N"))
    .sort();
}

describe("the session's cookie", () => {
  it("is __Host-, HttpOnly, Secure, SameSite=Lax, for the whole host, and ends with the browser", async () => {
    const system = await start();
    const answer = await system
      .client()
      .post("/login", { json: { email: ann, password: goodPassword, remember: true } });
    expect(attributes(answer, "__Host-session")).toEqual(["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    expect(attributes(answer, "__Host-remember")).toEqual([
      "HttpOnly",
      "Max-Age=N",
      "Path=/",
      "SameSite=Lax",
      "Secure",
    ]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("holds 256 random bits", async () => {
    const system = await start();
    const ids = new Set<string>();
    for (let count = 0; count < 50; count += 1) {
      const client = system.client();
      await client.signIn(ann, goodPassword);
      ids.add(sessionId(client));
      expect(sessionId(client)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    }
    expect(ids.size).toBe(50);
    expect(new Set([...ids].map((id) => id.slice(0, 4))).size).toBeGreaterThan(40);
  });

  it("is plain only where insecure cookies are allowed, and has the application's prefix", async () => {
    const system = await start({ cookies: { allowInsecure: true, prefix: "shop-" } });
    const answer = await system.client().post("/login", { json: { email: ann, password: goodPassword } });
    expect(attributes(answer, "shop-session")).toEqual(["HttpOnly", "Path=/", "SameSite=Lax"]);
  });

  it.each([
    [["http://localhost:3000"], undefined, false],
    [["http://127.0.0.1:3000", "http://[::1]:3000", "http://shop.localhost"], undefined, false],
    [["http://localhost:3000", "https://acme.example"], undefined, true],
    [["https://acme.example"], undefined, true],
    [["https://localhost:3000"], undefined, true],
    [["http://localhost:3000"], false, true],
    [["https://acme.example"], true, false],
  ])("of %j with allowInsecure %j: secure is %j, for every cookie", async (origins, allowInsecure, secure) => {
    const system = await start({
      origins,
      cookies: allowInsecure === undefined ? {} : { allowInsecure },
      csrf: { cookie: "XSRF-TOKEN" },
    });
    const client = testClient(system.app, origins[0] as string);
    const form = { email: ann, password: goodPassword, remember: "on" };
    const set = [
      ...(await client.get("/login", { headers: { accept: "text/html" } })).headers.getSetCookie(),
      ...(await client.post("/login?include_auth_token", { json: { ...form, remember: true } })).headers.getSetCookie(),
      ...(await client.post("/logout", { json: {} })).headers.getSetCookie(),
    ];
    const names = new Set(set.map((cookie) => cookie.split("=", 1)[0]?.replace("__Host-", "")));
    expect([...names]).toEqual(expect.arrayContaining(["csrf", "session", "remember", "XSRF-TOKEN"]));
    for (const cookie of set) {
      expect([cookie, /; Secure/.test(cookie)]).toEqual([cookie, secure]);
      const named = cookie.startsWith("__Host-") || cookie.startsWith("XSRF-TOKEN=");
      expect([cookie, named]).toEqual([cookie, secure || cookie.startsWith("XSRF-TOKEN=")]);
    }
    const said = system.logs.filter((line) => line.includes("cookies go without Secure"));
    expect(said).toHaveLength(allowInsecure === undefined && !secure ? 1 : 0);
  });

  it("is worth nothing when it is tampered with, sent twice or of somebody else's making", async () => {
    const system = await start();
    const client = await signedIn(system);
    const id = sessionId(client);
    const flip = (at: number): string => id.slice(0, at) + (id[at] === "A" ? "B" : "A") + id.slice(at + 1);
    const wrong = [
      flip(0),
      flip(20),
      id.slice(1),
      `${id}A`,
      `${id}=`,
      id.toLowerCase(),
      "",
      "A".repeat(43),
      "%00",
      "null",
    ];
    for (const value of wrong) {
      const other = system.client();
      other.cookies.set("__Host-session", value);
      expect(await me(other)).toBe(401);
    }
    const twice = await system.client().get("/me", {
      headers: { ...json.headers, cookie: `__Host-session=${"A".repeat(43)}; __Host-session=${id}` },
    });
    expect(twice.status).toBe(401);
    const plain = await system.client().get("/me", { headers: { ...json.headers, cookie: `session=${id}` } });
    expect(plain.status).toBe(401);
    expect(await me(client)).toBe(ann);
  });
});

describe("a new session id", () => {
  it("comes with the sign-in; a planted one stays a stranger's", async () => {
    const system = await start();
    const visitor = system.client();
    await visitor.get("/keep/cart/apples");
    const planted = sessionId(visitor);
    expect(planted).not.toBe("");
    const thief = visitor.copy();
    await visitor.signIn(ann, goodPassword);
    expect(sessionId(visitor)).not.toBe(planted);
    const stranger = await me(thief);
    expect(stranger).toBe(401);
    expect((await thief.get("/bag/cart")).json.value).toBeNull();
    expect(await system.store.count("session", {})).toBe(1);
    expect((await visitor.get("/bag/cart")).json.value).toBe("apples");
  });

  it("comes with proving again who one is, and the old row is gone", async () => {
    const system = await start();
    const client = await signedIn(system);
    const before = client.copy();
    system.advance(hour);
    expect((await client.post("/verify", { json: { password: goodPassword } })).status).toBe(200);
    expect(sessionId(client)).not.toBe(sessionId(before));
    expect(await me(before)).toBe(401);
    expect(await me(client)).toBe(ann);
    expect(await system.store.count("session", {})).toBe(1);
  });

  it("does not make the session last longer than it would have", async () => {
    const system = await start({ sessions: { idle: "10h", absolute: "12h" } });
    const client = await signedIn(system);
    system.advance(8 * hour);
    await client.post("/verify", { json: { password: goodPassword } });
    system.advance(4 * hour - 1);
    expect(await me(client)).toBe(ann);
    system.advance(1);
    expect(await me(client)).toBe(401);
  });
});

describe.each([
  ["the cache", 100],
  ["no cache", 0],
])("the end of a session with %s", (_name, cached) => {
  it("comes after the idle time, which each request begins anew", async () => {
    const system = await start({ sessions: { idle: "30m", absolute: "2h", cached } });
    const client = await signedIn(system);
    for (let part = 0; part < 3; part += 1) {
      system.advance(30 * minute - 1);
      expect(await me(client)).toBe(ann);
    }
    system.advance(30 * minute);
    expect(await me(client)).toBe(401);
    // Over is over: not a moment of sleep later either.
    expect(await me(client)).toBe(401);
  });

  it("comes after the absolute time, however busy it is", async () => {
    const system = await start({ sessions: { idle: "30m", absolute: "1h", cached } });
    const client = await signedIn(system);
    for (let at = 10; at < 60; at += 10) {
      system.advance(10 * minute);
      expect(await me(client)).toBe(ann);
    }
    system.advance(10 * minute);
    expect(await me(client)).toBe(401);
  });
});

describe("signing out", () => {
  it("ends the row, the remember credential and all copies of the cookies", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn(ann, goodPassword, { remember: true });
    expect(await me(client)).toBe(ann);
    const copy = client.copy();
    const answer = await client.post("/logout", { json: {} });
    expect([answer.status, answer.json]).toEqual([200, { meta: { code: 200 }, response: {} }]);
    expect([...client.cookies.keys()].filter((name) => name !== "__Host-csrf")).toEqual([]);
    expect(await me(copy)).toBe(401);
    copy.cookies.delete("__Host-session");
    expect(await me(copy)).toBe(401);
    expect(await system.store.count("session", {})).toBe(0);
    expect(await system.store.count("remember", {})).toBe(0);
    expect(system.events.filter(({ name }) => name === "userSignedOut")).toHaveLength(1);
  });

  it("repeats the attributes of the cookies that it removes", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn(ann, goodPassword, { remember: true });
    const answer = await client.post("/logout", { json: {} });
    for (const name of ["__Host-session", "__Host-remember"]) {
      expect(attributes(answer, name)).toEqual(
        expect.arrayContaining(["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]),
      );
    }
  });

  it("ends the cookie's session also when the request carries an auth token", async () => {
    const system = await start();
    const client = system.client();
    const token = await tokenOf(client, ann, goodPassword);
    const copy = client.copy();
    const headers = { "authentication-token": token };
    expect((await client.post("/logout", { json: {}, headers })).status).toBe(200);
    expect(await me(copy)).toBe(401);
    expect(await system.store.count("session", {})).toBe(0);
  });

  it("ends the session also where routes take no session by default", async () => {
    const system = await start({ authn: ["token"] });
    const client = system.client();
    await client.signIn(ann, goodPassword);
    expect((await client.get("/session")).status).toBe(200);
    const copy = client.copy();
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
    expect((await copy.get("/session", json)).status).toBe(401);
  });

  it("is no error for somebody who is not signed in", async () => {
    const system = await start();
    expect((await system.client().post("/logout", { json: {} })).status).toBe(200);
  });

  it("ends what the cookies stand for also while the account is closed", async () => {
    const system = await start();
    const client = system.client();
    await client.post("/login", { json: { email: ann, password: goodPassword, remember: true } });
    const copy = client.copy();
    // By another program: the account's own operations would have ended everything at once.
    await system.store.update("user", { email: ann }, { active: false });
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
    await system.store.update("user", { email: ann }, { active: true });
    expect(await me(copy)).toBe(401);
    expect(await system.store.count("session", {})).toBe(0);
    expect(await system.store.count("remember", {})).toBe(0);
  });

  it("leaves other sessions of the same user alone", async () => {
    const system = await start();
    const [one, two] = [await signedIn(system), await signedIn(system)];
    await one.post("/logout", { json: {} });
    expect(await me(two)).toBe(ann);
  });
});

describe("one browser, two users", () => {
  it("the second finds nothing of the first", async () => {
    const system = await start();
    const client = await signedIn(system);
    await client.get("/keep/secret/of-ann");
    await client.post("/logout", { json: {} });
    await client.signIn(bob, otherPassword);
    expect((await client.get("/bag/secret")).json.value).toBeNull();
    expect((await client.get("/me")).json).toMatchObject({ user: bob, methods: ["password"] });
  });

  it("a sign-in while somebody is signed in is refused", async () => {
    const system = await start();
    const client = await signedIn(system);
    const answer = await client.post("/login", { json: { email: bob, password: otherPassword } });
    expect(answer.status).toBe(400);
    expect(await me(client)).toBe(ann);
  });

  it("does not take the remember credential of the user before along", async () => {
    const system = await start({ sessions: { idle: "30m", absolute: "1h" } });
    const client = system.client();
    await client.signIn(ann, goodPassword, { remember: true });
    // Ann's credential can't be used for the moment, so Bob sees the sign-in page.
    await system.store.update("user", { email: ann }, { active: false });
    client.cookies.delete("__Host-session");
    await client.signIn(bob, otherPassword);
    await system.store.update("user", { email: ann }, { active: true });
    system.advance(2 * hour);
    expect(await me(client)).toBe(401);
  });
});

describe("the account pages", () => {
  it("do not trust the cache", async () => {
    const system = await start();
    const client = await signedIn(system);
    // Changed past the operations, and nobody told the cache.
    await system.store.update("user", { email: ann }, { active: false });
    expect((await client.get("/verify", json)).status).toBe(401);
  });

  it("purge what is over, and nothing else", async () => {
    const system = await start({ sessions: { idle: "1h", absolute: "14d", remember: "2d" } });
    const client = system.client();
    await client.signIn(ann, goodPassword, { remember: true });
    await system.security.purge();
    expect([await system.store.count("session", {}), await system.store.count("remember", {})]).toEqual([1, 1]);
    system.advance(hour + 1);
    await system.security.purge();
    expect([await system.store.count("session", {}), await system.store.count("remember", {})]).toEqual([0, 1]);
    system.advance(2 * day);
    await system.security.purge();
    expect(await system.store.count("remember", {})).toBe(0);
  });

  it("sign nobody in by GET or HEAD, and answer other methods with 405", async () => {
    const system = await start();
    for (const method of ["GET", "HEAD"]) {
      const answer = await system.client().request(method, `/login?email=${ann}&password=${goodPassword}`);
      expect([method, answer.status, cookiesSet(answer)]).toEqual([method, 200, ["__Host-csrf"]]);
    }
    const client = await signedIn(system);
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const answer = await client.request(method, "/logout");
      expect([method, answer.status, answer.headers.get("allow")]).toEqual([method, 405, "POST"]);
    }
    expect(await me(client)).toBe(ann);
  });

  it("are not there when their feature is off", async () => {
    const system = await start({ features: [passwords()] });
    expect((await system.client().get("/register")).status).toBe(404);
    expect((await system.client().post("/register", { json: {} })).status).toBe(404);
  });
});
