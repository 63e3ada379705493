/**
 * One of several processes on one database: `node revocation-server.ts dialect connection`, started with an IPC
 * channel. Says its port, and ends with its parent.
 */
import process from "node:process";
import { mysql } from "../../src/datastore/mysql/index.ts";
import { postgres } from "../../src/datastore/postgres/index.ts";
import { sqlite } from "../../src/datastore/sqlite/index.ts";
import { passwords } from "../../src/features/index.ts";
import { serve } from "../../src/hosts/node.ts";
import { portcullis } from "../../src/index.ts";

const [dialect, connection = ""] = process.argv.slice(2);

function datastore(): ReturnType<typeof sqlite> {
  if (dialect === "postgres") return postgres(connection);
  return dialect === "mysql" ? mysql(connection) : sqlite(connection);
}

const security = await portcullis({
  secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
  origins: ["http://localhost:3000"],
  datastore: datastore(),
  features: [passwords()],
  roles: ["employee"],
  permissions: ["read"],
  passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
  migrate: "always",
});

const { users, roles } = security;
const idOf = async (email: string): Promise<number> => {
  const user = await users.find("email", email);
  if (user === undefined) throw new Error(`there is no ${email}`);
  return user.id;
};
/** What an administrator of this process may do. */
const operations: Readonly<Record<string, (email: string) => Promise<unknown>>> = {
  create: (email) => users.create({ email, password: "battery staple", roles: ["employee"] }),
  deactivate: async (email) => users.deactivate(await idOf(email)),
  delete: async (email) => users.delete(await idOf(email)),
  setPassword: async (email) => users.setPassword(await idOf(email), "staple battery"),
  setUniquifier: async (email) => users.setUniquifier(await idOf(email)),
  setTokenUniquifier: async (email) => users.setTokenUniquifier(await idOf(email)),
  removeRole: async (email) => users.removeRole(await idOf(email), "employee"),
  addRole: async (email) => users.addRole(await idOf(email), "employee"),
  addPermission: () => roles.addPermissions("employee", "read"),
  removePermission: () => roles.removePermissions("employee", "read"),
};

const app = security.app();
app.post("/operations/:name/:email", { authz: "OPEN" }, async (c) => {
  const operation = operations[c.req.param("name")];
  if (operation === undefined) return c.json({ done: false }, 404);
  await operation(c.req.param("email"));
  return c.json({ done: true });
});
app.get("/me", { authz: "AUTH" }, (c) => c.json({ user: c.var.user.email, read: c.var.user.hasPermission("read") }));
app.get("/employee", { authz: "employee" }, (c) => c.json({ user: c.var.user.email }));
app.get("/stats", { authz: "OPEN" }, async (c) => {
  await security.audit.flush();
  return c.json(security.cacheStats());
});

const server = await serve(app, { port: 0, hostname: "127.0.0.1" });
process.once("disconnect", () => process.exit(0));
process.send?.({ url: server.url });
