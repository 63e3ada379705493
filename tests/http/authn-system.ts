/** A small system for the tests of sign-in: routes of every kind, a clock that is moved by hand, and its rows in reach. */
import {
  anyOf,
  authRequired,
  authTokenRequired,
  type Datastore,
  type DatastoreProvider,
  fresh,
  httpAuthRequired,
  type ObjectRule,
  portcullis,
  type Security,
  type SecurityEventName,
  type SecurityOptions,
  type UserOf,
  unauthCsrf,
} from "portcullis";
import { passwords, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";

type OwnColumns = NonNullable<SecurityOptions["columns"]>;
type Role = "employee" | "admin";
type Permission = "read" | "write";

/** What a test may say otherwise than the system below does. */
export type Overrides = Partial<
  SecurityOptions<Role, Permission, Record<never, ObjectRule>, OwnColumns, never, Record<string, unknown>>
>;

interface Words {
  readonly role: Role;
  readonly permission: Permission;
  readonly object: never;
  readonly scheme: "session" | "token" | "basic" | "none";
  readonly scope: never;
  readonly user: UserOf<OwnColumns>;
  readonly session: Record<string, unknown>;
}

/** A running system with what tests look at. */
export interface System {
  readonly security: Security<Words>;
  readonly app: ReturnType<Security<Words>["app"]>;
  /** The rows, past every cache. */
  readonly store: Datastore;
  readonly events: { readonly name: SecurityEventName; readonly event: Record<string, unknown> }[];
  readonly logs: string[];
  /** Moves the clock by so many milliseconds. */
  advance(ms: number): void;
  now(): number;
  client(): TestClient;
}

export const origin = "http://localhost:3000";
/** Passes the password policy. */
export const goodPassword = "battery staple";
export const otherPassword = "staple battery";
export const weakHashing = { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } as const;
export const secretKey = "a key of the tests: 5qUZn8mWb2Rk7Xe1";

export const minute = 60_000;
export const hour: number = 60 * minute;
export const day: number = 24 * hour;

/** Hands out the datastore that a provider opens. */
export function observed(provider: DatastoreProvider): { provider: DatastoreProvider; store(): Datastore } {
  let opened: Datastore | undefined;
  return {
    provider: {
      dialect: provider.dialect,
      async open(schema, environment) {
        opened = await provider.open(schema, environment);
        return opened;
      },
    },
    store() {
      if (opened === undefined) throw new Error("the datastore has not been opened");
      return opened;
    },
  };
}

/** Makes the system, with the users ann (employee), bob, ada (admin), off (not active) and nop (no password). */
export async function start(overrides: Overrides = {}): Promise<System> {
  let time = Date.UTC(2026, 0, 2, 3, 4, 5);
  const logs: string[] = [];
  const { provider, store } = observed(overrides.datastore ?? memory());
  const security = (await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    cookies: { allowInsecure: false },
    features: [passwords(), registration()],
    roles: ["employee", "admin"],
    permissions: ["read", "write"],
    passwords: { hashing: weakHashing },
    log: (message, details) => {
      logs.push(JSON.stringify({ message, ...details }));
    },
    clock: () => time,
    ...overrides,
    datastore: provider,
  } as Overrides & {
    secretKeys: string[];
    origins: string[];
    datastore: DatastoreProvider;
  })) as unknown as Security<Words>;
  await security.users.create({ email: "ann@acme.example", password: goodPassword, roles: ["employee"] });
  await security.users.create({ email: "bob@acme.example", password: otherPassword });
  await security.users.create({ email: "ada@acme.example", password: goodPassword, roles: ["admin"] });
  await security.users.create({ email: "off@acme.example", password: goodPassword, active: false });
  await security.users.create({ email: "nop@acme.example", password: null });
  const events: System["events"] = [];
  security.events.onAny((name, event) => {
    events.push({ name, event: event as unknown as Record<string, unknown> });
  });
  const app = declare(security);
  return {
    security,
    app,
    store: store(),
    events,
    logs,
    advance: (ms) => {
      time += ms;
    },
    now: () => time,
    client: () => testClient(app, origin),
  };
}

function declare(security: Security<Words>): System["app"] {
  const app = security.app();
  // What nobody expected goes here, as in an application; without it Hono prints each error.
  app.onError((_error, c) => c.text("failed", 500));
  app.get("/", { authz: "OPEN" }, (c) => c.json({ user: c.var.user?.email ?? null, via: c.var.identity?.via ?? null }));
  app.get("/me", { authz: "AUTH" }, (c) => {
    const { via, methods, authenticatedAt } = c.var.identity;
    return c.json({ user: c.var.user.email, via, methods, authenticatedAt });
  });
  app.post("/act", { authz: "AUTH" }, (c) => c.json({ by: c.var.user.email }));
  app.get("/page", { authz: "AUTH" }, (c) => security.page(c, { title: "Page", content: security.csrfField(c) }));
  app.get("/employee", { authz: "employee" }, (c) => c.json({ user: c.var.user.email }));
  app.get("/permission", { authz: "AUTH" }, (c) => c.json({ read: c.var.user.hasPermission("read") }));
  app.get("/fresh", { authz: fresh({ within: 5, grace: 0 }) }, (c) => c.json({ user: c.var.user.email }));
  app.get("/graceful", { authz: authRequired({ within: 5, grace: 10 }) }, (c) => c.json({ user: c.var.user.email }));
  app.get("/lenient", { authz: fresh({ within: 60, grace: 10 }) }, (c) => c.json({ user: c.var.user.email }));
  app.get("/token", { authz: authTokenRequired() }, (c) => c.json({ via: c.var.identity.via }));
  app.get("/session", { authz: authRequired("session") }, (c) => c.json({ via: c.var.identity.via }));
  app.get("/basic", { authz: httpAuthRequired() }, (c) => c.json({ via: c.var.identity.via }));
  app.post("/basic", { authz: httpAuthRequired("vault") }, (c) => c.json({ via: c.var.identity.via }));
  app.get("/fresh-any", { authz: anyOf(fresh({ within: 5, grace: 0 }), authRequired("basic", { within: 5 })) }, (c) =>
    c.json({ via: c.var.identity.via }),
  );
  app.post("/anonymous", { authz: "OPEN" }, (c) => c.json({ user: c.var.user?.email ?? null }));
  app.post("/guarded", { authz: unauthCsrf() }, (c) => c.json({ user: c.var.user?.email ?? null }));
  app.get("/bag/:key", { authz: "OPEN" }, (c) => c.json({ value: c.var.session.get(c.req.param("key")) ?? null }));
  app.get("/keep/:key/:value", { authz: "OPEN" }, (c) => {
    c.var.session.set(c.req.param("key"), c.req.param("value"));
    return c.json({ kept: true });
  });
  app.get("/drop/:key", { authz: "OPEN" }, (c) => {
    c.var.session.delete(c.req.param("key"));
    return c.json({ dropped: true });
  });
  app.get("/append/:key", { authz: "OPEN" }, (c) => {
    const list = (c.var.session.get(c.req.param("key")) ?? []) as string[];
    list.push("changed in place");
    return c.json({ list });
  });
  app.get("/fill/:size", { authz: "OPEN" }, (c) => {
    c.var.session.set("filling", "x".repeat(Number(c.req.param("size"))));
    return c.json({ filled: true });
  });
  app.get("/flash/:text", { authz: "OPEN" }, (c) => {
    c.var.session.flash("info", c.req.param("text"));
    return c.redirect("/flashes");
  });
  app.get("/flashes", { authz: "OPEN" }, (c) => c.json({ flashes: c.var.session.flashes() }));
  return app;
}

/** The account of this address, by its rows. */
export async function userId(system: System, email: string): Promise<number> {
  const user = await system.security.users.find("email", email);
  if (user === undefined) throw new Error(`there is no ${email}`);
  return user.id;
}

/** Signs in as JSON and gives the auth token along. */
export async function tokenOf(client: TestClient, email: string, password: string): Promise<string> {
  const answer = await client.post("/login?include_auth_token", { json: { email, password } });
  if (answer.status !== 200) throw new Error(`sign-in failed with ${answer.status}: ${answer.text}`);
  return answer.json.response.user.authentication_token as string;
}

export const basic = (user: string, password: string): { readonly authorization: string } => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

/** The names of the cookies that an answer sets (not those that it removes). */
export function cookiesSet(answer: ClientAnswer): string[] {
  return answer.headers
    .getSetCookie()
    .filter((cookie) => !/max-age=0/i.test(cookie))
    .map((cookie) => cookie.slice(0, cookie.indexOf("=")))
    .sort();
}

/** An answer without what differs each time: CSRF tokens, ids, addresses. */
export function masked(answer: ClientAnswer, ...words: readonly string[]): unknown {
  let text = answer.text.replace(/(csrf_token"(?: value)?[:=]")[^"]+/g, "$1…");
  for (const word of words) text = text.replaceAll(word, "…");
  return {
    status: answer.status,
    text,
    cookies: cookiesSet(answer),
    headers: [...answer.headers].filter(([name]) => name !== "set-cookie"),
  };
}
