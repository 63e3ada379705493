import { passwords, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { sqlite } from "portcullis/sqlite";
import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { cookiesSet, goodPassword, masked, type System, start, userId, weakHashing } from "./authn-system.ts";

const fresh = { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword };

const register = (system: System, fields: object): Promise<ClientAnswer> =>
  system.client().post("/register", { json: { ...fresh, ...fields } });
const faultsOf = (answer: ClientAnswer): unknown => answer.json.response.field_errors;
const signIn = async (system: System, email: string, password: string): Promise<number> =>
  (await system.client().post("/login", { json: { email, password } })).status;

describe("registration", () => {
  it("makes an active account without roles, and signs nobody in", async () => {
    const system = await start();
    const client = system.client();
    const answer = await client.post("/register?include_auth_token", { json: fresh });
    expect(answer.json).toEqual({ meta: { code: 200 }, response: { csrf_token: expect.any(String) } });
    expect(cookiesSet(answer)).toEqual(["__Host-csrf"]);
    expect(await system.store.count("session", {})).toBe(0);
    const user = await system.security.users.find("email", fresh.email);
    expect(user).toMatchObject({ active: true, confirmedAt: null, loginCount: null, fsTokenUniquifier: null });
    expect([...(user?.roles ?? [])]).toEqual([]);
    expect(user?.password).toMatch(/^\$argon2id\$/);
    expect(await signIn(system, fresh.email, goodPassword)).toBe(200);
    expect(system.events.find(({ name }) => name === "userRegistered")?.event).toStrictEqual({
      user: expect.objectContaining({ email: fresh.email }),
      formData: { email: fresh.email },
    });
  });

  it("by a form goes on to the sign-in page, with a message and the way back", async () => {
    const system = await start();
    const client = system.client();
    await client.get("/register?next=/page");
    const answer = await client.post("/register?next=/page", { form: fresh });
    expect([answer.status, answer.location]).toEqual([302, "/login?next=%2Fpage"]);
    const login = await client.get(answer.location ?? "");
    expect(login.text).toContain("Your account is ready.");
    const back = await client.post("/login?next=/page", { form: { email: fresh.email, password: goodPassword } });
    expect(back.location).toBe("/page");
  });

  it("is for those who are not signed in", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn("ann@acme.example", goodPassword);
    expect((await client.post("/register", { json: fresh })).status).toBe(400);
    const page = await client.get("/register", { headers: { accept: "text/html" } });
    expect([page.status, page.location]).toEqual([302, "/"]);
    expect(await system.security.users.find("email", fresh.email)).toBeUndefined();
  });

  it.each([
    ["roles", { roles: ["admin"] }],
    ["active", { active: false }],
    ["id", { id: 1 }],
    ["confirmed_at", { confirmed_at: "2020-01-01", confirmedAt: "2020-01-01" }],
    ["uniquifiers", { fs_uniquifier: "x", fsUniquifier: "x", fs_token_uniquifier: "x" }],
    ["hashes", { password_hash: "x", hash: "x" }],
    ["nested ones", { user: { roles: ["admin"] }, "user.roles": "admin", "roles[]": "admin" }],
  ])("takes nothing that is not in the form: %s", async (_name, fields) => {
    const system = await start();
    expect((await register(system, fields)).status).toBe(200);
    const user = await system.security.users.find("email", fresh.email);
    expect(user).toMatchObject({ active: true, confirmedAt: null });
    for (const text of ['{"__proto__":{"active":false}}', '{"constructor":{"prototype":{"active":false}}}']) {
      const sent = { email: "proto@acme.example", ...(JSON.parse(text) as object) };
      expect((await register(system, sent)).status).toBe(400);
    }
    expect([...(user?.roles ?? [])]).toEqual([]);
    expect(user?.fsUniquifier).toMatch(/^[0-9a-f]{32}$/);
    expect(Object.hasOwn(Object.prototype, "active")).toBe(false);
  });
});

describe("the address", () => {
  it.each([
    ["NEW@Acme.Example", "new@acme.example"],
    ["  new@acme.example ", "new@acme.example"],
    ["new@xn--bcher-kva.example", "new@bücher.example"],
    ["new@BÜCHER.example", "new@bücher.example"],
    ["u\u0308ber@acme.example", "über@acme.example"],
    ["new+tag@acme.example", "new+tag@acme.example"],
  ])("%j is stored as %j, and every spelling signs in", async (typed, stored) => {
    const system = await start();
    expect((await register(system, { email: typed })).status).toBe(200);
    expect((await system.security.users.find("email", stored))?.email).toBe(stored);
    expect(await signIn(system, typed, goodPassword)).toBe(200);
    expect(await signIn(system, stored.toUpperCase(), goodPassword)).toBe(200);
    const before = await system.store.count("user", {});
    expect((await register(system, { email: stored })).status).toBe(200);
    expect(await system.store.count("user", {})).toBe(before);
  });

  it.each([
    "",
    " ",
    "new",
    "@acme.example",
    "new@",
    "new@acme",
    "new@127.0.0.1",
    "new@[::1]",
    "a b@acme.example",
    "new@acme.example\r\nBcc: evil@evil.example",
    "new@acme.example,evil@evil.example",
    '"new"@acme.example',
    "<new@acme.example>",
    "new@acme..example",
    "new\u0000@acme.example",
    "new\u200b@acme.example",
    `${"n".repeat(65)}@acme.example`,
    `new@${"a".repeat(64)}.example`,
  ])("%j is refused", async (email) => {
    const system = await start();
    const before = await system.store.count("user", {});
    const answer = await register(system, { email });
    expect([email, answer.status]).toEqual([email, 400]);
    expect(Object.keys(faultsOf(answer) as object)).toEqual(["email"]);
    expect(await system.store.count("user", {})).toBe(before);
  });
});

describe("the password", () => {
  it.each([
    ["7 characters", "abcdefg", "A password has 8 to 128 characters."],
    ["129 characters", "é".repeat(64) + "x", "A password has 8 to 128 characters."],
    ["4 letters that NFKD counts as 4", "👩‍🚀x", "A password has 8 to 128 characters."],
    ["a common one", "Password1!", "Many people use this password. Choose one that is harder to guess."],
    [
      "a common one in wide letters",
      "ｐａｓｓｗｏｒｄ",
      "Many people use this password. Choose one that is harder to guess.",
    ],
    ["the address", "new@acme.example", "Your name or address cannot be your password."],
    ["the address in capitals", "NEW@ACME.EXAMPLE", "Your name or address cannot be your password."],
    ["a control character", "battery\u0007staple", "The password contains a control character, which cannot be used."],
  ])("%s is refused, with the reason at its field", async (_name, password, reason) => {
    const system = await start();
    const answer = await register(system, { password, password_confirm: password });
    expect([answer.status, faultsOf(answer)]).toEqual([400, { password: [reason] }]);
    expect(answer.text).not.toContain(JSON.stringify(password).slice(1, -1));
  });

  it.each([
    ["8 characters", "qv7-zx1p"],
    ["128 characters", "qv7-zx1p".repeat(16)],
    ["only spaces inside", "a        b"],
    ["emoji", "🐎🔋📎🐎🔋📎🐎🔋"],
    ["letters that decompose", "pässwörtchen"],
  ])("%s is taken and works", async (_name, password) => {
    const system = await start();
    expect((await register(system, { password, password_confirm: password })).status).toBe(200);
    expect(await signIn(system, fresh.email, password)).toBe(200);
    expect(await signIn(system, fresh.email, `${password} `)).toBe(400);
    expect(await signIn(system, fresh.email, ` ${password}`)).toBe(400);
  });

  it("is confirmed and verified in its normal form", async () => {
    const system = await start();
    const [nfc, nfd, wide] = ["Älteste ﬁnte", "A\u0308lteste ﬁnte", "Älteste finte"];
    expect((await register(system, { password: nfc, password_confirm: nfd })).status).toBe(200);
    for (const password of [nfc, nfd, wide]) expect(await signIn(system, fresh.email, password)).toBe(200);
    expect(await signIn(system, fresh.email, "älteste finte")).toBe(400);
    const other = { email: "x@acme.example", password: nfc, password_confirm: "Älteste Finte" };
    const differs = await register(system, other);
    expect(faultsOf(differs)).toEqual({ password_confirm: ["The two passwords differ."] });
  });

  it("of a megabyte is refused before any work", async () => {
    const system = await start({ body: { bytes: 4_000_000, accountBytes: 4_000_000 } });
    const password = "x".repeat(1_000_000);
    const answer = await register(system, { password, password_confirm: password });
    expect([answer.status, faultsOf(answer)]).toEqual([
      400,
      {
        password: ["The input is too short or too long."],
        password_confirm: ["The input is too short or too long."],
      },
    ]);
    expect((await register(await start(), { password: password + password })).status).toBe(413);
  });
});

describe("an address that has an account", () => {
  const cases = [
    ["an active account", "ann@acme.example"],
    ["an account that is not active", "off@acme.example"],
    ["an account without a password", "nop@acme.example"],
  ] as const;

  it.each(cases)("gets the answer of a new address: %s", async (_name, email) => {
    const system = await start();
    const [known, unknown] = [await register(system, { email }), await register(system, {})];
    expect(masked(known, email)).toEqual(masked(unknown, fresh.email));
    const form = async (address: string): Promise<unknown> => {
      const client = system.client();
      await client.get("/register");
      const answer = await client.post("/register", { form: { ...fresh, email: address } });
      return [masked(answer, address), masked(await client.get("/login"), address)];
    };
    expect(await form(email)).toEqual(await form("new2@acme.example"));
    expect(await system.store.count("user", { email })).toBe(1);
    expect(system.events.filter(({ name }) => name === "userNotRegistered").map(({ event }) => event)[0]).toEqual({
      user: expect.objectContaining({ email }),
      existingEmail: true,
      existingUsername: false,
      formData: { email },
    });
  });

  it("is no way to change the account", async () => {
    const system = await start();
    const before = await system.store.findOne("user", { email: "ann@acme.example" });
    await register(system, {
      email: "ann@acme.example",
      password: "another passphrase",
      password_confirm: "another passphrase",
    });
    expect(await system.store.findOne("user", { email: "ann@acme.example" })).toEqual(before);
  });

  it("is told of with revealAccounts", async () => {
    const system = await start({ revealAccounts: true });
    const answer = await register(system, { email: "ann@acme.example" });
    expect([answer.status, faultsOf(answer)]).toEqual([
      400,
      { email: ["ann@acme.example already belongs to an account."] },
    ]);
  });

  it("costs the same hashing as a new one, and a password that is refused is refused for both", async () => {
    let hashes = 0;
    const system = await start({
      passwords: {
        hashing: weakHashing,
        wrapHasher: (hasher) => ({
          ...hasher,
          hash: (password) => {
            hashes += 1;
            return hasher.hash(password);
          },
          burn: (password) => {
            hashes += 1;
            return hasher.burn(password);
          },
        }),
      },
    });
    const costs: number[] = [];
    for (const email of ["ann@acme.example", "new@acme.example", "nop@acme.example"]) {
      hashes = 0;
      await register(system, { email });
      costs.push(hashes);
    }
    expect(costs).toEqual([1, 1, 1]);
    const weak = { password: "short", password_confirm: "short" };
    const [known, unknown] = [
      await register(system, { email: "ann@acme.example", ...weak }),
      await register(system, { email: "new3@acme.example", ...weak }),
    ];
    expect(masked(known)).toEqual(masked(unknown));
  });

  it.each([
    ["memory", () => memory()],
    ["sqlite", () => sqlite(":memory:")],
  ] as const)("of many at once on %s makes one account and gives one answer", async (_name, provider) => {
    const system = await start({ datastore: provider() });
    const spellings = ["new@acme.example", "NEW@acme.example", " new@ACME.example", "new@acme.EXAMPLE"];
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => register(system, { email: spellings[index % spellings.length] })),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(masked(answer)))).size).toBe(1);
    expect(await system.store.count("user", { email: fresh.email })).toBe(1);
    const names = system.events.map(({ name }) => name);
    expect(names.filter((name) => name === "userRegistered")).toHaveLength(1);
    expect(names.filter((name) => name === "userNotRegistered")).toHaveLength(11);
  });
});

describe("signIn", () => {
  const signingIn = (): Promise<System> =>
    start({ features: [passwords(), registration({ signIn: true })], revealAccounts: true });

  it("signs the new user in, with a token for who asks", async () => {
    const system = await signingIn();
    const client = system.client();
    const answer = await client.post("/register?include_auth_token", { json: fresh });
    expect(answer.json).toEqual({
      meta: { code: 200 },
      response: {
        user: { email: fresh.email, authentication_token: expect.any(String) },
        csrf_token: expect.any(String),
        tf_required: false,
      },
    });
    expect((await client.get("/me")).json).toMatchObject({ user: fresh.email, methods: ["register"] });
    expect((await client.post("/act", { json: {} })).status).toBe(200);
    expect(system.events.map(({ name }) => name)).toEqual(["userRegistered", "userAuthenticated"]);
  });

  it("takes a form to where it wanted to go", async () => {
    const system = await signingIn();
    const client = system.client();
    await client.get("/register");
    const answer = await client.post("/register?next=/page", { form: fresh });
    expect([answer.status, answer.location]).toEqual([302, "/page"]);
    expect((await client.get("/page")).status).toBe(200);
  });

  it("needs revealAccounts, as it tells which addresses are new", async () => {
    await expect(start({ features: [passwords(), registration({ signIn: true })] })).rejects.toThrow(
      "registration.signIn",
    );
  });
});

describe("options of registration", () => {
  it.each<[string, object]>([
    ["registration.fields.email", { fields: { email: { label: "x" } } }],
    ["registration.fields.csrf_token", { fields: { csrf_token: { label: "x" } } }],
    ["registration.signin", { signin: true }],
    ["registration.onRegister", { onRegister: "x" }],
  ])("%s is refused", (path, options) => {
    expect(() => registration(options)).toThrow(path);
  });

  it("a role that does not exist makes the registration fail and not half of it", async () => {
    const system = await start({ features: [passwords(), registration({ roles: ["nobody"] })] }).catch(
      (error: Error) => error,
    );
    // Found at start, and not by the first visitor.
    expect(system).toBeInstanceOf(Error);
    expect((system as Error).message).toContain("registration.roles");
  });

  it("the account of an address can be found by id afterwards", async () => {
    const system = await start();
    await register(system, {});
    expect(await userId(system, fresh.email)).toBeGreaterThan(0);
  });
});
