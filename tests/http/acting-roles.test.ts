/** Nobody comes into a group by their own account, nor by a role that many have: what a change makes is asked, of oneself too. */

import { column, outbox, portcullis } from "portcullis";
import { administration, passwords, sessions, userManagement } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Account } from "../../src/model/account.ts";
import { json, submit } from "./administration-system.ts";
import { goodPassword, origin, otherPassword, secretKey, weakHashing } from "./authn-system.ts";

const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const security of opened) await security.close();
});

async function start(more: object = {}, ownProfile = false) {
  const security = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore: memory(),
    features: [
      passwords(),
      sessions(),
      userManagement({ managers: "manage-users", profile: { company: true }, ownProfile }),
      administration(),
    ],
    mail: { sender: outbox() },
    roles: ["staff", "owner", "reader", "crew"],
    permissions: ["admin", "manage-users", "own", "read"],
    columns: { company: column.string({ nullable: true, length: 40 }) },
    groups: ["owners", "board", "team"],
    groupCheck: {
      owners: (user) => user.permissions.has("own"),
      board: (user) =>
        user.email.endsWith("@board.example") || (user as { readonly company?: unknown }).company === "Board",
      team: (user) => user.roles.has("crew"),
    },
    passwords: { hashing: weakHashing },
    log: () => undefined,
    ...more,
  });
  opened.push(security);
  const { users, roles } = security;
  await roles.addPermissions("owner", "own");
  // A role that no configuration declares can be deleted.
  await roles.create("partner" as never, { permissions: ["own"] });
  const make = async (name: string, has: object) =>
    (await users.create({ email: `${name}@acme.example`, password: goodPassword, ...has } as never)).id;
  const ids = {
    ada: await make("ada", { permissions: ["admin"], roles: ["staff"] }),
    boss: await make("boss", { permissions: ["admin"], roles: ["owner"] }),
    partner: await make("partner", { roles: ["partner"] }),
    ben: await make("ben", { roles: ["reader"] }),
    sid: await make("sid", { roles: ["crew", "reader"] }),
  };
  const app = security.app();
  const client = async (name: string) => {
    const made = testClient(app, origin);
    made.csrfToken = (await made.signIn(`${name}@acme.example`, goodPassword)).json.response.csrf_token;
    return made;
  };
  const account = async (id: number) => (await users.get(id)) as Account & { readonly company: string | null };
  const permissions = async (name: string) => (await roles.find(name as never))?.permissions;
  return { security, ids, client, account, permissions };
}
type System = Awaited<ReturnType<typeof start>>;

describe("one's own account as a change would make it", () => {
  let system: System;
  beforeEach(async () => {
    system = await start();
  });

  it.each<[what: string, method: string, path: string, body: object]>([
    ["a role", "POST", "/roles", { roles: ["staff", "owner"] }],
    ["a role by its name", "POST", "/roles", { roles: ["staff", "crew"] }],
    ["a permission", "POST", "/permissions", { permissions: ["admin", "own"] }],
    ["an address", "PATCH", "", { email: "ada@board.example" }],
    ["a column", "POST", "/profile", { company: "Board" }],
    ["a column beside others", "PATCH", "", { profile: { company: "Board" } }],
  ])("by JSON, %s makes nobody a member of a group", async (_, method, path, body) => {
    const { client, ids, account } = system;
    const before = await account(ids.ada);
    const ada = await client("ada");
    const answer = await ada.request(method, `/api/user/users/${ids.ada}${path}`, { json: body });
    expect(answer.status).toBe(403);
    const after = await account(ids.ada);
    expect([after.email, after.company, [...after.roles], [...after.permissions]]).toEqual([
      before.email,
      before.company,
      [...before.roles],
      [...before.permissions],
    ]);
  });

  it("nor by the pages; what joins no group is done", async () => {
    const { client, ids, account } = system;
    const ada = await client("ada");
    const at = `/admin/users/${ids.ada}`;
    const edit = (form: object) => ada.post(`${at}/edit`, { ...json, json: { company: "", ...form } });
    expect((await edit({ email: "ada@board.example" })).status).toBe(403);
    expect((await edit({ email: "ada@acme.example", company: "Board" })).status).toBe(403);
    expect((await ada.post(`${at}/roles`, { ...json, json: { role: "owner", grant: true } })).status).toBe(403);
    expect((await ada.post(`${at}/permissions`, { ...json, json: { permissions: "admin, own" } })).status).not.toBe(
      200,
    );
    expect((await account(ids.ada)).email).toBe("ada@acme.example");
    expect((await edit({ email: "ada.l@acme.example", company: "Acme" })).status).toBe(200);
    expect(await account(ids.ada)).toMatchObject({ email: "ada.l@acme.example", company: "Acme" });
  });

  it("who is in the group changes their own account as before", async () => {
    const { client, ids } = system;
    const boss = await client("boss");
    expect(
      (await boss.request("PATCH", `/api/user/users/${ids.boss}`, { json: { email: "b@acme.example" } })).status,
    ).toBe(200);
  });

  it("nor by the profile that users may edit themselves", async () => {
    const own = await start({}, true);
    const ben = await own.client("ben");
    const edit = (company: string) => ben.post(`/api/user/users/${own.ids.ben}/profile`, { json: { company } });
    expect((await edit("Board")).status).toBe(403);
    expect((await edit("Acme")).status).toBe(200);
    expect((await own.account(own.ids.ben)).company).toBe("Acme");
  });

  it("the application's rule is asked of it too", async () => {
    const strict = await start({
      groups: [],
      groupCheck: undefined,
      manages: { check: (_: unknown, { email }: Account) => email.endsWith("@acme.example") },
    });
    const ada = await strict.client("ada");
    const edit = (email: string) => ada.request("PATCH", `/api/user/users/${strict.ids.ada}`, { json: { email } });
    expect((await edit("ada@board.example")).status).toBe(403);
    expect((await edit("ada.l@acme.example")).status).toBe(200);
  });
});

describe("a role that many have", () => {
  let system: System;
  beforeEach(async () => {
    system = await start();
  });
  const edit = async (actor: string, role: string, permissions: string) =>
    (await (await system.client(actor)).post(`/admin/roles/${role}/edit`, { ...json, json: { permissions } })).status;

  it("does not bring whoever edits it into a group", async () => {
    expect(await edit("ada", "staff", "own")).toBe(403);
    expect(await system.permissions("staff")).toEqual([]);
  });

  it("does not bring others into a group, nor out of one", async () => {
    expect(await edit("ada", "reader", "own")).toBe(403);
    expect(await edit("ada", "owner", "")).toBe(403);
    expect(await edit("ada", "owner", "read")).toBe(403);
    expect(await system.permissions("owner")).toEqual(["own"]);
    const ada = await system.client("ada");
    const taken = await ada.post(`/admin/users/${system.ids.boss}/password`, {
      ...json,
      json: { password: otherPassword, password_confirm: otherPassword },
    });
    expect(taken.status).toBe(403);
  });

  it("is not changed where somebody out of reach has it, in a browser neither", async () => {
    expect(await edit("ada", "reader", "read")).toBe(403);
    const ada = await system.client("ada");
    expect((await submit(ada, "/admin/roles/owner/edit", { permissions: "" })).status).toBe(403);
    expect(await system.permissions("owner")).toEqual(["own"]);
  });

  it("is not deleted under members of a group", async () => {
    const ada = await system.client("ada");
    expect((await ada.post("/admin/roles/partner/delete", { ...json, json: {} })).status).toBe(403);
    expect(await system.permissions("partner")).toEqual(["own"]);
    expect([...(await system.account(system.ids.partner)).permissions]).toEqual(["own"]);
  });

  it("is edited and deleted where nobody comes into a group or leaves one, and by who is in all", async () => {
    expect(await edit("ada", "staff", "read")).toBe(200);
    expect(await edit("ada", "staff", "")).toBe(200);
    await system.security.roles.create("empty" as never, { permissions: [] });
    expect(await edit("ada", "empty", "own")).toBe(200);
    const ada = await system.client("ada");
    expect((await ada.post("/admin/roles/empty/delete", { ...json, json: {} })).status).toBe(200);
    const { users } = system.security;
    await users.setRoles(system.ids.boss, ["owner", "crew"]);
    await users.edit(system.ids.boss, { company: "Board" } as never);
    expect(await edit("boss", "reader", "own")).toBe(200);
  });

  it("is the matter of administrators alone where no groups are declared and no rule", async () => {
    const plain = await start({ groups: [], groupCheck: undefined });
    const ada = await plain.client("ada");
    expect((await ada.post("/admin/roles/owner/edit", { ...json, json: { permissions: "read" } })).status).toBe(200);
  });

  it("is asked of the application's rule for each account, as it is and as it would be", async () => {
    const asked: string[] = [];
    const ruled = await start({
      groups: [],
      groupCheck: undefined,
      manages: {
        check(_: unknown, { email, permissions }: Account) {
          asked.push(`${email} ${[...permissions].sort().join(" ")}`);
          return !permissions.has("own");
        },
      },
    });
    const ada = await ruled.client("ada");
    const change = async (role: string, permissions: string) =>
      (await ada.post(`/admin/roles/${role}/edit`, { ...json, json: { permissions } })).status;
    expect(await change("reader", "read")).toBe(200);
    expect(asked.sort()).toEqual([
      "ben@acme.example ",
      "ben@acme.example read",
      "sid@acme.example ",
      "sid@acme.example read",
    ]);
    expect(await change("reader", "own")).toBe(403);
    expect(await change("owner", "")).toBe(403);
    expect(await change("staff", "own")).toBe(403);
  });
});
