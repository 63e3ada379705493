/**
 * What somebody does to another account is asked about as both are when it is done: what was changed since it was asked, by
 * whoever else, wins.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { apiKey, type Datastore, type DatastoreProvider, outbox, portcullis } from "portcullis";
import { accountDeletion, administration, apiKeys, passwords, userManagement } from "portcullis/features";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";

const origin = "http://localhost:3000";
const password = "battery staple";
const json = { headers: { accept: "application/json" } };

/** What is asked for: its method, path and body. */
type Request = readonly [method: string, path: string, body: object];

/** On whom something is done: a user, the row of a session of theirs, and a service account. */
interface Target {
  readonly id: number;
  readonly session: string;
  readonly service: number;
}

/** By pages and by JSON, what an administrator does to a user. */
const byAdministrator = ({ id, session, service }: Target): readonly Request[] => [
  ["POST", `/admin/users/${id}/unlock`, {}],
  ["POST", `/admin/sessions/${session}/end`, {}],
  ["POST", `/admin/users/${id}/impersonate`, { reason: "a ticket" }],
  ["POST", `/admin/users/${id}/roles`, { role: "clerk", grant: true }],
  ["POST", `/admin/users/${id}/password`, { password: "correct horse", password_confirm: "correct horse" }],
  ["POST", `/admin/users/${id}/delete`, {}],
  ["POST", `/admin/users/${id}/reset-access`, {}],
  ["POST", `/admin/users/${id}/end-sessions`, {}],
  ["POST", `/api/user/users/${id}/roles`, { roles: ["boss"] }],
  ...byManager({ id, session, service }),
];
/** What they do to nobody who is there. */
const byAdministratorAlone: readonly Request[] = [
  ["POST", "/admin/users/new", { email: "made@acme.example", password: "" }],
  ["POST", "/admin/roles/new", { name: "made", description: "", permissions: "left" }],
  ["POST", "/admin/roles/clerk/edit", { permissions: "left" }],
  ["POST", "/api/user/users", { email: "made@acme.example" }],
];
/** What a manager does who is no administrator. */
const byManager = ({ id, service }: Target): readonly Request[] => [
  ["POST", `/api/user/users/${id}/password`, { password: "correct horse" }],
  ["POST", `/api/user/users/${id}/reset-access`, {}],
  ["POST", `/api/user/users/${id}/deactivate`, {}],
  ["DELETE", `/api/user/users/${id}/sessions`, {}],
  ["DELETE", `/api/user/users/${id}`, {}],
  ["POST", `/api/user/users/${service}/key`, { name: "made" }],
];

async function start(inner: DatastoreProvider) {
  /** Called before the first transaction of the request: others run beside it, such as the trail's. */
  const requests = new AsyncLocalStorage<{ pause: (() => Promise<void>) | undefined }>();
  let store = undefined as unknown as Datastore;
  /** Whose own data the application has removed. */
  const removed: number[] = [];
  const security = await portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    datastore: {
      dialect: inner.dialect,
      async open(schema, environment) {
        store = await inner.open(schema, environment);
        const transaction: Datastore["transaction"] = async (work) => {
          const request = requests.getStore();
          const wait = request?.pause;
          if (request !== undefined) request.pause = undefined;
          await wait?.();
          return store.transaction(work);
        };
        return new Proxy(store, {
          get(target, key) {
            if (key === "transaction") return transaction;
            const value: unknown = Reflect.get(target, key);
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      },
    },
    features: [
      passwords(),
      administration(),
      userManagement({ managers: "manage" }),
      apiKeys(),
      accountDeletion({
        onDelete: ({ id }) => {
          removed.push(id);
        },
      }),
    ],
    schemes: [apiKey()],
    roles: ["boss", "clerk"],
    permissions: ["admin", "left", "manage"],
    manages: { check: (_actor, target) => !(target.username ?? "").startsWith("kept") },
    passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
    mail: { sender: outbox() },
    migrate: "always",
    log: () => {},
  });
  await security.roles.addPermissions("boss", "admin");
  await security.users.create({ email: "stays@acme.example", roles: ["boss"] });
  return { security, app: security.app(), store, requests, removed };
}

function meanwhile(database: SuiteDatabase): void {
  let system: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    system = await start(database.provider());
  });
  afterAll(() => system?.security.close());
  const users = () => system.security.users;

  const state = async (): Promise<string> => {
    const tables = ["user", "rolesUsers", "role", "apiKey", "session", "deletion"];
    const rows = await Promise.all(tables.map((name) => system.store.find(name, {})));
    const passing = ["updateDatetime", "lastSeenAt"];
    return JSON.stringify(
      rows.map((found) =>
        found.map((row) => JSON.stringify(row, (key, value) => (passing.includes(key) ? null : value))).sort(),
      ),
    );
  };
  const signedIn = async (email: string): Promise<TestClient> => {
    const client = testClient(system.app, origin);
    await client.signIn(email, password);
    await client.get("/login", json);
    return client;
  };
  let count = 0;
  const made = async (more: object): Promise<{ readonly id: number; readonly email: string }> => {
    count += 1;
    const email = `user${count}@acme.example`;
    return { id: (await users().create({ email, ...more } as never)).id, email };
  };
  const target = async (): Promise<Target> => {
    const { id, email } = await made({ password });
    await signedIn(email);
    const session = await system.store.findOne("session", { userId: id });
    return { id, session: session?.["idHash"] as string, service: (await made({ serviceAccount: true })).id };
  };
  /** Lets the request come as far as its change, does something else, and lets it go on; what went wrong, in words. */
  const between = async (
    client: TestClient,
    [method, path, body]: Request,
    change: () => Promise<unknown>,
  ): Promise<string[]> => {
    system.removed.length = 0;
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const pause = (): Promise<void> => {
      reached.resolve();
      return goOn.promise;
    };
    const answer = system.requests.run({ pause }, () => client.request(method, path, { ...json, json: body }));
    await Promise.race([reached.promise, answer]);
    await change();
    const before = await state();
    goOn.resolve();
    const { status } = await answer;
    const same = before === (await state());
    const told = `${method} ${path}: ${status}, ${same ? "nothing" : "something"} done`;
    return same && [401, 403].includes(status) && system.removed.length === 0 ? [] : [told];
  };
  const lists = Object.keys(byAdministrator({ id: 0, session: "", service: 0 })).map(Number);

  it("nothing by who is no administrator any more", async () => {
    const failed: string[] = [];
    const { id, email } = await made({ password, roles: ["boss"] });
    const requests = [
      ...lists.map((index) => async () => byAdministrator(await target())[index] as Request),
      ...byAdministratorAlone.map((request) => async () => request),
    ];
    for (const request of requests) {
      const client = await signedIn(email);
      failed.push(...(await between(client, await request(), () => users().setRoles(id, []))));
      await users().setRoles(id, ["boss"]);
    }
    expect(failed).toEqual([]);
  }, 3_600_000);

  it.each<[string, (id: number) => Promise<unknown>]>([
    ["deactivated", (id) => users().deactivate(id)],
    ["signed out", (id) => users().endSessions(id)],
    ["deleted", (id) => users().delete(id)],
    ["given another password", (id) => users().setPassword(id, "correct horse")],
  ])(
    "nothing by an administrator who is %s",
    async (_what, end) => {
      const failed: string[] = [];
      for (const index of lists) {
        const { id, email } = await made({ password, roles: ["boss"] });
        const request = byAdministrator(await target())[index] as Request;
        failed.push(...(await between(await signedIn(email), request, () => end(id))));
        await users()
          .delete(id)
          .catch(() => {});
      }
      expect(failed).toEqual([]);
    },
    3_600_000,
  );

  it("nothing to an account that is out of reach since", async () => {
    const failed: string[] = [];
    const { email } = await made({ password, roles: ["boss"] });
    const client = await signedIn(email);
    for (const index of lists) {
      const whom = await target();
      const request = byAdministrator(whom)[index] as Request;
      const change = async (): Promise<void> => {
        await users().update(whom.id, { username: `kept${whom.id}` });
        await users().update(whom.service, { username: `kept${whom.service}` });
      };
      failed.push(...(await between(client, request, change)));
    }
    expect(failed).toEqual([]);
  }, 3_600_000);

  it("nothing by a manager to who may more than they since", async () => {
    const failed: string[] = [];
    const { email } = await made({ password, permissions: ["manage"] });
    const client = await signedIn(email);
    for (const index of byManager({ id: 0, session: "", service: 0 }).keys()) {
      const whom = await target();
      const request = byManager(whom)[index] as Request;
      const change = async (): Promise<void> => {
        await users().setRoles(whom.id, ["boss"]);
        await users().setRoles(whom.service, ["boss"]);
      };
      failed.push(...(await between(client, request, change)));
    }
    expect(failed).toEqual([]);
  }, 3_600_000);
}

describeDatabases("what was changed since it was asked", meanwhile);
