import { type AccessSubject, accessTests } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, basic, bearer, origin } from "../../examples/recipes/ask.ts";
import { createApp } from "../../examples/recipes/ldap.ts";
import { describeService } from "./available.ts";
import { type Directory, people, secret, startDirectory } from "./directory.ts";

/** What its guards are meant to be. */
const lock = "GET /hello ; signed in ; by basic, token\nGET /token ; signed in ; by basic";

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

  it("is guarded as it is meant, by the access tests", async () => {
    const dn = `uid={login},${people}`;
    const recipe = await createApp({ origin }, { url: directory.secureUrl, ca: directory.ca, dn });
    const runs: [string, () => Promise<void>][] = [];
    accessTests(recipe.app as unknown as AccessSubject, {
      describe: (_name, inside) => inside(),
      it: (title, run) => runs.push([title, run]),
      lock,
      people: {
        ann: {
          credentials: {
            basic: () => basic("ann", secret),
            token: async () => bearer((await ask(recipe, "/token", { headers: basic("ann", secret) })).text),
          },
        },
        guesser: { state: "visitor", credentials: { basic: () => basic("ann", "wrong") } },
      },
    });
    const failures: string[] = [];
    for (const [title, run] of runs) await run().catch((error) => void failures.push(`${title}: ${error}`));
    expect(failures).toEqual([]);
    expect(runs.map(([title]) => title)).toEqual(expect.arrayContaining(["ann: let in", "guesser: 401"]));
    await recipe.security.close();
  });
});
