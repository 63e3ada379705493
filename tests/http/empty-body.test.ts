/** Clients that declare JSON on every request send nothing where there is nothing to say: that is an object without members. */
import { outbox } from "portcullis";
import { accountDeletion, changePassword, passwords, refresh, sessions, userManagement } from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { cookiesSet, goodPassword, type Overrides, type System, start } from "./authn-system.ts";

const ann = "ann@acme.example";
const headers = { accept: "application/json", "content-type": "application/json" };

async function system(overrides: Overrides = {}): Promise<System> {
  const made = await start({
    features: [
      passwords(),
      sessions(),
      refresh(),
      changePassword(),
      accountDeletion(),
      userManagement({ permission: "write" }),
    ],
    mail: { sender: outbox() },
    ...overrides,
  } as Overrides);
  onTestFinished(() => made.security.close());
  return made;
}

const empty = (client: TestClient, method: string, path: string): Promise<ClientAnswer> =>
  client.request(method, path, { headers });

async function signedIn(made: System): Promise<TestClient> {
  const client = made.client();
  await client.signIn(ann, goodPassword);
  await client.get("/login", { headers });
  return client;
}

describe("an empty body declared as JSON", () => {
  it.each([
    ["POST", "/logout"],
    ["POST", "/sessions/end-others"],
    ["POST", "/export-account"],
    ["DELETE", "/api/user/logout"],
  ])("does what %s %s is for", async (method, path) => {
    const made = await system();
    const answer = await empty(await signedIn(made), method, path);
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
  });

  it("renews by the cookie at /refresh-token", async () => {
    const made = await system();
    const client = made.client();
    await client.post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
    const answer = await empty(client, "POST", "/refresh-token");
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    expect(cookiesSet(answer)).toContain("__Host-refresh");
    const { status, json } = await empty(made.client(), "POST", "/refresh-token");
    expect([status, Object.keys(json.response.field_errors)]).toEqual([400, ["refresh_token"]]);
  });

  it("fails by name where fields are required", async () => {
    const made = await system();
    const login = await empty(made.client(), "POST", "/login");
    expect([login.status, login.json.response.field_errors]).toEqual([400, { password: ["Enter a password."] }]);
    const change = await empty(await signedIn(made), "POST", "/change");
    expect([change.status, Object.keys(change.json.response.field_errors)]).toEqual([
      400,
      ["new_password", "new_password_confirm"],
    ]);
  });

  it("reaches an application's routes, by each method, with and without parameters", async () => {
    const made = await system();
    for (const method of ["post", "put", "patch", "delete"] as const) {
      made.app[method]("/things/:id", { authz: "OPEN", params: z.object({ id: z.int() }) }, (c, { id }) =>
        c.json({ id }),
      );
      made.app[method]("/plain", { authz: "OPEN" }, (c) => c.json({ done: true }));
      made.app[method]("/named", { authz: "OPEN", params: z.object({ name: z.string() }) }, (c, { name }) =>
        c.json({ name }),
      );
    }
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const things = await empty(made.client(), method, "/things/7");
      expect([method, things.status, things.text]).toEqual([method, 200, '{"id":7}']);
      expect((await empty(made.client(), method, "/plain")).status).toBe(200);
      const named = await empty(made.client(), method, "/named");
      expect([named.status, named.json.parameters]).toEqual([
        400,
        [{ name: "name", code: "missing", message: expect.any(String) }],
      ]);
    }
  });

  it("is no way around what a body is asked for: white space, half an object and a list are refused", async () => {
    const made = await system();
    for (const body of [" ", "{", "[]"]) {
      expect((await made.client().post("/login", { headers, body })).status).toBe(400);
    }
    expect(
      (await made.client().post("/login", { headers: { ...headers, "content-type": "text/plain" }, body: "" })).status,
    ).toBe(415);
  });
});
