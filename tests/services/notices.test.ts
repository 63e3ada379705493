/** Which devices of an account are known, on each database and at the same time: none that nobody was told of. */
import { apiKey, type Datastore, type DatastoreProvider, outbox, portcullis } from "portcullis";
import { apiKeys, changeEmail, notices, passwords, recovery, sessions } from "portcullis/features";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { observed, weakHashing } from "../http/authn-system.ts";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";
import { raceRounds as rounds } from "./rounds.ts";

const origin = "http://localhost:3000";
const password = "battery staple";
const json = { accept: "application/json" };
const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";
const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
const curl = "curl/8.5.0";

/** A system on this database, its rows, and what it mails. */
async function system(datastore: DatastoreProvider) {
  const box = outbox();
  const { provider, store } = observed(datastore);
  const security = await portcullis({
    limits: { signIn: { perAddress: "1000000/15m" }, mail: { perAddress: "1000000/1h" } },
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    datastore: provider,
    features: [passwords(), recovery(), changeEmail(), sessions(), notices(), apiKeys()],
    schemes: [apiKey()],
    mail: { sender: box },
    passwords: { hashing: weakHashing },
    migrate: "always",
    log: () => {},
  });
  const app = security.app();
  app.get("/me", { authz: "AUTH" }, (c) => c.json({}));
  app.get("/by-token", { authz: "AUTH", authn: ["token"] }, (c) => c.json({}));
  return { security, app, box, store: store() };
}

type System = Awaited<ReturnType<typeof system>>;

let people = 0;
async function person({ security }: System): Promise<{ readonly email: string; readonly id: number }> {
  people += 1;
  const email = `person${people}@acme.example`;
  return { email, id: (await security.users.create({ email, password })).id };
}

/** Resolves once nothing runs behind the answers. */
const idle = ({ security }: System): Promise<void> => security.delivery.idle();

async function signIn(made: System, email: string, agent: string): Promise<TestClient> {
  const client = testClient(made.app, origin);
  const answer = await client.post("/login", { json: { email, password }, headers: { "user-agent": agent } });
  expect(answer.status).toBe(200);
  return client;
}

const noticesOf = ({ box }: System, email: string) =>
  box.all().filter(({ template, to }) => template === "newDevice" && to.address === email);
const linkOf = (made: System, email: string): string =>
  new RegExp(`${origin}(/not-me/[\\w.-]+)`).exec(noticesOf(made, email).at(-1)?.text ?? "")?.[1] ?? "/";
const disown = async (made: System, link: string): Promise<number> =>
  (await testClient(made.app, origin).post(link, { json: {} })).status;
const devices = ({ store }: { readonly store: Datastore }, userId: number): Promise<number> =>
  store.count("device", { userId });

function known(database: SuiteDatabase): void {
  let made: System;
  beforeAll(async () => {
    made = await system(database.provider());
  });
  afterAll(() => made.security.close());

  it("the first device of an account is; after a disowning none is, and nothing stays of an account that is removed", async () => {
    const { email, id } = await person(made);
    for (const [agent, count] of [
      [chrome, 0],
      [chrome, 0],
      [firefox, 1],
      [firefox, 1],
    ] as const) {
      await signIn(made, email, agent);
      await idle(made);
      expect(noticesOf(made, email)).toHaveLength(count);
    }
    expect(await disown(made, linkOf(made, email))).toBe(200);
    expect(await devices(made, id)).toBe(1);
    await signIn(made, email, curl);
    await idle(made);
    expect(noticesOf(made, email)).toHaveLength(2);
    expect(await disown(made, linkOf(made, email))).toBe(200);
    await made.security.purge();
    await signIn(made, email, curl);
    await idle(made);
    expect(noticesOf(made, email)).toHaveLength(3);
    expect(await devices(made, id)).toBe(2);
    await made.security.users.delete(id);
    expect(await devices(made, id)).toBe(0);
  });

  it("of two first ones at once, one is, and the owner hears of the other", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email } = await person(made);
      await Promise.all([signIn(made, email, chrome), signIn(made, email, firefox)]);
      await idle(made);
      expect(noticesOf(made, email)).toHaveLength(1);
    }
  });

  it("a device whose sign-in is disowned at that moment is not", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email } = await person(made);
      await signIn(made, email, chrome);
      await idle(made);
      await signIn(made, email, firefox);
      await idle(made);
      const link = linkOf(made, email);
      const strangers = testClient(made.app, origin).post("/login", {
        json: { email, password },
        headers: { "user-agent": curl },
      });
      const [disowned] = await Promise.all([disown(made, link), strangers]);
      expect(disowned).toBe(200);
      await idle(made);
      const before = noticesOf(made, email).length;
      const lives = await testClient(made.app, origin).post("/login", {
        json: { email, password },
        headers: { "user-agent": curl },
      });
      expect(lives.status).toBe(200);
      await idle(made);
      // It was told of before, in a notice whose link works, or is now.
      const told = noticesOf(made, email).length > before || (await disown(made, linkOf(made, email))) === 200;
      expect(told).toBe(true);
    }
  });

  it("ends with a device that its user ends what an earlier sign-in on it, or its auth token, has begun", async () => {
    const { email } = await person(made);
    const thief = await signIn(made, email, firefox);
    expect((await thief.post("/change-email", { json: { email: `new-${email}` } })).status).toBe(200);
    await idle(made);
    expect((await thief.post("/logout", { json: {} })).status).toBe(200);
    const back = await thief.post("/login?include_auth_token", { json: { email, password } });
    const token = { "authentication-token": back.json.response.user.authentication_token as string, ...json };
    const byToken = async () => (await testClient(made.app, origin).get("/by-token", { headers: token })).status;
    expect(await byToken()).toBe(200);
    const owner = await signIn(made, email, chrome);
    const listed = (await owner.get("/sessions", { headers: json })).json.response.sessions;
    const id = listed.find(({ current }: { current: boolean }) => !current)?.id as string;
    expect((await owner.post("/sessions/end", { json: { id } })).status).toBe(200);
    const mail = made.box.all().findLast(({ to }) => to.address === `new-${email}`);
    const link = new RegExp(`${origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1] ?? "/";
    expect((await testClient(made.app, origin).post(link, { json: { password } })).status).toBe(400);
    expect(await byToken()).toBe(401);
    expect((await owner.get("/me", { headers: json })).status).toBe(200);
  });
}

describeDatabases("known devices", known);
