/**
 * User and password as fields of the body, for clients that can do nothing else.
 *
 *     curl -d USER=ann -d PASS=annpass -d text=milk http://localhost:3000/notes
 */
import { param, portcullis } from "portcullis";
import { z } from "zod";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

export async function createApp({ origin }: RecipeOptions): Promise<Recipe> {
  const users = new Map<string, string>();
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    schemes: [param({ user: "USER", password: "PASS" })],
    authn: ["param"],
  });
  users.set("ann", await security.hashPassword("annpass"));

  const app = security.app();
  // The credentials need not be declared, and the handler does not get them.
  app.post("/notes", { authz: "AUTH", params: z.object({ text: z.string() }) }, (c, { text }) =>
    c.json({ by: c.var.user.username, text }, 201),
  );
  return { app, security };
}
