// Addresses that the way of the mail takes no mail to, and names that look like others: told to whoever chooses them.
import { outbox } from "portcullis";
import { changeEmail, passwords, registration, usernames } from "portcullis/features";
import { describe, expect, it } from "vitest";
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

it("a name of mixed alphabets is refused for that reason", async () => {
  const made = await system(undefined);
  for (const name of ["аdmirаl", "росе"]) {
    const answer = await register(made, "new@acme.example", name);
    expect(answer.json.response.field_errors.username).toEqual([
      "A username is written in one alphabet, and must not look like a name in another one.",
    ]);
  }
});
