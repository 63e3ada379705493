// The floor: `node bench/floor.ts '{"routes":10}'`. The bare framework with the same handlers; talks to its parent by IPC.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { answer, report, settingsOf } from "./handlers.ts";

const { routes } = settingsOf(process.argv);
const app = new Hono();
for (const path of ["/open", "/role", "/typed", "/basic"]) app.get(path, (c) => c.json(answer));
for (let index = 0; index < routes; index += 1) app.get(`/route/${index}`, (c) => c.json(answer));
const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => report(port));
// The load's connections stay open between its slices.
if ("keepAliveTimeout" in server) server.keepAliveTimeout = 0;
