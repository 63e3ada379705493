/** Usernames of a database that was taken over from Flask-Security (NFKD) are the same names in every endpoint. */
import { outbox } from "portcullis";
import { passwords, registration, userManagement, usernames } from "portcullis/features";
import { describe, expect, it, onTestFinished } from "vitest";
import { goodPassword, type Overrides, type System, start, userId } from "./authn-system.ts";

const ann = "ann@acme.example";
const composed = "\u00dcn\u00efcode1";
const stored = composed.normalize("NFKD");
const spellings = [composed, stored, composed.toLowerCase(), stored.toUpperCase()];
const taken = (name: string): object => ({ username: [`The username ${name} is taken.`] });

async function takenOver(): Promise<System> {
  const made = await start({
    features: [
      passwords(),
      registration(),
      usernames({ characters: "letters" }),
      userManagement({ permission: "write" }),
    ],
    identities: ["email", "username"],
    revealAccounts: true,
    mail: { sender: outbox() },
  } as Overrides);
  onTestFinished(() => made.security.close());
  await made.security.users.update(await userId(made, ann), { username: "annie" });
  await made.store.update("user", { email: ann }, { username: stored });
  return made;
}

describe.each(spellings)("the name %j", (name) => {
  it("signs in", async () => {
    const made = await takenOver();
    const client = made.client();
    await client.get("/login", { headers: { accept: "application/json" } });
    const answer = await client.post("/login", { json: { username: name, password: goodPassword } });
    expect(answer.json.response.user.email).toBe(ann);
    const token = await made.client().post("/api/user/login", { json: { username: name, password: goodPassword } });
    expect(token.json.response.user.email).toBe(ann);
  });

  it("is taken at the registration, and at a change", async () => {
    const made = await takenOver();
    const visitor = made.client();
    await visitor.get("/register", { headers: { accept: "application/json" } });
    const fields = { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword };
    const answer = await visitor.post("/register", { json: { ...fields, username: name } });
    expect([answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([400, ["username"]]);
    const bob = made.client();
    await bob.signIn("bob@acme.example", "staple battery");
    await bob.get("/login", { headers: { accept: "application/json" } });
    const change = await bob.post("/change-username", { json: { username: name } });
    expect([change.status, change.json.response.field_errors]).toEqual([400, taken(name.normalize("NFKC"))]);
  });

  it("is taken where others make and change accounts, and in the user's operations", async () => {
    const made = await takenOver();
    const ada = made.client();
    await ada.signIn("ada@acme.example", goodPassword);
    await ada.get("/login", { headers: { accept: "application/json" } });
    await made.security.roles.addPermissions("admin", "write");
    const bob = await userId(made, "bob@acme.example");
    const fields = { email: "new@acme.example", password: "battery staple 2", username: name };
    const create = await ada.post("/api/user/users", { json: fields });
    expect([create.status, create.json.response.field_errors]).toEqual([400, taken(name.normalize("NFKC"))]);
    const edit = await ada.request("PATCH", `/api/user/users/${bob}`, { json: { username: name } });
    expect([edit.status, edit.json.response.field_errors]).toEqual([400, taken(name.normalize("NFKC"))]);
    const found = await made.security.users.find("username", name, { ignoreCase: true });
    expect(found?.email).toBe(ann);
  });

  it("stays its owner's, who may write it otherwise", async () => {
    const made = await takenOver();
    const client = made.client();
    await client.signIn(ann, goodPassword);
    await client.get("/login", { headers: { accept: "application/json" } });
    expect((await client.post("/change-username", { json: { username: name } })).status).toBe(200);
    expect((await made.security.users.find("email", ann))?.username).toBe(name.normalize("NFKC"));
  });
});
