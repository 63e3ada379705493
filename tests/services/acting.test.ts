/** Nobody acts on an account that may anything which they may not: groups by a column and the application's rule, on each database. */

import { column, type DatastoreProvider, portcullis } from "portcullis";
import { passwords, userManagement } from "portcullis/features";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";

const origin = "http://localhost:3000";
const password = "a good password of tests";

const start = (datastore: DatastoreProvider) =>
  portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    datastore,
    features: [passwords(), userManagement({ managers: "manage-users", profile: { company: true } })],
    roles: ["reader"],
    permissions: ["admin", "manage-users", "read"],
    columns: { company: column.string({ nullable: true, length: 40 }) },
    groups: ["board"],
    groupCheck: (user) => (user as { readonly company?: unknown }).company === "Board",
    manages: { check: (_actor, target) => !target.email.startsWith("hook") },
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    log: () => undefined,
  });

const calls: readonly (readonly [action: string, method: string, path: string, body: object | undefined])[] = [
  ["an address", "PATCH", "", { email: "new@acme.example" }],
  ["permissions", "POST", "/permissions", { permissions: [] }],
  ["roles", "POST", "/roles", { roles: [] }],
  ["a password", "POST", "/password", { password: "another good password of tests" }],
  ["deactivate", "POST", "/deactivate", {}],
  ["activate", "POST", "/activate", {}],
  ["reset-access", "POST", "/reset-access", {}],
  ["sessions", "DELETE", "/sessions", undefined],
  ["a column that makes a member", "POST", "/profile", { company: "Board" }],
  ["deletion", "DELETE", "", undefined],
];

function table(database: SuiteDatabase): void {
  let security: Awaited<ReturnType<typeof start>>;
  const ids: Record<string, number> = {};
  beforeAll(async () => {
    security = await start(database.provider());
    const { users } = security;
    const make = async (name: string, more: object): Promise<void> => {
      ids[name] = (await users.create({ email: `${name}@acme.example`, password, ...more } as never)).id;
    };
    await make("ada", { permissions: ["admin"] });
    await make("max", { permissions: ["manage-users", "read"] });
    await make("permission", { permissions: ["admin", "read"] });
    await users.deactivate(ids["permission"] as number);
    await make("board", { company: "Board" });
    await make("hook", {});
    await make("peer", { permissions: ["read"] });
  });
  afterAll(() => security?.close());
  const client = async (name: string) => {
    const made = testClient(security.app(), origin);
    made.csrfToken = (await made.signIn(`${name}@acme.example`, password)).json.response.csrf_token;
    return made;
  };
  const state = async (name: string) => {
    const account = await security.users.get(ids[name] as number);
    return JSON.stringify([account, account?.password, account === undefined ? [] : [...account.permissions]]);
  };

  it.each(calls)("%s", async (action, method, path, body) => {
    const refused = {
      max: ["permission", "board", "hook", "max"],
      // Who may give everybody any permission is bounded by groups and the rule alone.
      ada: ["board", "hook"],
    };
    for (const [actor, names] of Object.entries(refused)) {
      const made = await client(actor);
      for (const name of names) {
        const before = await state(name);
        const at = `/api/user/users/${ids[name]}${path}`;
        const answer = await made.request(method, at, body === undefined ? {} : { json: body });
        expect([actor, name, answer.status]).toEqual([actor, name, 403]);
        expect(await state(name)).toBe(before);
      }
    }
    // Nobody becomes a member of a group by somebody who is in none.
    if (action.startsWith("a column")) {
      const made = await client("ada");
      expect((await made.request(method, `/api/user/users/${ids["peer"]}${path}`, { json: body })).status).toBe(403);
    }
  });

  it.each(calls.filter(([action]) => ["permissions", "deactivate", "deletion"].includes(action)))(
    "the last administrator, themselves: %s",
    async (_action, method, path, body) => {
      const made = await client("ada");
      const before = await state("ada");
      const at = `/api/user/users/${ids["ada"]}${path}`;
      const answer = await made.request(method, at, body === undefined ? {} : { json: body });
      expect(answer.status).toBe(409);
      expect(await state("ada")).toBe(before);
    },
  );

  it("and what they may is done", async () => {
    const made = await client("max");
    const at = `/api/user/users/${ids["peer"]}`;
    expect((await made.request("PATCH", at, { json: { email: "new@acme.example" } })).status).toBe(200);
    expect((await made.request("DELETE", at)).status).toBe(200);
  });
}

describeDatabases("who acts on whose account", table);
