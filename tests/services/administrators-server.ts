/**
 * One of several processes on one database that take administrators away: `node administrators-server.ts dialect
 * connection`, started with an IPC channel. Answers each order with what became of it, and ends with its parent.
 */
import process from "node:process";
import { mysql } from "../../src/datastore/mysql/index.ts";
import { postgres } from "../../src/datastore/postgres/index.ts";
import { sqlite } from "../../src/datastore/sqlite/index.ts";
import { passwords, userManagement } from "../../src/features/index.ts";
import { PortcullisError, portcullis } from "../../src/index.ts";

/** What a process is told to do. */
export interface Order {
  readonly operation: string;
  readonly id: number;
}

const [dialect, connection = ""] = process.argv.slice(2);

function datastore(): ReturnType<typeof sqlite> {
  if (dialect === "postgres") return postgres(connection);
  return dialect === "mysql" ? mysql(connection) : sqlite(connection);
}

const { users, roles } = await portcullis({
  secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
  origins: ["http://localhost:3000"],
  datastore: datastore(),
  features: [passwords(), userManagement()],
  roles: ["boss", "chief"],
  permissions: ["admin"],
  passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
  migrate: "always",
});
await roles.addPermissions("boss", "admin");
await roles.addPermissions("chief", "admin");

const operations: Readonly<Record<string, (id: number) => Promise<unknown>>> = {
  create: async (number) => (await users.create({ email: `user${number}@acme.example` })).id,
  deactivate: (id) => users.deactivate(id),
  delete: (id) => users.delete(id),
  setPermissions: (id) => users.setPermissions(id, []),
  removeRole: (id) => users.removeRole(id, "boss"),
  setRoles: (id) => users.setRoles(id, []),
  deleteRole: () => roles.removePermissions("boss", "admin"),
  makeBoss: async (id) => {
    await roles.addPermissions("boss", "admin");
    await users.activate(id);
    return users.setRoles(id, ["boss"]);
  },
  makeOwn: async (id) => {
    await users.activate(id);
    return users.setPermissions(id, ["admin"]);
  },
  administrators: async () => {
    const { users: all } = await users.page({ limit: 1000, active: true });
    return all.filter((user) => user.hasPermission("admin")).length;
  },
};

process.on("message", ({ operation, id }: Order) => {
  operations[operation]?.(id).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ refused: error instanceof PortcullisError ? error.code : String(error) }),
  );
});
process.once("disconnect", () => process.exit(0));
process.send?.({ result: "ready" });
