import { Hono } from "hono";
import { answer } from "./handlers.ts";

/** The floor: the bare framework with the same handlers, and so many further routes. */
export function bareApplication(routes: number): Hono {
  const app = new Hono();
  for (const path of ["/open", "/role", "/typed", "/basic", "/item/:id", "/object/:id"])
    app.get(path, (c) => c.json(answer));
  for (let index = 0; index < routes; index += 1) app.get(`/route/${index}`, (c) => c.json(answer));
  return app;
}
