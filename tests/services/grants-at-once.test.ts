/** Everything that grants, takes away or ends, on one user and one role at once: none of it waits for another for ever. */
import { column, type DatastoreProvider, outbox, portcullis } from "portcullis";
import { administration, passwords, userManagement } from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { type Database, mysqlDatabase, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";

const origin = "http://localhost:3000";
const password = "battery staple";
const expected: ReadonlySet<unknown> = new Set(["last_administrator", "unknown_role"]);

function grants(open: () => Promise<Database>, provider: (connection: string) => DatastoreProvider): void {
  it("each is done or refused", async () => {
    const database = await open();
    const security = await portcullis({
      secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
      origins: ["http://localhost:3000"],
      datastore: provider(database.connection),
      features: [passwords(), administration()],
      roles: ["boss", "clerk"],
      permissions: ["admin", "read"],
      mail: { sender: outbox() },
      migrate: "always",
      log: () => {},
    });
    const { users, roles } = security;
    try {
      await roles.addPermissions("boss", "admin");
      await users.create({ email: "boss@acme.example", roles: ["boss"] });
      const failed: string[] = [];
      for (let round = 0; round < 12; round += 1) {
        const { id } = await users.create({ email: `user${round}@acme.example` });
        await roles.findOrCreate("clerk");
        const works: readonly (() => Promise<unknown>)[] = [
          () => users.addRole(id, "clerk"),
          () => users.setRoles(id, ["boss", "clerk"]),
          () => users.setPermissions(id, ["admin"]),
          () => users.removeRole(id, "clerk"),
          () => users.deactivate(id),
          () => users.resetAccess(id),
          () => users.shutOut(id, { onlyIf: async () => true, done: async () => {} }),
          () => roles.addPermissions("clerk", "read"),
          () => roles.removePermissions("boss", "read"),
          () => users.create({ email: `beside${round}@acme.example`, roles: ["clerk"] }),
          () => roles.delete("clerk"),
        ];
        const turned = [...works.slice(round % works.length), ...works.slice(0, round % works.length)];
        for (const result of await Promise.allSettled(turned.map((work) => work()))) {
          if (result.status === "fulfilled") continue;
          const { reason } = result;
          if (!expected.has((reason as { code?: unknown }).code)) failed.push(`round ${round}: ${String(reason)}`);
        }
      }
      expect(failed).toEqual([]);
    } finally {
      await security.close();
      await database.remove();
    }
  }, 3_600_000);
}

/** Two requests of one administrator, each of which alone makes nobody more than they may make. */
interface Pair {
  readonly requests: (id: number) => readonly (readonly [method: string, path: string, body: object])[];
  /** What the user has before. */
  readonly roles?: readonly string[];
}
const pairs: Readonly<Record<string, Pair>> = {
  "a role is granted while it gets a permission, by pages": {
    requests: (id) => [
      ["POST", "/admin/roles/clerk/edit", { permissions: "left, right" }],
      ["POST", `/admin/users/${id}/roles`, { role: "clerk", grant: true }],
    ],
  },
  "a role is granted by JSON while it gets a permission": {
    requests: (id) => [
      ["POST", "/admin/roles/clerk/edit", { permissions: "left, right" }],
      ["POST", `/api/user/users/${id}/roles`, { roles: ["clerk"] }],
    ],
  },
  "an account is made with a role that gets a permission": {
    requests: (id) => [
      ["POST", "/admin/roles/clerk/edit", { permissions: "left, right" }],
      ["POST", "/api/user/users", { email: `made${id}@acme.example`, roles: ["clerk"] }],
    ],
  },
  "two roles are granted": {
    requests: (id) => [
      ["POST", `/admin/users/${id}/roles`, { role: "lefty", grant: true }],
      ["POST", `/admin/users/${id}/roles`, { role: "righty", grant: true }],
    ],
  },
  "a role and a permission are granted": {
    requests: (id) => [
      ["POST", `/api/user/users/${id}/roles`, { roles: ["lefty"] }],
      ["POST", `/api/user/users/${id}/permissions`, { permissions: ["right"] }],
    ],
  },
  "a permission is granted by a page while a column is set": {
    requests: (id) => [
      ["POST", `/admin/users/${id}/permissions`, { permissions: "left" }],
      ["PATCH", `/api/user/users/${id}`, { profile: { side: "right" } }],
    ],
  },
  "two columns are set": {
    requests: (id) => [
      ["PATCH", `/api/user/users/${id}`, { profile: { side: "right" } }],
      ["POST", `/api/user/users/${id}/profile`, { other: "left" }],
    ],
  },
  "two roles of one user get a permission": {
    roles: ["clerk", "helper"],
    requests: () => [
      ["POST", "/admin/roles/clerk/edit", { permissions: "left" }],
      ["POST", "/admin/roles/helper/edit", { permissions: "right" }],
    ],
  },
};

/** Whoever has both sides is in the group that no administrator here is in. */
function bothSides(account: { readonly permissions: ReadonlySet<string> }): boolean {
  const { side, other } = account as { readonly side?: unknown; readonly other?: unknown };
  const has = (name: string): boolean => account.permissions.has(name) || side === name || other === name;
  return has("left") && has("right");
}

function asks(open: () => Promise<Database>, provider: (connection: string) => DatastoreProvider): void {
  it("what one may give is asked of what is there when it is given", async () => {
    const database = await open();
    /** The first question of each request waits for the other's. */
    let together = 0;
    let release = (): void => {};
    let released = Promise.resolve();
    const security = await portcullis({
      secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
      origins: [origin],
      datastore: provider(database.connection),
      features: [passwords(), administration(), userManagement({ profile: { side: true, other: true } })],
      columns: {
        side: column.string({ nullable: true, length: 20 }),
        other: column.string({ nullable: true, length: 20 }),
      },
      roles: ["boss", "clerk", "helper", "lefty", "righty"],
      permissions: ["admin", "left", "right"],
      groups: ["board"],
      async groupCheck(account) {
        if (together > 0) {
          together -= 1;
          if (together === 0) release();
          await released;
        }
        return bothSides(account);
      },
      passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
      mail: { sender: outbox() },
      migrate: "always",
      log: () => {},
    });
    const { users, roles } = security;
    try {
      await roles.addPermissions("boss", "admin");
      await roles.addPermissions("lefty", "left");
      await roles.addPermissions("righty", "right");
      await users.create({ email: "boss@acme.example", password, roles: ["boss"] });
      const app = security.app();
      const clients: readonly TestClient[] = [testClient(app, origin), testClient(app, origin)];
      for (const client of clients) {
        await client.signIn("boss@acme.example", password);
        await client.get("/login", { headers: { accept: "application/json" } });
      }
      const failed: string[] = [];
      let count = 0;
      for (const [name, { requests, roles: had = [] }] of Object.entries(pairs)) {
        for (let round = 0; round < 2; round += 1) {
          for (const role of ["clerk", "helper"] as const) await roles.removePermissions(role, "left", "right");
          for (const { id } of (await users.page({ role: "clerk" })).users) await users.removeRole(id, "clerk");
          count += 1;
          const email = `user${count}@acme.example`;
          const { id } = await users.create({ email, roles: [...had] as "clerk"[] });
          together = 2;
          ({ promise: released, resolve: release } = Promise.withResolvers<void>());
          const turned = round % 2 === 0 ? requests(id) : requests(id).toReversed();
          const answers = await Promise.all(
            turned.map(([method, path, json], index) =>
              (clients[index] as TestClient).request(method, path, { json, headers: { accept: "application/json" } }),
            ),
          );
          const statuses = answers.map(({ status }) => status).sort();
          const more = [
            ...(await users.page({ search: email })).users,
            ...(await users.page({ search: `made${id}` })).users,
          ].filter(bothSides);
          // The one that came first is done, the other one is refused.
          const fine = more.length === 0 && (statuses[0] ?? 0) < 300 && statuses[1] === 403;
          if (!fine) failed.push(`${name}, round ${round}: ${statuses.join(" and ")}, ${more.length} with too much`);
        }
      }
      expect(failed).toEqual([]);
    } finally {
      await security.close();
      await database.remove();
    }
  }, 3_600_000);
}

/** Two administrators shut each other out: one of them is left. */
function mutual(open: () => Promise<Database>, provider: (connection: string) => DatastoreProvider): void {
  it("of two administrators who deactivate each other one stays", async () => {
    const database = await open();
    const security = await portcullis({
      secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
      origins: [origin],
      datastore: provider(database.connection),
      features: [passwords(), administration(), userManagement()],
      roles: ["boss"],
      permissions: ["admin"],
      passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
      mail: { sender: outbox() },
      migrate: "always",
      log: () => {},
    });
    const { users, roles } = security;
    try {
      await roles.addPermissions("boss", "admin");
      await users.create({ email: "third@acme.example", roles: ["boss"] });
      const app = security.app();
      const left: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const pair = await Promise.all(
          ["one", "two"].map(async (name) => {
            const email = `${name}${round}@acme.example`;
            const { id } = await users.create({ email, password, roles: ["boss"] });
            const client = testClient(app, origin);
            await client.signIn(email, password);
            await client.get("/login", { headers: { accept: "application/json" } });
            return { id, client };
          }),
        );
        await Promise.all(
          pair.map(({ client }, index) =>
            client.post(`/api/user/users/${pair[1 - index]?.id}/deactivate`, {
              json: {},
              headers: { accept: "application/json" },
            }),
          ),
        );
        const now = await Promise.all(pair.map(({ id }) => users.get(id)));
        left.push(now.filter((user) => user?.active).length);
      }
      expect(left).toEqual([1, 1, 1]);
    } finally {
      await security.close();
      await database.remove();
    }
  }, 3_600_000);
}

describe("grants at once on SQLite", () => {
  grants(sqliteFile, sqlite);
  asks(sqliteFile, sqlite);
  mutual(sqliteFile, sqlite);
});
describeService("postgres", "grants at once on PostgreSQL", (url) => {
  for (const tests of [grants, asks, mutual]) {
    tests(
      () => postgresDatabase(url),
      (connection) => postgres(connection),
    );
  }
});
describeService("mysql", "grants at once on MariaDB", (url) => {
  for (const tests of [grants, asks, mutual]) {
    tests(
      () => mysqlDatabase(url),
      (connection) => mysql(connection),
    );
  }
});
