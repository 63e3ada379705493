/** What a change would make of an account is asked as it would be: its permissions, its kind, and never from a cache. */

import { apiKey, authRequired, outbox, portcullis } from "portcullis";
import { administration, apiKeys, passwords, sessions, userManagement } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Account } from "../../src/model/account.ts";
import { html, json } from "./administration-system.ts";
import { goodPassword, origin, secretKey, weakHashing } from "./authn-system.ts";

const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const security of opened) await security.close();
});

async function start() {
  const security = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore: memory(),
    features: [passwords(), sessions(), userManagement(), administration(), apiKeys()],
    schemes: [apiKey()],
    mail: { sender: outbox() },
    roles: ["voter", "reader"],
    permissions: ["admin", "manage-users", "vote", "read"],
    groups: ["voters", "machines"],
    groupCheck: {
      voters: (user) => user.permissions.has("vote"),
      machines: (user) => (user as { readonly serviceAccount?: unknown }).serviceAccount === true,
    },
    caches: { group: { ttl: "10m" } },
    passwords: { hashing: weakHashing },
    log: () => undefined,
  });
  opened.push(security);
  const { users, roles } = security;
  await roles.addPermissions("voter", "vote");
  await roles.addPermissions("reader", "read");
  const password = goodPassword;
  const make = async (name: string, has: object = {}) =>
    (await users.create({ email: `${name}@acme.example`, password, ...has } as never)).id;
  await make("ada", { permissions: ["admin"] });
  const ids = { ben: await make("ben"), eve: await make("eve", { roles: ["voter"] }) };
  const vera = await make("vera", { permissions: ["admin"], roles: ["voter"] });
  const app = security.app();
  app.get("/vote", { authz: "voters", authn: ["session", "apiKey"] }, (c) => c.text("vote"));
  app.get("/me", { authz: authRequired(), authn: ["session", "apiKey"] }, (c) => c.text("me"));
  const client = async (name: string) => {
    const made = testClient(app, origin);
    const answer = await made.signIn(`${name}@acme.example`, goodPassword);
    made.csrfToken = answer.json.response.csrf_token;
    return made;
  };
  return { security, ids, vera, client, app };
}

describe("an account as a change would make it", () => {
  let system: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    system = await start();
  });
  const statusOf = async (actor: string, path: string, body: object) =>
    (await (await system.client(actor)).post(path, { ...json, json: body })).status;
  const user = async (id: number) => (await system.security.users.get(id)) as Account;

  it("a role that makes somebody a member of a group is not given by who is in none of it, nor a permission", async () => {
    const { ben } = system.ids;
    expect(await statusOf("ada", `/api/user/users/${ben}/roles`, { roles: ["voter"] })).toBe(403);
    expect(await statusOf("ada", `/admin/users/${ben}/roles`, { role: "voter", grant: true })).toBe(403);
    expect(await statusOf("ada", `/api/user/users/${ben}/permissions`, { permissions: ["vote"] })).toBe(403);
    expect(await statusOf("ada", `/admin/users/${ben}/permissions`, { permissions: "vote" })).toBe(403);
    expect([...(await user(ben)).permissions]).toEqual([]);
    expect(await statusOf("vera", `/admin/users/${ben}/roles`, { role: "reader", grant: true })).toBe(200);
    expect(await statusOf("ada", `/api/user/users/${ben}/roles`, { roles: [] })).toBe(200);
  });

  it("a permission that is taken away is gone in what is asked", async () => {
    const seen: (readonly string[])[] = [];
    const security = await portcullis({
      secretKeys: [secretKey],
      origins: [origin],
      datastore: memory(),
      features: [passwords(), sessions(), userManagement(), administration()],
      mail: { sender: outbox() },
      roles: ["voter"],
      permissions: ["admin", "manage-users", "vote", "read"],
      manages: {
        check(_actor, target) {
          seen.push([...target.permissions].sort());
          return true;
        },
      },
      passwords: { hashing: weakHashing },
    });
    opened.push(security);
    const { users, roles } = security;
    await roles.addPermissions("voter", "vote");
    await users.create({ email: "ada@acme.example", password: goodPassword, permissions: ["admin"] });
    const { id } = await users.create({ email: "ben@acme.example", roles: ["voter"], permissions: ["read"] });
    const app = testClient(security.app(), origin);
    app.csrfToken = (await app.signIn("ada@acme.example", goodPassword)).json.response.csrf_token;
    const asked = async (path: string, body: object) => {
      seen.length = 0;
      expect((await app.post(path, { ...json, json: body })).status).toBe(200);
      return seen;
    };
    const before = ["read", "vote"];
    expect(await asked(`/admin/users/${id}/permissions`, { permissions: "" })).toEqual([before, ["vote"]]);
    await users.setPermissions(id, ["read"]);
    expect(await asked(`/api/user/users/${id}/permissions`, { permissions: [] })).toEqual([before, ["vote"]]);
    await users.setPermissions(id, ["read"]);
    expect(await asked(`/admin/users/${id}/roles`, { role: "voter", grant: false })).toEqual([before, ["read"]]);
    await users.setRoles(id, ["voter"]);
    expect(await asked(`/api/user/users/${id}/roles`, { roles: [] })).toEqual([before, ["read"]]);
  });

  it("a new service account is asked as one", async () => {
    const ada = await system.client("ada");
    const made = await ada.post("/api/user/users", { json: { service: true } });
    expect(made.status).toBe(403);
    expect((await ada.post("/api/user/users", { json: { email: "plain@acme.example" } })).status).toBe(201);
  });

  it("no cache answers: neither for new accounts, which share a number, nor for what a change would make", async () => {
    const { security, ids } = system;
    const [ada, ben] = [await user(1), await user(ids.ben)];
    // Every new account has the number 0: the answer for the first one must not be that for the second.
    const made = await system.client("ada");
    expect((await made.post("/api/user/users", { json: { email: "first@acme.example" } })).status).toBe(201);
    expect(await security.mayActOn(ada, { ...ben, id: 0, permissions: new Set<string>() } as Account)).toBe(true);
    expect(await security.mayActOn(ada, { ...ben, id: 0, permissions: new Set(["vote"]) } as Account)).toBe(false);
    expect(await security.mayActOn(ada, ben)).toBe(true);
    expect(await security.mayActOn(ada, { ...ben, permissions: new Set(["vote"]) } as Account)).toBe(false);
  });

  it("a key that may less than its owner is not answered for by what was decided of the owner", async () => {
    const eve = await system.client("eve");
    expect((await eve.get("/vote")).status).toBe(200);
    const limited = await system.security.apiKeys?.create(system.ids.eve, { name: "less" });
    const bearer = { headers: { "x-api-key": limited?.text ?? "" } };
    const machine = testClient(system.app, origin);
    expect((await machine.get("/me", bearer)).status).toBe(200);
    expect((await machine.get("/vote", bearer)).status).toBe(403);
    expect((await eve.get("/vote")).status).toBe(200);
  });

  it("the page of the roles shows nothing of an account out of reach", async () => {
    const ada = await system.client("ada");
    const at = `/admin/users/${system.ids.eve}/roles`;
    for (const format of [html, json]) {
      const page = await ada.get(at, format);
      expect(page.status).toBe(403);
      expect(page.text).not.toContain("eve@acme.example");
    }
    // Nor where the form is shown again.
    const again = await ada.post(at, {
      ...html,
      form: { role: "voter", grant: "maybe", csrf_token: ada.csrfToken ?? "" },
    });
    expect(again.text).not.toMatch(/eve@acme\.example|name="grant"/);
    expect((await (await system.client("vera")).get(at, html)).text).toContain('name="grant"');
  });
});
