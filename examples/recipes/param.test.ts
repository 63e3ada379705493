import { expect, it } from "vitest";
import { ask, form, origin } from "./ask.ts";
import { createApp } from "./param.ts";

it("takes user and password from the form, and nowhere else", async () => {
  const recipe = await createApp({ origin });
  const made = await ask(recipe, "/notes", form({ USER: "ann", PASS: "annpass", text: "milk" }));
  expect([made.status, made.text]).toEqual([201, '{"by":"ann","text":"milk"}']);
  expect((await ask(recipe, "/notes", form({ USER: "ann", PASS: "wrong", text: "milk" }))).status).toBe(401);
  expect((await ask(recipe, "/notes?USER=ann&PASS=annpass", form({ text: "milk" }))).status).toBe(401);
  await recipe.security.close();
});
