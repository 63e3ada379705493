// One server of the benchmark: `node bench/server.ts floor|portcullis DATABASE CACHED`. Talks to its parent by IPC.
import { serve as serveNode } from "@hono/node-server";
import { Hono } from "hono";
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { serve } from "portcullis/node";
import { sqlite } from "portcullis/sqlite";
import { z } from "zod";

const [kind = "floor", database = ":memory:", cached = "10000"] = process.argv.slice(2);

/** What both answer: the same handler. */
const answer = { hello: "world", at: 1 };
const params = z.object({ sid: z.int(), name: z.string(), flag: z.boolean() });

async function floor(): Promise<number> {
  const app = new Hono();
  app.get("/open", (c) => c.json(answer));
  app.get("/role", (c) => c.json(answer));
  app.get("/typed", (c) => c.json(answer));
  app.get("/basic", (c) => c.json(answer));
  return new Promise((resolve) => {
    const server = serveNode({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => resolve(port));
    if ("keepAliveTimeout" in server) server.keepAliveTimeout = 0;
  });
}

async function ours(): Promise<number> {
  const security = await portcullis({
    secretKeys: ["bench-bench-bench-0123456789-abcdefghij"],
    origins: ["http://localhost:3000"],
    datastore: sqlite(database),
    features: [passwords()],
    roles: ["employee"],
    sessions: { cached: Number(cached) },
    log: () => undefined,
  });
  if ((await security.users.find("email", "bench@example.org")) === undefined) {
    await security.users.create({ email: "bench@example.org", password: "bench password", roles: ["employee"] });
  }
  const app = security.app();
  app.get("/open", { authz: "OPEN" }, (c) => c.json(answer));
  app.get("/role", { authz: "employee" }, (c) => c.json(answer));
  app.get("/typed", { authz: "employee", params }, (c) => c.json(answer));
  app.get("/basic", { authz: "employee", authn: ["basic"] }, (c) => c.json(answer));
  const { server, port } = await serve(app, { port: 0, hostname: "127.0.0.1" });
  // The load's connections stay open between its slices.
  server.keepAliveTimeout = 0;
  return port;
}

const port = kind === "floor" ? await floor() : await ours();
process.on("message", (message) => {
  if (message === "usage") process.send?.({ ...process.cpuUsage(), rss: process.memoryUsage().rss });
});
process.once("disconnect", () => process.exit());
process.send?.({ port });
