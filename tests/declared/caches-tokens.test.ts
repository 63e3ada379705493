/** Tokens of other issuers, verified by one process for all: what is shared of them, and what each process sees for itself. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { type CacheOptions, type DatastoreProvider, portcullis, type SecurityOptions } from "portcullis";
import { sqlite } from "portcullis/sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { members } from "./members.ts";
import { sharedTexts } from "./shared-texts.ts";
import { advance, basics, call, now, plant } from "./system.ts";

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const issuer = "https://id.acme.example";

const issue = (claims: Record<string, unknown> = {}, key = pair.privateKey): Promise<string> =>
  new SignJWT({ iss: issuer, aud: "shop", sub: "ann", exp: Math.floor(now() / 1000) + 600, ...claims })
    .setProtectedHeader({ alg: "ES256", kid: "one" })
    .sign(key);

const open: (() => Promise<unknown>)[] = [];
let folder = "";
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-shared-"));
});
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** An empty database that several processes may open. */
function database(): DatastoreProvider {
  files += 1;
  return sqlite(join(folder, `${files}.db`));
}

/** One process. `trusts: false`: its configuration does not have the issuer. */
async function process(
  caches: CacheOptions,
  datastore: DatastoreProvider | undefined,
  trusts = true,
  whileAsked: () => Promise<void> = async () => {},
) {
  const { datastore: _, ...without } = basics();
  const asked = { user: 0 };
  const issuers = [
    {
      issuer,
      audience: "shop",
      algorithms: ["ES256"] as const,
      jwks: { keys: [{ ...pair.publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256" }] },
      user: async (claims: Readonly<Record<string, unknown>>, users: { find: FindUser }) => {
        asked.user += 1;
        const login = `${claims["sub"]}@acme.example`;
        const found = await users.find(datastore === undefined ? "username" : "email", login);
        await whileAsked();
        return found;
      },
    },
  ];
  const options = {
    ...without,
    authn: ["token" as const],
    caches,
    ...(trusts ? { tokens: { issuers } } : {}),
  };
  const places =
    datastore === undefined
      ? { getUserPass: (login: string) => (login === "ann@acme.example" ? "" : undefined) }
      : { datastore, migrate: "always" as const, features: [members("token")], roles: ["staff"] };
  const security = await portcullis({ ...options, ...places } as SecurityOptions);
  open.push(() => security.close());
  const app = security.app();
  app.get("/me", { authz: "AUTH" }, (c) => c.text("in"));
  const opens = async (token: string, path = "/me", method = "GET"): Promise<number> =>
    (await call(app, path, { method, headers: { authorization: `Bearer ${token}` } })).status;
  return { security, asked, opens };
}
type FindUser = (attribute: "email" | "username", value: string) => Promise<{ readonly id: number } | undefined>;

const shared = (store: ReturnType<typeof sharedTexts>): CacheOptions => ({
  token: { ttl: "5m", shared: true },
  store: store.provider,
});

/** Two processes on one database, with a user and a token that both take. */
async function pairOf(store: ReturnType<typeof sharedTexts>) {
  const datastore = database();
  const one = await process(shared(store), datastore);
  const ann = await plant(one.security);
  return { one, ann, two: await process(shared(store), datastore), token: await issue() };
}

describe("tokens that processes share", () => {
  it("are verified by one for all, and each takes them for their user as they are now", async () => {
    const store = sharedTexts();
    const { one, ann, two, token } = await pairOf(store);
    expect([await one.opens(token), await two.opens(token), await two.opens(token)]).toEqual([200, 200, 200]);
    expect([one.asked.user, two.asked.user]).toEqual([1, 0]);
    expect(two.security.cacheStats().token).toMatchObject({ hits: 2, misses: 0 });
    expect(JSON.stringify([...store.texts])).not.toMatch(/acme\.example"|ann@|eyJ/);

    await one.security.users.deactivate(ann);
    expect([await one.opens(token), await two.opens(token)]).toEqual([401, 401]);
    await one.security.users.activate(ann);
    expect([await one.opens(token), await two.opens(token)]).toEqual([200, 200]);
  });

  it("count no longer after what ends a user's credentials, or an uncache in any process", async () => {
    const { one, ann, two, token } = await pairOf(sharedTexts());
    expect([await one.opens(token), await two.opens(token)]).toEqual([200, 200]);
    // The first process comes first: what the other has ended must have ended for it too.
    const asked = async (): Promise<readonly number[]> => {
      const before = [one.asked.user, two.asked.user] as const;
      expect([await one.opens(token), await two.opens(token)]).toEqual([200, 200]);
      return [one.asked.user - before[0], two.asked.user - before[1]];
    };
    expect(await asked()).toEqual([0, 0]);
    await two.security.uncache.token(token);
    expect(await asked()).toEqual([1, 0]);
    await one.security.uncache.user(ann);
    expect(await asked()).toEqual([1, 0]);
    await two.security.users.endSessions(ann);
    expect(await asked()).toEqual([1, 0]);
    await two.security.uncache.all();
    expect(await asked()).toEqual([1, 0]);
  });

  it("are not kept when the user was uncached while the application was asked whose they are", async () => {
    const datastore = database();
    const store = sharedTexts();
    let meanwhile = async (): Promise<void> => {};
    const one = await process(shared(store), datastore, true, () => meanwhile());
    const ann = await plant(one.security);
    meanwhile = () => one.security.uncache.user(ann);
    const token = await issue();
    expect(await one.opens(token)).toBe(200);
    meanwhile = async () => {};
    expect([await one.opens(token), one.asked.user]).toEqual([200, 2]);
    expect([await one.opens(token), one.asked.user]).toEqual([200, 2]);
  });

  it("are looked up each time without a datastore, which would tell of an uncache", async () => {
    const store = sharedTexts();
    const one = await process(shared(store), undefined);
    const two = await process(shared(store), undefined);
    const token = await issue();
    expect([await one.opens(token), await two.opens(token), await two.opens(token)]).toEqual([200, 200, 200]);
    expect([one.asked.user, two.asked.user]).toEqual([1, 0]);
    await one.security.uncache.token(token);
    expect(await two.opens(token)).toBe(200);
    expect(two.asked.user).toBe(1);
    expect(two.security.cacheStats().token).toMatchObject({ hits: 2, misses: 1 });
  });

  it("are nothing to a process that does not trust the issuer, and over when they say so", async () => {
    const store = sharedTexts();
    const datastore = database();
    const one = await process(shared(store), datastore);
    await plant(one.security);
    const token = await issue({ exp: Math.floor(now() / 1000) + 60 });
    expect(await one.opens(token)).toBe(200);
    const stranger = await process(shared(store), datastore, false);
    expect(await stranger.opens(token)).toBe(401);
    const late = await process(shared(store), datastore);
    advance(61_000);
    expect([await one.opens(token), await late.opens(token)]).toEqual([401, 401]);
  });

  it("have been signed: another's signature shares nothing, and who writes to the store grants nothing", async () => {
    const store = sharedTexts();
    const datastore = database();
    const one = await process(shared(store), datastore);
    await plant(one.security);
    await one.security.users.create({ email: "bob@acme.example" });
    const forged = await issue({}, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
    expect([await one.opens(forged), await one.opens(forged)]).toEqual([401, 401]);
    expect(store.texts.size).toBeGreaterThan(0);
    expect([...store.texts.keys()].filter((key) => key.startsWith("entry:"))).toEqual([]);

    const [anns, bobs] = [await issue(), await issue({ sub: "bob" })];
    expect(await one.opens(anns)).toBe(200);
    const [pointer, state] = [...store.texts].filter(([key]) => key.startsWith("entry:"));
    expect(await one.opens(bobs)).toBe(200);
    const entries = [...store.texts].filter(([key]) => key.startsWith("entry:"));
    expect(entries).toHaveLength(4);
    // Everything of one token under the names of the other.
    for (const [key] of entries) {
      if (key === pointer?.[0] || key === state?.[0]) continue;
      for (const value of [pointer?.[1], state?.[1]]) {
        store.texts.set(key, value ?? "");
        const two = await process(shared(store), datastore);
        expect(await two.opens(bobs)).toBe(200);
        expect(two.asked.user).toBe(1);
      }
    }
  });

  it("prove nothing to an endpoint that changes accounts", async () => {
    const store = sharedTexts();
    const datastore = database();
    const one = await process(shared(store), datastore);
    await one.security.users.create({ email: "ann@acme.example", roles: ["staff"] } as never);
    const two = await process(shared(store), datastore);
    const token = await issue();
    expect([await one.opens(token), await two.opens(token)]).toEqual([200, 200]);
    expect(two.asked.user).toBe(0);
    expect(await two.opens(token, "/members", "POST")).toBe(200);
    expect(two.asked.user).toBe(1);
  });

  it("are verified here where the store does not answer", async () => {
    const store = sharedTexts();
    const one = await process(shared(store), database());
    await plant(one.security);
    store.down = true;
    const token = await issue();
    expect([await one.opens(token), one.asked.user]).toEqual([200, 1]);
    await expect(one.security.uncache.token(token)).rejects.toThrow("the cache is gone");
  });
});
