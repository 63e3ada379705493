/** Accounts without an e-mail address, where the application allows them: `emails: "optional"`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  changeEmail,
  changePassword,
  confirmation,
  notices,
  passwordless,
  passwords,
  recovery,
  registration,
  sessions,
  unlock,
  usernames,
} from "portcullis/features";
import { sqlite } from "portcullis/sqlite";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { goodPassword, masked, type Overrides, origin, otherPassword, type System, start } from "./authn-system.ts";
import { startWithOutbox, type WithOutbox } from "./outbox-system.ts";

const json = { accept: "application/json" };
const fresh = "correct horse battery";

type Lone = WithOutbox;

async function system(overrides: Overrides = {}): Promise<Lone> {
  return startWithOutbox({
    features: [
      passwords(),
      registration(),
      confirmation(),
      recovery(),
      changePassword(),
      changeEmail(),
      usernames({ reserved: [] }),
      passwordless(),
      sessions(),
      notices(),
      unlock(),
    ],
    emails: "optional",
    identities: ["email", "username"],
    ...overrides,
  });
}

/** What was logged, but that these tests have no client addresses. */
const failures = (made: System): readonly string[] => made.logs.filter((line) => !line.includes("client addresses"));

const register = (made: System, body: object): Promise<ClientAnswer> =>
  made.client().post("/register", { json: { password: fresh, password_confirm: fresh, ...body } });

async function signedIn(made: System, username: string, password: string = fresh): Promise<TestClient> {
  const client = made.client();
  const answer = await client.post("/login", { json: { username, password } });
  expect([answer.status, answer.json.response.user]).toEqual([200, { username }]);
  return client;
}

describe("an account without an address", () => {
  it("registers with a username, signs in at once though addresses must be confirmed, and is mailed nothing", async () => {
    const made = await system();
    expect((await register(made, { username: "lone" })).status).toBe(200);
    expect((await register(made, { username: "lonely", email: "" })).status).toBe(200);
    const rows = await made.store.find("user", { username: { in: ["lone", "lonely"] } });
    expect(rows.map(({ email, confirmedAt }) => [email, confirmedAt])).toEqual([
      [null, null],
      [null, null],
    ]);
    const client = await signedIn(made, "lone");
    expect((await made.security.users.find("username", "lone"))?.email).toBe("");
    expect((await client.get("/page")).text).toContain("lone");
    // From another device, too: a notice would be due.
    const elsewhere = made.client();
    await elsewhere.post("/login", { json: { username: "lone", password: fresh }, headers: { "user-agent": "other" } });
    await made.security.delivery.idle();
    expect(made.box.all()).toEqual([]);
    expect(failures(made)).toEqual([]);
  });

  it("needs one of the two, and a name that is free, which its owner can be told by no mail", async () => {
    const made = await system();
    const neither = await register(made, {});
    expect([neither.status, Object.keys(neither.json.response.field_errors)]).toEqual([400, ["email"]]);
    await register(made, { username: "lone" });
    const taken = await register(made, { username: "Lone" });
    expect([taken.status, Object.keys(taken.json.response.field_errors)]).toEqual([400, ["username"]]);
    const twice = await Promise.all([register(made, { username: "both" }), register(made, { username: "both" })]);
    expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 400]);
  });

  it("the form does not insist on the address", async () => {
    const made = await system();
    const client = made.client();
    expect((await client.get("/register")).text).toMatch(/<input id="field-email" name="email"(?! required)/);
    const form = { email: "", username: "lone", password: fresh, password_confirm: fresh };
    const answer = await client.post("/register", { form });
    expect([answer.status, answer.location]).toEqual([302, "/login"]);
  });

  it("its password changes and its lock and sign-out work without a mail", async () => {
    const made = await system();
    await register(made, { username: "lone" });
    const client = await signedIn(made, "lone");
    const change = { password: fresh, new_password: otherPassword, new_password_confirm: otherPassword };
    expect((await client.post("/change", { json: change })).status).toBe(200);
    for (let guess = 0; guess < 12; guess += 1) {
      await made.client().post("/login", { json: { username: "lone", password: `wrong ${guess}` } });
    }
    await made.security.delivery.idle();
    expect(made.box.all()).toEqual([]);
    expect(failures(made)).toEqual([]);
  });

  it("can get an address later, which is then proved, and recovered by", async () => {
    const made = await system();
    await register(made, { username: "lone" });
    const client = await signedIn(made, "lone");
    await client.get("/login", { headers: json });
    const asked = await client.post("/change-email", { json: { email: "lone@acme.example" } });
    expect([asked.status, asked.json.response.current_email]).toEqual([200, ""]);
    await made.security.delivery.idle();
    const [mail, ...others] = made.box.all();
    expect([mail?.template, mail?.to.address, others]).toEqual(["changeEmailInstructions", "lone@acme.example", []]);
    const link = new RegExp(`${origin}(/change-email/[\\w.-]+)`).exec(mail?.text ?? "")?.[1] ?? "";
    expect((await client.post(link, { json: {} })).status).toBe(200);
    const account = await made.security.users.find("email", "lone@acme.example");
    expect([account?.username, account?.confirmedAt]).toEqual(["lone", expect.any(Date)]);
    await made.client().post("/reset", { json: { email: "lone@acme.example" } });
    await made.security.delivery.idle();
    expect(made.box.all().map(({ template }) => template)).toEqual(["changeEmailInstructions", "resetInstructions"]);
  });
});

describe("to outsiders", () => {
  it.each(["/reset", "/confirm", "/login-link", "/recover-username"])(
    "%s says the same of every address",
    async (path) => {
      const made = await system();
      await register(made, { username: "lone" });
      const [known, unknown] = ["ann@acme.example", "lone@acme.example"];
      const answers: unknown[] = [];
      for (const email of [known, unknown]) {
        answers.push(masked(await made.client().post(path, { json: { email } }), email));
      }
      expect(answers[0]).toEqual(answers[1]);
      for (const email of ["", null, "lone"]) {
        const answer = await made.client().post(path, { json: { email } });
        expect([answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([400, ["email"]]);
      }
      await made.security.delivery.idle();
      expect(made.box.all().filter(({ to }) => to.address !== known)).toEqual([]);
    },
  );

  it("an empty address signs nobody in", async () => {
    const made = await system();
    await register(made, { username: "lone" });
    const right = await made.client().post("/login", { json: { email: "", password: fresh } });
    const wrong = await made.client().post("/login", { json: { email: "", password: "wrong" } });
    expect([right.status, right.text]).toEqual([400, wrong.text]);
    expect(await made.security.users.find("email", "")).toBeUndefined();
  });
});

describe("the option", () => {
  it("is off by default: every account has an address", async () => {
    const made = await system({ emails: "required" });
    expect((await register(made, { username: "lone" })).json.response.field_errors.email).toBeDefined();
    const create = made.security.users.create({ email: null, username: "lone", password: goodPassword });
    await expect(create).rejects.toThrow('user.email: is needed; emails: "optional"');
  });

  it("an address is never taken away by what says nothing of it", async () => {
    const made = await system();
    const ann = await made.security.users.find("email", "ann@acme.example");
    const update = made.security.users.update(ann as never, { email: undefined as never });
    await expect(update).rejects.toThrow("user.email: not an e-mail address");
    await made.security.users.setEmail(ann as never, "");
    expect(await made.store.findOne("user", { id: ann?.id as number })).toMatchObject({
      email: null,
      confirmedAt: null,
    });
  });

  it.each([
    [{ emails: "never" }, 'emails: must be "required" or "optional"'],
    [{ emails: "optional" }, "emails: without an address nobody could sign in"],
    [{ emails: "optional", identities: ["username"], tokens: { type: "fsa" } }, 'emails: "optional" does not go with'],
  ])("%j refuses to start", async (options, message) => {
    await expect(start(options as Overrides)).rejects.toThrow(message);
  });

  it("refuses a database whose column does not allow it, with what is to be done", async () => {
    const folder = mkdtempSync(join(tmpdir(), "portcullis-without-email-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "app.db");
    const before = await start({ datastore: sqlite(file) });
    await before.security.close();
    await expect(system({ datastore: sqlite(file) })).rejects.toThrow(
      'column "email" of table "user" does not allow null; that is changed by hand',
    );
    const made = await system({ datastore: sqlite(join(folder, "new.db")) });
    await register(made, { username: "lone" });
    await register(made, { username: "lonely" });
    await signedIn(made, "lonely");
  });
});
