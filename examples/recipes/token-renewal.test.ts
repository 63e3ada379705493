import { expect, it } from "vitest";
import { ask, basic, origin } from "./ask.ts";
import { createApp } from "./token-renewal.ts";

const minute = 60_000;

it("gives a new token in the last quarter of the life, and none before or after", async () => {
  let time = Date.UTC(2026, 0, 2);
  const recipe = await createApp({ origin }, () => time);
  const cookieOf = (headers: Headers): string | undefined => headers.getSetCookie()[0]?.split(";")[0];
  const login = await ask(recipe, "/login", { method: "POST", headers: basic("ann", "annpass") });
  const first = cookieOf(login.headers) as string;
  const hello = (cookie: string) => ask(recipe, "/hello", { headers: { cookie } });
  time += 14 * minute;
  const early = await hello(first);
  expect([early.status, cookieOf(early.headers)]).toEqual([200, undefined]);
  time += 2 * minute;
  const late = await hello(first);
  const second = cookieOf(late.headers) as string;
  expect([late.status, second !== first && second.startsWith("__Host-token=")]).toEqual([200, true]);
  time += 10 * minute;
  expect((await hello(first)).status).toBe(401);
  expect((await hello(second)).status).toBe(200);
  time += 20 * minute;
  expect((await hello(second)).status).toBe(401);
  await recipe.security.close();
});
