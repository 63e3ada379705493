/** Nobody acts on an account that may anything which they may not: every action, over JSON and pages, on every kind of peer. */

import { allOf, apiKey, authRequired, column, oauth, outbox, portcullis, scope } from "portcullis";
import { administration, apiKeys, passwords, sessions, userManagement, usernames } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Account } from "../../src/model/account.ts";
import { html, json, submit } from "./administration-system.ts";
import { goodPassword, origin, otherPassword, secretKey, weakHashing } from "./authn-system.ts";

const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const security of opened) await security.close();
});

/** Who is acted on, by what they have that the actor has not. */
const targets = {
  peer: { roles: ["reader"], permissions: ["read"] },
  role: { roles: ["writer"] },
  permission: { permissions: ["write"] },
  group: {},
  hook: {},
  throws: {},
  silent: {},
} as const;
type Target = keyof typeof targets;

async function start(more: object = {}) {
  const logged: string[] = [];
  const security = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore: memory(),
    features: [
      passwords(),
      usernames(),
      sessions(),
      userManagement({ managers: "manage-users", profile: { company: true } }),
      administration(),
      apiKeys(),
    ],
    schemes: [apiKey(), oauth()],
    scopes: ["files"],
    mail: { sender: outbox() },
    identities: ["email", "username"],
    roles: ["reader", "writer"],
    permissions: ["admin", "manage-users", "read", "write"],
    columns: { company: column.string({ nullable: true, length: 40 }) },
    groups: ["board", "staff"],
    groupCheck: {
      board: async (user) =>
        user.email.endsWith("@board.example") || (user as { readonly company?: unknown }).company === "Board",
      staff: (user) => user.email.endsWith("@acme.example"),
    },
    manages: {
      check: async (actor, { email }) => {
        if (email.startsWith("hook")) return false;
        if (email.startsWith("throws")) throw new Error("broken");
        if (email.startsWith("silent")) return undefined;
        return actor === null || actor.active;
      },
    },
    passwords: { hashing: weakHashing },
    log: (message, details) => void logged.push(`${message} ${JSON.stringify(details)}`),
    ...(more as object),
  });
  opened.push(security);
  const { users } = security;
  const password = goodPassword;
  const ids: Record<string, number> = {};
  ids["ada"] = (await users.create({ email: "ada@acme.example", password, permissions: ["admin"] })).id;
  ids["max"] = (
    await users.create({
      email: "max@acme.example",
      password,
      roles: ["reader"],
      permissions: ["manage-users", "read"],
    })
  ).id;
  for (const [name, has] of Object.entries(targets)) {
    const email = name === "group" ? "group@board.example" : `${name}@acme.example`;
    ids[name] = (await users.create({ email, password, ...has } as never)).id;
  }
  const app = security.app();
  const client = async (name: string): Promise<TestClient> => {
    const made = testClient(app, origin);
    const answer = await made.signIn(`${name}@${name === "group" ? "board" : "acme"}.example`, goodPassword);
    made.csrfToken = answer.json.response.csrf_token;
    return made;
  };
  const state = async (name: string) => {
    const account = (await users.get(ids[name] as number)) as Account | undefined;
    return account === undefined ? undefined : { ...account, password: account.password, roles: [...account.roles] };
  };
  return { security, ids, client, state, logged, app };
}

/** By JSON: method, what follows the id, and the body. */
const calls: Readonly<Record<string, readonly [string, string, object?]>> = {
  email: ["PATCH", "", { email: "new@acme.example" }],
  username: ["PATCH", "", { username: "newname" }],
  permissions: ["POST", "/permissions", { permissions: [] }],
  roles: ["POST", "/roles", { roles: [] }],
  password: ["POST", "/password", { password: otherPassword }],
  deactivate: ["POST", "/deactivate", {}],
  activate: ["POST", "/activate", {}],
  unlock: ["POST", "/unlock", {}],
  "reset-access": ["POST", "/reset-access", {}],
  sessions: ["DELETE", "/sessions"],
  profile: ["POST", "/profile", { company: "Acme" }],
  keys: ["POST", "/key", { name: "mine", all_permissions: true }],
  deletion: ["DELETE", ""],
};
/** By pages: what follows the id, and the form. */
const forms: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>> = {
  edit: ["/edit", { email: "new@acme.example", username: "", company: "" }],
  password: ["/password", { password: otherPassword, password_confirm: otherPassword }],
  permissions: ["/permissions", { permissions: "" }],
  deactivate: ["/deactivate", {}],
  activate: ["/activate", {}],
  unlock: ["/unlock", {}],
  "end-sessions": ["/end-sessions", {}],
  "reset-access": ["/reset-access", {}],
  impersonate: ["/impersonate", { reason: "to look" }],
  deletion: ["/delete", {}],
};

const refusedTo: Readonly<Record<"max" | "ada", readonly Target[]>> = {
  max: ["role", "permission", "group", "hook", "throws", "silent"],
  // Who may give everybody any role is bounded by none; groups and the application's rule bound everybody.
  ada: ["group", "hook", "throws", "silent"],
};

describe("nobody acts on an account that may anything which they may not", () => {
  let system: Awaited<ReturnType<typeof start>>;
  beforeEach(async () => {
    system = await start();
  });

  describe.each(["max", "ada"] as const)("%s, by JSON", (actor) => {
    it.each(Object.keys(calls))("%s", async (action) => {
      const [method, path, body] = calls[action] as (typeof calls)[string];
      const client = await system.client(actor);
      const call = (name: string) =>
        client.request(method, `/api/user/users/${system.ids[name]}${path}`, body === undefined ? {} : { json: body });
      for (const name of refusedTo[actor]) {
        const before = await system.state(name);
        expect([name, (await call(name)).status]).toEqual([name, 403]);
        expect(await system.state(name)).toEqual(before);
      }
      if (action === "keys") return;
      expect((await call("peer")).status).toBe(200);
    });
  });

  describe("an administrator, by pages", () => {
    it.each(Object.keys(forms))("%s", async (action) => {
      const [path, fields] = forms[action] as (typeof forms)[string];
      const client = await system.client("ada");
      for (const name of refusedTo.ada) {
        const before = await system.state(name);
        const at = `/admin/users/${system.ids[name]}${path}`;
        expect([name, (await client.get(at, html)).status]).toEqual([name, 403]);
        expect([name, (await client.post(at, { ...json, json: fields })).status]).toEqual([name, 403]);
        expect(await system.state(name)).toEqual(before);
      }
      if (action === "activate") await system.security.users.deactivate(system.ids["peer"] as number);
      const done = await submit(client, `/admin/users/${system.ids["peer"]}${path}`, fields);
      expect([action, done.status]).toEqual([action, 302]);
    });

    it("roles, sessions and keys", async () => {
      const client = await system.client("ada");
      for (const name of refusedTo.ada) {
        const id = system.ids[name] as number;
        const target = await system.client(name);
        const roles = await client.post(`/admin/users/${id}/roles`, { ...json, json: { role: "reader", grant: true } });
        expect([name, roles.status]).toEqual([name, 403]);
        const listed = await client.get("/admin/sessions", json);
        const session = listed.json.response.sessions.find((one: { user_id: number }) => one.user_id === id);
        const ended = await client.post(`/admin/sessions/${session.id}/end`, { ...json, json: {} });
        expect([name, ended.status]).toEqual([name, 403]);
        const key = await target.post("/keys", { ...json, json: { name: "own", seconds: 3600 } });
        const keyId = key.json.response.key?.id ?? key.json.response.id;
        if (keyId !== undefined) {
          const revoked = await client.post(`/admin/users/${id}/keys/${keyId}/revoke`, { ...json, json: {} });
          expect([name, revoked.status]).toEqual([name, 403]);
        }
        // Nothing is offered that would be refused.
        const page = await client.get(`/admin/users/${id}`, html);
        expect(page.text).not.toMatch(new RegExp(`/admin/users/${id}/(?:edit|password|impersonate|delete|roles)`));
      }
      expect(system.logged.some((line) => line.includes("manages.check") && line.includes("broken"))).toBe(true);
    });
  });

  it("themselves: a manager never, an administrator but for what costs them their account", async () => {
    const max = await system.client("max");
    const own = `/api/user/users/${system.ids["max"]}`;
    expect((await max.post(`${own}/password`, { json: { password: otherPassword } })).status).toBe(403);
    expect((await max.post(`${own}/permissions`, { json: { permissions: ["admin"] } })).status).toBe(403);
    const ada = await system.client("ada");
    expect(
      (await ada.request("PATCH", `/api/user/users/${system.ids["ada"]}`, { json: { username: "adah" } })).status,
    ).toBe(200);
    const last = await (await system.client("ada")).post(`/api/user/users/${system.ids["ada"]}/permissions`, {
      json: { permissions: [] },
    });
    expect(last.status).toBe(409);
  });

  it("a group may hang on an address, a name or a column: nobody makes an account a member by changing it", async () => {
    const { users } = system.security;
    for (const actor of ["max", "ada"] as const) {
      const client = await system.client(actor);
      const peer = `/api/user/users/${system.ids["peer"]}`;
      const before = await system.state("peer");
      const tries: readonly (readonly [string, string, object])[] = [
        ["PATCH", peer, { email: "peer@board.example" }],
        ["PATCH", peer, { profile: { company: "Board" } }],
        ["POST", `${peer}/profile`, { company: "Board" }],
        ["POST", "/api/user/users", { email: "new@board.example", password: goodPassword }],
        [
          "POST",
          "/api/user/users",
          { email: "new@acme.example", password: goodPassword, profile: { company: "Board" } },
        ],
        ["POST", "/api/user/users", { email: "hook-new@acme.example", password: goodPassword }],
      ];
      for (const [method, path, body] of tries) {
        expect([body, (await client.request(method, path, { json: body })).status]).toEqual([body, 403]);
      }
      expect(await system.state("peer")).toEqual(before);
      const made = await client.post("/api/user/users", {
        json: { email: `${actor}-new@acme.example`, password: goodPassword },
      });
      expect(made.status).toBe(201);
    }
    const ada = await system.client("ada");
    const edit = { ...json, json: { email: "peer@board.example", username: "", company: "" } };
    expect((await ada.post(`/admin/users/${system.ids["peer"]}/edit`, edit)).status).toBe(403);
    const create = { ...json, json: { email: "more@board.example", password: goodPassword } };
    expect((await ada.post("/admin/users/new", create)).status).toBe(403);
    for (const email of ["peer@board.example", "new@board.example", "more@board.example", "hook-new@acme.example"]) {
      expect(await users.find("email", email)).toBeUndefined();
    }
  });

  it("an impersonation ends once the account joins a group that the administrator is not in", async () => {
    const client = await system.client("ada");
    const begun = await submit(client, `/admin/users/${system.ids["peer"]}/impersonate`, { reason: "to look" });
    expect(begun.status).toBe(302);
    expect((await client.get("/api/user", json)).json.response.user.email).toBe("peer@acme.example");
    await system.security.users.edit(system.ids["peer"] as number, { company: "Board" } as never);
    const after = await client.get("/api/user", json);
    expect(after.json.response.user?.email).not.toBe("peer@acme.example");
  });

  it("a group that only describes people may be left out; one that does not exist refuses to start", async () => {
    const lenient = await start({ manages: { groups: ["staff"] } });
    const client = await lenient.client("max");
    const reached = await client.post(`/api/user/users/${lenient.ids["group"]}/unlock`, { json: {} });
    expect(reached.status).toBe(200);
    await expect(start({ manages: { groups: ["boss"] } })).rejects.toThrow(/manages\.groups: there is no group "boss"/);
    await expect(start({ manages: { chek: () => true } })).rejects.toThrow(/chek/);
    await expect(start({ manages: { check: true } })).rejects.toThrow(/manages\.check/);
  });

  it.each(Object.keys(calls))("a credential is no more than it is limited to: %s", async (action) => {
    const { security, ids, app, state } = system;
    const [method, path, body] = calls[action] as (typeof calls)[string];
    const owner = (await security.users.get(ids["max"] as number)) as Account;
    const token = await security.createToken(owner, { scopes: ["files"] });
    const key = async (more: object): Promise<Record<string, string>> => {
      const made = await security.apiKeys?.create(owner, { name: "test", ...more });
      return { authorization: `Bearer ${made?.text}` };
    };
    const limited: readonly (readonly [what: string, headers: Record<string, string>, status: number])[] = [
      ["a token limited to scopes", { "authentication-token": token }, 401],
      // The management API takes sessions and tokens: a key is no way in, whatever it may.
      ["a key limited to scopes", await key({ scopes: ["files"] }), 401],
      ["a key with no permission", await key({ permissions: [] }), 401],
      ["a key with its permission", await key({ permissions: ["manage-users", "read"] }), 401],
      ["a key that may whatever its owner may", await key({ unlimited: true }), 401],
    ];
    for (const [what, headers, status] of limited) {
      // Each is good where it is taken.
      const by = what.startsWith("a key") ? authRequired("apiKey") : allOf(authRequired("oauth"), scope("files"));
      const good = await security.check(new Request(`${origin}/`, { headers }), by, { address: "203.0.113.1" });
      expect([what, good.allowed]).toEqual([what, true]);
      const before = await state("peer");
      const answer = await testClient(app, origin).request(method, `/api/user/users/${ids["peer"]}${path}`, {
        headers,
        ...(body === undefined ? {} : { json: body }),
      });
      expect([what, answer.status]).toEqual([what, status]);
      expect(await state("peer")).toEqual(before);
    }
  });

  it.each(Object.keys(calls))("themselves: %s", async (action) => {
    const { ids, state } = system;
    const [method, path, body] = calls[action] as (typeof calls)[string];
    const statuses: Record<string, number> = {};
    for (const name of ["max", "ada"] as const) {
      const before = await state(name);
      const client = await system.client(name);
      const answer = await client.request(
        method,
        `/api/user/users/${ids[name]}${path}`,
        body === undefined ? {} : { json: body },
      );
      statuses[name] = answer.status;
      if (answer.status !== 200) expect(await state(name)).toEqual(before);
    }
    expect(statuses).toEqual({
      max: 403,
      ada: { deactivate: 409, deletion: 409, permissions: 409, keys: 403 }[action] ?? 200,
    });
  });

  it("a credential that is limited to scopes, and one of fewer permissions, act as what they are", async () => {
    const { security, ids } = system;
    const [max, peer] = await Promise.all([
      security.users.get(ids["max"] as number),
      security.users.get(ids["peer"] as number),
    ]);
    expect(await security.mayActOn(max as Account, peer as Account)).toBe(true);
    expect(await security.mayActOn(null, (await security.users.get(ids["group"] as number)) as Account)).toBe(true);
    expect(await security.mayActOn(null, (await security.users.get(ids["hook"] as number)) as Account)).toBe(false);
  });
});
