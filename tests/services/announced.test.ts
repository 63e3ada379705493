/**
 * A change that is committed is told to the other processes with its commit: also where the one that made it is killed, or loses
 * its connections, before it could tell them.
 */
import { apiKey, column, type DatastoreProvider } from "portcullis";
import { apiKeys, passwords, refresh, sessions } from "portcullis/features";
import { memory } from "portcullis/memory";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import type { TestClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Datastore } from "../../src/datastore/contract.ts";
import { coreTables } from "../../src/model/tables.ts";
import { createHasher } from "../../src/passwords/hasher.ts";
import { goodPassword, otherPassword, type System, start, userId } from "../http/authn-system.ts";
import { type Database, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";

type Change = (
  system: System,
  client: TestClient,
  user: { readonly id: number; readonly email: string },
) => Promise<unknown>;

const changes: Readonly<Record<string, Change>> = {
  "a sign-out": (_, client) => client.post("/logout", { json: {} }),
  "a session that is proved again and replaced": (_, client) =>
    client.post("/verify", { json: { password: goodPassword } }),
  "the others' sessions ended": (_, client) => client.post("/sessions/end-others", { json: {} }),
  "an administrator's ending": ({ security }, _, { id }) => security.users.endSessions(id),
  "a reset of all access": ({ security }, _, { id }) => security.users.resetAccess(id),
  "another password": ({ security }, _, { id }) => security.users.setPassword(id, "staple battery horse"),
  "the same password by another hash": async ({ security, store }, _, { id }) => {
    const weaker = createHasher({ memory: 32, passes: 1, parallelism: 1, allowWeakHashing: true });
    await store.update("user", { id }, { password: await weaker.hash(goodPassword) });
    return security.verifyPassword({ id }, goodPassword);
  },
  "another address": ({ security }, _, { id, email }) => security.users.setEmail(id, `new.${email}`),
  "another column": ({ security }, _, { id }) => security.users.update(id, { shift: "late" } as never),
  "a column changed in the application's transaction": ({ security, store }, _, { id }) =>
    store.transaction((tx) => security.users.update(id, { email: `moved.${id}@acme.example` } as never, tx)),
  "an account that is closed": ({ security }, _, { id }) => security.users.deactivate(id),
  "an account that is deleted": ({ security }, _, { id }) => security.users.delete(id),
  "a role granted": ({ security }, _, { id }) => security.users.addRole(id, "employee"),
  "a role taken away": async ({ security }, _, { id }) => {
    await security.users.setRoles(id, ["employee"]);
    return security.users.removeRole(id, "employee");
  },
  "a role that grants something else": ({ security }) => security.roles.setPermissions("employee", ["read"]),
  "a role that is deleted": async ({ security }) => {
    await security.roles.create("passing" as never);
    return security.roles.delete("passing" as never);
  },
  "a refresh token's family that ends": async (system, _, { email }) => {
    const client = system.client();
    const answer = await client.post("/login?include_auth_token", {
      json: { email, password: goodPassword },
    });
    return client.post("/logout", { json: { refresh_token: answer.json.response.user.refresh_token } });
  },
  "an API key that is revoked": async (_, client) => {
    const made = await client.post("/api/user/key", { json: { name: "key" } });
    return client.request("DELETE", `/api/user/key/${made.json.response.key.id}`);
  },
};

describeService("postgres", "changes announced with their commit on PostgreSQL", (url) => {
  let database: Database;
  let system: System;
  let other: Datastore;
  const heard: (number | undefined)[] = [];
  let lost = false;
  let count = 0;

  beforeAll(async () => {
    database = await postgresDatabase(url);
    system = await start({
      datastore: postgres(database.connection),
      migrate: "always",
      features: [passwords(), sessions(), refresh({ carrier: "body" }), apiKeys()],
      columns: { shift: column.string({ length: 20, nullable: true }) },
      schemes: [apiKey()],
      limits: { allowUnlimited: ["endpoints"] },
    } as never);
    other = await postgres(database.connection).open(coreTables, { now: Date.now, log: () => {} });
    other.bus?.onInvalidate((user) => heard.push(user));
    const { bus } = system.store;
    if (bus === undefined) throw new Error("there is no bus");
    const publish = bus.publish.bind(bus);
    bus.publish = async (user) => {
      if (lost) throw new Error("killed before it told anybody");
      await publish(user);
    };
  });
  afterAll(async () => {
    await Promise.all([system?.security.close(), other?.close()]);
    await database?.remove();
  });

  it.each(Object.entries(changes))("%s", async (_title, change) => {
    count += 1;
    const email = `user${count}@acme.example`;
    await system.security.users.create({ email, password: goodPassword });
    const client = system.client();
    await client.signIn(email, goodPassword);
    const user = { id: await userId(system, email), email };
    heard.length = 0;
    lost = true;
    try {
      await change(system, client, user);
    } catch {
      // Who was killed answers nothing.
    } finally {
      lost = false;
    }
    const told = (): boolean => heard.includes(user.id) || heard.includes(undefined);
    await expect.poll(told, { timeout: 30_000 }).toBe(true);
  });

  it("nothing that was rolled back", async () => {
    heard.length = 0;
    const failed = system.store.transaction(async (tx) => {
      await tx.announce?.(-7);
      throw new Error("rolled back");
    });
    await expect(failed).rejects.toThrow("rolled back");
    await system.store.transaction(async (tx) => tx.announce?.(-8));
    await expect.poll(() => heard, { timeout: 30_000 }).toContain(-8);
    expect(heard).not.toContain(-7);
  });
});

/** In this process: where a store announces nothing, or nobody else is there, the commit itself is what caches go by. */
function inApplicationsTransaction(
  made: () => Promise<Database | undefined>,
  opened: (at: string) => DatastoreProvider,
) {
  let database: Database | undefined;
  let system: System;
  beforeAll(async () => {
    database = await made();
    system = await start({ datastore: opened(database?.connection ?? ""), migrate: "always" });
  });
  afterAll(async () => {
    await system?.security.close();
    await database?.remove();
  });

  const shown = async (client: TestClient): Promise<string> =>
    (await client.get("/me", { headers: { accept: "application/json" } })).json.user;

  it("counts no more from its commit on", async () => {
    const client = system.client();
    await client.signIn("ann@acme.example", goodPassword);
    expect(await shown(client)).toBe("ann@acme.example");
    const id = await userId(system, "ann@acme.example");
    await system.store.transaction((tx) => system.security.users.update(id, { email: "moved@acme.example" }, tx));
    expect(await shown(client)).toBe("moved@acme.example");
  });

  it("counts where that was rolled back, and nothing is told", async () => {
    const client = system.client();
    await client.signIn("bob@acme.example", otherPassword);
    const id = await userId(system, "bob@acme.example");
    system.events.length = 0;
    const failed = system.store.transaction(async (tx) => {
      await system.security.users.update(id, { email: "never@acme.example" }, tx);
      await system.security.users.create({ email: "cyd@acme.example" }, { tx });
      throw new Error("rolled back");
    });
    await expect(failed).rejects.toThrow("rolled back");
    expect(await shown(client)).toBe("bob@acme.example");
    await system.store.transaction((tx) => system.security.users.create({ email: "cyd@acme.example" }, { tx }));
    await expect.poll(() => system.events.map(({ name }) => name)).toEqual(["userCreated"]);
  });
}

describe("in the application's transaction in memory", () =>
  inApplicationsTransaction(
    async () => undefined,
    () => memory(),
  ));
describe("in the application's transaction on SQLite", () => inApplicationsTransaction(sqliteFile, sqlite));
describeService("postgres", "in the application's transaction on PostgreSQL", (url) =>
  inApplicationsTransaction(
    () => postgresDatabase(url),
    (connection) => postgres(connection),
  ),
);
