// The protected application: `node bench/ours.ts '{"database":"…"}'`; talks to its parent by IPC.
import { StatementSync } from "node:sqlite";
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { serve } from "portcullis/node";
import { sqlite } from "portcullis/sqlite";
import { answer, report, settingsOf } from "./handlers.ts";

const { database, cached, routes, typed } = settingsOf(process.argv);

const security = await portcullis({
  // All of the load comes from one address, and at once.
  limits: { signIn: { perAddress: "1000000/1m", perAccount: "1000000/1m" } },
  secretKeys: ["bench-bench-bench-0123456789-abcdefghij"],
  origins: ["http://localhost:3000"],
  datastore: sqlite(database),
  features: [passwords()],
  roles: ["employee"],
  sessions: { cached },
  log: () => undefined,
});
if ((await security.users.find("email", "bench@example.org")) === undefined) {
  await security.users.create({ email: "bench@example.org", password: "bench password", roles: ["employee"] });
}
const app = security.app();
app.get("/open", { authz: "OPEN" }, (c) => c.json(answer));
app.get("/role", { authz: "employee" }, (c) => c.json(answer));
app.get("/basic", { authz: "employee", authn: ["basic"] }, (c) => c.json(answer));
if (typed) {
  const { z } = await import("zod");
  const params = z.object({ sid: z.int(), name: z.string(), flag: z.boolean() });
  app.get("/typed", { authz: "employee", params }, (c) => c.json(answer));
}
for (let index = 0; index < routes; index += 1) {
  app.get(`/route/${index}`, { authz: "employee" }, (c) => c.json(answer));
}

let statements: string[] | undefined;

/** From the first question on, each statement is noted: the statements of a cold session are counted, not believed. */
function noted(): readonly string[] {
  if (statements !== undefined) return statements.splice(0);
  const seen: string[] = [];
  statements = seen;
  for (const name of ["all", "get", "run"] as const) {
    const original = StatementSync.prototype[name] as (...values: unknown[]) => unknown;
    Object.assign(StatementSync.prototype, {
      [name](this: StatementSync, ...values: unknown[]): unknown {
        seen.push(this.sourceSQL);
        return original.apply(this, values);
      },
    });
  }
  return [];
}

const { server, port } = await serve(app, { port: 0, hostname: "127.0.0.1" });
server.keepAliveTimeout = 0;
report(port, noted);
