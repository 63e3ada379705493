import { generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import type { RouteRecord, Security } from "portcullis";
import { type AccessPerson, type AccessTestOptions, accessTests, testClient } from "portcullis/testing";
import { afterAll, describe, it } from "vitest";
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

/**
 * The access tests of a recipe, with what its guards are meant to be. That of ldap is in tests/services, with a directory.
 */
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

const targetOf = ({ app }: Recipe) => ({ request: async (request: Request) => app.fetch(request, address) });

/** Asks a recipe itself, as the one who gets a credential there does. */
async function asked(made: Recipe, method: string, path: string, headers: Readonly<Record<string, string>>) {
  const answer = await testClient(targetOf(made)).request(method, path, { headers });
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

recipe("basic", await basic({ origin }), {
  lock: ["GET /hello ; signed in ; by basic"],
  people: { ann: byBasic("ann") },
});

recipe("param", await param({ origin }), {
  lock: ["POST /notes ; signed in ; by param ; with text: string"],
  people: { ann: { credentials: { param: () => new URLSearchParams({ USER: "ann", PASS: "annpass" }) } } },
});

recipe("object-permissions", await objects({ origin }), {
  lock: [
    "GET /stores ; signed in ; by basic",
    "GET /search ; signed in ; by basic",
    "GET /stores/:sid ; may reach the store that the first parameter names ; by basic ; with sid: integer",
    'PUT /stores/:sid ; manage of the store ":sid" ; by basic ; with sid: integer',
    'DELETE /stores/:sid/lines/:line ; may reach the line ":sid :line" ; by basic ; with sid: integer, line: integer',
    'GET /why/:sid ; manage of the store ":sid" ; by basic ; with sid: integer',
  ],
  people: { ann: byBasic("ann"), bob: byBasic("bob"), carl: byBasic("carl") },
  objects: {
    store: {
      ids: [1, 2, 3, 9],
      may(who, id, mode) {
        const [manager, ...staff] = { 1: ["ann", "carl"], 2: ["bob"], 3: ["ann", "bob"] }[Number(id)] ?? [];
        if (manager === undefined) return undefined;
        return who === manager || (mode !== "manage" && staff.includes(who));
      },
    },
    line: {
      ids: [
        [1, 7],
        [2, 9],
        [1, 9],
      ],
      may(who, id) {
        const [store, line] = id as readonly [number, number];
        const there = { 1: [7, 8], 2: [9] }[store]?.includes(line) === true;
        return there ? who === (store === 1 ? "ann" : "bob") : undefined;
      },
    },
  },
});

const scoped = await scopes({ origin });
/** Somebody with a token for this scope. */
const oauthOf = (login: string, scope: string, groups: readonly string[]): AccessPerson => ({
  roles: groups,
  scopes: [scope],
  credentials: {
    oauth: async () => bearerOf((await asked(scoped, "GET", `/token?scope=${scope}`, basicOf(login))).text),
  },
});
recipe("scopes", scoped, {
  lock: [
    'GET /token ; signed in ; by basic ; with scope: "read" | "write"',
    "GET /orders ; scope read ; by oauth",
    "POST /orders ; all of (scope write\\; group staff) ; by oauth",
  ],
  people: {
    ann: byBasic("ann"),
    reader: oauthOf("ann", "read", ["staff"]),
    writer: oauthOf("ann", "write", ["staff"]),
    outsider: oauthOf("bob", "write", []),
  },
});

const renewed = await renewal({ origin });
recipe("token-renewal", renewed, {
  lock: [
    "POST /login ; signed in ; by basic",
    "GET /hello ; signed in ; by token",
    "POST /logout ; everybody ; OPEN ; by token",
  ],
  people: {
    password: byBasic("ann"),
    ann: {
      credentials: {
        // Its cookie, and the CSRF token of a first page.
        async token() {
          const client = testClient(targetOf(renewed));
          await client.request("POST", "/login", { headers: basicOf("ann") });
          await client.get("/hello");
          return client;
        },
      },
    },
  },
});

const ours = generateKeyPairSync("ec", { namedCurve: "P-256" });
const theirs = generateKeyPairSync("ed25519");
const jwt = (alg: string, key: typeof ours.privateKey, claims: Record<string, unknown>) => async () =>
  bearerOf(
    await new SignJWT({ exp: Math.floor(Date.now() / 1000) + 60, ...claims })
      .setProtectedHeader({ alg, kid: "one" })
      .sign(key),
  );
const keysOf = (key: typeof ours.publicKey) => ({ keys: [{ ...key.export({ format: "jwk" }), kid: "one" }] });
const acme = { iss: "https://login.acme.example", aud: "orders", email: "ann@acme.example" };
const partner = { iss: "https://id.partners.example", aud: "acme-orders", sub: "p-17" };
recipe(
  "jwt-two-issuers",
  await issuers({ origin }, { staff: keysOf(ours.publicKey), partners: keysOf(theirs.publicKey) }),
  {
    lock: ["GET /orders ; signed in ; by token", "GET /prices ; group staff ; by token"],
    people: {
      ann: { roles: ["staff"], credentials: { token: jwt("ES256", ours.privateKey, acme) } },
      partner: { credentials: { token: jwt("EdDSA", theirs.privateKey, partner) } },
      liar: { state: "visitor", credentials: { token: jwt("EdDSA", theirs.privateKey, acme) } },
    },
  },
);

const sent = new Map<string, string>();
const steps = await factors({ origin }, (login, code) => sent.set(login, code));
const firstToken = async (login: string): Promise<string> =>
  JSON.parse((await asked(steps, "POST", "/login", basicOf(login))).text).token;
recipe("multi-factor", steps, {
  lock: [
    "POST /login ; signed in ; by basic",
    "POST /code ; signed in ; by token (realm code) ; with code: string",
    "GET /account ; signed in ; by token",
  ],
  people: {
    password: byBasic("ann"),
    first: { realm: "code", credentials: { token: async () => bearerOf(await firstToken("ann")) } },
    both: {
      credentials: {
        async token() {
          const headers = bearerOf(await firstToken("bob"));
          const answer = await testClient(targetOf(steps)).post("/code", { headers, json: { code: sent.get("bob") } });
          return bearerOf(answer.json.token);
        },
      },
    },
  },
});

const time = String(Math.floor(Date.now() / 1000));
const signed = (key: string) => () => ({
  authorization: `Partner acme:${time}:${signature(key, time, "GET", "/report")}`,
});
recipe("own-scheme", await own({ origin }), {
  lock: ["GET /report ; signed in ; by partner"],
  people: {
    acme: { credentials: { partner: signed("the key that both know: 7Xe15qUZn8mW") } },
    other: { state: "visitor", credentials: { partner: signed("a key of nobody") } },
  },
});

const redirecting = await redirect({ origin });
const annsToken = async (): Promise<Readonly<Record<string, string>>> => {
  const security = redirecting.security as Security<never>;
  const ann = await security.users.find("username", "ann");
  if (ann === undefined) throw new Error("there is no ann");
  return { cookie: `token=${await security.createToken(ann)}` };
};
recipe("redirect", redirecting, {
  lock: ["GET /orders ; signed in ; by token", "GET /sign-in ; everybody ; OPEN: the way in ; by token"],
  people: { ann: { credentials: { token: annsToken } } },
});
