import { expect, it } from "vitest";
import { ask, basic, origin } from "./ask.ts";
import { createApp } from "./basic.ts";

it("takes the right password, and asks for one in its realm", async () => {
  const recipe = await createApp({ origin });
  const right = await ask(recipe, "/hello", { headers: basic("ann", "annpass") });
  expect([right.status, right.text]).toEqual([200, '{"hello":"ann"}']);
  for (const headers of [{}, basic("ann", "wrong"), basic("nobody", "annpass")]) {
    const refused = await ask(recipe, "/hello", { headers });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe('Basic realm="Recipes", charset="UTF-8"');
  }
  await recipe.security.close();
});
