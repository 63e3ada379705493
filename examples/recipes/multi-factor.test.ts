import { expect, it } from "vitest";
import { ask, basic, bearer, form, origin } from "./ask.ts";
import { createApp } from "./multi-factor.ts";

it("each step's token is taken by the next step alone, and each code once", async () => {
  const sent: [string, string][] = [];
  const recipe = await createApp({ origin }, (login, code) => sent.push([login, code]));
  const login = async (user: string): Promise<string> => {
    const { text } = await ask(recipe, "/login", { method: "POST", headers: basic(user, `${user}pass`) });
    return JSON.parse(text).token;
  };
  const code = async (token: string, digits: string) => {
    const { method, headers, body } = form({ code: digits });
    return ask(recipe, "/code", { method, headers: { ...headers, ...bearer(token) }, body });
  };
  const account = async (token: string): Promise<number> =>
    (await ask(recipe, "/account", { headers: bearer(token) })).status;

  const first = await login("ann");
  const right = sent[0]?.[1] as string;
  const wrong = right === "000000" ? "111111" : "000000";
  expect(await account(first)).toBe(401);
  expect((await code(first, wrong)).status).toBe(403);
  const done = await code(first, right);
  expect(done.status).toBe(200);
  const { token } = JSON.parse(done.text);
  expect(await account(token)).toBe(200);
  expect((await code(token, right)).status).toBe(401);
  expect((await code(first, right)).status).toBe(403);

  // Five guesses, however many sign-ins with the password lie between; somebody else's code is no code.
  const second = await login("bob");
  const bobs = sent[1]?.[1] as string;
  expect((await code(await login("ann"), bobs)).status).toBe(bobs === sent[2]?.[1] ? 200 : 403);
  const off = bobs === "000000" ? "111111" : "000000";
  for (let guess = 0; guess < 5; guess += 1) expect((await code(await login("bob"), off)).status).toBe(403);
  expect((await code(second, bobs)).status).toBe(403);
  expect((await ask(recipe, "/login", { method: "POST", headers: basic("bob", "wrong") })).status).toBe(401);
  await recipe.security.close();
});
