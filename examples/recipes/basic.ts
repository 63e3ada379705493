/**
 * HTTP Basic over a user table of your own: no datastore, no account pages.
 *
 *     curl -u ann:annpass http://localhost:3000/hello
 */
import { portcullis } from "portcullis";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

export async function createApp({ origin }: RecipeOptions): Promise<Recipe> {
  // Your own table: login and stored hash.
  const users = new Map<string, string>();

  const security = await portcullis({
    secretKeys,
    origins: [origin],
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    authn: ["basic"],
    realm: "Recipes",
  });
  users.set("ann", await security.hashPassword("annpass"));

  const app = security.app();
  app.get("/hello", { authz: "AUTH" }, (c) => c.json({ hello: c.var.user.username }));
  return { app, security };
}
