/** Whoever else changes an account, its owner learns of it: by each way, at the old address too, in the account's language. */
import { apiKey, outbox, portcullis } from "portcullis";
import { administration, apiKeys, passwords, userManagement, usernames } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { goodPassword, origin, otherPassword, secretKey, weakHashing } from "./authn-system.ts";

const box = outbox();
const security = await portcullis({
  secretKeys: [secretKey],
  origins: [origin],
  datastore: memory(),
  features: [passwords(), usernames(), administration(), userManagement(), apiKeys()],
  schemes: [apiKey()],
  permissions: ["admin"],
  passwords: { hashing: weakHashing },
  mail: { sender: box },
  log: () => undefined,
});
afterAll(() => security.close());
await security.users.create({ email: "ada@acme.example", password: goodPassword, permissions: ["admin"] });
const app = security.app();
const ada = testClient(app, origin);
await ada.signIn("ada@acme.example", goodPassword);
await ada.get("/login", { headers: { accept: "application/json" } });

let count = 0;
/** A user whose mails are in German; the administrator's browser speaks English. */
async function owner(more: object = {}) {
  count += 1;
  const email = `ann${count}@acme.example`;
  const { id } = await security.users.create({ email, password: goodPassword, mailLanguage: "de", ...more });
  await security.delivery.idle();
  box.clear();
  return { id, email, next: `new${count}@acme.example`, name: `ann${count}x` };
}
type Owner = Awaited<ReturnType<typeof owner>>;

const sent = async () => {
  await security.delivery.idle();
  return box.all().map(({ template, to, subject, text }) => ({ template, to: to.address, subject, text }));
};
const headers = { accept: "application/json", "accept-language": "en" };
const post = async (path: string, json: object, method = "POST") => {
  const answer = await ada.request(method, path, { json, headers });
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
};

const passwordsSet: Readonly<Record<string, (user: Owner) => Promise<unknown>>> = {
  "by JSON": ({ id }) => post(`/api/user/users/${id}/password`, { password: otherPassword }),
  "by the administration": ({ id }) =>
    post(`/admin/users/${id}/password`, { password: otherPassword, password_confirm: otherPassword }),
  "by the application or the command line": ({ id }) => security.setPassword(id, otherPassword),
  "by the application, unchecked": ({ id }) => security.users.setPassword(id, otherPassword),
};
const moved: Readonly<Record<string, (user: Owner) => Promise<unknown>>> = {
  "by JSON": ({ id, next }) => post(`/api/user/users/${id}`, { email: next }, "PATCH"),
  "by the administration": ({ id, next }) => post(`/admin/users/${id}/edit`, { email: next, username: "" }),
  "by the application": ({ id, next }) => security.users.setEmail(id, next),
  "by the application, as an administrator does": ({ id, next }) => security.users.edit(id, { email: next }),
  "by the application, as a column": ({ id, next }) => security.users.update(id, { email: next }),
};
const renamed: Readonly<Record<string, (user: Owner) => Promise<unknown>>> = {
  "by JSON": ({ id, name }) => post(`/api/user/users/${id}`, { username: name }, "PATCH"),
  "by the administration": ({ id, email, name }) => post(`/admin/users/${id}/edit`, { email, username: name }),
  "by the application": ({ id, name }) => security.users.setUsername(id, name),
};

describe("the owner learns", () => {
  it.each(Object.entries(passwordsSet))("that their password was set %s", async (_way, change) => {
    const user = await owner();
    await change(user);
    const [mail, ...more] = await sent();
    expect(more).toEqual([]);
    expect(mail).toMatchObject({ template: "passwordChanged", to: user.email });
    expect(mail?.text).toContain("Passwort");
    // The password is in no mail.
    expect(JSON.stringify(mail)).not.toContain(otherPassword);
  });

  it.each(Object.entries(moved))("at both addresses that theirs was changed %s", async (_way, change) => {
    const user = await owner();
    const seen: unknown[] = [];
    const off = security.events.on("emailChanged", ({ oldEmail }) => {
      seen.push(oldEmail);
    });
    await change(user);
    off();
    const mails = await sent();
    expect(mails.map(({ template, to }) => [template, to])).toEqual([
      ["emailChanged", user.email],
      ["emailChanged", user.next],
    ]);
    expect(mails[0]?.text).toContain(`gehört jetzt zu ${user.next}`);
    expect(mails[1]?.text).toContain("gehört jetzt zu dieser Adresse");
    // The new one may be a stranger's: it learns nothing of the old one.
    expect(mails[1]?.text).not.toContain(user.email);
    expect(seen).toEqual([user.email]);
  });

  it.each(Object.entries(renamed))("that their username was changed %s", async (_way, change) => {
    const user = await owner();
    await change(user);
    const mails = await sent();
    expect(mails.map(({ template, to }) => [template, to])).toEqual([["usernameChanged", user.email]]);
    expect(mails[0]?.text).toContain(user.name);
    expect(mails[0]?.subject).toContain("Benutzername");
  });

  it("of a change that was refused nothing, nor of one that changes nothing, nor of a service account", async () => {
    const user = await owner();
    const answer = await ada.post(`/api/user/users/${user.id}/password`, { json: { password: "short" }, headers });
    expect(answer.status).toBe(400);
    await post(`/api/user/users/${user.id}`, { email: user.email }, "PATCH");
    await security.users.setEmail(user.id, user.email);
    await security.users.update(user.id, { mailLanguage: "fr" });
    const taken = await ada.request("PATCH", `/api/user/users/${user.id}`, {
      json: { email: "ada@acme.example" },
      headers,
    });
    expect(taken.status).toBe(400);
    const made = await ada.post("/api/user/users", { json: { service: true, email: "robot@acme.example" }, headers });
    await post(`/api/user/users/${made.json.response.user.id}`, { email: "robot2@acme.example" }, "PATCH");
    expect(await sent()).toEqual([]);
  });

  it("nothing where no mail can be sent, and all is done", async () => {
    const logs: string[] = [];
    const silent = await portcullis({
      secretKeys: [secretKey],
      origins: [origin],
      datastore: memory(),
      features: [passwords()],
      passwords: { hashing: weakHashing },
      log: (message) => {
        logs.push(message);
      },
    });
    const { id } = await silent.users.create({ email: "ann@acme.example", password: goodPassword });
    await silent.setPassword(id, otherPassword);
    await silent.users.setEmail(id, "new@acme.example");
    await silent.delivery.idle();
    expect((await silent.users.get(id))?.email).toBe("new@acme.example");
    expect(logs.filter((message) => message.includes("mail"))).toEqual([]);
    await silent.close();
  });
});
