import { generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import type { RouteRecord } from "portcullis";
import { type AccessPerson, type AccessTestOptions, accessTests, testClient } from "portcullis/testing";
import { afterAll, describe, it } from "vitest";
import { createApp as ldap } from "../../examples/recipes/ldap.ts";
import { createApp as basic } from "../../examples/recipes/basic.ts";
import { createApp as issuers } from "../../examples/recipes/jwt-two-issuers.ts";
import { createApp as factors } from "../../examples/recipes/multi-factor.ts";
import { createApp as objects } from "../../examples/recipes/object-permissions.ts";
import { createApp as own, signature } from "../../examples/recipes/own-scheme.ts";
import { createApp as param } from "../../examples/recipes/param.ts";
import type { Recipe } from "../../examples/recipes/recipe.ts";
import { createApp as redirect } from "../../examples/recipes/redirect.ts";
import { createApp as scopes } from "../../examples/recipes/scopes.ts";
import { createApp as renewal } from "../../examples/recipes/token-renewal.ts";

const origin = "http://localhost:3000";
const address = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
const started: Recipe[] = [];
afterAll(async () => {
  for (const { security } of started) await security.close();
});

/** What recipes make: an application of `security.app()`. */
interface RecipeApp {
  fetch(request: Request, env?: object): Response | Promise<Response>;
  accessMatrix(): readonly RouteRecord[];
}

/** The access tests of a recipe, with what its guards are meant to be. */
function recipe(
  name: string,
  made: Recipe,
  options: Pick<AccessTestOptions, "people" | "objects" | "values" | "may"> & { readonly lock: readonly string[] },
): void {
  started.push(made);
  describe(name, () => {
    accessTests(made.app as unknown as RecipeApp, { describe, it, ...options, lock: options.lock.join("\n") });
  });
}

const basicOf = (login: string): Readonly<Record<string, string>> => ({
  authorization: `Basic ${Buffer.from(`${login}:${login}pass`).toString("base64")}`,
});
const bearerOf = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` });
const byBasic = (login: string): AccessPerson => ({ credentials: { basic: () => basicOf(login) } });

/** Asks a recipe itself, as the one who gets a credential there does. */
async function asked({ app }: Recipe, method: string, path: string, headers: Readonly<Record<string, string>>) {
  const target = { request: async (request: Request) => app.fetch(request, address) };
  const answer = await testClient(target).request(method, path, { headers });
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}
