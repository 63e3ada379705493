import { portcullis, sessionOf } from "portcullis";
import { passwords, refresh, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { rightCode, secondStep } from "./authn-second-step.ts";
import { cookiesSet, goodPassword, minute, type Overrides, start, tokenOf } from "./authn-system.ts";

const ann = "ann@acme.example";
const json = { email: ann, password: goodPassword };
const none = { sessions: { enabled: false } } as const;

describe("without sessions", () => {
  // The common system's routes name the scheme "session".
  it("a sign-in makes tokens only, without being asked, and sets no cookie", async () => {
    const security = await portcullis({
      secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
      origins: ["http://localhost:3000"],
      cookies: { allowInsecure: false },
      datastore: memory(),
      features: [
        passwords(),
        registration(),
        refresh({ carrier: "body" }),
        secondStep({ name: "step", order: 400, path: "/step", asks: (email) => email.startsWith("step") }),
      ],
      passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
      ...none,
    });
    for (const email of [ann, "step@acme.example"]) await security.users.create({ email, password: goodPassword });
    const app = security.app();
    app.get("/me", { authz: "AUTH" }, (c) => {
      c.var.session.set("kept", "no");
      return c.json({ user: c.var.user.email, via: c.var.identity.via });
    });
    app.get("/", { authz: "OPEN" }, (c) => {
      c.var.session.set("kept", "no");
      return c.json({ user: c.var.user?.email ?? null });
    });
    // What an application before this one has left at the browser is nothing to us.
    const left = { cookie: `session=${"a".repeat(43)}; __Host-session=${"a".repeat(43)}` };
    expect((await testClient(app).post("/logout", { json: {}, headers: left })).status).toBe(200);
    expect(() => app.get("/s", { authz: "AUTH", authn: ["session"] }, (c) => c.text(""))).toThrow("session");

    const client = testClient(app);
    const signedIn = await client.post("/login", { json: { ...json, remember: true } });
    expect([signedIn.status, cookiesSet(signedIn)]).toEqual([200, []]);
    expect(Object.keys(signedIn.json.response).sort()).toEqual(["tf_required", "user"]);
    const { authentication_token: token, refresh_token: refreshToken } = signedIn.json.response.user;
    const headers = { accept: "application/json", "authentication-token": token as string };
    const me = await client.get("/me", { headers });
    expect([me.status, me.json, cookiesSet(me)]).toEqual([200, { user: ann, via: "token" }, []]);
    const visit = await client.get("/");
    expect([visit.status, cookiesSet(visit)]).toEqual([200, []]);

    // Nothing but the second step waits in a cookie.
    const stepping = testClient(app);
    const parked = await stepping.post("/login", { json: { ...json, email: "step@acme.example" } });
    expect(cookiesSet(parked)).toEqual(["__Host-pending"]);
    const stepped = await stepping.post("/step", { json: { password: rightCode } });
    expect([stepped.status, cookiesSet(stepped)]).toEqual([200, []]);
    expect(typeof stepped.json.response.user.authentication_token).toBe("string");

    const renewed = await client.post("/refresh-token", { json: { refresh_token: refreshToken } });
    expect(renewed.status).toBe(200);
    expect((await client.post("/logout", { json: {}, headers })).status).toBe(200);
    expect((await client.get("/me", { headers })).status).toBe(401);

    // Pages say so, and do no work with what was typed.
    const page = await client.get("/login", { headers: { accept: "text/html" } });
    expect(page.text).toContain("keeps no sessions");
    const form = await client.post("/login", {
      form: { ...json, csrf_token: client.csrfToken ?? "" },
      headers: { accept: "text/html" },
    });
    expect(form.text).toContain("keeps no sessions");
    expect(cookiesSet(form).filter((name) => !name.endsWith("csrf"))).toEqual([]);
    expect((await client.post("/verify", { json })).status).toBe(401);
    const { authentication_token: whole } = (await client.post("/login", { json })).json.response.user;
    const proved = await client.post("/verify", { json, headers: { "authentication-token": whole } });
    expect([proved.status, cookiesSet(proved).filter((name) => !name.endsWith("csrf"))]).toEqual([200, []]);
    const fresh = { "authentication-token": proved.json.response.user.authentication_token };
    expect((await client.get("/me", { headers: fresh })).status).toBe(200);
    const shown = await client.get("/verify", { headers: { ...fresh, accept: "text/html" } });
    expect(shown.status).toBe(401);
    const turned = await client.get("/me", { headers: { accept: "text/html" } });
    expect(turned.status).toBe(401);
    const records = security.accessMatrix();
    expect(records.flatMap(({ schemes }) => schemes)).not.toContain("session");
    await security.close();
  });

  it.each<[Overrides, string]>([
    [{ ...none, authn: ["session", "token"] }, "authn"],
    [{ ...none, csrf: { schemes: ["session", "basic"] } }, "csrf.schemes"],
    [{ sessions: { enabled: false, idle: "1h" } }, "sessions.idle"],
    [{ sessions: { enabled: false, absolute: "1h" } }, "sessions.absolute"],
    [{ sessions: { enabled: false, remember: "1h" } }, "sessions.remember"],
    [{ ...none, session: sessionOf() }, "session"],
    [{ ...none, features: [passwords({ remember: true })] }, "passwords.remember"],
    [{ sessions: { enabled: "no" as never } }, "sessions.enabled"],
  ])("%j is contradictory", async (overrides, path) => {
    await expect(start(overrides)).rejects.toThrow(new RegExp(`^${path}:`));
  });
});

describe("with sessions", () => {
  it("an auth token that cannot be renewed lives on after signing out by it alone", async () => {
    const system = await start();
    const headers = {
      accept: "application/json",
      "authentication-token": await tokenOf(system.client(), ann, goodPassword),
    };
    expect((await system.client().post("/logout", { json: {}, headers })).status).toBe(200);
    expect((await system.client().get("/me", { headers })).status).toBe(200);
    system.advance(16 * minute);
    expect((await system.client().get("/me", { headers })).status).toBe(401);
  });
});
