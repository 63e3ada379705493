/** A credential that is made from another is never more than it: each source by each credential that it can make. */
import { type Account, apiKey, httpd, type Identity, oauth, portcullis, rolesRequired, scope } from "portcullis";
import { administration, apiKeys, passwords, refresh } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  basic,
  day,
  goodPassword,
  hour,
  minute,
  origin,
  otherPassword,
  secretKey,
  weakHashing,
} from "./authn-system.ts";

const ann = "ann@acme.example";
let time = Date.UTC(2026, 0, 2, 3, 4, 5);
let seen: Identity | undefined;
/** Who the scheme "partial" finds; by a function, as its system is not made yet. */
let accountOf: () => Promise<Account | undefined> = async () => undefined;

/** As an application would that lends out a part of an account's rights. */
async function partly(): Promise<Identity | undefined> {
  const account = await accountOf();
  if (account === undefined) return undefined;
  const part: Account = Object.assign(Object.create(account), { roles: new Set<string>() });
  return { account: part, via: "partial", methods: ["partial"], authenticatedAt: time };
}

const security = await portcullis({
  secretKeys: [secretKey],
  origins: [origin],
  datastore: memory(),
  features: [
    passwords(),
    refresh({ carrier: "body" }),
    apiKeys({ perUser: 1_000 }),
    administration({ permission: "boss" }),
  ],
  schemes: [
    apiKey(),
    oauth(),
    httpd(),
    {
      name: "partial",
      authenticate: (rq) => (rq.header("x-partial") === undefined ? undefined : partly()),
    },
  ],
  trustedProxies: ["127.0.0.1"],
  roles: ["admin"],
  scopes: ["files", "mail"],
  permissions: ["read", "boss"],
  passwords: { hashing: weakHashing },
  clock: () => time,
  log: () => undefined,
});
afterAll(() => security.close());

const app = security.app();
const note = (c: { var: { identity: Identity } }) => {
  seen = c.var.identity;
  return new Response("seen");
};
app.get("/any", { authz: "AUTH", authn: ["token", "apiKey", "basic", "partial", "session"] }, note);
app.get("/scoped", { authz: scope("files"), authn: ["oauth"] }, note);
app.get("/partner", { authz: "AUTH", authn: ["token"], realm: "partner" }, note);
app.get("/admins", { authz: rolesRequired("admin"), authn: ["token"] }, note);

const tokenHeader = (text: string) => ({ accept: "application/json", "authentication-token": text });
async function identityOf(path: string, headers: Record<string, string>, client = testClient(app, origin)) {
  seen = undefined;
  const answer = await client.get(path, { headers: { accept: "application/json", ...headers } });
  if (seen === undefined) throw new Error(`nobody was seen at ${path}: ${answer.status}`);
  return seen as Identity;
}

let owner = 0;
const signedIn = async () => {
  const client = testClient(app, origin);
  await client.signIn(ann, goodPassword);
  return client;
};
const user = async () => {
  const account = await security.users.get(owner);
  if (account === undefined) throw new Error("ann is gone");
  return account;
};
beforeAll(async () => {
  await security.roles.addPermissions("admin", "read");
  accountOf = async () => (await security.users.find("email", ann)) as Account | undefined;
  owner = (await security.users.create({ email: ann, password: goodPassword, roles: ["admin"] })).id;
  await security.users.create({ email: "eve@acme.example", password: otherPassword, permissions: ["boss"] });
});

const key = async (more: object) => {
  const made = await security.apiKeys?.create(owner, { name: "test", ...more });
  return identityOf("/any", { "x-api-key": made?.text ?? "" });
};
const derived = async (options: object, path = "/any") =>
  identityOf(path, tokenHeader(await security.createToken(await user(), options)));

/** What a sign-in with tokens answers, and what the refresh token brings after a while. */
const pair = async () => {
  const json = { email: ann, password: goodPassword };
  const { user } = (await testClient(app, origin).post("/login?include_auth_token", { json })).json.response;
  return { auth: user.authentication_token as string, refresh: user.refresh_token as string };
};
const renewed = async (wait: number) => {
  const first = await pair();
  time += wait;
  const answer = await testClient(app, origin).post("/refresh-token", { json: { refresh_token: first.refresh } });
  return { first, next: answer.json.response.user.authentication_token as string };
};
/** A browser that was closed: the remember credential alone is left. */
const remembered = async () => {
  const client = testClient(app, origin);
  await client.post("/login", { json: { email: ann, password: goodPassword, remember: true } });
  expect(client.cookies.delete("session")).toBe(true);
  return client;
};
/** An administrator who acts as ann. */
const acting = async () => {
  const client = testClient(app, origin);
  await client.signIn("eve@acme.example", otherPassword);
  await client.get("/login", { headers: { accept: "application/json" } });
  const begun = await client.post(`/admin/users/${owner}/impersonate`, { json: { reason: "a test" } });
  if (begun.status !== 200) throw new Error(`not begun: ${begun.text}`);
  client.csrfToken = begun.json.response.csrf_token;
  return client;
};

/** Each source, and whether a token without limits can be made from it. */
const sources: Readonly<Record<string, readonly [made: () => Promise<Identity>, whole: boolean]>> = {
  session: [async () => identityOf("/any", {}, await signedIn()), true],
  "a session that is nearly over": [
    async () => {
      const client = await signedIn();
      for (let passed = 0; passed < 14 * day - 5 * minute; passed += 12 * hour) {
        time += Math.min(12 * hour, 14 * day - 5 * minute - passed);
        await client.get("/any");
      }
      return identityOf("/any", {}, client);
    },
    true,
  ],
  "a session of an administrator who acts as the user": [async () => identityOf("/any", {}, await acting()), false],
  "a session by a remember credential": [async () => identityOf("/any", {}, await remembered()), true],
  "a token that was just renewed": [async () => identityOf("/any", tokenHeader((await renewed(0)).next)), true],
  "a token that was renewed late": [async () => identityOf("/any", tokenHeader((await renewed(hour)).next)), true],
  "a token of a sign-in": [
    async () => {
      const json = { email: ann, password: goodPassword };
      const answer = await testClient(app, origin).post("/login?include_auth_token", { json });
      return identityOf("/any", tokenHeader(answer.json.response.user.authentication_token));
    },
    true,
  ],
  "a token that is never fresh": [() => derived({}), true],
  "a short token": [() => derived({ life: "1m" }), true],
  "a token for another realm": [() => derived({ realm: "partner" }, "/partner"), true],
  "a token limited to a scope": [() => derived({ scopes: ["files"] }, "/scoped"), false],
  "an API key without rights": [() => key({}), false],
  "an API key with a scope": [() => key({ scopes: ["files"] }), false],
  "an API key with a permission": [() => key({ permissions: ["read"], scopes: ["files"] }), false],
  "an API key with all rights": [() => key({ unlimited: true, seconds: 120 }), true],
  "an API key with a rate": [() => key({ unlimited: true, rate: "5/1m" }), false],
  "a password by Basic": [() => identityOf("/any", basic(ann, goodPassword)), true],
  "a part of an account": [() => identityOf("/any", { "x-partial": "1" }), false],
};
const wishes: Readonly<
  Record<string, { readonly scopes?: "files"[]; readonly realm?: string; readonly life?: "30d" }>
> = {
  "as it comes": {},
  "with a long life": { life: "30d" },
  "limited to a scope": { scopes: ["files"] },
  "for another realm": { realm: "partner" },
  "for another realm, with a scope and a long life": { realm: "partner", scopes: ["files"], life: "30d" },
};

describe.each(Object.entries(sources))("%s", (_name, [make, whole]) => {
  it.each(Object.entries(wishes))("makes a token %s that is no more than it", async (_wish, options) => {
    const source = await make();
    let text: string;
    try {
      text = await security.createToken(await user(), { ...options, identity: source });
    } catch (error) {
      expect(error).toMatchObject({ code: "invalid_token_request" });
      // Refused for a reason, not always.
      const narrower = options.realm !== undefined || options.scopes !== undefined;
      if (whole) expect(narrower).toBe(true);
      return;
    }
    if (!whole) expect(options.scopes).toBeDefined();
    const realm = options.realm ?? source.realm;
    const path = options.scopes !== undefined ? "/scoped" : realm === "partner" ? "/partner" : "/any";
    if (path === "/scoped" && realm === "partner") return;
    const made = await identityOf(path, tokenHeader(text));
    const end = source.expiresAt ?? source.session?.expiresAt ?? Number.POSITIVE_INFINITY;
    expect(made.expiresAt).toBeLessThanOrEqual(end);
    expect(made.authenticatedAt ?? 0).toBeLessThanOrEqual(source.authenticatedAt ?? 0);
    expect(source.methods).toEqual(expect.arrayContaining([...made.methods]));
    expect([...source.account.roles]).toEqual(expect.arrayContaining([...made.account.roles]));
    expect([...source.account.permissions]).toEqual(expect.arrayContaining([...made.account.permissions]));
    if (source.scopes !== undefined)
      expect(source.scopes).toEqual(expect.arrayContaining([...(made.scopes ?? ["all"])]));
    if (source.realm !== undefined) expect(made.realm).toBe(source.realm);
    expect(made.tokenFamily).toBe(source.tokenFamily);
    // Nor beyond its end.
    if (end !== Number.POSITIVE_INFINITY) {
      const before = time;
      time = end;
      const late = await testClient(app, origin).get(path, { headers: tokenHeader(text) });
      expect(late.status).toBe(401);
      time = before;
    }
  });
});

it("a key with the scope files and no permission makes no token that passes a guard of roles", async () => {
  const source = await key({ scopes: ["files"] });
  await expect(security.createToken(await user(), { identity: source })).rejects.toThrow("limited to scopes");
  await expect(security.createToken(await user(), { identity: source, scopes: ["files"] })).rejects.toThrow(
    "has not all roles and permissions",
  );
});

describe.each(Object.entries(sources))("the user as seen by %s", (_name, [make, whole]) => {
  it("makes no token that is more than it", async () => {
    const source = await make();
    const { account } = source;
    // Nobody's own objects, such as the administrator's session above, are handed out by a scheme.
    if (source.impersonator !== undefined) return;
    let text: string;
    try {
      text = await security.createToken(account);
    } catch (error) {
      expect(error).toMatchObject({ code: "invalid_token_request" });
      expect(whole).toBe(false);
      return;
    }
    expect(whole).toBe(true);
    const made = await identityOf("/any", tokenHeader(text));
    expect(made.authenticatedAt).toBeNull();
    if (source.via === "apiKey") expect(made.expiresAt).toBeLessThanOrEqual(source.expiresAt ?? 0);
  });

  it("makes no API key that is more than it", async () => {
    const { account, via, scopes, impersonator } = await make();
    if (impersonator !== undefined) return;
    const wanted = { name: "more", unlimited: true };
    const limited = via === "apiKey" || via === "partial" || scopes !== undefined;
    if (limited) await expect(security.apiKeys?.create(account, wanted)).rejects.toMatchObject({ code: "not_granted" });
    else expect((await security.apiKeys?.create(account, wanted))?.key.unlimited).toBe(true);
  });
});

it("what is made from a credential that is over, or somebody else's, is not made", async () => {
  const source = await derived({ life: "1m" });
  time += minute;
  await expect(security.createToken(await user(), { identity: source })).rejects.toThrow("is over");
  const other = await security.users.create({ email: "bob@acme.example", password: otherPassword });
  await expect(security.createToken(other, { identity: source })).rejects.toThrow("somebody else's");
});

it("a token made from one of a sign-in ends with its family", async () => {
  const json = { email: ann, password: goodPassword };
  const client = testClient(app, origin);
  const answer = await client.post("/login?include_auth_token", { json });
  const first = answer.json.response.user.authentication_token as string;
  const source = await identityOf("/any", tokenHeader(first));
  const second = await security.createToken(await user(), { identity: source });
  await identityOf("/any", tokenHeader(second));
  const program = testClient(app, origin);
  await program.post("/logout", { headers: tokenHeader(first), json: {} });
  expect((await program.get("/any", { headers: tokenHeader(second) })).status).toBe(401);
});

it("an account's part makes no API key", async () => {
  const partial = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore: memory(),
    features: [passwords(), apiKeys()],
    schemes: [
      apiKey(),
      {
        name: "partial",
        authenticate: partly,
      },
    ],
    clock: () => time,
    authn: ["partial"],
    roles: ["admin"],
    passwords: { hashing: weakHashing },
    log: () => undefined,
  });
  await partial.users.create({ email: ann, password: goodPassword, roles: ["admin"] });
  accountOf = async () => (await partial.users.find("email", ann)) as Account | undefined;
  const client = testClient(partial.app(), origin);
  const wanted = { name: "more", all_permissions: true };
  expect((await client.post("/api/user/key", { json: wanted })).status).toBe(403);
  expect(await partial.apiKeys?.of((await partial.users.find("email", ann))?.id ?? 0)).toEqual([]);
  await partial.close();
});

describe("what a refresh token brings", () => {
  it("is no more than the sign-in that it goes back to", async () => {
    const first = await pair();
    const source = await identityOf("/any", tokenHeader(first.auth));
    time += hour;
    const renewing = await testClient(app, origin).post("/refresh-token", { json: { refresh_token: first.refresh } });
    const made = await identityOf("/any", tokenHeader(renewing.json.response.user.authentication_token));
    expect(made).toMatchObject({
      methods: source.methods,
      realm: source.realm,
      authenticatedAt: source.authenticatedAt,
      tokenFamily: source.tokenFamily,
    });
    expect(made.scopes).toBeUndefined();
    expect([...made.account.permissions]).toEqual([...source.account.permissions]);
  });
});

describe("a session by a remember credential", () => {
  it("is as old as nothing, ends with that credential, and says by what it is", async () => {
    const at = time;
    const client = await remembered();
    const { authenticatedAt, methods, session } = await identityOf("/any", {}, client);
    expect([authenticatedAt, methods]).toEqual([null, ["remember"]]);
    expect(session?.expiresAt).toBeLessThanOrEqual(at + 30 * day);
  });
});

/** Who may make a key that lives longer than what it is made with: who has just proved that they are the whole account. */
describe("an API key over HTTP", () => {
  const wanted = { name: "made", all_permissions: true };
  const json = { accept: "application/json" };
  const by = async (headers: Record<string, string>, client: TestClient = testClient(app, origin)) => {
    const answer = await client.post("/api/user/key", { json: wanted, headers: { ...json, ...headers } });
    return [answer.status, answer.json.response?.reauth_required];
  };
  const ready = async (client: TestClient) => {
    await client.get("/login", { headers: json });
    return client;
  };

  it("is made with a fresh proof by a credential that is the whole account, however short its life", async () => {
    expect((await by({}, await ready(await signedIn())))[0]).toBe(201);
    expect((await by(tokenHeader((await pair()).auth)))[0]).toBe(201);
    const fresh = await identityOf("/any", {}, await signedIn());
    const short = await security.createToken(await user(), { life: "1m", identity: fresh });
    expect((await by(tokenHeader(short)))[0]).toBe(201);
  });

  it.each<[string, () => Promise<(number | boolean | undefined)[]>, (number | boolean | undefined)[]]>([
    [
      "a session that is not fresh",
      async () => {
        const client = await ready(await signedIn());
        time += hour;
        return by({}, client);
      },
      [401, true],
    ],
    ["a session by a remember credential", async () => by({}, await ready(await remembered())), [401, true]],
    ["a token that is never fresh", async () => by(tokenHeader(await security.createToken(await user()))), [401, true]],
    ["a token that was renewed late", async () => by(tokenHeader((await renewed(hour)).next)), [401, true]],
    [
      "a token limited to scopes",
      async () => {
        const source = await identityOf("/any", {}, await signedIn());
        return by(tokenHeader(await security.createToken(await user(), { scopes: ["files"], identity: source })));
      },
      [401, undefined],
    ],
    [
      "a token for another realm",
      async () => {
        const source = await identityOf("/any", {}, await signedIn());
        return by(tokenHeader(await security.createToken(await user(), { realm: "partner", identity: source })));
      },
      [401, undefined],
    ],
    [
      "another key",
      async () =>
        by({ "x-api-key": (await security.apiKeys?.create(owner, { name: "one", unlimited: true }))?.text ?? "" }),
      [401, undefined],
    ],
    ["an administrator who acts as the user", async () => by({}, await acting()), [403, undefined]],
  ])("is not made with %s", async (_name, make, expected) => {
    const made = async () => ((await security.apiKeys?.of(owner)) ?? []).filter(({ name }) => name === "made").length;
    const before = await made();
    expect(await make()).toEqual(expected);
    expect(await made()).toBe(before);
  });
});
