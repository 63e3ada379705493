import { expect, it } from "vitest";
import { ask, basic, bearer, origin } from "./ask.ts";
import { createApp } from "./scopes.ts";

it("asks for the token's scope and the user's group", async () => {
  const recipe = await createApp({ origin });
  const token = async (login: string, scope: string): Promise<string> =>
    (await ask(recipe, `/token?scope=${scope}`, { headers: basic(login, `${login}pass`) })).text;
  const read = await token("ann", "read");
  const write = await token("ann", "write");
  const outsider = await token("bob", "write");
  const get = await ask(recipe, "/orders", { headers: bearer(read) });
  expect([get.status, get.text]).toEqual([200, '{"orders":[],"mayWrite":false}']);
  const post = (text: string) => ask(recipe, "/orders", { method: "POST", headers: bearer(text) });
  expect((await post(write)).status).toBe(201);
  const refused = await post(read);
  expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
    403,
    'Bearer error="insufficient_scope", scope="write"',
  ]);
  // The scope alone gives nobody a right.
  const outside = await post(outsider);
  expect([outside.status, outside.headers.get("www-authenticate")]).toEqual([403, null]);
  expect((await ask(recipe, "/token?scope=admin", { headers: basic("ann", "annpass") })).status).toBe(400);
  await recipe.security.close();
});
