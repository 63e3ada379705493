/**
 * A browser that nobody is signed in with is sent to a sign-in page of the application's own and comes back; a program gets
 * its 401.
 *
 *     curl -i -H "Accept: text/html" http://localhost:3000/orders?year=2026
 *     curl -i -H "Accept: application/json" http://localhost:3000/orders
 */
import { open, portcullis } from "portcullis";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

export async function createApp({ origin }: RecipeOptions): Promise<Recipe> {
  const users = new Map<string, string>();
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    tokens: { carriers: ["cookie"] },
    handlers: {
      unauthenticated(rq) {
        if (rq.wantsJson || rq.method !== "GET") return undefined;
        // A path of this server: nobody is sent elsewhere.
        const next = encodeURIComponent(rq.path + rq.url.search);
        return new Response(null, {
          status: 302,
          headers: { location: `/sign-in?next=${next}`, "cache-control": "no-store" },
        });
      },
    },
  });
  users.set("ann", await security.hashPassword("annpass"));

  const app = security.app();
  app.get("/orders", { authz: "AUTH" }, (c) => c.json({ for: c.var.user.username }));
  app.get("/sign-in", { authz: open("the way in") }, (c) => c.text("Who are you?"));
  return { app, security };
}
