/** A server's clock that is set back: nobody is shut out, nothing is fresh that was proved later, and nothing lives longer. */
import { apiKey, digest, digestSecret, outbox } from "portcullis";
import { apiKeys, passwords, recovery, refresh, registration, unlock } from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { createNonces } from "../../src/authn/schemes/nonces.ts";
import { createCredentialCache } from "../../src/datastore/cache.ts";
import { createKeyRing } from "../../src/secrets/keyring.ts";
import {
  basic,
  day,
  goodPassword,
  hour,
  minute,
  type Overrides,
  otherPassword,
  type System,
  secretKey,
  start,
  tokenOf,
} from "./authn-system.ts";

const ann = "ann@acme.example";
const bob = "bob@acme.example";
const wrong = "a wrong guess";
const json = { accept: "application/json" };

async function system(overrides: Overrides = {}): Promise<System & { readonly box: ReturnType<typeof outbox> }> {
  const box = outbox();
  const made = await start({
    features: [passwords(), registration(), recovery(), unlock(), refresh({ carrier: "body" }), apiKeys()],
    schemes: [
      apiKey(),
      digest({ secret: (user, realm, algorithm) => digestSecret(user, realm, goodPassword, algorithm) }),
    ],
    mail: { sender: box },
    ...overrides,
  } as unknown as Overrides);
  made.app.get("/keyed", { authz: "AUTH", authn: ["apiKey"] as never }, ((c: { text(text: string): Response }) =>
    c.text("keyed")) as never);
  onTestFinished(() => made.security.close());
  return { ...made, box };
}

const login = (made: System, email: string, password: string): Promise<ClientAnswer> =>
  made.client().post("/login", { json: { email, password } });
const status = async (client: TestClient, path: string): Promise<number> =>
  (await client.get(path, { headers: json })).status;

describe("limits and lockouts", () => {
  it.each([5 * minute, 2 * hour, 3 * day, 400 * day])("let people in after %i ms back", async (back) => {
    const made = await system();
    expect((await login(made, ann, goodPassword)).status).toBe(200);
    expect((await login(made, bob, wrong)).status).toBe(400);
    made.advance(-back);
    for (const [email, password] of [
      [ann, goodPassword],
      [bob, otherPassword],
      ["ada@acme.example", goodPassword],
    ] as const) {
      expect([email, (await login(made, email, password)).status]).toEqual([email, 200]);
    }
    expect((await login(made, "nobody@acme.example", wrong)).status).toBe(400);
  });

  it("hold what they held, and Retry-After is true", async () => {
    const made = await system();
    for (let n = 0; n < 10; n += 1) await login(made, ann, wrong);
    made.advance(-2 * hour);
    const refused = await login(made, ann, goodPassword);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "90"]);
    made.advance(89_000);
    expect((await login(made, ann, goodPassword)).headers.get("retry-after")).toBe("1");
    made.advance(1_000);
    expect((await login(made, ann, goodPassword)).status).toBe(200);
  });

  it("a lock is no longer than it was, and an unlock takes it off", async () => {
    const made = await system({
      limits: { signIn: { perAccount: "100/1m" }, lockout: { failures: 3, periods: ["5m"] } },
    });
    for (let n = 0; n < 3; n += 1) await login(made, ann, wrong);
    made.advance(-30 * hour);
    expect((await login(made, ann, goodPassword)).headers.get("retry-after")).toBe("300");
    const [locked] = await made.security.lockouts();
    expect((locked?.lockedUntil ?? 0) - made.now()).toBeLessThanOrEqual(5 * minute);
    made.advance(5 * minute);
    expect((await login(made, ann, goodPassword)).status).toBe(200);
    for (let n = 0; n < 3; n += 1) await login(made, bob, wrong);
    made.advance(-hour);
    const user = await made.security.users.find("email", bob);
    expect(await made.security.users.unlock(user ?? { id: 0 })).toBe(true);
    expect((await login(made, bob, otherPassword)).status).toBe(200);
  });
});

describe("sessions", () => {
  for (const warm of [true, false]) {
    it(`${warm ? "warm" : "cold"} ones go on, are not fresh, and end a life from now`, async () => {
      const made = await system({
        sessions: { idle: "30d", absolute: "30d", ...(warm ? {} : { cached: 0 }) },
      } as Overrides);
      const client = made.client();
      await client.signIn(ann, goodPassword);
      expect(await status(client, "/fresh")).toBe(200);
      made.advance(-2 * hour);
      expect([await status(client, "/me"), await status(client, "/fresh")]).toEqual([200, 401]);
      // The clock has caught up: the old proof does not come to life again.
      made.advance(2 * hour);
      expect([await status(client, "/me"), await status(client, "/fresh")]).toEqual([200, 401]);
      made.advance(30 * day - 2 * hour - minute);
      expect(await status(client, "/me")).toBe(200);
      made.advance(2 * minute);
      expect(await status(client, "/me")).toBe(401);
    });
  }

  it("are idle for no longer", async () => {
    const made = await system({ sessions: { idle: "1h" } });
    const client = made.client();
    await client.signIn(ann, goodPassword);
    made.advance(-2 * hour);
    expect(await status(client, "/me")).toBe(200);
    made.advance(59 * minute);
    expect(await status(client, "/me")).toBe(200);
    made.advance(61 * minute);
    expect(await status(client, "/me")).toBe(401);
  });
});

describe("credentials", () => {
  it("a remember credential lives no longer", async () => {
    const made = await system({ sessions: { idle: "1h", remember: "10d" } } as Overrides);
    const client = made.client();
    await client.post("/login", { json: { email: ann, password: goodPassword, remember: true } });
    made.advance(-5 * day);
    // The session is asked first: it ends, and the credential restores one.
    expect(await status(client, "/me")).toBe(200);
    made.advance(2 * hour);
    expect(await status(client, "/me")).toBe(200);
    const [row] = await made.store.find("remember", {});
    expect((row?.["expiresAt"] as number) - made.now()).toBeLessThanOrEqual(10 * day);
    expect(row?.["createdAt"]).toBeLessThanOrEqual(made.now());
  });

  it("a mailed link works, and for no longer", async () => {
    const made = await system();
    await made.client().post("/reset", { json: { email: ann } });
    await made.security.delivery.idle();
    const link = /http:\/\/localhost:3000(\/reset\/\S+)/.exec(made.box.all().at(-1)?.text ?? "")?.[1] ?? "";
    const [before] = await made.store.find("ticket", {});
    const life = (before?.["expiresAt"] as number) - (before?.["createdAt"] as number);
    made.advance(-2 * day);
    expect((await made.client().get(link, { headers: json })).status).toBeLessThan(400);
    const [after] = await made.store.find("ticket", {});
    expect((after?.["expiresAt"] as number) - made.now()).toBe(life);
  });

  it("a token from the future is not taken, warm or cold, until its time comes", async () => {
    const made = await system();
    const token = await tokenOf(made.client(), ann, goodPassword);
    const ask = async (): Promise<number> =>
      (await made.client().get("/token", { headers: { ...json, "authentication-token": token } })).status;
    expect(await ask()).toBe(200);
    made.advance(-2 * hour);
    expect([await ask(), await ask()]).toEqual([401, 401]);
    made.advance(2 * hour);
    expect(await ask()).toBe(200);
    // Clocks of several processes differ by a little.
    made.advance(-10_000);
    expect(await ask()).toBe(200);
  });

  it("a family of tokens goes on, its tokens are taken and not fresh, and it ends no later", async () => {
    const made = await system();
    const client = made.client();
    const signed = await client.post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
    made.advance(-2 * day);
    const renewed = await made
      .client()
      .post("/refresh-token", { json: { refresh_token: signed.json.response.user.refresh_token } });
    expect(renewed.status).toBe(200);
    const headers = { ...json, "authentication-token": renewed.json.response.user.authentication_token as string };
    expect((await made.client().get("/token", { headers })).status).toBe(200);
    expect((await made.client().get("/fresh", { headers })).status).toBe(401);
    const [row] = await made.store.find("refreshTracker", {});
    expect(Number(row?.["expiresAt"]) - made.now()).toBeLessThanOrEqual(30 * day);
  });

  it("an API key lives no longer, and its last use is noted", async () => {
    const made = await system();
    const client = made.client();
    await client.signIn(ann, goodPassword);
    const answer = await client.post("/api/user/key", { json: { name: "one", expires_in: 3600 } });
    const secret = answer.json?.response?.secret as string;
    expect([answer.status, typeof secret]).toEqual([201, "string"]);
    const ask = async (): Promise<number> =>
      (await made.client().get("/keyed", { headers: { ...json, "x-api-key": secret } })).status;
    expect(await ask()).toBe(200);
    made.advance(-2 * hour);
    expect(await ask()).toBe(200);
    made.advance(59 * minute);
    expect(await ask()).toBe(200);
    const [row] = await made.store.find("apiKey", {});
    expect(row?.["lastUsedAt"]).toBeLessThanOrEqual(made.now());
    made.advance(2 * minute);
    expect(await ask()).toBe(401);
  });

  it("a password is no younger than its life from now", async () => {
    const made = await system({
      passwords: {
        hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true },
        policy: { maxAge: "10d" },
      },
    } as Overrides);
    const user = await made.security.users.find("email", ann);
    await made.security.users.setPassword(user ?? { id: 0 }, goodPassword);
    made.advance(-3 * day);
    expect((await login(made, ann, goodPassword)).json.response.password_expired).toBeUndefined();
    made.advance(10 * day + minute);
    expect((await login(made, ann, goodPassword)).json.response.password_expired).toBe(true);
  });

  it("a cached password is looked at again", async () => {
    const made = await system({ caches: { password: { ttl: "1m" } } });
    const ask = async (): Promise<number> =>
      (await made.client().get("/basic", { headers: { ...json, ...basic(ann, goodPassword) } })).status;
    expect([await ask(), await ask()]).toEqual([200, 200]);
    const { hits } = made.security.cacheStats().password;
    made.advance(-hour);
    expect(await ask()).toBe(200);
    expect(made.security.cacheStats().password.hits).toBe(hits);
  });
});

describe("what is kept in memory", () => {
  it("nonces of before are old, and those of after are good at once", () => {
    let time = 10 * day;
    const nonces = createNonces(createKeyRing([secretKey]), 5 * minute, () => time);
    const before = nonces.issue();
    expect(nonces.use(before, 1)).toBe(true);
    time -= 2 * hour;
    expect(nonces.look(before, 2)).toBe("old");
    // So many that some must be forgotten.
    for (let n = 0; n < 10_010; n += 1) {
      time += 1;
      expect(nonces.use(nonces.issue(), 1)).toBe(true);
    }
    time += 2 * hour;
    expect(nonces.look(before, 1)).toBe("old");
  });

  it("an entry that ends after a while ends no later", () => {
    let time = 10 * day;
    const bus = { current: () => true, publish: () => undefined, onInvalidate: () => undefined };
    const cache = createCredentialCache<{ userId: number }>(bus, 10, () => time, minute);
    cache.keep("k", { userId: 1 }, cache.stamp());
    expect(cache.get("k")).toBeDefined();
    time -= hour;
    expect(cache.get("k")).toBeUndefined();
    cache.keep("k", { userId: 1 }, cache.stamp());
    expect(cache.get("k")).toBeDefined();
    time += 2 * minute;
    expect(cache.get("k")).toBeUndefined();
  });
});
