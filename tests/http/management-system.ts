/** A system with the management of users and API keys, for their tests. */
import {
  apiKey,
  column,
  type Datastore,
  type DatastoreProvider,
  portcullis,
  type Security,
  type SecurityOptions,
  scope,
  type User,
  type Vocabulary,
} from "portcullis";
import {
  type ApiKeysOptions,
  apiKeys,
  type Feature,
  passwords,
  type UserManagementOptions,
  userManagement,
} from "portcullis/features";
import { memory } from "portcullis/memory";
import { type ClientAnswer, type ClientRequest, type TestClient, testClient } from "portcullis/testing";
import { z } from "zod";
import { goodPassword, observed, origin, otherPassword, secretKey, weakHashing } from "./authn-system.ts";

/** What a test may say otherwise. */
export interface ManagementOverrides {
  readonly management?: UserManagementOptions;
  readonly keys?: ApiKeysOptions;
  readonly features?: readonly Feature[];
  readonly datastore?: DatastoreProvider;
  readonly tokens?: SecurityOptions["tokens"];
}

/** Events as they were told, with the actor. */
export interface ToldEvent {
  readonly name: string;
  readonly event: Record<string, unknown>;
  readonly actor: string | undefined;
}

/** The running system. */
export interface Management {
  readonly security: Pick<
    Security<AnyVocabulary>,
    "users" | "roles" | "accessMatrix" | "setPassword" | "purge" | "invalidate" | "cacheStats"
  >;
  readonly ids: Readonly<Record<string, number>>;
  readonly events: readonly ToldEvent[];
  readonly store: Datastore;
  now(): number;
  advance(ms: number): void;
  client(): TestClient;
  /** A program with a token of this user. */
  program(name: string): Promise<Program>;
}

type AnyVocabulary = Vocabulary & { readonly role: string; readonly permission: string; readonly user: User };

/** Starts it, with ada (administrator by her role), max (a manager), ann (may read) and bob. */
export async function startManagement(overrides: ManagementOverrides = {}): Promise<Management> {
  let time = Date.UTC(2026, 0, 2, 3, 4, 5);
  const { provider, store } = observed(overrides.datastore ?? memory());
  const security = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    cookies: { allowInsecure: false },
    datastore: provider,
    features: [
      passwords(),
      userManagement({
        profile: { company: true, age: z.int().min(0).max(150), born: true, newsletter: true },
        ...overrides.management,
      }),
      apiKeys(overrides.keys),
      ...(overrides.features ?? []),
    ],
    schemes: [apiKey()],
    identities: ["email", "username"],
    roles: ["boss", "reader"],
    permissions: ["admin", "manage-users", "read", "write"],
    scopes: ["reports"],
    columns: {
      company: column.string({ nullable: true, length: 40 }),
      age: column.integer({ nullable: true }),
      born: column.datetime({ nullable: true }),
      newsletter: column.boolean({ default: false }),
      secret: column.string({ nullable: true }),
    },
    passwords: { hashing: weakHashing },
    ...(overrides.tokens === undefined ? {} : { tokens: overrides.tokens }),
    log: () => undefined,
    clock: () => time,
  });
  await security.roles.addPermissions("boss", "admin", "read", "write");
  await security.roles.addPermissions("reader", "read");
  const ids: Record<string, number> = {};
  for (const [name, more] of Object.entries({
    ada: { roles: ["boss"] },
    max: { permissions: ["manage-users", "read"] },
    ann: { roles: ["reader"], username: "annie" },
    bob: {},
  } as const)) {
    const password = name === "bob" ? otherPassword : goodPassword;
    const user = await security.users.create({ email: `${name}@acme.example`, password, ...more } as never);
    ids[name] = user.id;
  }
  const events: ToldEvent[] = [];
  security.events.onAny((name, event, context) => {
    events.push({ name, event: event as never, actor: context.actor?.email });
  });
  const app = security.app();
  app.get("/any", { authz: "AUTH" }, (c) => c.json({ via: c.var.identity.via }));
  app.get("/keyed", { authz: "AUTH", authn: ["apiKey"] }, (c) => {
    const { user, identity } = c.var;
    return c.json({
      user: user.email,
      via: identity.via,
      permissions: [...user.permissions].sort(),
      roles: [...user.roles],
      scopes: identity.scopes ?? null,
    });
  });
  app.post("/keyed", { authz: "AUTH", authn: ["session", "apiKey"] }, (c) => c.json({ via: c.var.identity.via }));
  app.get("/reader", { authz: "reader", authn: ["apiKey"] }, (c) => c.json({ user: c.var.user.email }));
  app.get("/reports", { authz: scope("reports"), authn: ["apiKey"] }, (c) => c.json({ user: c.var.user.email }));
  app.get("/state", { authz: "OPEN" }, async (c) => {
    const permission = c.req.query("permission") as "read" | undefined;
    const state = await security.checkLoginState(c, {
      ...(permission === undefined ? {} : { permission }),
      allowApiKey: c.req.query("key") === "yes",
    });
    return state.allowed ? c.json({ user: state.user.email, via: state.identity.via }) : state.response;
  });
  return {
    security: security as unknown as Management["security"],
    ids,
    events,
    store: store() as Datastore,
    now: () => time,
    advance(ms: number) {
      time += ms;
    },
    client: (): TestClient => testClient(app, origin),
    async program(name: string): Promise<Program> {
      const password = name === "bob" ? otherPassword : goodPassword;
      const client = testClient(app, origin);
      const answer = await client.post("/api/user/login", { json: { username: `${name}@acme.example`, password } });
      if (answer.status !== 200) throw new Error(`no sign-in as ${name}: ${answer.text}`);
      return programOf(client, answer.json.response.token as string);
    },
  };
}

/** A client that sends a token and JSON. */
export interface Program {
  readonly token: string;
  call(method: string, path: string, json?: unknown): Promise<ClientAnswer>;
}

function programOf(client: TestClient, token: string): Program {
  return {
    token,
    call(method, path, json) {
      const init: ClientRequest = { headers: { "authentication-token": token, accept: "application/json" } };
      return client.request(method, path, json === undefined ? init : { ...init, json });
    },
  };
}
