// ADV-G: an address is registered by a stranger before its owner comes. Whatever the first proof of the address is, and however
// it is asked for, nothing of what the stranger made lives on, unless who proves it began the account or knows its password.
import { apiKey } from "portcullis";
import {
  accountDeletion,
  apiKeys,
  changeEmail,
  changePassword,
  confirmation,
  type Feature,
  notices,
  passwordless,
  passwords,
  recovery,
  refresh,
  registration,
  usernames,
} from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { day, hour, masked, type Overrides, otherPassword } from "./authn-system.ts";
import { code, json, type Life, life, linkOf, mails, post } from "./life-system.ts";

const email = "victim@acme.example";
const evil = "stranger@evil.example";
const strangers = "strangers own phrase";
const owners = "owners very own phrase";
const chosen = { new_password: owners, new_password_confirm: owners };

const features = (confirm: "off" | "later" | "first" = "off"): readonly Feature[] => [
  passwords(),
  registration(),
  ...(confirm === "off" ? [] : [confirmation({ required: confirm === "first" })]),
  recovery(),
  changePassword(),
  changeEmail(),
  passwordless(),
  apiKeys(),
  refresh({ carrier: "body" }),
  accountDeletion(),
];

/** With keys, and the scheme that takes them. */
const started = (given: readonly Feature[]): Promise<Life> =>
  life({ features: given, schemes: [apiKey()] } as unknown as Overrides);

const register = (client: TestClient, password = strangers, address = email): Promise<ClientAnswer> =>
  post(client, "/register", { email: address, password, password_confirm: password });

/** What the stranger has made before the owner comes. */
interface Held {
  readonly browser: TestClient;
  readonly remembered: TestClient;
  readonly token: string;
  readonly refresh: string;
  readonly change: string;
}

/** A stranger registers the address and makes everything that can be made without reading its mail. */
async function takeUp(made: Life): Promise<Held> {
  const browser = made.client();
  await register(browser);
  const signedIn = await browser.post("/login?include_auth_token", {
    json: { email, password: strangers, remember: true },
  });
  expect(signedIn.status).toBe(200);
  const { authentication_token: token, refresh_token } = signedIn.json.response.user;
  expect((await post(browser, "/api/user/key", { name: "trapdoor", all_permissions: true })).status).toBe(201);
  expect((await post(browser, "/change-email", { email: evil })).status).toBe(200);
  const change = await linkOf(made, "changeEmailInstructions", evil);
  const remembered = browser.copy();
  remembered.cookies.delete("__Host-session");
  return { browser, remembered, token, refresh: refresh_token, change };
}

/** What of it is worth something still; the change of address last, since it ends the rest. */
async function alive(made: Life, held: Held): Promise<readonly string[]> {
  const found: string[] = [];
  const note = (name: string, lives: boolean): void => {
    if (lives) found.push(name);
  };
  const user = await made.security.users.find("email", email);
  note("session", (await code(held.browser)) === 200);
  note("remember", (await code(held.remembered)) === 200);
  note(
    "token",
    (await made.client().get("/token", { headers: { "authentication-token": held.token } })).status === 200,
  );
  note("refresh", (await post(made.client(), "/refresh-token", { refresh_token: held.refresh })).status === 200);
  note("key", (await made.store.count("apiKey", { userId: user?.id ?? 0 })) > 0);
  note("password", (await post(made.client(), "/login", { email, password: strangers })).status === 200);
  note("change", (await post(held.browser.copy(), held.change, { password: strangers })).status === 200);
  return found;
}

const everything = ["session", "remember", "token", "refresh", "key", "password", "change"];

/** Each link that is a first proof of the account's own address, without what must be shown with it. */
const proofs: readonly {
  readonly name: string;
  readonly template: string;
  readonly ask: (made: Life) => Promise<unknown>;
  readonly confirm: "off" | "later";
}[] = [
  {
    name: "a sign-in link, without confirmation",
    template: "signInLink",
    ask: (made) => post(made.client(), "/login-link", { email }),
    confirm: "off",
  },
  {
    name: "a sign-in link, before confirmation",
    template: "signInLink",
    ask: (made) => post(made.client(), "/login-link", { email }),
    confirm: "later",
  },
  {
    name: "a confirmation",
    template: "confirmation",
    ask: (made) => post(made.client(), "/confirm", { email }),
    confirm: "later",
  },
];

describe.each(proofs)("ADV-G: the first proof of an address: $name", ({ template, ask, confirm }) => {
  const begun = async (): Promise<{ made: Life; held: Held; link: string }> => {
    const made = await started(features(confirm));
    const held = await takeUp(made);
    await ask(made);
    return { made, held, link: await linkOf(made, template, email) };
  };

  it("needs the password or a new one elsewhere, and says so by field; the link is not used up", async () => {
    const { made, held, link } = await begun();
    const owner = made.client();
    expect((await owner.get(link, { headers: json })).json.response.password_required).toBe(true);
    const path = `${link.slice(0, link.lastIndexOf("/"))}/{token}`;
    const described = JSON.stringify((made.app.openapi().paths as Record<string, unknown>)[path]);
    expect(described).toContain('"password_required":{"type":"boolean"}');
    for (const body of [{}, { password: "" }, { new_password: "", new_password_confirm: "" }]) {
      const refused = await post(owner, link, body);
      expect(refused.status).toBe(400);
      expect(Object.keys(refused.json.response.field_errors)).toEqual(["password"]);
    }
    const short = await post(owner, link, { new_password: "short", new_password_confirm: "short" });
    expect(Object.keys(short.json.response.field_errors)).toEqual(["new_password"]);
    const mistyped = await post(owner, link, { new_password: owners, new_password_confirm: "x" });
    expect(Object.keys(mistyped.json.response.field_errors)).toEqual(["new_password_confirm"]);
    const guessed = await post(owner, link, { password: owners });
    expect(Object.keys(guessed.json.response.field_errors)).toEqual(["password"]);
    const wrongType = await post(owner, link, { password: ["x"], new_password: 1 });
    expect(Object.keys(wrongType.json.response.field_errors)).toEqual(["password", "new_password"]);
    expect((await made.security.users.find("email", email))?.confirmedAt).toBeNull();
    expect(await alive(made, held)).toEqual(everything);
  });

  it("ends everything that was made before it with a new password", async () => {
    const { made, held, link } = await begun();
    const owner = made.client();
    expect((await post(owner, link, chosen)).status).toBe(200);
    expect(await alive(made, held)).toEqual([]);
    expect((await post(made.client(), "/login", { email, password: owners })).status).toBe(200);
    expect((await made.security.users.find("email", email))?.confirmedAt).toBeInstanceOf(Date);
    const names = made.events.map(({ name }) => name);
    expect(names).toContain("userConfirmed");
    expect(names).toContain("registrationDisowned");
    expect((await post(made.client(), link, chosen)).status).toBe(400);
  });

  it("ends nothing with the password", async () => {
    const { made, held, link } = await begun();
    expect((await post(made.client(), link, { password: strangers })).status).toBe(200);
    expect((await made.security.users.find("email", email))?.confirmedAt).toBeInstanceOf(Date);
    expect(made.events.map(({ name }) => name)).not.toContain("registrationDisowned");
    expect(await alive(made, held)).toEqual(everything);
  });

  it("ends nothing in the browser that registered, and in that of a session", async () => {
    const { made, held, link } = await begun();
    const registering = made.client();
    for (const [name, value] of held.browser.cookies)
      if (name === "__Host-browser") registering.cookies.set(name, value);
    expect(registering.cookies.size).toBe(1);
    expect((await post(registering, link, {})).status).toBe(200);
    expect(registering.cookies.has("__Host-browser")).toBe(false);
    expect(await alive(made, held)).toEqual(everything);

    const other = await begun();
    const session = other.made.client();
    await session.signIn(email, strangers);
    expect(session.cookies.has("__Host-browser")).toBe(false);
    await session.get("/login", { headers: json });
    expect((await post(session, other.link, {})).status).toBe(200);
  });

  it("ends everything on the page too: it asks, and says what is wrong", async () => {
    const { made, held, link } = await begun();
    const owner = made.client();
    const open = (await owner.get(link)).location as string;
    const shown = await owner.get(open);
    for (const name of ["password", "new_password", "new_password_confirm"]) {
      expect(shown.text).toContain(`name="${name}"`);
    }
    const send = (form: Readonly<Record<string, string>>) =>
      owner.post(open, { form: { csrf_token: owner.csrfToken ?? "", ...form } });
    const empty = await send({ password: "", new_password: "", new_password_confirm: "" });
    expect([empty.status, empty.text.includes("password, or choose a new one")]).toEqual([200, true]);
    expect((await send({ password: "", ...chosen })).status).toBe(302);
    expect(await alive(made, held)).toEqual([]);
  });

  it("shows no fields where nothing is asked", async () => {
    const { made, held, link } = await begun();
    const open = (await held.browser.get(link)).location as string;
    const shown = await held.browser.get(open);
    expect([shown.status, shown.text.includes('name="password"')]).toEqual([200, false]);
    expect((await held.browser.get(link, { headers: json })).json.response.password_required).toBe(false);
    expect((await held.browser.post(open, { form: { csrf_token: held.browser.csrfToken ?? "" } })).status).toBe(302);
    // A sign-in replaces what this browser held; what is elsewhere lives on.
    expect(await alive(made, held)).toEqual(expect.arrayContaining(["session", "token", "refresh", "key", "password"]));
  });

  it("counts guesses at the password as each sign-in does, and answers right and wrong alike beyond them", async () => {
    const { made, link } = await begun();
    const statuses: number[] = [];
    for (let guess = 0; guess < 14; guess += 1) {
      statuses.push((await post(made.client(), link, { password: `${otherPassword} ${guess}` })).status);
    }
    expect(statuses[0]).toBe(400);
    expect(statuses.at(-1)).toBe(429);
    expect((await post(made.client(), link, { password: strangers })).status).toBe(429);
    // Who holds the mailbox needs no guess.
    expect((await post(made.client(), link, chosen)).status).toBe(200);
  });
});

describe("ADV-G: the first proof of an address by a reset", () => {
  it.each(["off", "later"] as const)("ends the keys too; confirmation: %s", async (confirm) => {
    const made = await started(features(confirm));
    const held = await takeUp(made);
    await post(made.client(), "/reset", { email });
    const link = await linkOf(made, "resetInstructions", email);
    expect((await post(made.client(), link, { password: owners, password_confirm: owners })).status).toBe(200);
    expect(await alive(made, held)).toEqual([]);
    expect(made.events.map(({ name }) => name)).toContain("registrationDisowned");
  });

  it("keeps the keys of an address that was proved, and those of who resets where they registered", async () => {
    const made = await started(features());
    const held = await takeUp(made);
    await post(held.browser, "/reset", { email });
    const link = await linkOf(made, "resetInstructions", email);
    await post(held.browser, link, { password: owners, password_confirm: owners });
    const user = await made.security.users.find("email", email);
    expect(await made.store.count("apiKey", { userId: user?.id ?? 0 })).toBe(1);
    await post(made.client(), "/reset", { email });
    const second = await linkOf(made, "resetInstructions", email);
    expect((await post(made.client(), second, { password: strangers, password_confirm: strangers })).status).toBe(200);
    expect(await made.store.count("apiKey", { userId: user?.id ?? 0 })).toBe(1);
    expect(user?.confirmedAt).toEqual((await made.security.users.find("email", email))?.confirmedAt);
  });
});

describe("ADV-G: an address that an account is moved to", () => {
  /** A stranger moves an account of their own, whose address is proved, to somebody else's address. */
  const moved = async (): Promise<{ made: Life; stranger: TestClient; link: string; id: number }> => {
    const made = await started(features());
    const { id } = await made.security.users.create({ email: evil, password: strangers, confirmedAt: new Date(0) });
    const stranger = made.client();
    await stranger.signIn(evil, strangers);
    await stranger.get("/login", { headers: json });
    await post(stranger, "/api/user/key", { name: "trapdoor", all_permissions: true });
    await post(stranger, "/change-email", { email });
    return { made, stranger, link: await linkOf(made, "changeEmailInstructions", email), id };
  };

  it("is moved elsewhere by the password or a new one alone, which ends what was before", async () => {
    const { made, link, id, stranger } = await moved();
    expect((await post(made.client(), link, {})).json.response.field_errors).toHaveProperty("password");
    // A sign-in link of the stranger's own may lure the owner into a session of the account: it shows nothing.
    const lured = made.client();
    await post(made.client(), "/login-link", { email: evil });
    await post(lured, await linkOf(made, "signInLink", evil), {});
    expect(await code(lured)).toBe(200);
    expect((await post(lured, link, {})).status).toBe(400);
    expect((await post(made.client(), link, chosen)).status).toBe(200);
    expect((await made.security.users.get(id))?.email).toBe(email);
    expect(await made.store.count("apiKey", { userId: id })).toBe(0);
    expect(await code(stranger)).toBe(401);
    expect((await post(made.client(), "/login", { email, password: strangers })).status).toBe(400);
    expect((await post(made.client(), "/login", { email, password: owners })).status).toBe(200);
  });

  it("is moved by a click where the change was asked for, and elsewhere with the password: keys stay", async () => {
    const here = await moved();
    expect((await post(here.stranger, here.link, {})).status).toBe(200);
    expect(await here.made.store.count("apiKey", { userId: here.id })).toBe(1);
    expect(await code(here.stranger)).toBe(200);
    const elsewhere = await moved();
    expect((await post(elsewhere.made.client(), elsewhere.link, { password: strangers })).status).toBe(200);
    expect(await elsewhere.made.store.count("apiKey", { userId: elsewhere.id })).toBe(1);
    expect((await elsewhere.made.security.users.get(elsewhere.id))?.email).toBe(email);
  });
});

describe("ADV-G: an account that is kept by a link", () => {
  it("is not the stranger's again who had asked for its deletion", async () => {
    const made = await started(features());
    const held = await takeUp(made);
    expect((await post(held.browser, "/delete-account", { password: strangers })).status).toBe(200);
    const link = await linkOf(made, "accountDeletion", email);
    expect((await post(made.client(), link, {})).status).toBe(400);
    expect((await post(made.client(), link, chosen)).status).toBe(200);
    expect(await alive(made, held)).toEqual([]);
    expect((await post(made.client(), "/login", { email, password: owners })).status).toBe(200);
  });
});

describe("the owner of an address that a stranger has registered", () => {
  it("registers it too: the answer looks the same, and their browser shows nothing by it", async () => {
    const made = await started(features("first"));
    const stranger = made.client();
    const first = await register(stranger);
    const owner = made.client();
    const second = await register(owner, owners);
    expect(masked(second, email)).toEqual(masked(first, email));
    const cookie = /^[0-9]+\.[\w-]{22}\.[\w-]{43}\.[\w-]+$/;
    const marks = [stranger, owner].map(({ cookies }) => cookies.get("__Host-browser") ?? "");
    for (const mark of marks) expect(mark).toMatch(cookie);
    expect(marks[0]?.length).toBe(marks[1]?.length);
    const link = await linkOf(made, "confirmation", email);
    expect((await post(owner, link, {})).status).toBe(400);
    expect((await post(owner, link, { password: owners })).status).toBe(400);
    expect((await post(owner, link, chosen)).status).toBe(200);
    expect((await post(made.client(), "/login", { email, password: strangers })).status).toBe(400);
    expect((await post(made.client(), "/login", { email, password: owners })).status).toBe(200);
  });

  it("who sends the form twice has begun the account still", async () => {
    const made = await started(features("first"));
    const owner = made.client();
    await register(owner, owners);
    await register(owner, owners);
    expect((await post(owner, await linkOf(made, "confirmation", email), {})).status).toBe(200);
    expect((await post(owner, "/login", { email, password: owners })).status).toBe(200);
  });

  it.each(["confirmation", "change of address"])(
    "by a link that works for a week, as long as it does: %s",
    async (what) => {
      const week = [passwords(), registration(), apiKeys(), confirmation({ within: "7d", required: false })];
      const made = await started([...week, changeEmail({ within: "7d" })]);
      const owner = made.client();
      await register(owner, owners);
      let link = await linkOf(made, "confirmation", email);
      if (what !== "confirmation") {
        await post(owner, "/login", { email, password: owners });
        expect((await post(owner, "/change-email", { email: "new@acme.example" })).status).toBe(200);
        link = await linkOf(made, "changeEmailInstructions", "new@acme.example");
      }
      made.advance(7 * day - hour);
      owner.cookies.delete("__Host-session");
      expect((await post(owner.copy(), link, {})).status).toBe(200);
      expect(
        (await post(owner, "/login", { email: what === "confirmation" ? email : "new@acme.example", password: owners }))
          .status,
      ).toBe(200);
    },
  );

  it("is shown nothing by a mark of another account, an old one, or one that was tampered with", async () => {
    const made = await started(features("first"));
    const owner = made.client();
    await register(owner, owners);
    const other = made.client();
    await register(other, strangers, "other@acme.example");
    const link = await linkOf(made, "confirmation", email);
    const mark = owner.cookies.get("__Host-browser") ?? "";
    const [end = "", nonce = "", sign = ""] = mark.split(".");
    for (const wrong of [
      other.cookies.get("__Host-browser") ?? "",
      `${Number(end) + day}.${nonce}.${sign}`,
      `${end}.${nonce.split("").toReversed().join("")}.${sign}`,
      `${mark}x`,
      "",
    ]) {
      const client = made.client();
      client.cookies.set("__Host-browser", wrong);
      expect([wrong, (await post(client, link, {})).status]).toEqual([wrong, 400]);
    }
    made.advance(2 * day - hour);
    await post(made.client(), "/confirm", { email });
    const newer = await linkOf(made, "confirmation", email);
    made.advance(hour + 1);
    expect((await post(owner, newer, {})).status).toBe(400);
    expect((await post(owner, newer, { password: owners })).status).toBe(200);
  });
});

describe("the mark of a browser", () => {
  it("from the future is worth nothing once the clock is set back: it would live longer than two days", async () => {
    const made = await started(features("first"));
    made.advance(30 * day);
    const owner = made.client();
    await register(owner, owners);
    made.advance(-30 * day);
    await post(made.client(), "/confirm", { email });
    const link = await linkOf(made, "confirmation", email);
    expect((await owner.get(link, { headers: json })).json.response.password_required).toBe(true);
    expect((await post(owner, link, {})).status).toBe(400);
    expect((await post(owner, link, { password: owners })).status).toBe(200);
  });
});

describe("accounts whose address counts as proved", () => {
  it("are asked nothing, and lose nothing", async () => {
    const made = await started(features("later"));
    const { id } = await made.security.users.create({ email, password: strangers, confirmedAt: new Date(0) });
    const client = made.client();
    await client.signIn(email, strangers);
    await client.get("/login", { headers: json });
    await post(client, "/api/user/key", { name: "mine", all_permissions: true });
    await post(made.client(), "/login-link", { email });
    const link = await linkOf(made, "signInLink", email);
    expect((await made.client().get(link, { headers: json })).json.response.password_required).toBe(false);
    // A new password that would not count is not passed over, nor is a wrong one.
    expect((await post(made.client(), link, chosen)).status).toBe(400);
    const wrong = await post(made.client(), link, { password: owners });
    expect([wrong.status, Object.keys(wrong.json.response.field_errors)]).toEqual([400, ["password"]]);
    expect((await post(made.client(), link, {})).status).toBe(200);
    expect(await code(client)).toBe(200);
    expect(await made.store.count("apiKey", { userId: id })).toBe(1);
    expect((await post(made.client(), "/login", { email, password: strangers })).status).toBe(200);
  });
});

describe("accounts without a password, or without a page for one", () => {
  it("a first proof asks nothing where there is no password; keys end", async () => {
    const made = await started(features());
    const { id } = await made.security.users.create({ email, password: null });
    const key = { id: "k", userId: id, name: "k", secretHash: "x", unlimited: true, permissions: [], scopes: [] };
    await made.store.insert("apiKey", { ...key, methods: [], createdAt: 0, expiresAt: made.now() + day });
    await post(made.client(), "/login-link", { email });
    const owner = made.client();
    expect((await post(owner, await linkOf(made, "signInLink", email), {})).status).toBe(200);
    expect(await code(owner)).toBe(200);
    expect(await made.store.count("apiKey", { userId: id })).toBe(0);
  });

  it("where links are the only way in, the password goes", async () => {
    const made = await life({ features: [passwordless()] });
    const { id } = await made.security.users.create({ email, password: strangers });
    await post(made.client(), "/login", { email });
    const link = await linkOf(made, "signInLink", email);
    expect((await post(made.client(), link, chosen)).status).toBe(400);
    expect((await post(made.client(), link, {})).status).toBe(200);
    expect((await made.security.users.get(id))?.password).toBeNull();
  });
});

describe("a link that was mailed to another address", () => {
  it("proves none: the application had moved the account", async () => {
    for (const [path, template, body] of [
      ["/login-link", "signInLink", {}],
      ["/reset", "resetInstructions", { password: owners, password_confirm: owners }],
    ] as const) {
      const made = await started(features());
      const { id } = await made.security.users.create({ email: evil, password: strangers });
      await post(made.client(), path, { email: evil });
      const link = await linkOf(made, template, evil);
      await made.security.users.update(id, { email });
      expect((await post(made.client(), link, body)).status).toBe(400);
      expect((await made.security.users.get(id))?.confirmedAt).toBeNull();
    }
  });
});

describe("what a first proof that ends everything leaves", () => {
  it("devices are new again; names, roles and the application's columns stay", async () => {
    const made = await started([...features("later"), usernames({ reserved: [] }), notices()]);
    await post(made.client(), "/register", {
      email,
      username: "wanted",
      password: strangers,
      password_confirm: strangers,
    });
    const stranger = made.client();
    await stranger.signIn(email, strangers);
    await made.security.delivery.idle();
    const user = await made.security.users.find("email", email);
    expect(await made.store.count("device", { userId: user?.id ?? 0 })).toBe(2);
    await post(made.client(), "/confirm", { email });
    expect((await post(made.client(), await linkOf(made, "confirmation", email), chosen)).status).toBe(200);
    await made.security.delivery.idle();
    // What stays says that the next one is not the account's first.
    expect(await made.store.count("device", { userId: user?.id ?? 0 })).toBe(1);
    expect((await made.security.users.find("email", email))?.username).toBe("wanted");
    expect((await mails(made)).at(-1)?.template).toBe("resetNotice");
  });
});
