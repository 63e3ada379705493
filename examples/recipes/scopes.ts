/**
 * Tokens that are limited to scopes, together with a group: the scope says what the token may be used for, the group what
 * its user may do.
 *
 *     TOKEN=$(curl -u ann:annpass "http://localhost:3000/token?scope=read")
 *     curl -H "Authorization: Bearer $TOKEN" http://localhost:3000/orders
 *     curl -H "Authorization: Bearer $TOKEN" -X POST http://localhost:3000/orders   # 403, insufficient_scope
 */
import { allOf, oauth, portcullis, rolesRequired, scope } from "portcullis";
import { z } from "zod";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

export async function createApp({ origin }: RecipeOptions): Promise<Recipe> {
  const users = new Map<string, string>();
  const staff = new Set(["ann"]);
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    groups: ["staff"],
    groupCheck: { staff: (user) => staff.has(user.username ?? "") },
    scopes: ["read", "write"],
    schemes: [oauth()],
    tokens: { carriers: ["bearer"], life: "1h" },
  });
  for (const login of ["ann", "bob"]) users.set(login, await security.hashPassword(`${login}pass`));

  const app = security.app();
  const params = z.object({ scope: z.enum(["read", "write"]) });
  app.get("/token", { authz: "AUTH", authn: ["basic"], params }, async (c, { scope }) =>
    c.text(await security.createToken(c.var.user, { scopes: [scope] })),
  );
  app.get("/orders", { authz: scope("read"), authn: ["oauth"] }, (c) =>
    c.json({ orders: [], mayWrite: security.userScope(c, "write") }),
  );
  app.post("/orders", { authz: allOf(scope("write"), rolesRequired("staff")), authn: ["oauth"] }, (c) =>
    c.json({ by: c.var.user.username }, 201),
  );
  return { app, security };
}
