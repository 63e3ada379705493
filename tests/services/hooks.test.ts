/** The application's functions that run inside a transaction, on every database: a forgotten `tx`, and one that never ends. */
import { portcullis, type SecurityOptions } from "portcullis";
import { passwords, registration } from "portcullis/features";
import type { SqlProvider } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { describeDatabases, type Place, sqlitePlace } from "./place.ts";

const origin = "http://localhost:3000";
const password = "a long sentence 4711";
const registered = { email: "new@acme.example", password, password_confirm: password };

type OnRegister = NonNullable<NonNullable<Parameters<typeof registration>[0]>["onRegister"]>;

interface Tables {
  user: { id: number };
  note: { owner: number };
}

/** A system whose registration calls `onRegister`. */
async function start(datastore: SqlProvider, onRegister: OnRegister, options: Partial<SecurityOptions> = {}) {
  const logs: string[] = [];
  const security = await portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    datastore,
    features: [passwords(), registration({ onRegister })],
    revealAccounts: true,
    log: (message, details) => logs.push(`${message} ${JSON.stringify(details)}`),
    ...(options as object),
  });
  onTestFinished(() => security.close());
  const app = security.app();
  const failures: string[] = [];
  app.onError((error, c) => {
    failures.push(String(error));
    return c.text("failed", 500);
  });
  return {
    security,
    app,
    logs,
    failures,
    register: () => testClient(app, origin).post("/register", { json: registered }),
  };
}

function hooks(place: () => Promise<Place>): void {
  it("what is called without tx is refused at once, by the name of the hook and with the mend", async () => {
    const store = (await place()).open();
    let call: () => Promise<unknown> = async () => {};
    const { security, register, failures } = await start(store, async () => void (await call()));
    const forgotten: Record<string, () => Promise<unknown>> = {
      "users.get": () => security.users.get(1),
      "users.find": () => security.users.find("email", "ann@acme.example"),
      "users.create": () => security.users.create({ email: "ann@acme.example" }),
      "kysely()": () => store.kysely<Tables>().selectFrom("user").select("id").execute(),
      "kysely().transaction()": () =>
        store
          .kysely<Tables>()
          .transaction()
          .execute(async () => {}),
    };
    for (const [name, called] of Object.entries(forgotten)) {
      call = called;
      expect([name, (await register()).status]).toEqual([name, 500]);
      expect([name, failures.at(-1)]).toEqual([
        name,
        expect.stringMatching(
          /^MissingTransactionError: registration\.onRegister .*pass tx \(security\.users\.get\(id, tx\)/,
        ),
      ]);
    }
    expect((await security.users.page()).users).toEqual([]);
  });

  it("tells nobody of a forgotten tx where accounts are a secret: the log names it", async () => {
    const store = (await place()).open();
    const { register, logs } = await start(
      store,
      async () => void (await store.kysely<Tables>().selectFrom("user").select("id").execute()),
      { revealAccounts: false },
    );
    expect((await register()).status).toBe(200);
    expect(logs.join("\n")).toContain("MissingTransactionError: registration.onRegister runs inside");
  });

  it("with tx the hook sees the new user, by the security and by its own queries", async () => {
    const store = (await place()).open();
    const seen: unknown[] = [];
    const { security, register } = await start(store, async (tx, user) => {
      seen.push((await security.users.get(user.id, tx))?.email);
      const rows = await store.kysely<Tables>(tx).selectFrom("user").select("id").execute();
      seen.push(rows.length);
    });
    expect((await register()).status).toBe(200);
    expect(seen).toEqual([registered.email, 1]);
  });

  it("one that does not end is undone after hookDeadline, and what it does later is refused", async () => {
    const store = (await place()).open();
    const goesOn = Promise.withResolvers<void>();
    const late: Promise<unknown>[] = [];
    let waits = true;
    const { security, register, logs } = await start(
      store,
      async (tx, user) => {
        if (!waits) return;
        const later = goesOn.promise.then(async () => {
          const own = store.kysely<Tables>(tx).updateTable("user").set({ id: 99 }).execute();
          return await Promise.allSettled([tx.count("user", {}), security.users.get(user.id, tx), own]);
        });
        late.push(later);
        await later;
      },
      { hookDeadline: "0.2s" },
    );
    const answer = await register();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(logs.join()).toContain("registration.onRegister");
    expect((await security.users.page()).users).toEqual([]);
    goesOn.resolve();
    const outcomes = (await late[0]) as PromiseSettledResult<unknown>[];
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    waits = false;
    expect((await register()).status).toBe(200);
    expect((await security.users.find("email", registered.email))?.id).not.toBe(99);
  });

  it("one that was given up changes nobody any more, nor does one whose registration failed", async () => {
    const store = (await place()).open();
    const goesOn = Promise.withResolvers<void>();
    const late: Promise<readonly PromiseSettledResult<unknown>[]>[] = [];
    const numbers: number[] = [];
    let ends: (later: Promise<unknown>) => unknown = () => {};
    const { security, register } = await start(
      store,
      async (_tx, user) => {
        numbers.push(user.id);
        const kysely = store.kysely<Tables>();
        const later = goesOn.promise.then(() =>
          Promise.allSettled([
            security.users.addRole(user.id, "vip" as never),
            security.users.get(user.id),
            security.users.find("email", registered.email),
            kysely.selectFrom("user").select("id").execute(),
            kysely.transaction().execute(async () => {}),
          ]),
        );
        late.push(later);
        await ends(later);
      },
      { hookDeadline: "0.2s" },
    );
    await security.roles.create("vip" as never);
    ends = (later) => later;
    expect((await register()).status).toBe(503);
    ends = () => Promise.reject(new Error("not today"));
    expect((await register()).status).toBe(500);
    ends = () => {};
    expect((await register()).status).toBe(200);
    expect(new Set(numbers).size).toBe(3);
    goesOn.resolve();
    const [gaveUp, failed, well] = await Promise.all(late);
    const message = expect.stringContaining("registration.onRegister was given up");
    const refused = {
      status: "rejected",
      reason: expect.objectContaining({ message, name: "MissingTransactionError" }),
    };
    expect(gaveUp).toEqual(gaveUp?.map(() => refused));
    expect(failed).toEqual(failed?.map(() => refused));
    // What a registration that went well leaves behind is free.
    expect(well?.map(({ status }) => status)).toEqual(well?.map(() => "fulfilled"));
    const { users } = await security.users.page();
    expect(users.map(({ id }) => id)).toEqual([numbers[2]]);
  });
}

describeDatabases(hooks);

describe("SQLite", () => {
  it("a hook that waits holds no request that only reads its session", async () => {
    const { open } = sqlitePlace();
    const first = await start(open(), () => {});
    await first.register();
    const client = testClient(first.app, origin);
    await client.post("/login", { json: { email: registered.email, password } });
    // A process that has not seen the session yet.
    const [begun, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let over = false;
    const second = await start(
      open(),
      async () => {
        begun.resolve();
        await goesOn.promise;
        over = true;
      },
      { hookDeadline: "1h" },
    );
    second.app.get("/here", { authz: "AUTH" }, (c) => c.text("in"));
    const waiting = testClient(second.app, origin).post("/register", {
      json: { ...registered, email: "other@acme.example" },
    });
    await begun.promise;
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await second.app.request(`${origin}/here`, { headers: { cookie } });
    expect([answer.status, await answer.text(), over]).toEqual([200, "in", false]);
    goesOn.resolve();
    expect((await waiting).status).toBe(200);
  });
});
