/** A change of address that is cancelled while its link is opened: one of both happens, and each answer says which. */
import { type DatastoreProvider, outbox, portcullis } from "portcullis";
import { changeEmail, passwords, tracking } from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { type Database, mysqlDatabase, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";

const origin = "http://localhost:3000";
const password = "battery staple";
const json = { headers: { accept: "application/json" } };

function races(open: () => Promise<Database>, provider: (connection: string) => DatastoreProvider): void {
  it("one of both happens", async () => {
    const database = await open();
    const box = outbox();
    const security = await portcullis({
      limits: { signIn: { perAddress: "1000000/15m" }, mail: { perAddress: "1000000/1h" } },
      secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
      origins: [origin],
      datastore: provider(database.connection),
      features: [passwords(), changeEmail(), tracking()],
      mail: { sender: box },
      passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
      migrate: "always",
      log: () => {},
    });
    try {
      const app = security.app();
      const won = { cancelled: 0, moved: 0 };
      for (let round = 0; round < 20; round += 1) {
        const [email, moved] = [`user${round}@acme.example`, `new${round}@acme.example`];
        const { id } = await security.users.create({ email, password });
        const own = testClient(app, origin);
        await own.signIn(email, password);
        await own.get("/login", json);
        expect((await own.post("/change-email", { json: { email: moved } })).status).toBe(200);
        await security.delivery.idle();
        const mail = box.all().findLast((sent) => sent.to.address === moved);
        const link = new RegExp(`${origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1] ?? "/";
        // Elsewhere: then the link asks for the password.
        const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
        const ahead = (round % 7) - 3;
        const [cancelling, moving] = await Promise.all([
          pause(ahead).then(() => own.post("/cancel-change-email", { json: {} })),
          pause(-ahead).then(() => testClient(app, origin).post(link, { json: { password } })),
        ]);
        const cancelled = cancelling.json.response?.cancelled === true;
        expect([round, moving.status, cancelled]).toEqual([round, cancelled ? 400 : 200, cancelled]);
        // The session has ended with the move, or there is nothing to cancel any more.
        expect([200, 401]).toContain(cancelling.status);
        expect((await security.users.get(id))?.email).toBe(cancelled ? email : moved);
        won[cancelled ? "cancelled" : "moved"] += 1;
      }
      expect(won.cancelled + won.moved).toBe(20);
    } finally {
      await security.close();
      await database.remove();
    }
  });
}

describe("a cancelled change of address on SQLite", () => races(sqliteFile, sqlite));
describeService("postgres", "a cancelled change of address on PostgreSQL", (url) =>
  races(
    () => postgresDatabase(url),
    (connection) => postgres(connection),
  ),
);
describeService("mysql", "a cancelled change of address on MariaDB", (url) =>
  races(
    () => mysqlDatabase(url),
    (connection) => mysql(connection),
  ),
);
