/** A client whose auth token is not fresh any more: it proves again who it is, and gets one that is, no more than the old one. */
import { apiKey } from "portcullis";
import { createClient } from "portcullis/client";
import { apiKeys, passwords, refresh, registration } from "portcullis/features";
import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { ann, bob, open, renewed, signIn, works } from "./authn-refresh-system.ts";
import { cookiesSet, goodPassword, hour, minute, type Overrides, origin, type System, start } from "./authn-system.ts";

const password = goodPassword;
const tokenHeader = (token: string) => ({ accept: "application/json", "authentication-token": token });
const verify = (system: System, token: string, body: object = { password }, query = "?include_auth_token") =>
  system.client().post(`/verify${query}`, { json: body, headers: tokenHeader(token) });
const status = async (system: System, path: string, token: string): Promise<number> =>
  (await system.client().get(path, { headers: tokenHeader(token) })).status;
const tokenIn = (answer: ClientAnswer): string => answer.json.response?.user?.authentication_token as string;

/** A token that was fresh, and is not any more. */
async function stale(overrides: Overrides = {}) {
  const system = await start(overrides);
  const answer = await system.client().post("/login?include_auth_token", { json: { email: ann, password } });
  system.advance(6 * minute);
  const token = tokenIn(answer);
  expect(await status(system, "/fresh", token)).toBe(401);
  return { system, token };
}

describe("POST /verify?include_auth_token with an auth token", () => {
  it("answers a fresh one, and the old one keeps its life", async () => {
    const { system, token } = await stale();
    const answer = await verify(system, token);
    expect([answer.status, answer.json.response.csrf_token]).toEqual([200, undefined]);
    expect(cookiesSet(answer)).toEqual([]);
    const next = tokenIn(answer);
    expect(next).not.toBe(token);
    expect([await status(system, "/fresh", next), await status(system, "/me", token)]).toEqual([200, 200]);
    expect(await status(system, "/fresh", token)).toBe(401);
    expect(system.events.filter(({ name }) => name === "userAuthenticated").at(-1)?.event).toMatchObject({
      authnVia: ["password"],
    });
    system.advance(6 * minute);
    expect(await status(system, "/fresh", next)).toBe(401);
    expect(await status(system, "/fresh", tokenIn(await verify(system, next)))).toBe(200);
  });

  it("is what a client is told that does not ask for it", async () => {
    const { system, token } = await stale();
    const answer = await verify(system, token, { password }, "");
    expect([answer.status, answer.json.response.errors]).toEqual([
      401,
      ["With an auth token, ask for a fresh one as the answer: add ?include_auth_token to the address."],
    ]);
    expect((await verify(system, "no token", { password }, "")).json.response.errors).toEqual([
      "You need to sign in for this.",
    ]);
  });

  it("of one that ends soon ends as soon", async () => {
    const system = await start();
    const user = await system.security.users.find("email", ann);
    const token = await system.security.createToken(user as NonNullable<typeof user>, { life: "10m" });
    system.advance(9 * minute);
    const next = tokenIn(await verify(system, token));
    expect(await status(system, "/fresh", next)).toBe(200);
    system.advance(minute);
    expect([await status(system, "/me", next), await status(system, "/me", token)]).toEqual([401, 401]);
    expect((await verify(system, next)).status).toBe(401);
  });

  it("of one that can be renewed is of its family: it ends with that, and the refresh token goes on", async () => {
    const system = await open();
    const client = system.client();
    const pair = await signIn(client);
    system.advance(6 * minute);
    const answer = await verify(system, pair.auth);
    expect(answer.json.response.user.refresh_token).toBeUndefined();
    const fresh = { auth: tokenIn(answer), refresh: pair.refresh };
    expect(await status(system, "/fresh", fresh.auth)).toBe(200);
    const next = await renewed(system, pair.refresh);
    expect([await works(system, fresh), await works(system, next)]).toEqual([true, true]);
    // What the refresh token brings goes back to the sign-in.
    expect(await status(system, "/fresh", next.auth)).toBe(401);
    await system.client().post("/logout", { json: {}, headers: tokenHeader(fresh.auth) });
    expect([await works(system, fresh), await works(system, next), await works(system, pair)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("counts wrong passwords against the account as everywhere, and then refuses the right one", async () => {
    const { system, token } = await stale();
    const wrong = await verify(system, token, { password: "wrong" });
    expect([wrong.status, Object.keys(wrong.json.response.field_errors)]).toEqual([400, ["password"]]);
    expect(wrong.json.response.user).toBeUndefined();
    for (const body of [{}, { password: null }, { password: ["a"] }, { password: "" }]) {
      expect((await verify(system, token, body)).status).toBe(400);
    }
    let last = wrong;
    for (let guess = 0; guess < 30 && last.status === 400; guess += 1) {
      last = await verify(system, token, { password: `wrong ${guess}` });
    }
    expect(last.status).toBe(429);
    expect((await verify(system, token)).status).toBe(429);
    // The limit is that of the sign-in.
    expect((await system.client().post("/login", { json: { email: ann, password } })).status).toBe(429);
    // The token works on.
    expect(await status(system, "/me", token)).toBe(200);
  });

  it.each<[string, (system: System, id: number) => Promise<unknown>]>([
    ["is deactivated", (system, id) => system.security.users.deactivate(id)],
    ["is reset", (system, id) => system.security.users.resetAccess(id)],
    ["has ended its tokens", (system, id) => system.security.users.setTokenUniquifier(id)],
    ["is deleted", (system, id) => system.security.users.delete(id)],
  ])("refuses where the account %s", async (_what, change) => {
    const { system, token } = await stale();
    const user = await system.security.users.find("email", ann);
    await change(system, user?.id ?? 0);
    expect((await verify(system, token)).status).toBe(401);
  });

  it("refuses where a hook does", async () => {
    const { system, token } = await stale();
    system.security.events.before("signIn", ({ purpose }) =>
      purpose === "reauthenticate" ? { refuse: "ACTION_REFUSED" } : undefined,
    );
    const answer = await verify(system, token);
    expect([answer.status, answer.json.response.user]).toEqual([400, undefined]);
  });

  it("is nobody else's, whatever the body says", async () => {
    const { system, token } = await stale();
    const answer = await verify(system, token, { password, email: bob, user: bob, id: 2, fs_uniquifier: "x" });
    expect(answer.status).toBe(200);
    expect(answer.json.response.user).toMatchObject({ authentication_token: expect.any(String) });
    const seen = await system.client().get("/me", { headers: tokenHeader(tokenIn(answer) ?? token) });
    expect(seen.text).toContain(ann);
    expect((await verify(system, token, { password: "staple battery" })).status).toBe(400);
  });

  it("is not for a token without the word, for a limited one, for an API key or a password", async () => {
    const system = await start({
      features: [passwords(), registration(), refresh(), apiKeys()],
      schemes: [apiKey()],
      scopes: ["files"],
    } as unknown as Overrides);
    const user = await system.security.users.find("email", ann);
    if (user === undefined) throw new Error("ann is gone");
    const whole = await system.security.createToken(user);
    const limited = await system.security.createToken(user, { scopes: ["files"] as never });
    const partner = await system.security.createToken(user, { realm: "partner" });
    const { text: key } = (await system.security.apiKeys?.create(user, { name: "test", unlimited: true })) ?? {};
    expect((await verify(system, whole)).status).toBe(200);
    expect((await verify(system, whole, { password }, "")).status).toBe(401);
    for (const token of [limited, partner, "nonsense", ""]) {
      expect([token, (await verify(system, token)).status]).toEqual([token, 401]);
    }
    const basic = `Basic ${Buffer.from(`${ann}:${password}`).toString("base64")}`;
    for (const headers of [{ "x-api-key": key ?? "" }, { authorization: `Bearer ${key}` }, { authorization: basic }]) {
      const answer = await system.client().post("/verify?include_auth_token", { json: { password }, headers });
      expect(answer.status).toBe(401);
    }
    // A form has nobody who would take a token.
    const form = await system.client().post("/verify?include_auth_token", {
      form: { password },
      headers: { "authentication-token": whole, accept: "text/html" },
    });
    expect([form.status, form.text.includes("authentication_token")]).toEqual([401, false]);
  });

  it("beside a session proves the session", async () => {
    const { system, token } = await stale();
    const client = system.client();
    await client.signIn(ann, goodPassword);
    system.advance(6 * minute);
    const answer = await client.post("/verify", { json: { password }, headers: { "authentication-token": token } });
    expect([answer.status, tokenIn(answer)]).toEqual([200, undefined]);
    expect((await client.get("/fresh", { headers: { accept: "application/json" } })).status).toBe(200);
  });

  it("is what the client does in the mode token: then it tries again, and renews as before", async () => {
    const system = await open({}, { tokens: { life: "1h" } });
    const client = createClient({
      baseUrl: origin,
      mode: "token",
      fetch: (input, init) => system.app.request(new Request(input, init)) as Promise<Response>,
    });
    expect((await client.login({ email: ann, password })).ok).toBe(true);
    system.advance(6 * minute);
    expect(await client.request("GET", "/fresh")).toMatchObject({ ok: false, error: { kind: "stale" } });
    expect(await client.verify({ password: "wrong" })).toMatchObject({ ok: false, error: { kind: "invalid" } });
    expect((await client.verify({ password })).ok).toBe(true);
    expect((await client.request("GET", "/fresh")).ok).toBe(true);
    system.advance(2 * hour);
    expect((await client.request("GET", "/me")).ok).toBe(true);
  });
});
