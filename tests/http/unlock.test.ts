/** A lock is taken off together with what is asked about it, or not at all. */
import { type Datastore, type DatastoreProvider, outbox, portcullis, WithdrawnError } from "portcullis";
import { passwords, unlock } from "portcullis/features";
import { memory } from "portcullis/memory";
import { sqlite } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { memoryLimits } from "../../src/authn/limits/memory.ts";
import type { LimitStore } from "../../src/authn/limits/store.ts";
import { goodPassword, origin, secretKey, weakHashing } from "./authn-system.ts";

const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const security of opened) await security.close();
});

async function start(inner: DatastoreProvider, store?: LimitStore) {
  /** Who was locked after each transaction. */
  const after: (readonly number[])[] = [];
  const box = outbox();
  let watching = false;
  const datastore: DatastoreProvider = {
    dialect: inner.dialect,
    async open(schema, environment) {
      const rows = await inner.open(schema, environment);
      const transaction: Datastore["transaction"] = async (work) => {
        const result = await rows.transaction(work);
        if (watching) after.push((await security.lockouts()).map(({ userId }) => userId));
        return result;
      };
      return new Proxy(rows, {
        get(target, key) {
          if (key === "transaction") return transaction;
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  };
  const security = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore,
    features: [passwords(), unlock()],
    limits: { lockout: { failures: 3 }, ...(store === undefined ? {} : { store: { open: () => store } }) },
    mail: { sender: box },
    passwords: { hashing: weakHashing },
    log: () => undefined,
  });
  opened.push(security);
  const user = await security.users.create({ email: "ann@acme.example", password: goodPassword });
  const locked = async (): Promise<boolean> => (await security.lockouts()).length > 0;
  for (let guess = 0; guess < 100 && !(await locked()); guess += 1) {
    await security.verifyPassword(user, "wrong").catch(() => undefined);
  }
  expect(await locked()).toBe(true);
  await security.delivery.idle();
  const mail = box.all().findLast(({ template }) => template === "accountLocked");
  const link = new RegExp(`${origin}(/unlock/[\\w.-]+)`).exec(mail?.text ?? "")?.[1] ?? "/";
  const told: unknown[] = [];
  security.events.on("accountUnlocked", ({ userId }) => {
    told.push(userId);
  });
  watching = true;
  return { security, user, locked, after, told, link, client: testClient(security.app(), origin) };
}

describe.each([
  ["memory", () => memory()],
  ["sqlite", () => sqlite(":memory:")],
] as const)("a lock on %s", (_name, provider) => {
  it("is off when the transaction ends in which it was asked about", async () => {
    const { security, user, after, told } = await start(provider());
    expect(await security.users.unlock(user, { asked: async () => true })).toBe(true);
    expect([after, told]).toEqual([[[]], [user.id]]);
    expect(await security.users.unlock(user, { asked: async () => true })).toBe(false);
    expect(told).toEqual([user.id]);
  });

  it("stays where a condition does not hold", async () => {
    const { security, user, locked, told } = await start(provider());
    const no = async (): Promise<boolean> => false;
    await expect(security.users.unlock(user, { asked: no })).rejects.toBeInstanceOf(WithdrawnError);
    await expect(security.users.unlock(user, { onlyIf: no })).rejects.toMatchObject({ code: "withdrawn" });
    expect([await locked(), told]).toEqual([true, []]);
  });

  it("is taken off by its link, once", async () => {
    const { locked, told, link, user, client } = await start(provider());
    expect((await client.post(link, { json: {} })).status).toBe(200);
    expect([await locked(), told]).toEqual([false, [user.id]]);
    expect((await client.post(link, { json: {} })).status).toBe(400);
  });
});

it("a link that could not take the lock off works on", async () => {
  const meters = memoryLimits(Date.now);
  let fails = true;
  const store: LimitStore = {
    ...meters,
    remove: async (key) => {
      if (fails) throw new Error("the store of the limits is away");
      return meters.remove(key);
    },
  };
  const { locked, link, client } = await start(memory(), store);
  expect((await client.post(link, { json: {} })).status).toBeGreaterThanOrEqual(500);
  expect(await locked()).toBe(true);
  fails = false;
  expect((await client.post(link, { json: {} })).status).toBe(200);
  expect(await locked()).toBe(false);
});
