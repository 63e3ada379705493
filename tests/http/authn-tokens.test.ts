import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { createKeyRing } from "../../src/secrets/keyring.ts";
import { seal } from "../../src/secrets/signed.ts";
import {
  basic,
  cookiesSet,
  goodPassword,
  minute,
  otherPassword,
  type System,
  secretKey,
  start,
  tokenOf,
  userId,
} from "./authn-system.ts";

const ann = "ann@acme.example";
const json = { accept: "application/json" };

const withToken = (system: System, token: string, path = "/me"): Promise<ClientAnswer> =>
  system.client().get(path, { headers: { ...json, "authentication-token": token } });

describe("an auth token", () => {
  it("is issued to JSON clients that ask for it in the query, and to nobody else", async () => {
    const system = await start();
    const body = { email: ann, password: goodPassword };
    const asked = await system.client().post("/login?include_auth_token", { json: body });
    expect(typeof asked.json.response.user.authentication_token).toBe("string");
    expect(asked.headers.get("cache-control")).toBe("no-store");
    const inBody = await system.client().post("/login", { json: { ...body, include_auth_token: true } });
    expect(inBody.json.response.user).toEqual({ email: ann });
    const client = system.client();
    await client.get("/login");
    const form = await client.post("/login?include_auth_token", { form: body });
    expect([form.status, form.text]).toEqual([302, ""]);
  });

  it("is not handed out to somebody who is signed in already", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn(ann, goodPassword);
    const foreign = { headers: { ...json, origin: "https://evil.example" } };
    for (const path of ["/login?include_auth_token", "/verify?include_auth_token"]) {
      const answer = await client.get(path, foreign);
      expect(answer.text).not.toContain("authentication_token");
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("says who is calling, without cookies, CSRF token or session", async () => {
    const system = await start();
    const issuedAt = system.now();
    const token = await tokenOf(system.client(), ann, goodPassword);
    system.advance(minute);
    expect((await withToken(system, token)).json).toEqual({
      user: ann,
      via: "token",
      methods: ["password"],
      authenticatedAt: issuedAt,
    });
    const posted = await system.client().post("/act", { json: {}, headers: { "authentication-token": token } });
    expect([posted.status, cookiesSet(posted)]).toEqual([200, []]);
    expect((await withToken(system, token, "/session")).status).toBe(401);
    expect((await withToken(system, token, "/employee")).status).toBe(200);
  });

  it("is tried before the session", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn(ann, goodPassword);
    const token = await tokenOf(system.client(), "bob@acme.example", otherPassword);
    const both = await client.get("/me", { headers: { "authentication-token": token } });
    expect(both.json).toMatchObject({ user: "bob@acme.example", via: "token" });
    const bad = await client.get("/me", { headers: { "authentication-token": "nonsense" } });
    expect(bad.status).toBe(401);
  });

  it.each([
    ["the default", undefined, 15],
    ["an option", "2m", 2],
  ] as const)("lives as long as %s says, also when it is warm", async (_name, life, minutes) => {
    const system = await start(life === undefined ? {} : { tokens: { life } });
    const token = await tokenOf(system.client(), ann, goodPassword);
    expect((await withToken(system, token)).status).toBe(200);
    system.advance(minutes * minute - 1);
    expect((await withToken(system, token)).status).toBe(200);
    system.advance(1);
    expect((await withToken(system, token)).status).toBe(401);
    expect((await withToken(system, token)).status).toBe(401);
  });

  it("is valid only as the exact text", async () => {
    const system = await start();
    const token = await tokenOf(system.client(), ann, goodPassword);
    const [body = "", signature = ""] = token.split(".");
    const other = await tokenOf(system.client(), "bob@acme.example", otherPassword);
    const plain = createKeyRing([secretKey]).decrypt("sealed:auth-token", signature) ?? "";
    const payload = JSON.parse(plain) as [number, { e: number }];
    const longer = Buffer.from(JSON.stringify([payload[0] + 1e9, payload[1]])).toString("base64url");
    const wrong = [
      `${body}.${signature.slice(0, -1)}`,
      `${body}.${signature}=`,
      `${body}=.${signature}`,
      `${body}.${signature} x`,
      `${longer}.${signature}`,
      `${longer}.${signature.slice(0, 43)}`,
      `${body}.${longer}`,
      `${signature.slice(0, 60)}.${other.split(".")[1]}`,
      `${body}.${signature.slice(0, 60)}${other.split(".")[1]?.slice(60)}`,
      `.${signature}`,
      body,
      `${token}${token}`,
      `${token}, ${token}`,
      "A".repeat(20_000),
      // The last character may carry spare bits: its neighbours decode to the same bytes.
      ...[..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        .map((last) => `${body}.${signature.slice(0, -1)}${last}`)
        .filter((text) => text !== token),
    ];
    for (const text of wrong) expect([text, (await withToken(system, text)).status]).toEqual([text, 401]);
    for (let at = 0; at < token.length; at += 7) {
      const flipped = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
      expect((await withToken(system, flipped)).status).toBe(401);
    }
    expect((await withToken(system, token)).status).toBe(200);
  });

  it("can't be made of what was signed for another purpose", async () => {
    const system = await start();
    const token = await tokenOf(system.client(), ann, goodPassword);
    const ring = createKeyRing([secretKey]);
    const [e, payload] = JSON.parse(ring.decrypt("sealed:auth-token", token.slice(2)) ?? "") as [number, object];
    expect((await withToken(system, seal(ring, "auth-token", payload, e))).status).toBe(200);
    for (const purpose of ["csrf", "flash", "reset", "Auth-Token", "sealed:auth-token"]) {
      expect((await withToken(system, seal(ring, purpose, payload, e))).status).toBe(401);
    }
    const stranger = createKeyRing(["another key of the tests: 8hTw3Zp0Lq"]);
    expect((await withToken(system, seal(stranger, "auth-token", payload, e))).status).toBe(401);
  });

  it("shows nothing of the user, and one of before that did is taken until it ends", async () => {
    const system = await start();
    const token = await tokenOf(system.client(), ann, goodPassword);
    const { fsUniquifier } = (await system.security.users.find("email", ann)) as { fsUniquifier: string };
    const read = token.split(".").map((part) => Buffer.from(part, "base64url").toString("latin1"));
    expect([token, ...read].join(" ")).not.toContain(fsUniquifier.slice(0, 8));
    const ring = createKeyRing([secretKey]);
    const body = Buffer.from(ring.decrypt("sealed:auth-token", token.slice(2)) ?? "").toString("base64url");
    const before = `${body}.${ring.sign("sealed:auth-token", body)}`;
    expect((await withToken(system, before)).status).toBe(200);
    expect((await withToken(system, `${body}.${ring.sign("auth-token", body)}`)).status).toBe(401);
  });

  it("of the old key is taken while that key is still listed", async () => {
    const oldKey = secretKey;
    const newKey = "the next key of the tests: 93xLmQ4Vb6";
    const before = await start();
    const token = await tokenOf(before.client(), ann, goodPassword);
    const user = await before.store.findOne("user", { email: ann });
    const withKeys = async (secretKeys: readonly string[]): Promise<number> => {
      const system = await start({ secretKeys });
      await system.store.update("user", { email: ann }, { fsUniquifier: user?.fsUniquifier });
      return (await withToken(system, token)).status;
    };
    expect(await withKeys([newKey, oldKey])).toBe(200);
    expect(await withKeys([newKey])).toBe(401);
  });

  it("travels in its header alone unless an option names a query parameter", async () => {
    const system = await start();
    const token = await tokenOf(system.client(), ann, goodPassword);
    for (const name of ["auth_token", "authentication_token", "Authentication-Token", "token"]) {
      const answer = await system.client().get(`/me?${name}=${token}`, { headers: json });
      expect([name, answer.status]).toEqual([name, 401]);
      expect(answer.text).not.toContain(token);
    }
    const bearer = { headers: { ...json, authorization: `Bearer ${token}` } };
    expect((await system.client().get("/me", bearer)).status).toBe(401);
    const inBody = await system.client().post("/act", { json: { auth_token: token } });
    expect(inBody.status).toBe(401);

    const open = await start({ tokens: { allowInQuery: "auth_token", header: "X-Auth" } });
    const second = await tokenOf(open.client(), ann, goodPassword);
    expect((await open.client().get(`/me?auth_token=${second}`)).status).toBe(200);
    expect((await open.client().get("/me", { headers: { "x-auth": second } })).status).toBe(200);
    expect((await withToken(open, second)).status).toBe(401);
    expect(open.logs.join()).not.toContain(second);
  });

  it("does not reach /verify or a session bag of the cookie's owner", async () => {
    const system = await start();
    const bob = system.client();
    await bob.signIn("bob@acme.example", otherPassword);
    await bob.get("/keep/secret/of-bob");
    const token = await tokenOf(system.client(), ann, goodPassword);
    const headers = { ...json, "authentication-token": token };
    expect((await system.client().post("/verify", { json: { password: goodPassword }, headers })).status).toBe(401);
    const both = await bob.get("/bag/secret", { headers });
    expect(both.json.value).toBeNull();
    // A value that this caller sets neither lands in the session of the cookie nor puts another cookie in its place.
    const id = bob.cookies.get("__Host-session");
    const kept = await bob.get("/keep/cart/of-ann", { headers });
    expect([kept.status, cookiesSet(kept)]).toEqual([200, []]);
    expect(bob.cookies.get("__Host-session")).toBe(id);
    expect((await bob.get("/bag/cart")).json.value).toBeNull();
    expect((await bob.get("/me")).json.user).toBe("bob@acme.example");
  });
});

describe("HTTP Basic", () => {
  const open = (): Promise<System> => start({ authn: ["session", "token", "basic"] });

  it("is taken only where a route names it", async () => {
    const system = await start();
    const headers = { ...json, ...basic(ann, goodPassword) };
    expect((await system.client().get("/me", { headers })).status).toBe(401);
    const answer = await system.client().get("/basic", { headers });
    expect([answer.status, answer.json, cookiesSet(answer)]).toEqual([200, { via: "basic" }, []]);
    expect(await system.store.count("session", {})).toBe(0);
  });

  it.each([
    ["nothing", undefined],
    ["a wrong password", basic(ann, "wrong").authorization],
    ["an unknown user", basic("who@acme.example", goodPassword).authorization],
    ["an account that is not active", basic("off@acme.example", goodPassword).authorization],
    ["an account without a password", basic("nop@acme.example", "").authorization],
    ["no colon", `Basic ${btoa(ann)}`],
    ["an empty user", basic("", goodPassword).authorization],
    ["an empty password", basic(ann, "").authorization],
    ["no base64", "Basic !!!"],
    ["nothing behind the scheme", "Basic "],
    ["unpadded base64", basic(ann, goodPassword).authorization.replace(/=+$/, "").slice(0, -1)],
    ["invalid UTF-8", `Basic ${Buffer.from([0xff, 0x3a, 0xfe]).toString("base64")}`],
    ["a control character", basic(ann, `${goodPassword}\u0000`).authorization],
    ["two headers", `${basic(ann, goodPassword).authorization}, ${basic(ann, goodPassword).authorization}`],
    ["another scheme", `Bearer ${btoa(`${ann}:${goodPassword}`)}`],
    ["far too much", basic(ann, "x".repeat(100_000)).authorization],
  ])("answers %s with 401 and one challenge", async (_name, authorization) => {
    const system = await start();
    for (const accept of ["application/json", "text/html"]) {
      const headers = { accept, ...(authorization === undefined ? {} : { authorization }) };
      const answer = await system.client().get("/basic", { headers });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe('Basic realm="Login Required", charset="UTF-8"');
      // A page may greet with a flash message; nothing else is set.
      expect(cookiesSet(answer).filter((name) => !/csrf|flash/.test(name))).toEqual([]);
    }
  });

  it("takes the scheme's name in any case and a password with colons and letters beyond ASCII", async () => {
    const system = await open();
    const password = "päss:wörd: ✓ long";
    await system.security.users.setPassword(await userId(system, ann), password);
    const { authorization } = basic("ANN@Acme.example", password);
    for (const header of [authorization, authorization.replace("Basic", "BASIC")]) {
      expect((await system.client().get("/me", { headers: { authorization: header } })).status).toBe(200);
    }
    // The same letters, composed otherwise.
    const nfd = basic(ann, password.normalize("NFD"));
    expect((await system.client().get("/me", { headers: nfd })).status).toBe(200);
    expect((await system.client().get("/me", { headers: basic(ann, password.toUpperCase()) })).status).toBe(401);
  });

  it("names the realm of the route", async () => {
    const system = await start();
    const answer = await system.client().post("/basic", { json: {} });
    expect(answer.headers.get("www-authenticate")).toBe('Basic realm="vault", charset="UTF-8"');
  });

  it.each<[string, (system: System, id: number) => Promise<unknown>]>([
    ["a new password", ({ security }, id) => security.users.setPassword(id, "a new passphrase")],
    ["deactivation", ({ security }, id) => security.users.deactivate(id)],
    ["deletion", ({ security }, id) => security.users.delete(id)],
  ])("ends at once with %s, although verified credentials are remembered", async (_name, change) => {
    const system = await open();
    const headers = { ...json, ...basic(ann, goodPassword) };
    expect((await system.client().get("/me", { headers })).status).toBe(200);
    expect((await system.client().get("/me", { headers })).status).toBe(200);
    expect(system.security.cacheStats().password.hits).toBeGreaterThan(0);
    await change(system, await userId(system, ann));
    expect((await system.client().get("/me", { headers })).status).toBe(401);
  });

  it("is remembered for a minute and not longer, and never when it is wrong", async () => {
    const system = await open();
    const wrong = { ...json, ...basic(ann, "wrong password") };
    for (let count = 0; count < 2; count += 1)
      expect((await system.client().get("/me", { headers: wrong })).status).toBe(401);
    expect(system.security.cacheStats().password.size).toBe(0);
    const headers = { ...json, ...basic(ann, goodPassword) };
    await system.client().get("/me", { headers });
    // Past the operations and unannounced: seen when the minute is over.
    await system.store.update("user", { email: ann }, { active: false });
    system.advance(minute - 1);
    expect((await system.client().get("/me", { headers })).status).toBe(200);
    system.advance(2);
    expect((await system.client().get("/me", { headers })).status).toBe(401);
  });

  it("must not come from a foreign page, as browsers add it by themselves", async () => {
    const system = await open();
    const send = (headers: Record<string, string>): Promise<ClientAnswer> =>
      system.client().post("/act", { json: {}, headers: { ...basic(ann, goodPassword), ...headers } });
    expect((await send({})).status).toBe(200);
    expect((await send({ origin: "http://localhost:3000" })).status).toBe(200);
    expect((await send({ origin: "https://evil.example" })).status).toBe(400);
    expect((await send({ "sec-fetch-site": "cross-site" })).status).toBe(400);
    expect((await send({ referer: "https://evil.example/page" })).status).toBe(400);
  });

  it("needs a CSRF token as well where the option says so", async () => {
    const system = await start({ authn: ["basic"], csrf: { schemes: ["session", "basic"] } });
    const client = system.client();
    const headers = basic(ann, goodPassword);
    expect((await client.post("/act", { json: {}, headers })).status).toBe(400);
    await client.get("/page", { headers: { ...headers, accept: "text/html" } });
    expect((await client.post("/act", { json: {}, headers })).status).toBe(200);
  });
});
