import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, basic, bearer, origin } from "../../examples/recipes/ask.ts";
import { createApp } from "../../examples/recipes/ldap.ts";
import { describeService } from "./available.ts";
import { type Directory, people, secret, startDirectory } from "./directory.ts";

describeService("slapd", "the recipe ldap", (program) => {
  let directory: Directory;
  beforeAll(async () => {
    directory = await startDirectory(program);
  });
  afterAll(() => directory.stop());

  it("lets in who can bind, and gives them a token", async () => {
    const dn = `uid={login},${people}`;
    const recipe = await createApp({ origin }, { url: directory.secureUrl, ca: directory.ca, dn });
    expect((await ask(recipe, "/hello", { headers: basic("ann", secret) })).text).toBe('{"hello":"ann"}');
    expect((await ask(recipe, "/hello", { headers: basic("ann", "wrong") })).status).toBe(401);
    const token = (await ask(recipe, "/token", { headers: basic("ann", secret) })).text;
    expect((await ask(recipe, "/hello", { headers: bearer(token) })).text).toBe('{"hello":"ann"}');
    await recipe.security.close();
  });
});
