import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { basic, goodPassword, hour, minute, otherPassword, type System, start, tokenOf } from "./authn-system.ts";

const ann = "ann@acme.example";
const bob = "bob@acme.example";
const json = { headers: { accept: "application/json" } };
const page = { headers: { accept: "text/html" } };

async function signedIn(system: System): Promise<TestClient> {
  const client = system.client();
  await client.signIn(ann, goodPassword);
  return client;
}

const status = async (client: TestClient, path: string): Promise<number> => (await client.get(path, json)).status;

describe("a guard that asks for a fresh proof", () => {
  it("takes the sign-in itself, up to its time and not longer", async () => {
    const system = await start();
    const client = await signedIn(system);
    system.advance(5 * minute - 1);
    expect(await status(client, "/fresh")).toBe(200);
    system.advance(1);
    expect(await status(client, "/fresh")).toBe(401);
  });

  it("tells a JSON client that it must prove again who it is, and how", async () => {
    const system = await start();
    const client = await signedIn(system);
    system.advance(5 * minute);
    const answer = await client.get("/fresh", json);
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({
      code: "reauthentication_required",
      reauth_required: true,
      has_webauthn_verify_credential: false,
      oauth_enabled: false,
      oauth_providers: [],
      unified_signin_enabled: false,
      meta: { code: 401 },
      response: { reauth_required: true, has_webauthn_verify_credential: false, unified_signin_enabled: false },
    });
    expect(answer.headers.get("www-authenticate")).toBeNull();
    // A known caller: this is not the answer for nobody.
    expect((await system.client().get("/fresh", json)).json.reauth_required).toBeUndefined();
  });

  it("sends a browser to /verify and back", async () => {
    const system = await start();
    const client = await signedIn(system);
    system.advance(5 * minute);
    const away = await client.get("/fresh?a=b%26c", page);
    expect([away.status, away.location]).toEqual([302, "/verify?next=%2Ffresh%3Fa%3Db%2526c"]);
    const form = await client.get(away.location ?? "", page);
    expect(form.text).toContain("Show that it is you");
    const wrong = await client.post("/verify?next=%2Ffresh%3Fa%3Db%2526c", { form: { password: "wrong" } });
    expect(wrong.status).toBe(200);
    const back = await client.post("/verify?next=%2Ffresh%3Fa%3Db%2526c", { form: { password: goodPassword } });
    expect([back.status, back.location]).toEqual([302, "/fresh?a=b%26c"]);
    expect((await client.get(back.location ?? "", page)).status).toBe(200);
  });

  it("believes no proof from the future", async () => {
    const system = await start();
    const client = await signedIn(system);
    system.advance(-1000);
    expect(await status(client, "/me")).toBe(200);
    expect(await status(client, "/fresh")).toBe(401);
  });
});

describe("the grace after a check that passed", () => {
  it("holds for its time, for this session alone, and does not grow by use", async () => {
    const system = await start();
    const [client, other] = [await signedIn(system), await signedIn(system)];
    system.advance(4 * minute);
    expect(await status(client, "/graceful")).toBe(200);
    for (let at = 0; at < 9; at += 1) {
      system.advance(minute);
      expect(await status(client, "/graceful")).toBe(200);
    }
    expect(await status(other, "/graceful")).toBe(401);
    system.advance(minute);
    expect(await status(client, "/graceful")).toBe(401);
  });

  it("is no grace for a guard that allows none", async () => {
    const system = await start();
    const client = await signedIn(system);
    expect(await status(client, "/graceful")).toBe(200);
    system.advance(6 * minute);
    expect(await status(client, "/graceful")).toBe(200);
    expect(await status(client, "/fresh")).toBe(401);
  });

  it("of a lenient guard does not open a strict one", async () => {
    const system = await start();
    const client = await signedIn(system);
    system.advance(50 * minute);
    expect(await status(client, "/graceful")).toBe(401);
    // Passes, and its grace begins; the strict guard's time is over all the same.
    expect(await status(client, "/lenient")).toBe(200);
    expect(await status(client, "/graceful")).toBe(401);
  });

  it("ends with the next sign-in's session", async () => {
    const system = await start();
    const client = await signedIn(system);
    expect(await status(client, "/graceful")).toBe(200);
    await client.post("/verify", { json: { password: goodPassword } });
    const rows = await system.store.find("session", {});
    expect(rows.map((row) => row.freshUntil)).toEqual([null]);
  });
});

describe("/verify", () => {
  const verify = (client: TestClient, body: unknown): Promise<ClientAnswer> => client.post("/verify", { json: body });

  it("answers as the contract has it", async () => {
    const system = await start();
    const client = await signedIn(system);
    const shown = await client.get("/verify", json);
    expect(shown.json).toEqual({
      meta: { code: 200 },
      response: { csrf_token: expect.any(String), user: { email: ann } },
    });
    const wrong = await verify(client, { password: "wrong" });
    expect(wrong.json).toEqual({
      meta: { code: 400 },
      response: { errors: ["The password is wrong."], field_errors: { password: ["The password is wrong."] } },
    });
    const empty = await verify(client, {});
    expect([empty.status, empty.json.response.field_errors]).toEqual([400, { password: ["Enter a password."] }]);
    const right = await verify(client, { password: goodPassword });
    expect(right.json).toMatchObject({ meta: { code: 200 }, response: { user: { email: ann } } });
  });

  it("is for the session's own user: another one's password and names change nothing", async () => {
    const system = await start();
    const client = await signedIn(system);
    const id = client.cookies.get("__Host-session");
    system.advance(hour);
    const bodies = [
      { password: otherPassword },
      { password: otherPassword, email: bob },
      { password: otherPassword, username: bob, id: 2, user: { email: bob }, identity: bob },
    ];
    for (const body of bodies) expect((await verify(client, body)).status).toBe(400);
    expect((await client.post(`/verify?email=${bob}`, { form: { password: otherPassword, email: bob } })).status).toBe(
      200,
    );
    expect(client.cookies.get("__Host-session")).toBe(id);
    expect((await client.get("/me", json)).json.user).toBe(ann);
    expect(await status(client, "/fresh")).toBe(401);
    expect(await system.store.count("session", { userId: 2 })).toBe(0);
  });

  it("is for a session and nothing else", async () => {
    const system = await start({ authn: ["session", "token", "basic"] });
    const token = await tokenOf(system.client(), ann, goodPassword);
    for (const headers of [{ "authentication-token": token }, basic(ann, goodPassword), {}]) {
      const answer = await system.client().post("/verify", { json: { password: goodPassword }, headers });
      expect(answer.status).toBe(401);
      expect(answer.headers.getSetCookie().filter((text) => text.includes("session"))).toEqual([]);
    }
    const away = await system.client().get("/verify", page);
    expect([away.status, away.location]).toEqual([302, "/login?next=%2Fverify"]);
  });

  it.each([
    ["nothing", {}],
    ["null", { password: null }],
    ["a number", { password: 1 }],
    ["true", { password: true }],
    ["a list", { password: [goodPassword] }],
    ["an object", { password: { $ne: null } }],
    ["a NUL", { password: `${goodPassword}\u0000` }],
    ["a lone surrogate", { password: `${goodPassword}\ud800` }],
    ["far too much", { password: goodPassword.repeat(100) }],
  ])("refuses %s with 400 and stays stale", async (_name, body) => {
    const system = await start();
    const client = await signedIn(system);
    system.advance(hour);
    const answer = await verify(client, body);
    expect([answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([400, ["password"]]);
    expect(await status(client, "/fresh")).toBe(401);
  });
});

describe("callers without a session", () => {
  it("have the time of their token's sign-in", async () => {
    const system = await start({ tokens: { life: "1h" } });
    const token = await tokenOf(system.client(), ann, goodPassword);
    const headers = { accept: "application/json", "authentication-token": token };
    expect((await system.client().get("/fresh", { headers })).status).toBe(200);
    expect((await system.client().get("/graceful", { headers })).status).toBe(200);
    system.advance(5 * minute);
    const stale = await system.client().get("/fresh", { headers });
    expect([stale.status, stale.json.reauth_required]).toEqual([401, true]);
    // A grace hangs on a session; a token has none. A browser's redirect would not help it either.
    expect((await system.client().get("/graceful", { headers })).status).toBe(401);
    const inPage = await system.client().get("/fresh", { headers: { ...headers, accept: "text/html" } });
    expect([inPage.status, inPage.location]).toEqual([401, null]);
  });

  it("prove who they are with each request by Basic", async () => {
    const system = await start();
    const headers = { accept: "application/json", ...basic(ann, goodPassword) };
    expect((await system.client().get("/fresh-any", { headers })).json).toEqual({ via: "basic" });
    expect((await system.client().get("/fresh", { headers })).status).toBe(401);
  });
});
