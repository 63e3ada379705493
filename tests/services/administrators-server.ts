/**
 * One of several processes on one database that take administrators away: `node administrators-server.ts dialect
 * connection`, started with an IPC channel. Answers each order with what became of it, and ends with its parent.
 */
import process from "node:process";
import { mysql } from "../../src/datastore/mysql/index.ts";
import { postgres } from "../../src/datastore/postgres/index.ts";
import { sqlite } from "../../src/datastore/sqlite/index.ts";
import { accountDeletion, passwords, userManagement } from "../../src/features/index.ts";
import { LastAdministratorError, outbox, PortcullisError, portcullis } from "../../src/index.ts";
import { testClient } from "../../src/testing/index.ts";

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

const database = datastore();
const origin = "http://localhost:3000";
const password = "battery staple";

const security = await portcullis({
  secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
  origins: [origin],
  datastore: database,
  features: [passwords(), userManagement(), accountDeletion()],
  mail: { sender: outbox() },
  roles: ["boss", "chief"],
  permissions: ["admin"],
  passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
  migrate: "always",
  log: () => undefined,
});
const { users, roles } = security;
const app = security.app();
/** Who is signed in and about to go, by id: their last step. */
const goers = new Map<number, () => Promise<{ readonly status: number }>>();

await roles.addPermissions("boss", "admin");
await roles.addPermissions("chief", "admin");

const operations: Readonly<Record<string, (id: number) => Promise<unknown>>> = {
  create: async (number) => (await users.create({ email: `user${number}@acme.example`, password })).id,
  deactivate: (id) => users.deactivate(id),
  delete: (id) => users.delete(id),
  setPermissions: (id) => users.setPermissions(id, []),
  removeRole: (id) => users.removeRole(id, "boss"),
  setRoles: (id) => users.setRoles(id, []),
  deleteRole: () => roles.removePermissions("boss", "admin"),
  signIn: async (id) => {
    const client = testClient(app, origin);
    await client.post("/login", { json: { email: (await users.get(id))?.email, password } });
    const asked = await client.get("/delete-account", { headers: { accept: "application/json" } });
    const headers = { accept: "application/json", "x-csrf-token": asked.json.response.csrf_token };
    goers.set(id, () => client.post("/delete-account", { json: { password }, headers }));
  },
  askDeletion: async (id) => {
    const status = (await goers.get(id)?.())?.status;
    if (status === 409) throw new LastAdministratorError();
    return status;
  },
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
    const deletions = (
      await database
        .kysely<{ portcullis_deletion: { user_id: number } }>()
        .selectFrom("portcullis_deletion")
        .select("user_id")
        .execute()
    ).map((row) => row.user_id);
    return all.filter((user) => user.hasPermission("admin") && !deletions.includes(user.id)).length;
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
