import { refuse } from "portcullis";
import { describe, expect, it } from "vitest";
import { basic, goodPassword, otherPassword, start, userId } from "./authn-system.ts";

const email = "ann@acme.example";
const json = { headers: { accept: "application/json" } };

describe("the trail of a running system", () => {
  it("has one entry for each: sign-in, failures, sign-out, denial, what an administrator changes [ASVS 16.3.1] [ASVS 16.3.2]", async () => {
    const system = await start();
    system.app.post("/promote", { authz: "admin" }, async (c) => {
      await system.security.users.addRole(await userId(system, "bob@acme.example"), "employee");
      return c.json({});
    });
    const [ann, bob, ada] = [
      await userId(system, email),
      await userId(system, "bob@acme.example"),
      await userId(system, "ada@acme.example"),
    ];
    const from = (await system.security.audit.list({ limit: 1 }))[0]?.sequence ?? 0;
    const agent = { "user-agent": "curl\u0085{forged}" };
    const client = system.client();
    await client.post("/login", { json: { email, password: "wrong wrong" }, headers: agent });
    await client.post("/login", { json: { email: "who@acme.example", password: goodPassword } });
    await client.post("/login", { json: { email: "off@acme.example", password: goodPassword } });
    await client.get("/basic", { headers: basic("bob@acme.example", "wrong wrong") });
    await client.signIn("bob@acme.example", otherPassword);
    await client.get("/employee", json);
    await client.post("/logout", { json: {} });
    const admin = system.client();
    await admin.signIn("ada@acme.example", goodPassword);
    expect((await admin.post("/promote", { json: {} })).status).toBe(200);

    const entries = (await system.security.audit.list({ limit: 100 }))
      .toReversed()
      .filter(({ sequence }) => sequence > from);
    expect(entries.map(({ name, result, userId: of, actorId, route }) => [name, result, of, actorId, route])).toEqual([
      ["userFailedAuthn", "failed", ann, null, "POST /login"],
      ["unknownIdentity", "failed", null, null, "POST /login"],
      ["signInRefused", "denied", await userId(system, "off@acme.example"), null, "POST /login"],
      ["userFailedAuthn", "failed", bob, null, "GET /basic"],
      ["userAuthenticated", "ok", bob, bob, "POST /login"],
      ["permissionDenied", "denied", bob, bob, "GET /employee"],
      ["userSignedOut", "ok", bob, bob, "POST /logout"],
      ["userAuthenticated", "ok", ada, ada, "POST /login"],
      ["roleGranted", "ok", bob, ada, "POST /promote"],
    ]);
    expect(entries[0]).toMatchObject({ at: system.now(), agent: "curl\\u0085{forged}" });
    const text = JSON.stringify(entries);
    for (const secret of [goodPassword, otherPassword, "wrong wrong"]) expect(text).not.toContain(secret);
    expect(await system.security.audit.verify()).toMatchObject({ ok: true });
  });
});

describe("before-hooks", () => {
  it("may refuse a sign-in on every channel, and see whose it is", async () => {
    const system = await start();
    const asked: unknown[] = [];
    const off = system.security.events.before("signIn", ({ user, purpose }) => {
      asked.push([user.email, purpose]);
      return refuse("DISABLED_ACCOUNT");
    });
    const client = system.client();
    expect((await client.post("/login", { json: { email, password: goodPassword } })).status).toBe(400);
    expect((await client.get("/basic", { headers: basic(email, goodPassword) })).status).toBe(401);
    expect(await system.store.count("session", {})).toBe(0);
    expect(asked).toEqual([
      [email, "sign-in"],
      [email, "request"],
    ]);
    off();
    expect((await client.post("/login", { json: { email, password: goodPassword } })).status).toBe(200);
  });

  it.each([
    ["throws", () => Promise.reject(new Error("the service is down"))],
    ["answers with something else", () => true as never],
  ])("a hook that %s refuses", async (_what, hook) => {
    const system = await start();
    system.security.events.before("register", hook);
    const body = { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword };
    const answer = await system.client().post("/register", { json: body });
    expect(answer.status).toBe(400);
    expect(await system.store.count("user", { email: "new@acme.example" })).toBe(0);
    // A known address is told the same.
    const known = await system.client().post("/register", { json: { ...body, email } });
    expect([known.status, known.json.response.errors]).toEqual([400, answer.json.response.errors]);
  });
});
