import { outbox } from "portcullis";
import { changeEmail, passwords, refresh } from "portcullis/features";
import type { TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { cookiesSet, day, goodPassword, hour, otherPassword, type System, start, userId } from "./authn-system.ts";

const ann = "ann@acme.example";
const json = { headers: { accept: "application/json" } };
const cookie = "__Host-remember";

async function remembered(system: System): Promise<TestClient> {
  const client = system.client();
  await client.signIn(ann, goodPassword, { remember: true });
  return client;
}

/** What a browser does when it is closed. */
function closed(client: TestClient): TestClient {
  client.cookies.delete("__Host-session");
  client.csrfToken = undefined;
  return client;
}

const me = async (client: TestClient): Promise<number> => (await client.get("/me", json)).status;

describe("a remember credential", () => {
  it("is made only when it is asked for", async () => {
    const system = await start();
    for (const remember of [undefined, false, "false", "no", "0", ""]) {
      const client = system.client();
      const answer = await client.post("/login", { json: { email: ann, password: goodPassword, remember } });
      expect([remember, answer.status, cookiesSet(answer)]).toEqual([remember, 200, ["__Host-session"]]);
    }
    for (const remember of [true, "true", "on", "y"]) {
      const answer = await system.client().post("/login", { json: { email: ann, password: goodPassword, remember } });
      expect(cookiesSet(answer)).toEqual([cookie, "__Host-session"]);
    }
    expect(await system.store.count("remember", {})).toBe(4);
  });

  it("is never made when the feature does not offer it", async () => {
    const system = await start({ features: [passwords({ remember: false })] });
    const json = { email: ann, password: goodPassword, remember: true };
    expect(cookiesSet(await system.client().post("/login", { json }))).toEqual(["__Host-session"]);
    expect((await system.client().get("/login")).text).not.toContain('name="remember"');
  });

  it("brings the user back, not fresh, with a session of its own, and is replaced at each use", async () => {
    const system = await start();
    const client = await remembered(system);
    const secrets = new Set([client.cookies.get(cookie)]);
    system.advance(2 * day);
    for (let use = 0; use < 3; use += 1) {
      system.advance(hour);
      const answer = await closed(client).get("/me", json);
      expect(answer.json).toEqual({ user: ann, via: "session", methods: ["remember"], authenticatedAt: null });
      expect(cookiesSet(answer)).toEqual([cookie, "__Host-session"]);
      secrets.add(client.cookies.get(cookie));
    }
    expect(secrets.size).toBe(4);
    const stale = await client.get("/fresh", json);
    expect([stale.status, stale.json.reauth_required]).toEqual([401, true]);
    // A restore is no proof of identity: nobody is told of one.
    expect([...new Set(system.events.map(({ name }) => name))]).toEqual(["userAuthenticated", "sessionRestored"]);
    expect(system.events.filter(({ name }) => name === "userAuthenticated")).toHaveLength(1);
    await client.get("/verify", json);
    await client.post("/verify", { json: { password: goodPassword } });
    expect((await client.get("/fresh")).status).toBe(200);
    expect((await client.get("/me")).json.methods).toEqual(["remember", "password"]);
  });

  it("serves parallel requests of one browser", async () => {
    const system = await start();
    const client = closed(await remembered(system));
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.copy().get("/me", json)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    // One of them brought the new secret, and it works.
    const brought = answers.filter((answer) => cookiesSet(answer).includes(cookie));
    expect(brought).toHaveLength(1);
    expect(system.events.map(({ name }) => name)).not.toContain("rememberReused");
  });

  it("that was replaced still works for half a minute, and after that ends the credential and its sessions", async () => {
    const system = await start();
    const client = await remembered(system);
    const thief = client.copy();
    expect(await me(closed(client))).toBe(200);
    system.advance(29_999);
    expect(await me(closed(thief.copy()))).toBe(200);
    const other = system.client();
    await other.signIn(ann, goodPassword);
    system.advance(1);
    expect(await me(client)).toBe(200);
    expect(await me(closed(thief))).toBe(401);
    expect(thief.cookies.has(cookie)).toBe(false);
    // The owner's session came from the same credential: nobody can tell who is the thief.
    expect(await me(client)).toBe(401);
    expect(await me(closed(client))).toBe(401);
    expect(await me(other)).toBe(200);
    const id = await userId(system, ann);
    expect(system.events.filter(({ name }) => name === "rememberReused").map(({ event }) => event)).toEqual([
      { userId: id },
    ]);
    expect(await system.store.count("remember", {})).toBe(0);
  });

  it("that was replaced ends what was begun with it: refresh tokens, auth tokens and changes that wait", async () => {
    const system = await start({
      features: [passwords(), changeEmail(), refresh({ carrier: "body" })],
      mail: { sender: outbox() },
    });
    const client = system.client();
    const { json: signedIn } = await client.post("/login?include_auth_token", {
      json: { email: ann, password: goodPassword, remember: true },
    });
    client.csrfToken = signedIn.response.csrf_token;
    const { authentication_token, refresh_token } = signedIn.response.user;
    expect((await client.post("/change-email", { json: { email: "thief@acme.example" } })).status).toBe(200);
    const before = { tickets: await system.store.count("ticket", {}), owner: client.copy() };
    const thief = client.copy();
    expect(await me(closed(client))).toBe(200);
    system.advance(30_000);
    expect(await me(closed(thief))).toBe(401);
    expect([before.tickets, await system.store.count("ticket", {})]).toEqual([1, 0]);
    expect((await system.client().post("/refresh-token", { json: { refresh_token } })).status).toBe(400);
    const token = { headers: { ...json.headers, "authentication-token": authentication_token } };
    expect((await system.client().get("/me", token)).status).toBe(401);
    expect([await me(client), await me(before.owner)]).toEqual([401, 401]);
  });

  it("that was replaced more than once ends the credential as well", async () => {
    const system = await start();
    const client = await remembered(system);
    const thief = client.copy();
    for (let use = 0; use < 3; use += 1) expect(await me(closed(client))).toBe(200);
    expect(await me(closed(thief))).toBe(401);
    expect(await me(closed(client))).toBe(401);
    expect(system.events.map(({ name }) => name)).toContain("rememberReused");
  });

  it("of another shape or with an unknown id harms nobody", async () => {
    const system = await start();
    const client = await remembered(system);
    const [id = "", secret = ""] = (client.cookies.get(cookie) ?? "").split(".");
    const guess = system.client();
    for (const value of [`${"A".repeat(22)}.${secret}`, `${id}.${secret.slice(1)}`, `${id}${secret}`, id, "."]) {
      guess.cookies.set(cookie, value);
      expect(await me(guess)).toBe(401);
    }
    expect(await me(closed(client))).toBe(200);
    expect(system.events.map(({ name }) => name)).not.toContain("rememberReused");
  });

  it("ends with its time, counted from the sign-in and not from the last use", async () => {
    const system = await start({ sessions: { remember: "10d" } });
    const client = await remembered(system);
    system.advance(9 * day);
    expect(await me(closed(client))).toBe(200);
    system.advance(day - 1);
    expect(await me(closed(client))).toBe(200);
    system.advance(1);
    expect(await me(closed(client))).toBe(401);
    expect(client.cookies.has(cookie)).toBe(false);
  });

  it.each<[string, (system: System, id: number) => Promise<unknown>]>([
    ["signing out", () => Promise.resolve()],
    ["a new password", ({ security }, id) => security.users.setPassword(id, "a new passphrase")],
    ["deactivation", ({ security }, id) => security.users.deactivate(id)],
    ["a new uniquifier", ({ security }, id) => security.users.setUniquifier(id)],
    ["deletion", ({ security }, id) => security.users.delete(id)],
    ["a uniquifier that was changed past us", ({ store }, id) => store.update("user", { id }, { fsUniquifier: "x" })],
    ["being switched off past us", ({ store }, id) => store.update("user", { id }, { active: false })],
  ])("is worth nothing after %s", async (name, change) => {
    const system = await start();
    const client = await remembered(system);
    const copy = client.copy();
    if (name === "signing out") await client.post("/logout", { json: {} });
    else await change(system, await userId(system, ann));
    expect(await me(closed(copy))).toBe(401);
  });

  it("goes when another user signs in on the same browser", async () => {
    const system = await start();
    const client = await remembered(system);
    await client.post("/logout", { json: {} });
    await client.signIn("bob@acme.example", otherPassword, { remember: true });
    const answer = await closed(client).get("/me", json);
    expect(answer.json.user).toBe("bob@acme.example");
    expect(await system.store.count("remember", {})).toBe(1);
  });

  it("signs the visitor in with the bag that they have", async () => {
    const system = await start();
    const client = await remembered(system);
    await closed(client).get("/keep/cart/apples");
    expect((await client.get("/bag/cart")).json.value).toBe("apples");
    expect(await me(client)).toBe(200);
  });
});
