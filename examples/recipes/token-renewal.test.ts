import { expect, it } from "vitest";
import { ask, basic, origin } from "./ask.ts";
import { createApp } from "./token-renewal.ts";

const minute = 60_000;

it("gives a new token in the last quarter of the life, and none before or after", async () => {
  let time = Date.UTC(2026, 0, 2);
  const recipe = await createApp({ origin }, () => time);
  const cookieOf = (headers: Headers): string | undefined =>
    headers
      .getSetCookie()
      .find((one) => one.startsWith("token="))
      ?.split(";")[0];
  const login = await ask(recipe, "/login", { method: "POST", headers: basic("ann", "annpass") });
  const first = cookieOf(login.headers) as string;
  const hello = (cookie: string) => ask(recipe, "/hello", { headers: { cookie } });
  time += 14 * minute;
  const early = await hello(first);
  expect([early.status, cookieOf(early.headers)]).toEqual([200, undefined]);
  time += 2 * minute;
  const late = await hello(first);
  const second = cookieOf(late.headers) as string;
  expect([late.status, second !== first && second.startsWith("token=")]).toEqual([200, true]);
  time += 10 * minute;
  expect((await hello(first)).status).toBe(401);
  expect((await hello(second)).status).toBe(200);
  time += 20 * minute;
  expect((await hello(second)).status).toBe(401);
  await recipe.security.close();
});

it("signs out with the CSRF token of /hello, and not without", async () => {
  const recipe = await createApp({ origin });
  const login = await ask(recipe, "/login", { method: "POST", headers: basic("ann", "annpass") });
  const cookieOf = (headers: Headers): string =>
    headers
      .getSetCookie()
      .map((one) => one.split(";")[0])
      .join("; ");
  const token = cookieOf(login.headers);
  const hello = await ask(recipe, "/hello", { headers: { cookie: token } });
  const cookie = `${token}; ${cookieOf(hello.headers)}`;
  const csrf = { "x-csrf-token": JSON.parse(hello.text).csrf_token };
  const logout = (headers: Readonly<Record<string, string>>) => ask(recipe, "/logout", { method: "POST", headers });
  expect((await logout({ cookie })).status).toBe(400);
  const done = await logout({ cookie, ...csrf });
  expect([done.status, cookieOf(done.headers)]).toEqual([200, "token="]);
  await recipe.security.close();
});
