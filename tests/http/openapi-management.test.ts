import { allOf, apiKey, authRequired, column, type OpenApiDocument, portcullis, scope } from "portcullis";
import { apiKeys, passwords, refresh, userManagement } from "portcullis/features";
import { memory } from "portcullis/memory";
import { accessTests, byPassword, type ClientAnswer, testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { lockText } from "../../src/routes/matrix.ts";
import { faultsOf, operationsOf, undescribed } from "./openapi-checks.ts";

/** The endpoints for programs: as described, whatever they answer. */
const security = await portcullis({
  secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
  origins: ["http://localhost:3000"],
  datastore: memory(),
  columns: { company: column.string({ nullable: true, length: 40 }) },
  features: [passwords(), refresh({ carrier: "body" }), userManagement({ profile: { company: true } }), apiKeys()],
  schemes: [apiKey()],
  roles: ["boss"],
  permissions: ["admin", "read"],
  scopes: ["reports"],
  passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
  log: () => {},
});
afterAll(() => security.close());
await security.roles.addPermissions("boss", "admin");
const password = "a battery of horses";
await security.users.create({ email: "ada@acme.example", password, roles: ["boss"] });
await security.users.create({ email: "bob@acme.example", password });
const app = security.app();
app.get("/report", { authz: allOf(authRequired("apiKey"), scope("reports")), authn: ["apiKey"] }, (c) =>
  c.text("report"),
);
const document: OpenApiDocument = app.openapi();

/** Calls, and says what is not as described. */
async function call(
  client: ReturnType<typeof testClient>,
  method: string,
  path: string,
  init: object = {},
): Promise<ClientAnswer> {
  const answer = await client.request(method, path, { headers: { accept: "application/json" }, ...init });
  const pathname = path.split("?", 1)[0] ?? path;
  const one = operationsOf(document).find(
    (each) => each.method === method && new RegExp(`^${each.path.replace(/\{\w+\}/g, "[^/]+")}$`).test(pathname),
  );
  if (one === undefined) throw new Error(`${method} ${path} is not described`);
  const { status, text, headers } = answer;
  const fault = await undescribed(document, one, new Response(status === 204 ? null : text, { status, headers }));
  expect([method, path, status, fault]).toEqual([method, path, status, undefined]);
  return answer;
}

describe("the endpoints for programs", () => {
  it("are described, with the fields and credentials that they take", async () => {
    expect(await faultsOf(document)).toBeUndefined();
    const of = (name: string) =>
      operationsOf(document).find(({ operation }) => operation.operationId === name)?.operation;
    expect(of("api_users")?.parameters?.map(({ name, in: place }) => `${place} ${name}`)).toEqual([
      "query page",
      "query page_size",
      "query search",
      "query role",
      "query active",
      "query after",
      "query before",
    ]);
    expect(of("api_new_user")).toMatchObject({
      security: [{ token: [] }, { session: [], csrfToken: [] }],
      requestBody: {
        content: {
          "application/json": {
            schema: {
              additionalProperties: false,
              properties: {
                active: { type: "boolean" },
                permissions: { type: "array", items: { enum: ["admin", "read"] } },
                profile: { type: "object", properties: { company: {} }, additionalProperties: false },
              },
            },
          },
        },
      },
    });
    expect(Object.keys(of("api_new_user")?.responses ?? {})).toEqual(
      expect.arrayContaining(["201", "400", "401", "403", "409"]),
    );
    expect(of("api_delete_user")?.requestBody).toBeUndefined();
    expect(of("getReport")?.security).toEqual([{ apiKey_bearer: [] }, { apiKey_header: [] }]);
    expect(document.components.securitySchemes).toMatchObject({
      apiKey_bearer: { type: "http", scheme: "bearer" },
      apiKey_header: { type: "apiKey", in: "header", name: "X-API-Key" },
    });
  });

  it("answer as described, whatever they answer", async () => {
    const ada = testClient(app);
    const nobody = testClient(app);
    expect(
      (await call(nobody, "POST", "/api/user/login", { json: { email: "ada@acme.example", password: "wrong" } }))
        .status,
    ).toBe(401);
    expect((await call(nobody, "DELETE", "/api/user/logout")).status).toBe(401);
    const login = await call(nobody, "POST", "/api/user/login", { json: { email: "ada@acme.example", password } });
    expect(login.status).toBe(200);
    await ada.signIn("ada@acme.example", password);
    expect((await call(nobody, "GET", "/api/user")).status).toBe(401);
    expect((await call(ada, "GET", "/api/user")).status).toBe(200);
    expect((await call(ada, "GET", "/api/user/users?page_size=1")).json.response.users).toHaveLength(1);
    expect((await call(ada, "GET", "/api/user/users?page_size=many")).status).toBe(400);
    const made = await call(ada, "POST", "/api/user/users", {
      json: { email: "new@acme.example", profile: { company: "Acme" } },
    });
    expect(made.status).toBe(201);
    const { id } = made.json.response.user;
    expect((await call(ada, "POST", "/api/user/users", { json: { emial: "x" } })).status).toBe(400);
    expect((await call(ada, "GET", `/api/user/users/${id}`)).status).toBe(200);
    expect((await call(ada, "GET", "/api/user/users/999")).status).toBe(404);
    expect((await call(ada, "PATCH", `/api/user/users/${id}`, { json: { username: "newest" } })).status).toBe(200);
    for (const [action, json] of [
      ["roles", { roles: [] }],
      ["permissions", { permissions: ["read"] }],
      ["password", { password: "a stable of batteries" }],
      ["deactivate", {}],
      ["activate", {}],
      ["unlock", {}],
      ["reset-access", {}],
      ["profile", { company: "Other" }],
    ] as const) {
      expect([action, (await call(ada, "POST", `/api/user/users/${id}/${action}`, { json })).status]).toEqual([
        action,
        200,
      ]);
    }
    expect((await call(ada, "DELETE", `/api/user/users/${id}/sessions`)).status).toBe(200);
    const self = (await call(ada, "GET", "/api/user")).json.response.user.id;
    expect((await call(ada, "POST", `/api/user/users/${self}/deactivate`, { json: {} })).status).toBe(409);
    expect((await call(ada, "DELETE", `/api/user/users/${id}`)).status).toBe(200);

    const bob = testClient(app);
    await bob.signIn("bob@acme.example", password);
    expect((await call(bob, "GET", "/api/user/users")).status).toBe(403);
    const key = await call(bob, "POST", "/api/user/key", {
      json: { name: "reports", scopes: ["reports"], rate: "5/1m" },
    });
    expect(key.status).toBe(201);
    expect((await call(bob, "GET", "/api/user/key")).json.response.keys).toHaveLength(1);
    const headers = { authorization: `Bearer ${key.json.response.secret}` };
    expect((await call(nobody, "GET", "/report", { headers })).status).toBe(200);
    expect((await call(nobody, "GET", "/report")).status).toBe(401);
    expect((await call(bob, "DELETE", `/api/user/key/${key.json.response.key.id}`)).status).toBe(200);
    expect((await call(bob, "DELETE", `/api/user/key/${key.json.response.key.id}`)).status).toBe(404);
    const changed = await call(bob, "POST", "/api/user/password", {
      json: { old_password: password, new_password: "a stable of batteries" },
    });
    expect(changed.status).toBe(200);
    expect((await call(bob, "DELETE", "/api/user/logout")).status).toBe(200);
    await security.users.setPassword((await security.users.find("email", "bob@acme.example"))?.id ?? 0, password);
  });

  accessTests(app, {
    describe,
    it,
    lock: lockText(app.accessMatrix()),
    people: {
      ada: {
        roles: ["boss"],
        permissions: ["admin"],
        credentials: byPassword(app, { email: "ada@acme.example", password }, { schemes: ["token", "session"] }),
      },
      bob: { credentials: byPassword(app, { email: "bob@acme.example", password }, { schemes: ["token", "session"] }) },
      machine: {
        scopes: ["reports"],
        credentials: {
          async apiKey() {
            const client = testClient(app);
            await client.signIn("bob@acme.example", password);
            const { json } = await client.post("/api/user/key", { json: { name: "machine", scopes: ["reports"] } });
            return { "x-api-key": json.response.secret as string };
          },
        },
      },
    },
  });
});
