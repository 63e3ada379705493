import type { Account } from "portcullis";
import { objectRuleDifferences } from "portcullis/testing";
import { expect, it } from "vitest";
import { ask, basic, origin } from "./ask.ts";
import { createApp, openShop, storeRule } from "./object-permissions.ts";

it("asks one rule for routes and lists", async () => {
  const recipe = await createApp({ origin });
  const as = (login: string, method = "GET") => ({ method, headers: basic(login, `${login}pass`) });
  const status = async (path: string, login: string, method?: string): Promise<number> =>
    (await ask(recipe, path, as(login, method))).status;
  expect((await ask(recipe, "/stores", as("ann"))).text).toBe("[1,3]");
  expect((await ask(recipe, "/stores", as("bob"))).text).toBe("[2,3]");
  expect((await ask(recipe, "/search", as("bob"))).text).toBe("[3,2]");
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

it("a list shows what the routes let through", async () => {
  const shop = openShop();
  const user = (username: string) => ({ username }) as Account;
  const differences = await objectRuleDifferences(storeRule(shop), {
    users: { ann: user("ann"), bob: user("bob"), carl: user("carl"), eve: user("eve") },
    ids: [1, 2, 3, 9],
    modes: [undefined, "manage"],
    select: (condition) => shop.stores(condition) as number[],
  });
  expect(differences).toEqual([]);
  shop.close();
});
