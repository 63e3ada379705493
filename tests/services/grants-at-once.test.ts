/** Everything that grants, takes away or ends, on one user and one role at once: none of it waits for another for ever. */
import { type DatastoreProvider, outbox, portcullis } from "portcullis";
import { administration, passwords } from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { describe, expect, it } from "vitest";
import { type Database, mysqlDatabase, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";

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
  });
}

describe("grants at once on SQLite", () => grants(sqliteFile, sqlite));
describeService("postgres", "grants at once on PostgreSQL", (url) =>
  grants(
    () => postgresDatabase(url),
    (connection) => postgres(connection),
  ),
);
describeService("mysql", "grants at once on MariaDB", (url) =>
  grants(
    () => mysqlDatabase(url),
    (connection) => mysql(connection),
  ),
);
