/** Behind PgBouncer in transaction mode everything holds as without it, and two tenants' schemas stay apart. */
import process from "node:process";
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { type PostgresOptions, postgres } from "portcullis/postgres";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { System as AnySystem } from "../http/authn-system.ts";
import { type Database, postgresDatabase } from "./account-servers.ts";
import { describeService } from "./available.ts";
import { type Pooler, startPooler } from "./pooler.ts";

interface System {
  readonly security: Pick<AnySystem["security"], "users" | "close">;
  readonly logs: string[];
  client(): TestClient;
}

const password = "battery staple";
const json = { headers: { accept: "application/json" } };

describeService("pgbouncer", "behind PgBouncer in transaction mode", (program) => {
  let database: Database;
  let pooler: Pooler;
  const systems: System[] = [];

  beforeAll(async () => {
    database = await postgresDatabase(process.env.POSTGRES_URL ?? "postgres://postgres@127.0.0.1:5432/postgres");
    pooler = await startPooler(program, database.connection, 4);
  });
  afterEach(async () => {
    for (const { security } of systems.splice(0)) await security.close();
  });
  afterAll(async () => {
    await pooler?.stop();
    await database?.remove();
  });

  const run = async (options: PostgresOptions): Promise<System> => {
    const logs: string[] = [];
    const security = await portcullis({
      secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
      origins: ["http://localhost:3000"],
      datastore: postgres(pooler.url, options),
      features: [passwords()],
      limits: { allowUnlimited: ["endpoints"] },
      passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
      migrate: "always",
      log: (message) => void logs.push(message),
    });
    const app = security.app();
    app.get("/me", { authz: "AUTH" }, (c) => c.text("in"));
    const system: System = { security: security as unknown as System["security"], logs, client: () => testClient(app) };
    systems.push(system);
    return system;
  };
  const signedIn = async (system: System, email: string): Promise<TestClient> => {
    const client = system.client();
    await client.signIn(email, password);
    return client;
  };
  const unheard = ({ logs }: System): string[] => logs.filter((line) => line.includes("do not arrive"));

  it.each<[string, () => PostgresOptions, lines: number]>([
    ["with default options, and says so once", () => ({}), 1],
    ['with listen: "poll"', () => ({ listen: "poll" }), 0],
    ["with a direct connection to listen on", () => ({ listenUrl: database.connection }), 0],
  ])("no acknowledged revocation lets anybody in elsewhere, %s", async (name, options, lines) => {
    const [one, two] = [await run(options()), await run(options())];
    if (lines > 0) await expect.poll(() => unheard(two).length, { timeout: 50_000 }).toBe(lines);
    const email = `${name.replace(/\W/g, "")}@acme.example`;
    await one.security.users.create({ email, password });
    for (let round = 0; round < 10; round += 1) {
      const client = await signedIn(one, email);
      const there = two.client();
      for (const [cookie, value] of client.cookies) there.cookies.set(cookie, value);
      // Warm where it is going to be refused.
      for (let again = 0; again < 2; again += 1) expect((await there.get("/me", json)).status).toBe(200);
      expect((await client.post("/logout", { json: {} })).status).toBe(200);
      expect((await there.get("/me", json)).status).toBe(401);
    }
    expect(unheard(two)).toHaveLength(lines);
  });

  it("keeps the accounts of two schemas apart", async () => {
    const [one, two] = [
      await run({ schema: "tenant_one", listen: "poll" }),
      await run({ schema: "tenant_two", listen: "poll" }),
    ];
    const tenants: readonly (readonly [System, string])[] = [
      [one, "one"],
      [two, "two"],
    ];
    // All at once, so that connections change hands.
    const all = Array.from({ length: 20 }, (_, index) =>
      tenants.map(async ([{ security }, tenant]) => {
        const email = `user${index}@${tenant}.example`;
        const { id } = await security.users.create({ email, password });
        expect((await security.users.get(id))?.email).toBe(email);
      }),
    );
    await Promise.all(all.flat());
    for (const [system, tenant] of tenants) {
      const rows = await database.rows(`select email from tenant_${tenant}."user"`);
      expect(rows.map(({ email }) => String(email)).filter((email) => !email.endsWith(`@${tenant}.example`))).toEqual(
        [],
      );
      expect(rows).toHaveLength(20);
      await signedIn(system, `user1@${tenant}.example`);
      const other = tenant === "one" ? "two" : "one";
      await expect(system.client().signIn(`user1@${other}.example`, password)).rejects.toThrow();
    }
  });
});
