/**
 * A server whose accounts have all that can be left half done: `node account-server.ts '{"dialect":…}'`, started with an IPC
 * channel. Says that it is loaded, opens the database at the message "open", says its URL, and ends with its parent.
 */
import { flushCompileCache } from "node:module";
import process from "node:process";
import { sql } from "kysely";
import { open as openRoute, portcullis } from "portcullis";
import { passwords, refresh, registration } from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { serve } from "portcullis/node";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { secondStep } from "../http/authn-second-step.ts";
import type { Place } from "./account-servers.ts";

const place = JSON.parse(process.argv[2] ?? "{}") as Place;

function storeOf({ dialect, connection }: Place): ReturnType<typeof sqlite> {
  if (dialect === "postgres") return postgres(connection);
  return dialect === "mysql" ? mysql(connection) : sqlite(connection);
}

/** Opens the place and listens. The clock is `ahead` milliseconds fast. */
async function open(ahead: number): Promise<string> {
  const store = storeOf(place);
  const security = await portcullis({
    // All of its clients come from one address.
    limits: { signIn: { perAddress: "100000/15m" }, endpoints: { register: { perAddress: "100000/1h" } } },
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: ["http://localhost:3000"],
    datastore: store,
    features: [
      passwords(),
      refresh({ carrier: "body" }),
      registration({
        roles: ["member"],
        onRegister: async (tx, user) => {
          await store
            .kysely<{ welcome: { user_id: number } }>(tx)
            .insertInto("welcome")
            .values({ user_id: user.id })
            .execute();
        },
      }),
      secondStep({ name: "step", order: 50, path: "/step", asks: (email) => email.startsWith("step") }),
    ],
    roles: ["member"],
    passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
    cookies: { allowInsecure: true },
    migrate: "always",
    clock: () => Date.now() + ahead,
  });
  const welcome = sql`create table if not exists welcome (user_id integer not null)`;
  // PostgreSQL's "if not exists" may fail when two processes create it at one moment: then the other has made it.
  await welcome.execute(store.kysely()).catch(() => welcome.execute(store.kysely()));
  const app = security.app();
  app.get("/me", { authz: "AUTH" }, (c) => c.json({ user: c.var.user.email }));
  app.get("/audit", { authz: openRoute("for the test") }, async (c) => c.json(await security.audit.verify()));
  const server = await serve(app, { port: 0, hostname: "127.0.0.1" });
  return server.url;
}

process.once("disconnect", () => process.exit(0));
process.once("message", (message: { readonly ahead: number }) => {
  open(message.ahead).then(
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
