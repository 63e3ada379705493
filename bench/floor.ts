// The floor: `node bench/floor.ts '{"routes":10}'`; talks to its parent by IPC.
import { serve } from "@hono/node-server";
import { bareApplication } from "./bare.ts";
import { keepOpen, report, settingsOf } from "./handlers.ts";

const app = await bareApplication(settingsOf(process.argv));
const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => report(port));
keepOpen(server);
