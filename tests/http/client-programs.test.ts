import { apiKey, portcullis } from "portcullis";
import { createClient, type Result } from "portcullis/client";
import { apiKeys, passwords, refresh, userManagement } from "portcullis/features";
import { memory } from "portcullis/memory";
import { expect, it, onTestFinished } from "vitest";

function dataOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.data;
}

async function start() {
  const clock = { now: Date.UTC(2026, 0, 1) };
  const security = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: ["http://localhost:3000"],
    datastore: memory(),
    features: [passwords(), refresh({ carrier: "body" }), userManagement(), apiKeys()],
    schemes: [apiKey()],
    roles: ["boss"],
    permissions: ["admin", "read"],
    scopes: ["reports"],
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    cookies: { allowInsecure: true },
    clock: () => clock.now,
    log: () => {},
  });
  onTestFinished(() => security.close());
  await security.roles.addPermissions("boss", "admin");
  const password = "a battery of horses";
  await security.users.create({ email: "ada@acme.example", password, roles: ["boss"] });
  const app = security.app();
  const sent: string[] = [];
  const clientOf = (mode: "session" | "token") =>
    createClient({
      baseUrl: "http://localhost:3000",
      mode,
      fetch: async (input, init) => {
        sent.push(`${init?.method ?? "GET"} ${new URL(String(input)).pathname}`);
        return app.fetch(new Request(input, init));
      },
    });
  return { app, clientOf, password, clock, sent };
}

it("has a function for each endpoint of userManagement and apiKeys", async () => {
  const { app, clientOf, sent } = await start();
  const { users, keys, account } = clientOf("token");
  for (const group of [users, keys, account] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>[]) {
    for (const name of Object.keys(group)) {
      const byId = group === (users as unknown) && name !== "list" && name !== "create";
      await group[name]?.(...(byId ? [1, "key"] : [{}]));
    }
  }
  const wanted = app
    .accessMatrix()
    .filter(({ source }) => source === "userManagement" || source === "apiKeys")
    .map(({ method, path }) => [method, path] as const);
  expect(wanted.length).toBeGreaterThan(15);
  const missing = wanted.filter(
    ([method, path]) => !sent.some((one) => new RegExp(`^${method} ${path.replace(/:\w+/g, "[^/]+")}$`).test(one)),
  );
  expect(missing).toEqual([]);
});

it.each(["session", "token"] as const)("manages users and keys, in the mode %s", async (mode) => {
  const { clientOf, password } = await start();
  const client = clientOf(mode);
  dataOf(await client.login({ email: "ada@acme.example", password }));
  const { user } = dataOf(await client.users.create({ email: "bob@acme.example", password }));
  expect(dataOf(await client.users.edit(user.id, { username: "bobby" })).user.username).toBe("bobby");
  expect(dataOf(await client.users.setPermissions(user.id, ["read"])).user.own_permissions).toEqual(["read"]);
  expect(dataOf(await client.users.list({ search: "bob", active: true })).users.map(({ id }) => id)).toEqual([user.id]);
  expect(dataOf(await client.users.deactivate(user.id)).user.active).toBe(false);
  expect(await client.users.get(999)).toMatchObject({ ok: false, error: { kind: "notFound" } });
  expect(await client.users.setPassword(user.id, "x")).toMatchObject({
    ok: false,
    error: { field_errors: { password: [expect.any(String)] } },
  });
  dataOf(await client.users.delete(user.id));
  const { key, secret } = dataOf(await client.keys.create({ name: "reports", scopes: ["reports"] }));
  expect(secret).toContain(key.id);
  expect(dataOf(await client.keys.list()).keys.map(({ name }) => name)).toEqual(["reports"]);
  dataOf(await client.keys.delete(key.id));
});

it("signs in for programs, renews the token, and signs out", async () => {
  const { clientOf, password, clock, sent } = await start();
  const client = clientOf("token");
  expect(await client.account.login({ email: "ada@acme.example", password: "wrong" })).toMatchObject({
    ok: false,
    status: 401,
  });
  expect(dataOf(await client.account.login({ email: "ada@acme.example", password }))).toMatchObject({
    user: { email: "ada@acme.example" },
  });
  clock.now += 3_600_000;
  sent.length = 0;
  expect(dataOf(await client.account.get()).user.email).toBe("ada@acme.example");
  expect(sent).toEqual(["GET /api/user", "POST /refresh-token", "GET /api/user"]);
  dataOf(await client.account.changePassword({ old_password: password, new_password: "a stable of batteries" }));
  expect(dataOf(await client.account.get()).user.email).toBe("ada@acme.example");
  dataOf(await client.account.logout());
  expect(await client.account.get()).toMatchObject({ ok: false, error: { kind: "unauthenticated" } });
});
