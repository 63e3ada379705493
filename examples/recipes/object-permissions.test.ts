import { expect, it } from "vitest";
import { ask, basic, origin } from "./ask.ts";
import { createApp } from "./object-permissions.ts";

it("asks one rule for routes and lists", async () => {
  const recipe = await createApp({ origin });
  const as = (login: string, method = "GET") => ({ method, headers: basic(login, `${login}pass`) });
  const status = async (path: string, login: string, method?: string): Promise<number> =>
    (await ask(recipe, path, as(login, method))).status;
  expect((await ask(recipe, "/stores", as("ann"))).text).toBe("[1,3]");
  expect((await ask(recipe, "/stores", as("bob"))).text).toBe("[2,3]");
  expect(await status("/stores/1", "carl")).toBe(200);
  expect(await status("/stores/1", "bob")).toBe(403);
  expect(await status("/stores/9", "bob")).toBe(404);
  expect(await status("/stores/x", "bob")).toBe(400);
  expect(await status("/stores/1", "carl", "PUT")).toBe(403);
  expect(await status("/stores/1", "ann", "PUT")).toBe(200);
  expect(await status("/stores/1/lines/7", "ann", "DELETE")).toBe(200);
  expect(await status("/stores/2/lines/9", "ann", "DELETE")).toBe(403);
  expect(await status("/stores/1/lines/9", "ann", "DELETE")).toBe(404);
  expect((await ask(recipe, "/why/1", as("ann"))).text).toContain('"allowed":true');
  await recipe.security.close();
});
