/** The description of everything that the package brings, and what of it is answered. */
import { apiKey, type OpenApiDocument, outbox, portcullis } from "portcullis";
import * as features from "portcullis/features";
import { memory } from "portcullis/memory";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { afterAll, expect, it } from "vitest";
import { faultsOf, operationsOf, undescribed } from "./openapi-checks.ts";

const day = 86_400_000;
const password = "a battery of horses";
let time = Date.UTC(2026, 0, 2);
const security = await portcullis({
  secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
  origins: ["http://localhost:3000"],
  datastore: memory(),
  features: [
    features.passwords(),
    features.registration(),
    features.confirmation({ required: false }),
    features.recovery({ signIn: true }),
    features.changePassword(),
    features.changeEmail(),
    features.usernames({ reserved: [] }),
    features.passwordless(),
    features.refresh({ absolute: "400d" }),
    features.sessions(),
    features.accountDeletion(),
    features.notices(),
    features.unlock(),
    features.tracking(),
    features.userManagement(),
    features.apiKeys(),
    features.administration({ path: "/administration" }),
  ],
  schemes: [apiKey()],
  roles: ["boss"],
  permissions: ["admin"],
  emails: "optional",
  identities: ["email", "username"],
  passwords: {
    hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true },
    policy: { maxAge: "365d" },
  },
  openapi: { authz: "OPEN", page: "/api-page" },
  mail: { sender: outbox(), outboxPage: true },
  log: () => {},
  clock: () => time,
});
afterAll(() => security.close());
await security.users.create({ email: "", username: "lone", password });
await security.roles.addPermissions("boss", "admin");
await security.users.create({ email: "ada@acme.example", password, roles: ["boss"] });
const app = security.app();
const document: OpenApiDocument = app.openapi();
const operations = operationsOf(document);

/** Calls, and says what is not as described. */
async function call(client: TestClient, method: string, path: string, json?: object): Promise<ClientAnswer> {
  const init = json === undefined ? { headers: { accept: "application/json" } } : { json };
  const answer = await client.request(method, path, init);
  const pathname = path.split("?", 1)[0];
  const one = operations.find((each) => each.method === method && each.path === pathname);
  if (one === undefined) throw new Error(`${method} ${path} is not described`);
  const { status, text, headers } = answer;
  expect([path, status, await undescribed(document, one, new Response(text, { status, headers }))]).toEqual([
    path,
    status,
    undefined,
  ]);
  return answer;
}

it("is valid, and each operation says in a few words what it is for", async () => {
  expect(await faultsOf(document)).toBeUndefined();
  expect(operations.length).toBeGreaterThan(80);
  const untold = operations.filter(({ operation: { summary } }) => {
    return typeof summary !== "string" || !/^[\p{Lu}\p{Pi}"].{2,90}$/u.test(summary);
  });
  expect(untold.map(({ operation }) => [operation.operationId, operation["summary"]])).toEqual([]);
});

it("says that a user may have no address", async () => {
  const client = testClient(app);
  const signedIn = await call(client, "POST", "/api/user/login", { username: "lone", password, cookie: true });
  expect(signedIn.json.response.user).toMatchObject({ email: null, username: "lone" });
  expect((await call(client, "GET", "/api/user")).json.response.user.email).toBeNull();
  const ada = testClient(app);
  await call(ada, "POST", "/login", { email: "ada@acme.example", password });
  const { users } = (await call(ada, "GET", "/api/user/users")).json.response;
  expect(users.map(({ email }: { email: unknown }) => email).toSorted()).toEqual(["ada@acme.example", null]);
});

it("describes a sign-in that waits as one of two shapes, of which a client can tell each", async () => {
  time += 366 * day;
  const pending = { pending: "expired_password", path: "/expired-password", shown_for: expect.any(String) };
  for (const path of ["/login", "/login?include_auth_token", "/api/user/login"]) {
    const client = testClient(app);
    const { response } = (await call(client, "POST", path, { email: "ada@acme.example", password })).json;
    expect(response).toEqual({ ...pending, password_expired: true });
    const { shown_for } = response;
    const taken = await call(client, "POST", "/expired-password", { password, password_confirm: password, shown_for });
    expect(taken.status).toBe(400);
  }
  const schemas = document.components["schemas"] as Record<string, { required: string[] }>;
  expect(schemas["PendingSignIn"]?.required).toEqual(["pending", "path", "shown_for"]);
  const fresh = "another battery of horses";
  const client = testClient(app);
  await call(client, "POST", "/login", { email: "ada@acme.example", password });
  const done = await call(client, "POST", "/expired-password", { password: fresh, password_confirm: fresh });
  expect(done.json.response).toMatchObject({ user: { email: "ada@acme.example" }, tf_required: false });
  expect(done.json.response.pending).toBeUndefined();
});
