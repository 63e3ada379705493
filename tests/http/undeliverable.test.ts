// Addresses that the way of the mail takes no mail to, and names that look like others: told to whoever chooses them.
import { outbox } from "portcullis";
import { administration, changeEmail, passwords, registration, userManagement, usernames } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { administered, signedIn as administrator, idOf, submit } from "./administration-system.ts";
import { fresh, life, post, signedIn } from "./life-system.ts";

const features = [passwords(), registration(), changeEmail(), usernames({ characters: "letters" })];
const beyond = "jörg@acme.example";

const system = (smtpUtf8: boolean | undefined) => {
  const box = outbox();
  const sender = { ...box, ...(smtpUtf8 === undefined ? {} : { smtpUtf8 }) };
  return life({ features, mail: { sender, from: "no-reply@acme.example" } });
};
const register = async (made: Awaited<ReturnType<typeof life>>, email: string, username = "someone") =>
  post(made.client(), "/register", { email, username, password: fresh, password_confirm: fresh });

describe("an address with a local part beyond ASCII", () => {
  it("is refused at registration and change of address where the sender cannot take mail to it", async () => {
    const made = await system(false);
    const answer = await register(made, beyond);
    expect([answer.status, answer.json.response.field_errors.email[0]]).toEqual([
      400,
      expect.stringContaining("No mail can be sent to this address"),
    ]);
    expect(await made.security.users.find("email", beyond)).toBeUndefined();
    const client = await signedIn(made);
    const changed = await post(client, "/change-email", { email: beyond });
    expect([changed.status, Object.keys(changed.json.response.field_errors)]).toEqual([400, ["email"]]);
    // A domain beyond ASCII has a spelling within it.
    expect((await register(made, "joerg@bücher.example")).status).toBe(200);
  });

  it.each([true, undefined])("is taken where the sender can, or does not say (%s)", async (smtpUtf8) => {
    const made = await system(smtpUtf8);
    expect((await register(made, beyond)).status).toBe(200);
    expect(await made.security.users.find("email", beyond)).toBeDefined();
  });
});

describe("an administrator", () => {
  const managed = async (smtpUtf8: boolean) => {
    const made = await administered(
      {},
      {
        features: [passwords(), usernames(), userManagement({ path: "/api/users" }), administration()],
        mail: { sender: { ...outbox(), smtpUtf8 }, from: "no-reply@acme.example" },
      },
    );
    return { made, ada: await administrator(made, "ada"), bob: await idOf(made, "bob") };
  };
  const reason = expect.stringContaining("No mail can be sent to this address");

  it("gives nobody such an address, by no form and no endpoint", async () => {
    const { made, ada, bob } = await managed(false);
    for (const path of ["/admin/users/new", `/admin/users/${bob}/edit`]) {
      const answer = await submit(ada, path, { email: beyond, username: "" });
      expect([path, answer.status, answer.text]).toEqual([path, 200, reason]);
    }
    for (const [method, path] of [
      ["POST", "/api/users/users"],
      ["PATCH", `/api/users/users/${bob}`],
    ] as const) {
      const answer = await ada.request(method, path, { json: { email: beyond } });
      expect([path, answer.status, answer.json.response.field_errors]).toEqual([path, 400, { email: [reason] }]);
    }
    const { users, transfer } = made.security;
    const fault = { code: "invalid_field", message: expect.stringMatching(/^user\.email: No mail can be sent/) };
    await expect(users.create({ email: beyond })).rejects.toMatchObject(fault);
    for (const change of ["edit", "update"] as const) {
      await expect(users[change](bob, { email: beyond })).rejects.toMatchObject(fault);
    }
    await expect(users.setEmail(bob, beyond)).rejects.toMatchObject(fault);
    expect(await transfer.import([{ email: beyond }, { email: "zoe@acme.example" }])).toEqual([
      { kind: "refused", field: "email", problem: reason },
      { kind: "imported" },
    ]);
    expect(await users.find("email", beyond)).toBeUndefined();
    expect((await users.get(bob))?.email).toBe("bob@acme.example");
  });

  it("may go on changing an account that has had such an address", async () => {
    const { made, ada, bob } = await managed(false);
    await made.store.update("user", { id: bob }, { email: beyond });
    await made.security.invalidate();
    const edited = await submit(ada, `/admin/users/${bob}/edit`, { email: beyond, username: "robert" });
    expect(edited.status).toBe(302);
    const patched = await ada.request("PATCH", `/api/users/users/${bob}`, {
      json: { email: beyond, username: "bobby" },
    });
    expect([patched.status, (await made.security.users.get(bob))?.username]).toEqual([200, "bobby"]);
    expect(await made.security.transfer.import([{ email: beyond }])).toEqual([{ kind: "existing" }]);
  });
});

it("a name beyond ASCII is refused with the letters that are meant", async () => {
  const made = await life({ features: [passwords(), registration(), usernames()] });
  for (const name of ["борис", "jörg", "a.name"]) {
    const answer = await register(made, "new@acme.example", name);
    expect(answer.json.response.field_errors.username).toEqual([
      "A username consists of the letters a to z and digits only.",
    ]);
  }
  const letters = await life({ features: [passwords(), registration(), usernames({ characters: "letters" })] });
  expect((await register(letters, "new@acme.example", "борис")).status).toBe(200);
  const dotted = await register(letters, "other@acme.example", "a.name");
  expect(dotted.json.response.field_errors.username).toEqual(["A username consists of letters and digits only."]);
});

it("a name of mixed alphabets is refused for that reason", async () => {
  const made = await system(undefined);
  for (const name of ["аdmirаl", "росе"]) {
    const answer = await register(made, "new@acme.example", name);
    expect(answer.json.response.field_errors.username).toEqual([
      "A username is written in one alphabet, and must not look like a name in another one.",
    ]);
  }
});
