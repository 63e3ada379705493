/** Who has the right password is told why they are not let in, within the limits; and nobody else. */
import { outbox } from "portcullis";
import {
  accountDeletion,
  confirmation,
  passwordless,
  passwords,
  registration,
  userManagement,
  usernames,
} from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { basic, goodPassword, type Overrides, origin, type System, start, userId } from "./authn-system.ts";

const ann = "ann@acme.example";
const wrong = "a wrong guess";
const json = { accept: "application/json" };
const generic =
  "That did not match an account. Check what you typed and try again; after many tries, wait a while first.";

type Made = System & { readonly box: ReturnType<typeof outbox> };

async function system(overrides: Overrides = {}): Promise<Made> {
  const box = outbox();
  const made = await start({
    features: [
      passwords(),
      registration(),
      confirmation(),
      usernames({ reserved: [] }),
      passwordless(),
      accountDeletion(),
      userManagement({ permission: "write" }),
    ],
    identities: ["email", "username"],
    authn: ["session", "token", "basic"],
    mail: { sender: box },
    ...overrides,
  } as Overrides);
  onTestFinished(() => made.security.close());
  const id = await userId(made, ann);
  await made.store.update("user", { id }, { confirmedAt: new Date(made.now()), username: "annie" });
  return { ...made, box };
}

/** What closes an account, and what who has its password is told. */
const reasons: Readonly<Record<string, readonly [close: (made: Made) => Promise<unknown>, told: string]>> = {
  deactivated: [
    async (made) => made.security.users.deactivate(await userId(made, ann)),
    "This account has been switched off.",
  ],
  unconfirmed: [
    async (made) => made.store.update("user", { id: await userId(made, ann) }, { confirmedAt: null }),
    "Confirm your email address first: open the link that we mailed to you.",
  ],
  "about to be deleted": [
    async (made) => {
      const client = made.client();
      await client.signIn(ann, goodPassword);
      await client.get("/login", { headers: json });
      expect((await client.post("/delete-account", { json: { password: goodPassword } })).status).toBe(200);
    },
    "This account is about to be deleted.",
  ],
  "refused by a hook": [
    async (made) => made.security.events.before("signIn", () => ({ refuse: "UNAUTHORIZED" })),
    "Your account does not have access to this.",
  ],
};

type Guess = (client: TestClient, password: string) => Promise<ClientAnswer>;
const ways: Readonly<Record<string, readonly [guess: Guess, status: number, at: string]>> = {
  login: [(client, password) => client.post("/login", { json: { email: ann, password } }), 400, "email"],
  "login by username": [
    (client, password) => client.post("/login", { json: { username: "annie", password } }),
    400,
    "username",
  ],
  "login for a token": [
    (client, password) => client.post("/login?include_auth_token", { json: { email: ann, password } }),
    400,
    "email",
  ],
  "login of the user management": [
    (client, password) => client.post("/api/user/login", { json: { email: ann, password } }),
    401,
    "",
  ],
};
const errors = ({ json: { response } }: ClientAnswer): unknown => response.field_errors ?? response.errors;
const saying = (at: string, status: number, text: string): unknown => (status === 401 ? [text] : { [at]: [text] });

describe("who has the right password of a closed account", () => {
  for (const [reason, [close, told]] of Object.entries(reasons)) {
    it.each(Object.entries(ways))(
      `${reason}: is told why by the %s, a wrong one is not`,
      async (_, [guess, status, at]) => {
        const made = await system();
        await close(made);
        const answer = await guess(made.client(), goodPassword);
        expect([answer.status, errors(answer)]).toEqual([status, saying(at, status, told)]);
        const other = await guess(made.client(), wrong);
        expect([other.status, errors(other)]).toEqual([status, saying("", status, generic)]);
      },
    );

    it(`${reason}: is told nothing by HTTP Basic`, async () => {
      const made = await system();
      await close(made);
      const seen = async (password: string): Promise<unknown> => {
        const { status, text, headers } = await made
          .client()
          .get("/me", { headers: { ...basic(ann, password), ...json } });
        return [status, text, [...headers].map(([name, value]) => [name, name === "date" ? "" : value])];
      };
      const right = await seen(goodPassword);
      expect(right).toEqual(await seen(wrong));
      expect(JSON.stringify(right)).toContain("401");
    });

    it.each(Object.entries(ways))(
      `${reason}: with revealAccountState: false, the %s says what it says to a wrong one`,
      async (_, [guess]) => {
        const made = await system({ revealAccountState: false });
        await close(made);
        const seen = async (password: string): Promise<unknown> => {
          const { status, text } = await guess(made.client(), password);
          return [status, text];
        };
        const right = await seen(goodPassword);
        expect(right).toEqual(await seen(wrong));
        expect(JSON.stringify(right)).not.toContain(told);
      },
    );
  }

  it("beyond the limits learns no more than who guesses wrongly, on the page and in JSON", async () => {
    for (const [close] of Object.values(reasons)) {
      const series = async (secret: string): Promise<unknown[]> => {
        const made = await system();
        await close(made);
        const seen: unknown[] = [];
        for (let n = 0; n < 12; n += 1) {
          const client = made.client();
          await client.get("/login");
          const answer = await client.post("/login", { form: { email: ann, password: secret } });
          seen.push([answer.status, answer.text.replace(/value="[^"]*"|nonce-[\w-]+/g, "")]);
        }
        const answer = await made.client().post("/login", { json: { email: ann, password: secret } });
        seen.push([answer.status, answer.text]);
        return seen;
      };
      const [right, other] = [await series(goodPassword), await series(wrong)];
      expect(right[9]).not.toEqual(other[9]);
      expect(right.slice(10)).toEqual(other.slice(10));
      expect(JSON.stringify(right.slice(10))).not.toContain("200");
    }
  });
});

describe("the page", () => {
  async function refused(made: Made, form: Record<string, string>, next = ""): Promise<[TestClient, ClientAnswer]> {
    const client = made.client();
    await client.get(`/login${next}`);
    return [client, await client.post(`/login${next}`, { form })];
  }
  const button = /<form method="post" action="(\/confirm[^"]*)">((?:<input[^>]*>)+)<button[^>]*>Send the link</;
  const inputs = (html: string): Record<string, string> =>
    Object.fromEntries(
      [...html.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
    );

  it("says it at the field, with a button that mails the confirmation link again", async () => {
    const made = await system();
    await reasons["unconfirmed"]?.[0](made);
    const [client, answer] = await refused(made, { email: "Ann@acme.example", password: goodPassword }, "?next=/page");
    expect([answer.status, answer.text.includes("Confirm your email address first")]).toEqual([200, true]);
    const [, action = "", hidden = ""] = button.exec(answer.text) ?? [];
    expect(action).toBe("/confirm?next=%2Fpage");
    const sent = await client.post(action, { form: inputs(hidden), csrf: false });
    expect([sent.status, sent.location]).toEqual([302, "/confirm?next=%2Fpage"]);
    await made.security.delivery.idle();
    expect(made.box.all().map(({ template, to }) => [template, to.address])).toEqual([["confirmation", ann]]);
    const link = new RegExp(`${origin}(/confirm/[\\w.-]+)`).exec(made.box.all()[0]?.text ?? "")?.[1] ?? "";
    expect((await client.post(link, { json: { password: goodPassword } })).status).toBe(200);
    await client.signIn(ann, goodPassword);
  });

  it("offers nothing where there is nothing to be done, and tells no address to who did not name it", async () => {
    const made = await system();
    await reasons["unconfirmed"]?.[0](made);
    const [, byName] = await refused(made, { username: "annie", password: goodPassword });
    expect(byName.text).toContain("Confirm your email address first");
    expect(byName.text).not.toContain(ann);
    expect(byName.text).not.toMatch(button);
    const [, other] = await refused(made, { email: ann, password: wrong });
    expect(other.text).not.toMatch(button);
    await reasons["deactivated"]?.[0](made);
    const [, off] = await refused(made, { email: ann, password: goodPassword });
    expect(off.text).toContain("This account has been switched off.");
    expect(off.text).not.toMatch(button);
  });

  it("and JSON names what is lacking by a word that stays, to who has the password alone", async () => {
    const made = await system();
    await reasons["unconfirmed"]?.[0](made);
    const pending = async (password: string, identity: object = { email: ann }): Promise<unknown> =>
      (await made.client().post("/login", { json: { ...identity, password } })).json.response.pending;
    expect([
      await pending(goodPassword),
      await pending(goodPassword, { username: "annie" }),
      await pending(wrong),
    ]).toEqual(["send_confirmation", "send_confirmation", undefined]);
    await reasons["deactivated"]?.[0](made);
    expect(await pending(goodPassword)).toBeUndefined();
    const silent = await system({ revealAccountState: false });
    await reasons["unconfirmed"]?.[0](silent);
    const answer = await silent.client().post("/login", { json: { email: ann, password: goodPassword } });
    expect(answer.json.response.pending).toBeUndefined();
  });

  it("offers nothing in the silent form", async () => {
    const made = await system({ revealAccountState: false });
    await reasons["unconfirmed"]?.[0](made);
    const [, answer] = await refused(made, { email: ann, password: goodPassword });
    expect(answer.text).toContain("That did not match an account");
    expect(answer.text).not.toMatch(button);
  });
});

describe("other proofs", () => {
  it.each([
    [undefined, "Your account does not have access to this."],
    [false, "This link does not work (any more). Let us mail you a new one."],
  ])("a link that signs in says why it does not (revealAccountState: %s)", async (revealAccountState, told) => {
    const made = await system(revealAccountState === undefined ? {} : { revealAccountState });
    await made.client().post("/login-link", { json: { email: ann } });
    await made.security.delivery.idle();
    const link = new RegExp(`${origin}(/login/[\\w.-]+)`).exec(made.box.all()[0]?.text ?? "")?.[1] ?? "";
    await reasons["refused by a hook"]?.[0](made);
    const answer = await made.client().post(link, { json: {} });
    expect([answer.status, answer.json.response.errors]).toEqual([400, [told]]);
  });

  it.each([
    [undefined, "Confirm your email address first: open the link that we mailed to you."],
    [false, "The password is wrong."],
  ])("/verify says why the right password does not do (revealAccountState: %s)", async (revealAccountState, told) => {
    const made = await system(revealAccountState === undefined ? {} : { revealAccountState });
    const client = made.client();
    await client.signIn(ann, goodPassword);
    await client.get("/login", { headers: json });
    await reasons["unconfirmed"]?.[0](made);
    const answer = await client.post("/verify", { json: { password: goodPassword } });
    expect([answer.status, answer.json.response.errors]).toEqual([400, [told]]);
    expect((await client.post("/verify", { json: { password: wrong } })).json.response.errors).toEqual([
      "The password is wrong.",
    ]);
  });
});
