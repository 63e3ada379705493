/** Columns of the application's own in the administration's forms and in user management: what is left empty has no value. */
import { column, type DatastoreProvider, portcullis } from "portcullis";
import { administration, passwords, userManagement } from "portcullis/features";
import { memory } from "portcullis/memory";
import { sqlite } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { expect, it, onTestFinished } from "vitest";
import { submit } from "./administration-system.ts";
import { goodPassword, origin, secretKey, weakHashing } from "./authn-system.ts";

async function system(datastore: DatastoreProvider = memory()) {
  const security = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore,
    roles: ["admin"],
    permissions: ["admin"],
    columns: {
      company: column.string(),
      badge: column.string({ nullable: true, unique: true }),
      seats: column.integer({ default: 2 }),
      motto: column.text({ nullable: true }),
    },
    features: [
      passwords(),
      administration(),
      userManagement({ permission: "admin", profile: { company: true, badge: true, motto: true } }),
    ],
    passwords: { hashing: weakHashing },
  });
  onTestFinished(() => security.close());
  await security.roles.addPermissions("admin", "admin");
  await security.users.create({ email: "ada@acme.example", password: goodPassword, company: "Acme", roles: ["admin"] });
  const ada = testClient(security.app(), origin);
  const answer = await ada.signIn("ada@acme.example", goodPassword);
  ada.csrfToken = answer.json.response.csrf_token;
  return { security, ada };
}

it("the administration's form stores null for an optional column that is left empty, and asks for a required one", async () => {
  const { security, ada } = await system();
  const own = { company: "Acme", badge: "  ", seats: "", motto: "" };
  for (const company of ["", "   "]) {
    const refused = await submit(ada, "/admin/users/new", { email: "new@acme.example", ...own, company });
    expect([refused.status, refused.text.includes('aria-invalid="true"')]).toEqual([200, true]);
  }
  for (const email of ["one@acme.example", "two@acme.example"]) {
    const made = await submit(ada, "/admin/users/new", { email, ...own });
    expect([email, made.status]).toEqual([email, 302]);
    const user = await security.users.find("email", email);
    expect(user).toMatchObject({ company: "Acme", badge: null, seats: 2, motto: null });
  }
  const { id } = (await security.users.find("email", "one@acme.example")) as { id: number };
  await submit(ada, `/admin/users/${id}/edit`, { email: "one@acme.example", ...own, badge: " 4711 ", seats: "5" });
  expect(await security.users.get(id)).toMatchObject({ badge: "4711", seats: 5 });
  await submit(ada, `/admin/users/${id}/edit`, { email: "one@acme.example", ...own, badge: " ", seats: "5" });
  expect(await security.users.get(id)).toMatchObject({ badge: null, seats: 5 });
});

it("user management takes an empty optional text for none, and asks for the profile that a column needs", async () => {
  const { security, ada } = await system();
  const make = (body: object) => ada.post("/api/user/users", { json: body });
  for (const profile of [undefined, {}, { badge: "1" }]) {
    const refused = await make({ email: "new@acme.example", ...(profile === undefined ? {} : { profile }) });
    expect([refused.status, Object.keys(refused.json.response.field_errors)]).toEqual([400, ["profile"]]);
  }
  for (const email of ["one@acme.example", "two@acme.example"]) {
    const made = await make({ email, profile: { company: "Acme", badge: "", motto: "" } });
    expect([email, made.status]).toEqual([email, 201]);
    expect(await security.users.find("email", email)).toMatchObject({ company: "Acme", badge: null, motto: null });
  }
});

it.each([
  ["memory", memory],
  ["SQLite", () => sqlite(":memory:")],
] as const)(
  "in %s the application itself is told of a column that needs a value, by its name and before anything is stored",
  async (_name, provider) => {
    const { security } = await system(provider());
    const { users, transfer } = security;
    const fault = { code: "invalid_field", message: "user.company: a value is needed, the column is not nullable" };
    await expect(users.create({ email: "a@acme.example" })).rejects.toMatchObject(fault);
    await expect(users.create({ email: "a@acme.example", company: null as never })).rejects.toMatchObject(fault);
    await expect(users.create({ email: "a@acme.example", company: "A", seats: null as never })).rejects.toMatchObject({
      message: expect.stringMatching(/^user\.seats: a value is needed/),
    });
    const ada = (await users.find("email", "ada@acme.example")) as { id: number };
    for (const change of ["update", "edit"] as const) {
      await expect(users[change](ada, { company: null as never })).rejects.toMatchObject(fault);
    }
    const records = [{ email: "a@acme.example" }, { email: "b@acme.example", company: "B" }];
    expect(await transfer.import(records)).toEqual([
      { kind: "refused", field: "company", problem: "is missing" },
      { kind: "imported" },
    ]);
    expect((await users.page()).users.map(({ email, company }) => [email, company])).toEqual([
      ["ada@acme.example", "Acme"],
      ["b@acme.example", "B"],
    ]);
  },
);
