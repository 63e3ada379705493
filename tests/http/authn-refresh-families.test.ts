import { memory } from "portcullis/memory";
import { describe, expect, it } from "vitest";
import {
  accept,
  ann,
  bob,
  cookie,
  expectRefused,
  named,
  open,
  renew,
  renewed,
  signIn,
  works,
} from "./authn-refresh-system.ts";
import { cookiesSet, goodPassword, minute, type Overrides, type System, start } from "./authn-system.ts";

describe("signing out ends the family", () => {
  it("of the session, although the refresh token is not sent", async () => {
    const system = await open();
    const client = system.client();
    const pair = await signIn(client);
    expect(await works(system, pair)).toBe(true);
    await client.post("/verify", { json: { password: goodPassword } });
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
    expect(await works(system, pair)).toBe(false);
    await expectRefused(system, pair.refresh);
    expect(named(system, "refreshTrackerRevoked")).toMatchObject([{ reason: "signOut" }]);
    expect(named(system, "refreshTokenReused")).toEqual([]);
  });

  it("of the auth token beside the cookie of a session that is over, and that session's too", async () => {
    const system = await open();
    const client = system.client();
    const before = await signIn(client);
    // Its row is still there: nothing has purged it, and the account is open again.
    await system.store.update("session", {}, { lastSeenAt: 0 });
    const pair = await signIn(system.client());
    const headers = { "authentication-token": pair.auth };
    expect((await client.post("/logout", { json: {}, headers })).status).toBe(200);
    expect([await works(system, pair), await works(system, before)]).toEqual([false, false]);
    await expectRefused(system, pair.refresh);
  });

  it("of the auth token of a client without a session, and no other", async () => {
    const system = await open();
    const pair = await signIn(system.client());
    const other = await signIn(system.client());
    const headers = { "authentication-token": pair.auth };
    expect(await works(system, pair)).toBe(true);
    expect((await system.client().post("/logout", { json: {}, headers })).status).toBe(200);
    expect([await works(system, pair), await works(system, other)]).toEqual([false, true]);
    await expectRefused(system, pair.refresh);
    expect(named(system, "userSignedOut")).toHaveLength(1);
  });

  it("of the refresh token in the body, of any generation", async () => {
    const system = await open();
    const first = await signIn(system.client());
    system.advance(minute);
    const second = await renewed(system, first.refresh);
    system.advance(minute);
    const json = { refresh_token: first.refresh };
    expect((await system.client().post("/logout", { json })).status).toBe(200);
    expect(await works(system, second)).toBe(false);
    await expectRefused(system, second.refresh);
    for (const junk of [7, null, "x", "x".repeat(9000)]) {
      expect((await system.client().post("/logout", { json: { refresh_token: junk } })).status).toBe(200);
    }
  });

  it("of the session and not of an auth token beside it, and still needs the session's CSRF token", async () => {
    const system = await open();
    const bobs = await signIn(system.client(), bob);
    const client = system.client();
    const pair = await signIn(client);
    const headers = { "authentication-token": bobs.auth };
    expect((await client.post("/logout", { json: {}, headers, csrf: false })).status).toBe(400);
    expect(await works(system, pair)).toBe(true);
    expect((await client.post("/logout", { json: {}, headers })).status).toBe(200);
    expect([await works(system, pair), await works(system, bobs)]).toEqual([false, true]);
  });
});

describe("a refresh token as a cookie", () => {
  const openCookie = (overrides: Overrides = {}): Promise<System> => open({ carrier: "cookie" }, overrides);

  it("is a strict cookie of this host that no script reads, and stands in no body", async () => {
    const system = await openCookie();
    const client = system.client();
    const answer = await client.post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
    expect(answer.text).not.toContain("refresh_token");
    const header = answer.headers.getSetCookie().find((line) => line.startsWith(cookie)) ?? "";
    expect(header).toMatch(/; Path=\/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict$/);
    system.advance(minute);
    const refreshed = await client.post("/refresh-token", { json: {} });
    expect([refreshed.status, cookiesSet(refreshed)]).toEqual([200, [cookie]]);
    expect(Object.keys(refreshed.json.response.user)).toEqual(["email", "authentication_token"]);
    // Without a body too.
    system.advance(minute);
    expect((await client.post("/refresh-token", { headers: accept })).status).toBe(200);
  });

  it("is not taken from the body, nor when it came twice, and its lack is told by the field's name", async () => {
    const system = await openCookie();
    const client = system.client();
    await signIn(client);
    const token = client.cookies.get(cookie) ?? "";
    const missing = await renew(system, token);
    expect([missing.status, Object.keys(missing.json.response.field_errors)]).toEqual([400, ["refresh_token"]]);
    const twice = { cookie: `${cookie}=${token}; ${cookie}=${token}` };
    expect((await system.client().post("/refresh-token", { json: {}, headers: twice })).status).toBe(400);
    expect((await client.post("/refresh-token", { json: {} })).status).toBe(200);
  });

  it("is not used by a page elsewhere, nor by a form", async () => {
    const system = await openCookie();
    const client = system.client();
    await signIn(client);
    for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "same-site" }]) {
      const answer = await client.post("/refresh-token", { json: {}, headers });
      expect([answer.status, cookiesSet(answer)]).toEqual([400, []]);
    }
    expect((await client.post("/refresh-token", { form: {} })).status).toBe(415);
    expect(await system.store.findOne("refreshTracker", {})).toMatchObject({ gen: 1 });
  });

  it("of somebody who was here before ends at the next sign-in, and at signing out", async () => {
    const system = await openCookie();
    const client = system.client();
    await signIn(client);
    const anns = client.cookies.get(cookie) ?? "";
    client.cookies.delete("__Host-session");
    await client.signIn(bob, "staple battery");
    expect(client.cookies.has(cookie)).toBe(false);
    const old = system.client();
    old.cookies.set(cookie, anns);
    expect((await old.post("/refresh-token", { json: {} })).status).toBe(400);

    const other = system.client();
    await signIn(other);
    const left = other.copy();
    const answer = await other.post("/logout", { json: {} });
    expect([answer.status, other.cookies.size]).toEqual([200, 0]);
    expect((await left.post("/refresh-token", { json: {} })).status).toBe(400);
  });
});

describe("tokens of a family", () => {
  it("are of no use once the feature is off", async () => {
    const provider = memory();
    const system = await open({}, { datastore: provider });
    const { auth } = await signIn(system.client());
    const user = await system.store.findOne("user", { email: ann });
    const off = await start();
    await off.store.update("user", { email: ann }, { fsUniquifier: user?.["fsUniquifier"] });
    expect(await works(off, { auth, refresh: "" })).toBe(false);
  });

  it("fail closed with the datastore", async () => {
    const system = await open();
    const { refresh: token } = await signIn(system.client());
    const find = system.store.findOne;
    Object.assign(system.store, {
      findOne: () => Promise.reject(new Error("the tracker is not in reach")),
    });
    expect((await renew(system, token)).status).toBeGreaterThanOrEqual(500);
    Object.assign(system.store, { findOne: find });
    await renewed(system, token);
  });
});
