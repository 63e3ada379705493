import { Hono } from "hono";
import { answer, type Settings } from "./handlers.ts";

/**
 * The floor: the bare framework with the same handlers, and so many further routes. `typed`: with the library that the
 * application describes its parameters with, which is the application's own and counts for neither side.
 */
export async function bareApplication({ routes, typed }: Pick<Settings, "routes" | "typed">): Promise<Hono> {
  const app = new Hono();
  if (typed) {
    const { z } = await import("zod");
    const params = z.object({ sid: z.coerce.number().int(), name: z.string(), flag: z.stringbool() });
    app.get("/typed", (c) => c.json(params.safeParse(c.req.query()).success ? answer : null));
  }
  for (const path of ["/open", "/role", "/typed", "/basic", "/item/:id", "/object/:id"])
    app.get(path, (c) => c.json(answer));
  for (let index = 0; index < routes; index += 1) app.get(`/route/${index}`, (c) => c.json(answer));
  return app;
}
