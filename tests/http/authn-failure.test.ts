import type { Datastore, DatastoreProvider } from "portcullis";
import { DatastoreError } from "portcullis";
import { memory } from "portcullis/memory";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import {
  basic,
  cookiesSet,
  goodPassword,
  minute,
  type Overrides,
  type System,
  start,
  tokenOf,
} from "./authn-system.ts";

const ann = "ann@acme.example";
const secret = "select * from secrets";

type Fails = (operation: string, table: string) => boolean;

/** A store that fails where it is told to. */
function failing(fails: { now: Fails }): DatastoreProvider {
  const provider = memory();
  const wrap = (store: object): Datastore =>
    new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name, target) as unknown;
        // What is only noted for later asks no database.
        if (typeof value !== "function" || name === "committed") return value;
        if (name === "transaction") {
          return (work: (tx: object) => Promise<unknown>) => {
            if (fails.now("transaction", "")) return Promise.reject(new DatastoreError(secret));
            return (target as Datastore).transaction((tx) => work(wrap(tx)));
          };
        }
        return (...args: unknown[]) => {
          if (fails.now(String(name), String(args[0]))) return Promise.reject(new DatastoreError(secret));
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    }) as Datastore;
  return { dialect: "memory", open: async (schema, environment) => wrap(await provider.open(schema, environment)) };
}

async function broken(overrides: Overrides = {}): Promise<{ system: System; fails: { now: Fails } }> {
  const fails: { now: Fails } = { now: () => false };
  const system = await start({
    datastore: failing(fails),
    authn: ["session", "token", "basic"],
    sessions: { cached: 0 },
    ...overrides,
  });
  return { system, fails };
}

function expectUnavailable(answer: ClientAnswer): void {
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect(answer.text).not.toContain(secret);
  expect(answer.text).not.toMatch(/\bat .*\.ts|Error:/);
  expect(cookiesSet(answer).filter((name) => /session|remember/.test(name))).toEqual([]);
}

const everything: Fails = () => true;

describe("a datastore that does not answer", () => {
  it("closes every guarded route, and the next request after it works", async () => {
    const { system, fails } = await broken();
    const client = system.client();
    await client.signIn(ann, goodPassword, { remember: true });
    const token = await tokenOf(system.client(), ann, goodPassword);
    const callers: [TestClient, Record<string, string>][] = [
      [client, {}],
      [system.client(), { "authentication-token": token }],
      [system.client(), basic(ann, goodPassword)],
    ];
    for (const accept of ["application/json", "text/html"]) {
      for (const [caller, headers] of callers) {
        fails.now = everything;
        for (const path of ["/me", "/employee", "/"]) {
          expectUnavailable(await caller.get(path, { headers: { ...headers, accept } }));
        }
        fails.now = () => false;
        expect((await caller.get("/employee", { headers: { ...headers, accept } })).status).toBe(200);
      }
    }
    // Who shows nothing needs no datastore.
    fails.now = everything;
    expect((await system.client().get("/")).status).toBe(200);
    expect((await system.client().get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
    expect((await system.client().get("/login")).status).toBe(200);
  });

  it.each([
    ["/login", { email: ann, password: goodPassword, remember: true }],
    ["/login?include_auth_token", { email: ann, password: goodPassword }],
    ["/register", { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword }],
  ])("signs nobody in and makes nobody at %s, wherever it fails", async (path, json) => {
    const counts = async (store: Datastore): Promise<number[]> =>
      Promise.all(["user", "session", "remember", "ticket", "rolesUsers"].map((table) => store.count(table, {})));
    // Fails at the first operation, at the second … until it goes through.
    for (let allowed = 0; ; allowed += 1) {
      const { system, fails } = await broken();
      const before = await counts(system.store);
      let left = allowed;
      fails.now = (name) => name !== "count" && name !== "find" && left-- <= 0;
      const client = system.client();
      const answer = await client.post(path, { json });
      fails.now = () => false;
      if (answer.status === 200) {
        expect(allowed).toBeGreaterThan(1);
        break;
      }
      expectUnavailable(answer);
      expect(answer.text).not.toContain("authentication_token");
      expect(await counts(system.store)).toEqual(before);
      expect((await client.get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
    }
  });

  it("leaves an old session alone when it can't make the new one, and never both", async () => {
    for (let allowed = 0; ; allowed += 1) {
      const { system, fails } = await broken();
      const client = system.client();
      await client.signIn(ann, goodPassword);
      system.advance(10 * minute);
      let left = allowed;
      fails.now = () => left-- <= 0;
      const answer = await client.post("/verify", { json: { password: goodPassword } });
      fails.now = () => false;
      expect(await system.store.count("session", {})).toBe(1);
      if (answer.status === 200) break;
      expectUnavailable(answer);
      expect((await client.get("/fresh", { headers: { accept: "application/json" } })).status).toBe(401);
    }
  });

  it("does not say that somebody is signed out who is not", async () => {
    const { system, fails } = await broken();
    const client = system.client();
    await client.signIn(ann, goodPassword, { remember: true });
    const copy = client.copy();
    fails.now = (operation) => operation === "delete";
    const answer = await client.post("/logout", { json: {} });
    expect(answer.status).toBe(503);
    fails.now = () => false;
    expect((await copy.post("/logout", { json: {} })).status).toBe(200);
    expect((await client.get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
  });

  it("does not answer as if a session bag had been kept", async () => {
    const { system, fails } = await broken();
    const client = system.client();
    fails.now = (operation) => operation === "insert";
    expectUnavailable(await client.get("/keep/a/1"));
    fails.now = () => false;
    await client.get("/keep/a/1");
    fails.now = (operation) => operation === "update";
    expectUnavailable(await client.get("/keep/a/2"));
    fails.now = () => false;
    expect((await client.get("/bag/a")).json.value).toBe("1");
  });

  it("serves nothing from the cache while the bus can't tell", async () => {
    const provider = memory();
    let current = true;
    const system = await start({
      datastore: {
        dialect: "memory",
        async open(schema, environment) {
          const store = await provider.open(schema, environment);
          const { bus } = store;
          if (bus === undefined) throw new Error("memory has a bus");
          Object.defineProperty(store, "bus", { value: { ...bus, current: () => current } });
          return store;
        },
      },
    });
    const client = system.client();
    await client.signIn(ann, goodPassword);
    const status = async (): Promise<number> =>
      (await client.get("/me", { headers: { accept: "application/json" } })).status;
    expect([await status(), await status()]).toEqual([200, 200]);
    // Somebody else's change that nobody could announce.
    await system.store.update("user", { email: ann }, { active: false });
    expect(await status()).toBe(200);
    current = false;
    expect(await status()).toBe(401);
  });

  it("writes no secret into the log", async () => {
    const { system, fails } = await broken();
    const client = system.client();
    const marker = "a marker of a password";
    await system.client().post("/login", { json: { email: ann, password: marker } });
    await system.client().get("/me", { headers: basic(ann, marker) });
    await client.signIn(ann, goodPassword, { remember: true });
    fails.now = everything;
    await client.post("/login", { json: { email: ann, password: marker } });
    fails.now = () => false;
    const lines = system.logs.join("\n");
    expect(lines).not.toContain(marker);
    expect(lines).not.toContain(goodPassword);
    for (const value of client.cookies.values()) expect(lines).not.toContain(value);
  });
});

describe("events", () => {
  it("have the names and fields of the contract", async () => {
    const system = await start({ authn: ["session", "token", "basic"] });
    const user = expect.objectContaining({ email: ann }) as unknown;
    const client = system.client();
    const names: string[] = [];
    const off = system.security.events.on("userAuthenticated", ({ user: who }) => {
      names.push(who.email);
    });
    await client.get("/me?x=1", { headers: { accept: "application/json" } });
    await client.post("/login", { json: { email: ann, password: "wrong" } });
    await client.post("/login", { json: { email: "who@acme.example", password: "wrong" } });
    await client.post("/login", { json: { email: "nop@acme.example", password: "wrong" } });
    await client.get("/me", { headers: basic(ann, "wrong") });
    await client.signIn(ann, goodPassword);
    off();
    await client.post("/verify", { json: { password: "wrong" } });
    await client.post("/verify", { json: { password: goodPassword } });
    await client.post("/logout", { json: {} });
    expect(names).toEqual([ann]);
    expect(system.events).toEqual([
      { name: "userUnauthenticated", event: { path: "/me" } },
      { name: "userFailedAuthn", event: { user, authType: "password", tfa: false } },
      { name: "unknownIdentity", event: { authType: "password" } },
      {
        name: "userFailedAuthn",
        event: { user: expect.objectContaining({ email: "nop@acme.example" }), authType: "password", tfa: false },
      },
      { name: "userFailedAuthn", event: { user, authType: "basic", tfa: false } },
      { name: "userUnauthenticated", event: { path: "/me" } },
      { name: "userAuthenticated", event: { user, authnVia: ["password"] } },
      { name: "userFailedAuthn", event: { user, authType: "password", tfa: false } },
      { name: "userAuthenticated", event: { user, authnVia: ["password"] } },
      { name: "userSignedOut", event: { user } },
    ]);
    expect(JSON.stringify(system.events)).not.toContain("argon2");
  });

  it("are seen by listeners that can't do harm", async () => {
    const system = await start();
    system.security.events.on("userAuthenticated", () => {
      throw new Error("thrown by a listener");
    });
    system.security.events.on("userAuthenticated", () => Promise.reject(new Error("rejected by a listener")));
    expect((await system.client().post("/login", { json: { email: ann, password: goodPassword } })).status).toBe(200);
    expect(system.logs.join()).toContain("thrown by a listener");
    expect(system.logs.join()).toContain("rejected by a listener");
  });
});
