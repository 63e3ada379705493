import { expect, it } from "vitest";
import { ask, origin } from "./ask.ts";
import { createApp, signature } from "./own-scheme.ts";

const key = "the key that both know: 7Xe15qUZn8mW";

it("takes what is signed for this request, now", async () => {
  const recipe = await createApp({ origin });
  const report = (authorization: string) => ask(recipe, "/report", { headers: { authorization } });
  const now = String(Math.floor(Date.now() / 1000));
  const old = String(Number(now) - 120);
  const good = await report(`Partner acme:${now}:${signature(key, now, "GET", "/report")}`);
  expect([good.status, good.text]).toEqual([200, '{"for":"acme"}']);
  for (const wrong of [
    "",
    `Partner acme:${now}:${signature("another key", now, "GET", "/report")}`,
    `Partner acme:${now}:${signature(key, now, "POST", "/report")}`,
    `Partner acme:${now}:${signature(key, now, "GET", "/other")}`,
    `Partner acme:${old}:${signature(key, old, "GET", "/report")}`,
    `Partner nobody:${now}:${signature(key, now, "GET", "/report")}`,
    `Partner constructor:${now}:${signature(key, now, "GET", "/report")}`,
  ]) {
    const refused = await report(wrong);
    expect([wrong, refused.status]).toEqual([wrong, 401]);
    expect(refused.headers.get("www-authenticate")).toBe('Partner realm="Login Required"');
  }
  await recipe.security.close();
});
