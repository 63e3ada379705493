import { expect, it } from "vitest";
import { ask, origin } from "./ask.ts";
import { createApp } from "./redirect.ts";

it("sends browsers to the sign-in page, and tells programs", async () => {
  const recipe = await createApp({ origin });
  const browser = { headers: { accept: "text/html" } };
  const sent = await ask(recipe, "/orders?year=2026", browser);
  expect([sent.status, sent.headers.get("location")]).toEqual([302, "/sign-in?next=%2Forders%3Fyear%3D2026"]);
  const elsewhere = await ask(recipe, "/orders?next=https://evil.example", browser);
  expect(elsewhere.headers.get("location")).toMatch(/^\/sign-in\?next=%2Forders/);
  expect((await ask(recipe, "/sign-in", browser)).status).toBe(200);
  const told = await ask(recipe, "/orders");
  expect([told.status, told.headers.get("location")]).toEqual([401, null]);
  await recipe.security.close();
});
