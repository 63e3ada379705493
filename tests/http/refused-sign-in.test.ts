/** Who has the right password is told why they are not let in, within the limits; and nobody else. */
import { outbox } from "portcullis";
import {
  accountDeletion,
  type ConfirmationOptions,
  confirmation,
  passwordless,
  passwords,
  type RegistrationOptions,
  registration,
  tracking,
  userManagement,
  usernames,
} from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { basic, day, goodPassword, hour, type Overrides, origin, type System, start, userId } from "./authn-system.ts";

const ann = "ann@acme.example";
const wrong = "a wrong guess";
const json = { accept: "application/json" };
const generic =
  "That did not match an account. Check what you typed and try again; after many tries, wait a while first.";

type Made = System & { readonly box: ReturnType<typeof outbox> };

function featuresOf(registers: RegistrationOptions<Record<never, never>> = {}, confirms: ConfirmationOptions = {}) {
  return [
    passwords(),
    registration(registers),
    confirmation(confirms),
    usernames({ reserved: [] }),
    passwordless(),
    accountDeletion(),
    userManagement({ permission: "write" }),
  ];
}

/** As an application does that lets people in by hand. */
const switchesOff: NonNullable<RegistrationOptions<Record<never, never>>["onRegister"]> = async (tx, user) => {
  await tx.update("user", { id: user.id }, { active: false });
};

async function system(overrides: Overrides = {}): Promise<Made> {
  const box = outbox();
  const made = await start({
    features: featuresOf(),
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

/** A browser in which this address was registered with that password, whatever became of it. */
async function registeredIn(made: Made, password = goodPassword): Promise<TestClient> {
  const client = made.client();
  await client.get("/register", { headers: json });
  const fields = { email: ann, username: "annie", password, password_confirm: password };
  expect((await client.post("/register", { json: fields })).status).toBe(200);
  await made.security.delivery.idle();
  return client;
}

/** Where the reason is told: that an address is not confirmed, in the browser alone in which it was registered. */
const browserOf = async (made: Made, reason: string): Promise<TestClient> =>
  reason === "unconfirmed" ? registeredIn(made) : made.client();

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
        const client = await browserOf(made, reason);
        const answer = await guess(client, goodPassword);
        expect([answer.status, errors(answer)]).toEqual([status, saying(at, status, told)]);
        const other = await guess(client, wrong);
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
        const client = await browserOf(made, reason);
        const seen = async (password: string): Promise<unknown> => {
          const { status, text } = await guess(client.copy(), password);
          return [status, text];
        };
        const right = await seen(goodPassword);
        expect(right).toEqual(await seen(wrong));
        expect(JSON.stringify(right)).not.toContain(told);
      },
    );
  }

  it("beyond the limits learns no more than who guesses wrongly, on the page and in JSON", async () => {
    for (const [reason, [close]] of Object.entries(reasons)) {
      const series = async (secret: string): Promise<unknown[]> => {
        const made = await system();
        await close(made);
        const browser = await browserOf(made, reason);
        const seen: unknown[] = [];
        for (let n = 0; n < 12; n += 1) {
          const client = browser.copy();
          await client.get("/login");
          const answer = await client.post("/login", { form: { email: ann, password: secret } });
          seen.push([answer.status, answer.text.replace(/value="[^"]*"|nonce-[\w-]+/g, "")]);
        }
        const answer = await browser.copy().post("/login", { json: { email: ann, password: secret } });
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

describe("where no address is ever confirmed", () => {
  const off = "This account has been switched off.";
  const closed: NonNullable<Overrides["features"]> = [
    passwords(),
    usernames({ reserved: [] }),
    userManagement({ permission: "write" }),
  ];
  const open = [...closed, registration(), tracking()];
  async function unproved(features: NonNullable<Overrides["features"]>, overrides: Overrides = {}): Promise<Made> {
    const made = await system({ features, ...overrides });
    await made.store.update("user", { id: await userId(made, ann) }, { confirmedAt: null });
    return made;
  }

  it.each(Object.entries(ways))(
    "and nobody can register, who has the right password is told why by the %s",
    async (_, [guess, status, at]) => {
      const made = await unproved(closed);
      await reasons["deactivated"]?.[0](made);
      const answer = await guess(made.client(), goodPassword);
      expect([answer.status, errors(answer)]).toEqual([status, saying(at, status, off)]);
      const other = await guess(made.client(), wrong);
      expect([other.status, errors(other)]).toEqual([status, saying("", status, generic)]);
      const silent = await unproved(closed, { revealAccountState: false });
      await reasons["deactivated"]?.[0](silent);
      expect(errors(await guess(silent.client(), goodPassword))).toEqual(saying("", status, generic));
    },
  );

  it.each(Object.entries(ways))(
    "and anybody can register, they are told so once they were let in, by the %s",
    async (_, [guess, status, at]) => {
      for (const before of [false, true]) {
        const made = await unproved(open);
        if (before) await made.client().signIn(ann, goodPassword);
        await reasons["deactivated"]?.[0](made);
        const answer = await guess(made.client(), goodPassword);
        expect(errors(answer)).toEqual(before ? saying(at, status, off) : saying("", status, generic));
        expect(errors(await guess(made.client(), wrong))).toEqual(saying("", status, generic));
      }
    },
  );

  it("but not where an address may be confirmed, however often they were let in", async () => {
    const made = await unproved([...featuresOf({}, { required: false }), tracking()]);
    await made.client().signIn(ann, goodPassword);
    await reasons["deactivated"]?.[0](made);
    const answer = await made.client().post("/login", { json: { email: ann, password: goodPassword } });
    expect(errors(answer)).toEqual(saying("", 400, generic));
  });
});

describe("the page", () => {
  async function refused(made: Made, form: Record<string, string>, next = ""): Promise<[TestClient, ClientAnswer]> {
    const client = await registeredIn(made);
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
    const before = made.box.all().length;
    const sent = await client.post(action, { form: inputs(hidden), csrf: false });
    expect([sent.status, sent.location]).toEqual([302, "/confirm?next=%2Fpage"]);
    await made.security.delivery.idle();
    const mails = made.box.all().slice(before);
    expect(mails.map(({ template, to }) => [template, to.address])).toEqual([["confirmation", ann]]);
    const link = new RegExp(`${origin}(/confirm/[\\w.-]+)`).exec(mails[0]?.text ?? "")?.[1] ?? "";
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
    await made.store.update("user", { email: ann }, { confirmedAt: new Date(made.now()) });
    await reasons["deactivated"]?.[0](made);
    const [, off] = await refused(made, { email: ann, password: goodPassword });
    expect(off.text).toContain("This account has been switched off.");
    expect(off.text).not.toMatch(button);
  });

  it("and JSON names what is lacking by a word that stays, to who has the password alone", async () => {
    const made = await system();
    await reasons["unconfirmed"]?.[0](made);
    const client = await registeredIn(made);
    const pending = async (password: string, identity: object = { email: ann }): Promise<unknown> =>
      (await client.post("/login", { json: { ...identity, password } })).json.response.pending;
    expect([
      await pending(goodPassword),
      await pending(goodPassword, { username: "annie" }),
      await pending(wrong),
    ]).toEqual(["send_confirmation", "send_confirmation", undefined]);
    await made.store.update("user", { email: ann }, { confirmedAt: new Date(made.now()) });
    await reasons["deactivated"]?.[0](made);
    expect(await pending(goodPassword)).toBeUndefined();
    const silent = await system({ revealAccountState: false });
    await reasons["unconfirmed"]?.[0](silent);
    const answer = await (await registeredIn(silent)).post("/login", { json: { email: ann, password: goodPassword } });
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

/** What becomes of a stranger's address, by who registered it and signs in with the pair: a free one, and each kind of taken one. */
describe("who registers an address and signs in with that pair", () => {
  const mine = "a password of mine";
  const addresses = ["free@acme.example", ann, "bob@acme.example", "off@acme.example", "nop@acme.example"];
  const told = "Confirm your email address first: open the link that we mailed to you.";
  let number = 0;

  async function registers(client: TestClient, email: string, password = mine): Promise<string> {
    number += 1;
    const username = `stranger${number}`;
    await client.get("/register", { headers: json });
    const fields = { email, username, password, password_confirm: password };
    expect((await client.post("/register", { json: fields })).status).toBe(200);
    return username;
  }

  /** All that can be told apart: status, body, headers, and the names of cookies. */
  function seen({ status, headers, text }: ClientAnswer, ...own: readonly string[]): string {
    const fixed = own.reduce((masked, value) => masked.replaceAll(value, "*"), text);
    const body = fixed.replace(/value="[^"]*"|nonce-[\w-]+|"csrf_token":"[^"]*"/g, "");
    const names = [...headers].map(([name, value]) => (name === "set-cookie" ? value.split("=")[0] : name));
    return JSON.stringify([status, names, body]);
  }

  type Pair = { readonly email: string; readonly username: string; readonly password: string };
  const posts: Readonly<Record<string, (client: TestClient, pair: Pair) => Promise<ClientAnswer>>> = {
    page: async (client, { email, password }) => {
      await client.get("/login");
      return client.post("/login", { form: { email, password } });
    },
    JSON: (client, { email, password }) => client.post("/login", { json: { email, password } }),
    "token client": (client, { email, password }) =>
      client.post("/login?include_auth_token", { json: { email, password } }),
    username: (client, { username, password }) => client.post("/login", { json: { username, password } }),
    "user management": (client, { email, password }) => client.post("/api/user/login", { json: { email, password } }),
    "user management by username": (client, { username, password }) =>
      client.post("/api/user/login", { json: { username, password } }),
    "two spellings": (client, { email, password }) =>
      client.post("/login", { json: { email: ` ${email.toUpperCase()} `, password } }),
  };

  const closings: Readonly<Record<string, Overrides>> = {
    "to be confirmed": {},
    "to be confirmed, and switched off": { features: featuresOf({ onRegister: switchesOff }) },
    "let in by nobody, without confirmation": {
      features: featuresOf({ onRegister: switchesOff }, { required: false }),
    },
    "let in by nobody, where there is no confirmation": {
      features: [...featuresOf({ onRegister: switchesOff }).filter(({ name }) => name !== "confirmation"), tracking()],
    },
  };

  for (const [state, overrides] of Object.entries(closings)) {
    it.each(Object.entries(posts))(`sees nothing of whether it was free (${state}): %s`, async (_, post) => {
      for (const where of ["here", "elsewhere"]) {
        const answers: string[] = [];
        for (const email of addresses) {
          const made = await system(overrides);
          const client = made.client();
          const username = await registers(client, email);
          const answer = await post(where === "here" ? client : made.client(), { email, username, password: mine });
          answers.push(seen(answer, email, email.toUpperCase(), username));
          const confirms = where === "here" && !state.startsWith("let in by nobody");
          expect([where, answer.text.includes(told)]).toEqual([where, confirms]);
          // It is right that alone gets it: the same pair in parts, and in another browser, is told nothing.
          const wrongs = await post(client, { email, username, password: wrong });
          expect(wrongs.text).not.toContain(told);
        }
        expect(new Set(answers).size, answers.join("\n")).toBe(1);
      }
    });
  }

  it("sees nothing beyond the limits, in the marked browser neither", async () => {
    for (const email of addresses.slice(0, 2)) {
      const made = await system({ limits: { lockout: { failures: 3 } } } as Overrides);
      const client = made.client();
      await registers(client, email);
      for (let n = 0; n < 4; n += 1) await made.client().post("/login", { json: { email, password: wrong } });
      const answers = [mine, wrong].map((password) => client.post("/login", { json: { email, password } }));
      const [right, other] = await Promise.all(answers);
      expect([right?.status, right?.text]).toEqual([other?.status, other?.text]);
      expect(right?.text).not.toContain(told);
    }
  });

  it("may have registered several, of which the last few are known, for as long as the link works", async () => {
    const made = await system();
    const client = made.client();
    const says = async (email: string): Promise<boolean> =>
      (await client.post("/login", { json: { email, password: mine } })).text.includes(told);
    const some = ["free0@acme.example", ann, "free2@acme.example", "off@acme.example", "free4@acme.example"];
    for (const email of some) {
      await registers(client, email);
      made.advance(hour);
    }
    for (const email of some) expect(await says(email)).toBe(true);
    for (const n of [1, 2, 3, 4, 5]) await registers(client, `more${n}@acme.example`);
    for (const email of some) expect(await says(email)).toBe(false);
    expect(await says("more1@acme.example")).toBe(true);
    made.advance(2 * day + 1);
    expect(await says("more1@acme.example")).toBe(false);
  });

  it("leaves nothing readable in the cookie, and a changed one is worth nothing", async () => {
    const made = await system();
    const client = made.client();
    const username = await registers(client, ann);
    const [name, value = ""] = [...client.cookies].find(([key]) => key.includes("browser")) ?? [];
    expect(value.length).toBeLessThan(1_000);
    const readable = value.split(".").map((part) => Buffer.from(part, "base64url").toString("latin1"));
    for (const secret of [ann, mine, username]) expect([value, ...readable].join("\n")).not.toContain(secret);
    const says = async (cookie: string): Promise<boolean> => {
      const headers = { cookie: `${name}=${cookie}`, ...json };
      return (
        await made.client().post("/login", { json: { email: ann, password: mine }, headers, csrf: false })
      ).text.includes(told);
    };
    expect(await says(value)).toBe(true);
    const turned = (at: number): string =>
      `${value.slice(0, at)}${value[at] === "A" ? "B" : "A"}${value.slice(at + 1)}`;
    for (const forged of [value.slice(0, -1), turned(value.length - 20), `${value}x`, value.repeat(2)]) {
      expect(await says(forged)).toBe(false);
    }
    expect(JSON.stringify([made.logs, made.events])).not.toContain(mine);
  });

  it("is told by revealAccounts: true, as everybody is", async () => {
    const made = await system({ revealAccounts: true });
    const client = made.client();
    await registers(client, "free@acme.example");
    const answer = await made.client().post("/login", { json: { email: "free@acme.example", password: mine } });
    expect(answer.json.response.field_errors).toEqual({ email: [told] });
    const taken = await made.client().post("/login", { json: { email: ann, password: mine } });
    expect(taken.json.response.field_errors).toEqual({ password: ["The password is wrong."] });
  });

  it("and goes on: in this browser by the button, in another one by the link of the sign-in page", async () => {
    for (const where of ["here", "elsewhere"]) {
      const made = await system();
      const registered = made.client();
      await registers(registered, "free@acme.example");
      await made.security.delivery.idle();
      const client = where === "here" ? registered : made.client();
      const page = await client.get("/login");
      const answer = await client.post("/login", { form: { email: "free@acme.example", password: mine } });
      expect(answer.text.includes(told)).toBe(where === "here");
      for (const { text } of [page, answer]) expect(text).toContain('href="/confirm"');
      await client.get("/confirm");
      expect((await client.post("/confirm", { form: { email: "free@acme.example" } })).status).toBe(302);
      await made.security.delivery.idle();
      const mails = made.box.all().filter(({ template }) => template === "confirmation");
      expect(mails).toHaveLength(2);
      const link = new RegExp(`${origin}(/confirm/[\\w.-]+)`).exec(mails[1]?.text ?? "")?.[1] ?? "";
      const shown = where === "here" ? {} : { password: mine };
      expect((await client.post(link, { json: shown })).status).toBe(200);
      await client.signIn("free@acme.example", mine);
    }
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
