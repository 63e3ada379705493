/** A column whose values are unique: who asks for one that is taken is told so, at its field, and nothing else is. */
import { column, outbox, portcullis } from "portcullis";
import { administration, confirmation, passwords, registration, userManagement } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { goodPassword, origin, secretKey, weakHashing } from "./authn-system.ts";

const security = await portcullis({
  secretKeys: [secretKey],
  origins: [origin],
  datastore: memory(),
  features: [
    passwords(),
    confirmation(),
    registration({ fields: { badge: { label: "Badge" } } }),
    administration(),
    userManagement({ profile: { badge: true } }),
  ],
  columns: { badge: column.string({ nullable: true, unique: true, length: 20 }) },
  permissions: ["admin"],
  passwords: { hashing: weakHashing },
  mail: { sender: outbox() },
  log: () => undefined,
});
afterAll(() => security.close());
const confirmedAt = new Date(0);
await security.users.create({ email: "ada@acme.example", password: goodPassword, permissions: ["admin"], confirmedAt });
const ann = await security.users.create({ email: "ann@acme.example", badge: "A1", confirmedAt });
const bob = await security.users.create({ email: "bob@acme.example", badge: "B1", confirmedAt });
const app = security.app();
const headers = { accept: "application/json" };
const ada = testClient(app, origin);
await ada.signIn("ada@acme.example", goodPassword);
await ada.get("/login", { headers });

describe("a unique column of one's own", () => {
  it("tells at the registration whether a value is taken, and never whether the address is", async () => {
    const register = async (email: string, badge: string) => {
      const json = { email, badge, password: goodPassword, password_confirm: goodPassword };
      const { status, json: said } = await testClient(app, origin).post("/register", { json });
      return [status, said.response.field_errors, Object.keys(said.response).sort()];
    };
    const taken = await register("new@acme.example", "A1");
    expect([taken[0], Object.keys(taken[1])]).toEqual([400, ["badge"]]);
    expect(await register("ann@acme.example", "A1")).toEqual(taken);
    expect(await register("ann@acme.example", "C1")).toEqual(await register("new@acme.example", "C2"));
  });

  it.each<[string, string, string, object]>([
    ["the form of an account", "POST", `/admin/users/${bob.id}/edit`, { email: "bob@acme.example", badge: "A1" }],
    ["the form of a new account", "POST", "/admin/users/new", { email: "eve@acme.example", badge: "A1" }],
  ])("is told at its field by %s", async (_what, method, path, json) => {
    const answer = await ada.request(method, path, { json, headers });
    expect([answer.status, Object.keys(answer.json.response.field_errors).filter((name) => name !== "")]).toEqual([
      400,
      ["badge"],
    ]);
    expect(answer.text).not.toContain("acme.example");
  });

  it("is told at its field by JSON", async () => {
    const edit = await ada.request("PATCH", `/api/user/users/${bob.id}`, {
      json: { profile: { badge: "A1" } },
      headers,
    });
    expect([edit.status, Object.keys(edit.json.response.field_errors)]).toEqual([400, ["badge"]]);
    expect((await security.users.get(bob.id))?.badge).toBe("B1");
    expect((await security.users.get(ann.id))?.badge).toBe("A1");
  });
});
