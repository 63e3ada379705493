import { passwords, registration } from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { rightCode, secondStep, watchedGate } from "./authn-second-step.ts";
import {
  basic,
  cookiesSet,
  goodPassword,
  minute,
  type Overrides,
  otherPassword,
  type System,
  start,
} from "./authn-system.ts";

const bob = { email: "bob@acme.example", password: otherPassword };
const isBob = (email: string): boolean => email === bob.email || email.startsWith("new");
const step = secondStep({ name: "second", order: 400, path: "/second", asks: isBob, attempts: 3 });

const gated = (overrides: Overrides = {}): Promise<System> =>
  start({ features: [passwords(), registration(), step], authn: ["session", "token", "basic"], ...overrides });

/** Nothing that gives access exists: no row, no cookie but the parked sign-in's, no token, and the caller is nobody. */
async function nothingYet(system: System, client: TestClient, answer?: ClientAnswer): Promise<void> {
  expect(await system.store.count("session", {})).toBe(0);
  expect(await system.store.count("remember", {})).toBe(0);
  expect([...client.cookies.keys()].filter((name) => /session|remember/.test(name))).toEqual([]);
  if (answer !== undefined) expect(answer.text).not.toContain("authentication_token");
  expect((await client.get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
  expect(system.events.map(({ name }) => name)).not.toContain("userAuthenticated");
}

/** What JSON is told of a sign-in that waits: one shape, and what the gate adds. */
const waitsAt = (name: string): object => ({
  pending: name,
  path: `/${name}`,
  shown_for: expect.any(String),
  tf_required: true,
  tf_state: name,
});

const second = (client: TestClient, code: string, path = "/second"): Promise<ClientAnswer> =>
  client.post(path, { json: { password: code } });

async function park(system: System, query = ""): Promise<TestClient> {
  const client = system.client();
  const answer = await client.post(`/login${query}`, { json: { ...bob, remember: true } });
  expect(answer.status).toBe(200);
  expect(answer.json.response).toEqual(waitsAt("second"));
  return client;
}

describe("a sign-in that is parked at a gate", () => {
  it.each(["", "?include_auth_token"])("gives nothing to a JSON client (/login%s) before the code", async (query) => {
    const system = await gated();
    const client = await park(system, query);
    await nothingYet(system, client);
    const answer = await second(client, rightCode);
    expect(answer.status).toBe(200);
    expect(answer.json.response.user.email).toBe(bob.email);
    expect(typeof answer.json.response.user.authentication_token).toBe(query === "" ? "undefined" : "string");
    expect(cookiesSet(answer)).toEqual(["__Host-remember", "__Host-session"]);
    expect((await client.get("/me")).json).toMatchObject({ user: bob.email, methods: ["password", "second"] });
    expect(system.events.filter(({ name }) => name === "userAuthenticated").map(({ event }) => event.authnVia)).toEqual(
      [["password", "second"]],
    );
  });

  it("gives nothing to a form before the code, and brings the browser to where it wanted to go", async () => {
    const system = await gated();
    const client = system.client();
    await client.get("/login?next=/page");
    const answer = await client.post("/login?next=/page", { form: { ...bob, remember: "on" } });
    expect([answer.status, answer.location]).toEqual([302, "/second?next=%2Fpage"]);
    await nothingYet(system, client, answer);
    const page = await client.get(answer.location ?? "");
    expect(page.status).toBe(200);
    const wrong = await client.post("/second?next=/page", { form: { password: "000000" } });
    expect(wrong.status).toBe(200);
    await nothingYet(system, client, wrong);
    const right = await client.post("/second?next=/page", { form: { password: rightCode } });
    expect([right.status, right.location]).toEqual([302, "/page"]);
    expect((await client.get("/me")).status).toBe(200);
  });

  it("gives nothing by HTTP Basic", async () => {
    const system = await gated();
    const client = system.client();
    const answer = await client.get("/me", { headers: basic(bob.email, bob.password) });
    expect(answer.status).toBe(401);
    await nothingYet(system, client, answer);
    // The same channel works for who has no second step.
    expect((await client.get("/me", { headers: basic("ann@acme.example", goodPassword) })).status).toBe(200);
  });

  it("gives nothing by a remember credential from before the second step was asked for", async () => {
    let asked = false;
    const late = secondStep({ name: "second", order: 400, path: "/second", asks: () => asked });
    const system = await gated({ features: [passwords(), late] });
    const client = system.client();
    await client.signIn(bob.email, bob.password, { remember: true });
    client.cookies.delete("__Host-session");
    await system.store.delete("session", {});
    asked = true;
    const answer = await client.get("/me", { headers: { accept: "application/json" } });
    expect(answer.status).toBe(401);
    expect(await system.store.count("session", {})).toBe(0);
    asked = false;
    expect((await client.get("/me")).status).toBe(200);
  });

  it("gives nothing to somebody who registers and would be signed in at once", async () => {
    const system = await gated({ features: [passwords(), registration({ signIn: true }), step], revealAccounts: true });
    const client = system.client();
    const json = { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword };
    const answer = await client.post("/register?include_auth_token", { json });
    expect(answer.json.response).toEqual(waitsAt("second"));
    await nothingYet(system, client, answer);
    expect((await second(client, rightCode)).status).toBe(200);
    expect((await client.get("/me")).json.user).toBe("new@acme.example");
  });

  it("does not make a stale session fresh before the code", async () => {
    let asked = false;
    const late = secondStep({ name: "second", order: 400, path: "/second", asks: () => asked });
    const system = await gated({ features: [passwords(), late] });
    const client = system.client();
    await client.signIn(bob.email, bob.password);
    const before = client.cookies.get("__Host-session");
    asked = true;
    system.advance(10 * minute);
    const answer = await client.post("/verify", { json: { password: bob.password } });
    expect(answer.json.response).toEqual(waitsAt("second"));
    expect(client.cookies.get("__Host-session")).toBe(before);
    expect((await client.get("/fresh", { headers: { accept: "application/json" } })).status).toBe(401);
    // The ticket belongs to this session: with another one it is worth nothing.
    const other = system.client();
    asked = false;
    await other.signIn(bob.email, bob.password);
    other.cookies.set("__Host-pending", client.cookies.get("__Host-pending") ?? "");
    expect((await second(other, rightCode)).status).toBe(400);
    asked = true;
    expect((await second(client, rightCode)).status).toBe(200);
    expect((await client.get("/fresh")).status).toBe(200);
    expect(client.cookies.get("__Host-session")).not.toBe(before);
  });
});

describe("the parked sign-in itself", () => {
  it("takes as many guesses as the gate says, the last one included", async () => {
    const system = await gated();
    const client = await park(system);
    expect((await second(client, "1")).json.response.field_errors[""]).toHaveLength(1);
    expect((await second(client, "2")).status).toBe(400);
    expect((await second(client, rightCode)).status).toBe(200);
  });

  it("is void after as many wrong guesses, counted over all clients that hold it", async () => {
    const system = await gated();
    const client = await park(system);
    const copies = [client, client.copy(), client.copy()];
    await Promise.all(copies.map((copy) => second(copy, "000000")));
    expect((await second(client, rightCode)).status).toBe(400);
    await nothingYet(system, client);
    expect((await client.get("/second", { headers: { accept: "application/json" } })).json.response.waiting).toBe(
      false,
    );
  });

  it("never checks more guesses than it has attempts when many come at once", async () => {
    const system = await gated();
    const client = await park(system);
    const answers = await Promise.all(Array.from({ length: 20 }, () => second(client.copy(), "000000")));
    const checked = answers.filter((answer) => answer.text.includes("The password is wrong."));
    expect(checked).toHaveLength(3);
    expect((await second(client, rightCode)).status).toBe(400);
  });

  it("gives one session when the right code comes many times at once", async () => {
    const system = await gated();
    const client = await park(system);
    const answers = await Promise.all(Array.from({ length: 3 }, () => second(client.copy(), rightCode)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await system.store.count("session", {})).toBe(1);
    expect(await system.store.count("remember", {})).toBe(1);
  });

  it("works once", async () => {
    const system = await gated();
    const client = await park(system);
    const copy = client.copy();
    expect((await second(client, rightCode)).status).toBe(200);
    expect((await second(copy, rightCode)).status).toBe(400);
    expect((await copy.get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
  });

  it("ends with its time", async () => {
    const system = await gated({ sessions: { pending: "10m" } });
    const early = await park(system);
    const late = await park(system);
    system.advance(10 * minute - 1);
    expect((await second(early, rightCode)).status).toBe(200);
    system.advance(1);
    expect((await second(late, rightCode)).status).toBe(400);
  });

  it.each<[string, (system: System, id: number) => Promise<unknown>]>([
    ["a new password", ({ security }, id) => security.users.setPassword(id, "another password")],
    ["a new uniquifier", ({ security }, id) => security.users.setUniquifier(id)],
    ["deactivation", ({ security }, id) => security.users.deactivate(id)],
    ["deletion", ({ security }, id) => security.users.delete(id)],
    ["being switched off past the operations", ({ store }, id) => store.update("user", { id }, { active: false })],
  ])("is void after %s", async (_name, change) => {
    const system = await gated();
    const client = await park(system);
    const user = await system.security.users.find("email", bob.email);
    await change(system, user?.id ?? 0);
    expect((await second(client, rightCode)).status).toBe(400);
    await nothingYet(system, client);
  });

  it("is worth nothing to a browser that did not start it, nor when its text is changed", async () => {
    const system = await gated();
    const client = await park(system);
    const text = client.cookies.get("__Host-pending") ?? "";
    expect((await second(system.client(), rightCode)).status).toBe(400);
    const flipped = text.slice(0, -2) + (text.at(-2) === "A" ? "B" : "A") + text.at(-1);
    for (const wrong of [
      flipped,
      text.slice(0, -1),
      `${text}A`,
      text.toUpperCase(),
      text.split(".").reverse().join("."),
      ".",
    ]) {
      const thief = system.client();
      thief.cookies.set("__Host-pending", wrong);
      expect((await second(thief, rightCode)).status).toBe(400);
    }
    expect((await second(client, rightCode)).status).toBe(200);
  });

  it("is ended by signing out", async () => {
    const system = await gated();
    const client = await park(system);
    const copy = client.copy();
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
    expect(client.cookies.has("__Host-pending")).toBe(false);
    expect((await second(copy, rightCode)).status).toBe(400);
  });

  it("keeps neither its text nor a session id in the database", async () => {
    const system = await gated();
    const client = await park(system);
    const secret = (client.cookies.get("__Host-pending") ?? "").split(".")[1] ?? "?";
    expect(JSON.stringify(await system.store.find("ticket", {}))).not.toContain(secret);
    await second(client, rightCode);
    const id = client.cookies.get("__Host-session") ?? "?";
    expect(JSON.stringify(await system.store.find("session", {}))).not.toContain(id);
    const remember = (client.cookies.get("__Host-remember") ?? "").split(".")[1] ?? "?";
    expect(JSON.stringify(await system.store.find("remember", {}))).not.toContain(remember);
  });
});

describe("several gates", () => {
  const third = secondStep({ name: "third", order: 500, path: "/third", asks: isBob });

  it("are passed one by one, each at its own endpoint", async () => {
    const system = await gated({ features: [passwords(), step, third] });
    const client = await park(system);
    expect((await second(client, rightCode, "/third")).status).toBe(400);
    const first = await second(client, rightCode);
    expect(first.json.response).toEqual(waitsAt("third"));
    await nothingYet(system, client, first);
    // The first gate's endpoint does not open the second gate.
    expect((await second(client, rightCode)).status).toBe(400);
    await nothingYet(system, client);
    expect((await second(client, rightCode, "/third")).status).toBe(200);
    expect((await client.get("/me")).json.methods).toEqual(["password", "second", "third"]);
  });

  it("are asked in rising order, whatever the order of the features, and the first refusal decides", async () => {
    const asked: string[] = [];
    const gate = (name: string, order: number, refuses: boolean): ReturnType<typeof watchedGate> =>
      watchedGate(name, order, () => {
        asked.push(name);
        return refuses ? "refuse" : "pass";
      });
    const features = [passwords(), gate("late", 450, false), gate("stop", 300, true), gate("first", 50, false)];
    const system = await start({ features });
    expect((await system.client().post("/login", { json: bob })).status).toBe(400);
    expect(asked).toEqual(["first", "stop"]);
    // An account that is not active is stopped at 200.
    asked.length = 0;
    await system.client().post("/login", { json: { email: "off@acme.example", password: goodPassword } });
    expect(asked).toEqual(["first"]);
  });

  it("are asked again, also those in front, when a parked sign-in goes on", async () => {
    let locked = false;
    const lock = watchedGate("lock", 100, () => (locked ? "refuse" : "pass"));
    const system = await gated({ features: [passwords(), lock, step] });
    const client = await park(system);
    locked = true;
    expect((await second(client, rightCode)).status).toBe(400);
    await nothingYet(system, client);
  });

  it("hold on every channel: refused by login, basic, restore and verify alike", async () => {
    let locked = false;
    const purposes: string[] = [];
    const lock = watchedGate("lock", 100, (_email, purpose) => {
      purposes.push(purpose);
      return locked ? "refuse" : "pass";
    });
    const system = await start({ features: [passwords(), lock], authn: ["session", "token", "basic"] });
    const remembered = system.client();
    await remembered.signIn(bob.email, bob.password, { remember: true });
    const signedIn = system.client();
    await signedIn.signIn(bob.email, bob.password);
    remembered.cookies.delete("__Host-session");
    locked = true;
    purposes.length = 0;
    expect((await system.client().post("/login?include_auth_token", { json: bob })).status).toBe(400);
    expect((await system.client().get("/me", { headers: basic(bob.email, bob.password) })).status).toBe(401);
    expect((await remembered.get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
    expect((await signedIn.post("/verify", { json: { password: bob.password } })).status).toBe(400);
    expect(purposes).toEqual(["sign-in", "request", "restore", "reauthenticate"]);
  });

  it("that throw close", async () => {
    const broken = watchedGate("broken", 100, () => {
      throw new Error("the gate is broken");
    });
    const system = await start({ features: [passwords(), broken], authn: ["session", "token", "basic"] });
    const client = system.client();
    expect((await client.post("/login", { json: bob })).status).toBe(500);
    expect((await client.get("/me", { headers: basic(bob.email, bob.password) })).status).toBe(500);
    await system.store.count("session", {}).then((count) => expect(count).toBe(0));
    expect(client.cookies.size).toBe(0);
  });
});
