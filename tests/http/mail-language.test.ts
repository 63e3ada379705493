// A mail to an account is in that account's language, whoever caused it. Each cause here speaks Arabic, the account German.
import { column } from "portcullis";
import { accountDeletion, type Feature, notices, unlock } from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { day, type Overrides } from "./authn-system.ts";
import { json, type Life, life, lifeFeatures, linkOf, mails } from "./life-system.ts";

const email = "owner@acme.example";
const password = "the owners own phrase";
const other = "another phrase of theirs";

const features: readonly Feature[] = [...lifeFeatures(), accountDeletion(), notices(), unlock()];

const inArabic = { "accept-language": "ar" };
const say = (client: TestClient, path: string, body: object, language = "ar"): Promise<ClientAnswer> =>
  client.post(path, { json: body, headers: { "accept-language": language } });

interface Owned {
  readonly made: Life;
  readonly id: number;
}

async function owned(row: object = {}, overrides: Overrides = {}): Promise<Owned> {
  const made = await life({ features, ...overrides });
  const { id } = await made.security.users.create({
    email,
    username: "owner",
    password,
    confirmedAt: new Date(0),
    mailLanguage: "de",
    ...row,
  });
  return { made, id };
}

/** Somebody with the password, in a browser that speaks Arabic. */
async function thief(made: Life, agent = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"): Promise<TestClient> {
  const client = made.client();
  const headers = { ...inArabic, "user-agent": agent };
  const answer = await client.post("/login", { json: { email, password }, headers });
  expect(answer.status).toBe(200);
  await client.get("/login", { headers: { ...json, ...headers } });
  return client;
}

/** The languages of the mails of this name to this address. */
async function languages(made: Life, template: string, to = email): Promise<readonly (string | undefined)[]> {
  const sent = (await mails(made)).filter((mail) => mail.template === template && mail.to.address === to);
  return sent.map(({ html }) => /<html lang="([\w-]+)"/.exec(html ?? "")?.[1]);
}

const kept = async ({ made, id }: Owned): Promise<string | null | undefined> =>
  (await made.security.users.get(id))?.mailLanguage;

/** Each mail about an account: who causes it, and where it goes. */
const causes: readonly {
  readonly template: string;
  readonly row?: object;
  readonly to?: string;
  readonly cause: (owned: Owned) => Promise<unknown>;
}[] = [
  {
    template: "newDevice",
    cause: async ({ made }) => {
      await thief(made, "Mozilla/5.0 (Macintosh) Safari/605.1");
      await made.security.delivery.idle();
      await thief(made);
    },
  },
  {
    template: "passwordChanged",
    cause: async ({ made }) =>
      say(await thief(made), "/change", { password, new_password: other, new_password_confirm: other }),
  },
  { template: "changeEmailRequested", cause: async ({ made }) => move(made) },
  { template: "changeEmailInstructions", to: "thief@evil.example", cause: async ({ made }) => move(made) },
  {
    template: "emailChanged",
    cause: async ({ made }) => {
      const client = await move(made);
      await say(client, await linkOf(made, "changeEmailInstructions", "thief@evil.example"), {});
    },
  },
  {
    template: "usernameChanged",
    cause: async ({ made }) => say(await thief(made), "/change-username", { username: "stolen" }),
  },
  { template: "addressInUse", cause: ({ made }) => register(made, email) },
  {
    template: "addressInUse",
    cause: async ({ made }) => {
      const client = made.client();
      await client.signIn("bob@acme.example", "staple battery");
      await client.get("/login", { headers: json });
      await say(client, "/change-email", { email });
    },
  },
  {
    template: "confirmation",
    row: { confirmedAt: null },
    cause: ({ made }) => say(made.client(), "/confirm", { email }),
  },
  { template: "confirmation", row: { confirmedAt: null }, cause: ({ made }) => register(made, email) },
  { template: "resetInstructions", cause: ({ made }) => say(made.client(), "/reset", { email }) },
  { template: "signInLink", cause: ({ made }) => say(made.client(), "/login-link", { email }) },
  { template: "usernameRecovery", cause: ({ made }) => say(made.client(), "/recover-username", { email }) },
  {
    template: "accountLocked",
    cause: async ({ made }) => {
      for (let guess = 0; guess < 100; guess += 1) {
        if (guess % 5 === 4) made.advance(day / 24);
        await say(made.client(), "/login", { email, password: `wrong ${guess}` });
        if ((await languages(made, "accountLocked")).length > 0) break;
      }
    },
  },
  {
    template: "accountDeletion",
    cause: async ({ made }) => say(await thief(made), "/delete-account", { password }),
  },
  {
    template: "resetInstructions",
    cause: async ({ made }) => {
      await thief(made, "Mozilla/5.0 (Macintosh) Safari/605.1");
      await made.security.delivery.idle();
      await thief(made);
      await say(made.client(), await linkOf(made, "newDevice", email), {});
    },
  },
];

async function move(made: Life): Promise<TestClient> {
  const client = await thief(made);
  await say(client, "/change-email", { email: "thief@evil.example" });
  return client;
}

describe("the language that a stranger chose", () => {
  it("goes with the rest at the first proof of the address, also of an owner who says none", async () => {
    const made = await life({ features });
    await register(made, email);
    expect((await made.security.users.find("email", email))?.mailLanguage).toBe("ar");
    await made.client().post("/reset", { json: { email } });
    const link = await linkOf(made, "resetInstructions", email);
    const answer = await made.client().post(link, { json: { password: other, password_confirm: other } });
    expect(answer.status).toBe(200);
    expect((await made.security.users.find("email", email))?.mailLanguage).toBeNull();
    expect(await languages(made, "passwordReset")).not.toContain("ar");
  });
});

const register = (made: Life, address: string, language = "ar", username?: string): Promise<ClientAnswer> =>
  say(
    made.client(),
    "/register",
    { email: address, password: other, password_confirm: other, ...(username === undefined ? {} : { username }) },
    language,
  );

describe("a mail to an account", () => {
  it.each(causes)("$template is in its language, whoever causes it", async ({ template, row, to, cause }) => {
    const german = await owned(row);
    await cause(german);
    expect(await languages(german.made, template, to)).toEqual(["de"]);
    // The thief's proof of an address of their own is the only thing here by which a mailbox speaks.
    if (template !== "emailChanged") expect(await kept(german)).toBe("de");
    const unset = await owned({ ...row, mailLanguage: null });
    await cause(unset);
    expect(await languages(unset.made, template, to)).toEqual(["en"]);
    if (template !== "emailChanged") expect(await kept(unset)).toBeNull();
  });

  it("that confirms its deletion, where it has no password, too", async () => {
    const german = await owned({ password: null });
    const { made } = german;
    await say(made.client(), "/login-link", { email });
    const client = made.client();
    await say(client, await linkOf(made, "signInLink", email), {}, "de");
    await client.get("/login", { headers: json });
    await say(client, "/delete-account", {});
    expect(await languages(made, "deleteAccountInstructions")).toEqual(["de"]);
  });

  it("that nobody has: the request's", async () => {
    const { made } = await owned();
    await register(made, "new@acme.example", "ar", "owner");
    expect(await languages(made, "usernameTaken", "new@acme.example")).toEqual(["ar"]);
  });
});

describe("the language of an account", () => {
  it("is kept from its registration, and tells nothing of whether there was one", async () => {
    const { made } = await owned();
    const first = await register(made, "new@acme.example", "fr-CA, en;q=0.5");
    const again = await register(made, "new@acme.example", "ar");
    expect(await languages(made, "confirmation", "new@acme.example")).toEqual(["fr", "fr"]);
    expect(await languages(made, "addressInUse", "new@acme.example")).toEqual(["fr"]);
    for (const name of ["content-language", "vary"]) expect(first.headers.get(name)).toBe(again.headers.get(name));
    await made.client().post("/register", {
      json: { email: "quiet@acme.example", password: other, password_confirm: other },
    });
    expect((await made.security.users.find("email", "quiet@acme.example"))?.mailLanguage).toBeNull();
  });

  it("is that of who uses a mailed link: a reset, a sign-in, a confirmation, a change of address", async () => {
    const reset = await owned();
    await say(reset.made.client(), "/reset", { email });
    const link = await linkOf(reset.made, "resetInstructions", email);
    await say(reset.made.client(), link, { password: other, password_confirm: other }, "fr");
    expect(await languages(reset.made, "resetNotice")).toEqual(["fr"]);
    expect(await kept(reset)).toBe("fr");

    const signIn = await owned();
    await say(signIn.made.client(), "/login-link", { email });
    await say(signIn.made.client(), await linkOf(signIn.made, "signInLink", email), {}, "fr");
    await signIn.made.security.delivery.idle();
    expect(await kept(signIn)).toBe("fr");

    const confirm = await owned({ confirmedAt: null });
    await say(confirm.made.client(), "/confirm", { email });
    await say(confirm.made.client(), await linkOf(confirm.made, "confirmation", email), { password }, "fr");
    expect(await kept(confirm)).toBe("fr");

    const moved = await owned();
    const client = await move(moved.made);
    await say(client, await linkOf(moved.made, "changeEmailInstructions", "thief@evil.example"), {}, "fr");
    expect(await kept(moved)).toBe("fr");
    expect(await languages(moved.made, "emailChanged")).toEqual(["de"]);
  });

  it("is set by the application: in the row, or by an option", async () => {
    const set = await owned();
    await set.made.security.users.update(set.id, { mailLanguage: "it" });
    await say(set.made.client(), "/reset", { email });
    expect(await languages(set.made, "resetInstructions")).toEqual(["it"]);

    const columns = { locale: column.string({ nullable: true }) };
    const ofUser = ({ locale }: Readonly<Record<string, unknown>>): string | undefined => {
      if (locale === "broken") throw new Error("no such locale");
      return typeof locale === "string" ? locale : undefined;
    };
    for (const [locale, language] of [
      ["pl", "pl"],
      [null, "de"],
      ["xx", "de"],
      ["broken", "de"],
    ] as const) {
      const by = await owned({ locale }, { columns, languages: { ofUser } } as Overrides);
      await say(by.made.client(), "/reset", { email });
      expect([locale, ...(await languages(by.made, "resetInstructions"))]).toEqual([locale, language]);
      expect(by.made.logs.some((line) => line.includes("languages.ofUser failed"))).toBe(locale === "broken");
    }
  });

  it("is the default where it is no longer offered, or is none", async () => {
    for (const mailLanguage of ["de", "nonsense", "", "x".repeat(35)]) {
      const gone = await owned({ mailLanguage }, { languages: { offered: ["en", "fr"] } });
      await say(gone.made.client(), "/reset", { email });
      expect(await languages(gone.made, "resetInstructions")).toEqual(["en"]);
    }
  });

  it("is no function: refused at the start", async () => {
    await expect(owned({}, { languages: { ofUser: "de" } } as unknown as Overrides)).rejects.toThrow(
      "languages.ofUser",
    );
  });
});
