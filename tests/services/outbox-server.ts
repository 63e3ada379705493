/**
 * A server with registration and confirmation whose mails go to an SMTP server: `node outbox-server.ts '{"dialect":…,"smtp":…}'`,
 * started with an IPC channel. Says that it is loaded, opens the database at the message "open", says its URL, and ends with its
 * parent.
 */
import { flushCompileCache } from "node:module";
import process from "node:process";
import { portcullis } from "portcullis";
import { confirmation, passwords, registration } from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { serve } from "portcullis/node";
import { postgres } from "portcullis/postgres";
import { smtp } from "portcullis/smtp";
import { sqlite } from "portcullis/sqlite";
import type { Place } from "./account-servers.ts";

const { smtp: port, ...place } = JSON.parse(process.argv[2] ?? "{}") as Place & { readonly smtp: number };

function storeOf({ dialect, connection }: Place): ReturnType<typeof sqlite> {
  if (dialect === "postgres") return postgres(connection);
  return dialect === "mysql" ? mysql(connection) : sqlite(connection);
}

/** Opens the place and listens. */
async function open(): Promise<string> {
  const security = await portcullis({
    // All of its clients come from one address.
    limits: {
      mail: { perAddress: "100000/15m" },
      endpoints: { register: { perAddress: "100000/1h" } },
    },
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: ["http://localhost:3000"],
    datastore: storeOf(place),
    features: [passwords(), registration(), confirmation()],
    // A claim of a killed process runs out after twice the time of an attempt.
    mail: {
      sender: smtp({ host: "127.0.0.1", port, allowPlaintext: true }),
      from: "no-reply@acme.example",
      queue: { timeout: 2_000, retryAfter: [100] },
    },
    passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
    cookies: { allowInsecure: true },
    migrate: "always",
  });
  const server = await serve(security.app(), { port: 0, hostname: "127.0.0.1" });
  return server.url;
}

process.once("disconnect", () => process.exit(0));
process.once("message", () => {
  open().then(
    (url) => process.send?.({ url }),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// A killed process writes no cache at its end.
flushCompileCache();
process.send?.("loaded");
