/**
 * A token in a cookie that is renewed in the last quarter of its life, for as long as somebody keeps coming.
 *
 *     curl -c jar -u ann:annpass -X POST http://localhost:3000/login
 *     curl -b jar -c jar http://localhost:3000/hello
 */
import { portcullis } from "portcullis";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

export async function createApp({ origin }: RecipeOptions, clock: () => number = Date.now): Promise<Recipe> {
  const users = new Map<string, string>();
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    clock,
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    tokens: { carriers: ["cookie"], life: "20m", renewal: 0.25 },
  });
  users.set("ann", await security.hashPassword("annpass"));

  const app = security.app();
  app.post("/login", { authz: "AUTH", authn: ["basic"] }, async (c) => {
    security.setTokenCookie(c, await security.createToken(c.var.user, { identity: c.var.identity }));
    return c.json({ hello: c.var.user.username });
  });
  // The cookie comes along by itself, so what changes something also asks for this token, as the header X-CSRF-Token.
  app.get("/hello", { authz: "AUTH" }, (c) =>
    c.json({ hello: c.var.user.username, csrf_token: security.csrfToken(c) }),
  );
  app.post("/logout", { authz: "OPEN" }, (c) => {
    security.clearTokenCookie(c);
    return c.json({});
  });
  return { app, security };
}
