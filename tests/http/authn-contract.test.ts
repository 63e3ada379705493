/** Status codes and JSON shapes of the account pages, as Flask-Security's clients know them; see docs/flask-security-differences.md. */
import { passwords, registration } from "portcullis/features";
import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { cookiesSet, goodPassword, masked, type Overrides, start, weakHashing } from "./authn-system.ts";

const ann = "ann@acme.example";
const json = { headers: { accept: "application/json" } };

const jsonLogin = async (body: unknown, overrides: Overrides = {}): Promise<ClientAnswer> =>
  (await start(overrides)).client().post("/login", { json: body });

describe("GET and POST /login as JSON", () => {
  it("follow the contract from the first request to the sign-out", async () => {
    const system = await start();
    const client = system.client();
    const shown = await client.get("/login", json);
    expect(shown.json).toEqual({
      meta: { code: 200 },
      response: { csrf_token: expect.any(String), identity_attributes: ["email"] },
    });
    const answer = await client.post("/login", { json: { email: ann, password: goodPassword } });
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.json).toEqual({
      meta: { code: 200 },
      response: { user: { email: ann }, csrf_token: expect.any(String), tf_required: false },
    });
    const again = await client.get("/login", json);
    expect(again.json.response).toEqual({
      csrf_token: expect.any(String),
      identity_attributes: ["email"],
      user: { email: ann },
    });
    const twice = await client.post("/login", { json: { email: "bob@acme.example", password: "x" } });
    expect([twice.status, twice.json.response.errors]).toEqual([
      400,
      ["This is only for visitors who are not signed in."],
    ]);
    expect((await client.post("/logout", { json: {} })).json).toEqual({ meta: { code: 200 }, response: {} });
    const gone = await client.get("/me", json);
    expect([gone.status, gone.json.meta, gone.json.response]).toEqual([
      401,
      { code: 401 },
      { errors: ["You need to sign in for this."] },
    ]);
    expect((await client.get("/logout", json)).status).toBe(405);
  });

  const generic =
    "That did not match an account. Check what you typed and try again; after many tries, wait a while first.";
  it.each<[string, unknown, Record<string, string[]>, Record<string, string[]>]>([
    [
      "a wrong password",
      { email: ann, password: "wrong" },
      { "": [generic] },
      { password: ["The password is wrong."] },
    ],
    [
      "an unknown user",
      { email: "who@acme.example", password: "x" },
      { "": [generic] },
      { email: ["There is no such account."] },
    ],
    [
      "an account that is off",
      { email: "off@acme.example", password: goodPassword },
      // Nobody has proved its address: whoever registered it may be a stranger.
      { "": [generic] },
      { email: ["This account has been switched off."] },
    ],
    [
      "an account that is off, wrong password",
      { email: "off@acme.example", password: "x" },
      { "": [generic] },
      { password: ["The password is wrong."] },
    ],
    [
      "an account without a password",
      { email: "nop@acme.example", password: "x" },
      { "": [generic] },
      { password: ["The password is wrong."] },
    ],
    ["no address", { email: "no address", password: "x" }, { "": [generic] }, { email: ["There is no such account."] }],
    ["no identity", { password: "x" }, { "": [generic] }, { "": ["Say which account you want to sign in to."] }],
    [
      "an empty identity",
      { email: " ", password: "x" },
      { "": [generic] },
      { "": ["Say which account you want to sign in to."] },
    ],
    ["no password", { email: ann }, { password: ["Enter a password."] }, { password: ["Enter a password."] }],
    ["nothing", {}, { password: ["Enter a password."] }, { password: ["Enter a password."] }],
  ])("refuse %s with 400, told in full only with revealAccounts", async (_name, body, secret, revealed) => {
    for (const [fieldErrors, overrides] of [
      [secret, {}],
      [revealed, { revealAccounts: true }],
    ] as const) {
      const answer = await jsonLogin(body, overrides);
      expect(answer.status).toBe(400);
      expect(answer.json).toEqual({
        meta: { code: 400 },
        response: { errors: Object.values(fieldErrors).flat(), field_errors: fieldErrors },
      });
    }
  });

  it("take a username where the application says so, the first identity given deciding", async () => {
    const system = await start({ identities: ["email", "username"] });
    await system.security.users.create({ email: "joe@acme.example", username: "Joe", password: goodPassword });
    const post = async (body: object): Promise<number> =>
      (await system.client().post("/login", { json: { password: goodPassword, ...body } })).status;
    expect(await post({ username: "joe" })).toBe(200);
    expect(await post({ email: "joe@acme.example" })).toBe(200);
    expect(await post({ username: "joe@acme.example" })).toBe(400);
    expect(await post({ email: "Joe" })).toBe(400);
    expect(await post({ email: "who@acme.example", username: "joe" })).toBe(400);
    const shown = await system.client().get("/login", json);
    expect(shown.json.response.identity_attributes).toEqual(["email", "username"]);
  });
});

describe("answers to those who collect addresses", () => {
  it("are the same for every kind of account, in pages and JSON", async () => {
    const system = await start();
    const kinds = [ann, "off@acme.example", "nop@acme.example", "who@acme.example", "no address", "x".repeat(255)];
    const answers: unknown[] = [];
    for (const email of kinds) {
      const client = system.client();
      await client.get("/login");
      const page = await client.post("/login", { form: { email, password: "wrong password" } });
      const data = await system.client().post("/login", { json: { email, password: "wrong password" } });
      answers.push([masked(page, email), masked(data, email)]);
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it("cost one verification each", async () => {
    let work = 0;
    const system = await start({
      passwords: {
        hashing: weakHashing,
        wrapHasher: (hasher) => ({
          ...hasher,
          verify: (password, stored) => {
            work += 1;
            return hasher.verify(password, stored);
          },
          burn: (password) => {
            work += 1;
            return hasher.burn(password);
          },
        }),
      },
    });
    for (const email of [ann, "off@acme.example", "nop@acme.example", "who@acme.example", "no address", ""]) {
      work = 0;
      await system.client().post("/login", { json: { email, password: "wrong password" } });
      expect([email, work]).toEqual([email, 1]);
    }
  });
});

describe("pages", () => {
  it("follow the contract: 200 with the form again, 302 when it is done", async () => {
    const system = await start();
    const client = system.client();
    const form = await client.get("/login");
    expect([form.status, form.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    for (const name of ["email", "password", "remember", "csrf_token"]) expect(form.text).toContain(`name="${name}"`);
    const wrong = await client.post("/login", { form: { email: ann, password: "wrong" } });
    expect([wrong.status, wrong.text.includes(`value="${ann}"`)]).toEqual([200, true]);
    expect(wrong.text).not.toContain('value="wrong"');
    const right = await client.post("/login", { form: { email: ann, password: goodPassword } });
    expect([right.status, right.location]).toEqual([302, "/"]);
    // Signed in, the sign-in page has nothing to say, whatever `next` says.
    for (const [path, to] of [
      ["/login", "/"],
      ["/login?next=/page", "/page"],
    ] as const) {
      const away = await client.get(path);
      expect([away.status, away.location]).toEqual([302, to]);
    }
    // The CSRF token of a form comes from a page of this session.
    await client.get("/page");
    const out = await client.post("/logout", { form: {} });
    expect([out.status, out.location]).toEqual([302, "/"]);
    const away = await client.get("/page?a=1&b=%2F");
    expect([away.status, away.location]).toEqual([302, "/login?next=%2Fpage%3Fa%3D1%26b%3D%252F"]);
    const login = await client.get(away.location ?? "");
    // One message: that of the sign-out, which was not read yet.
    expect(login.text).toContain("You are signed out.");
    expect(login.text).not.toContain("You need to sign in for this.");
    expect((await client.get("/login")).text).not.toContain("You are signed out.");
    await client.get("/page");
    expect((await client.get("/login")).text).toContain("You need to sign in for this.");
    expect((await client.get("/login")).text).not.toContain("You need to sign in for this.");
    const back = await client.post(away.location ?? "", { form: { email: ann, password: goodPassword } });
    expect(back.location).toBe("/page?a=1&b=%2F");
  });

  it("have the headers of a page that nobody keeps, frames or scripts", async () => {
    const system = await start();
    for (const path of ["/login", "/register"]) {
      const { headers } = await system.client().get(path);
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("content-security-policy")).not.toContain("unsafe");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  it("POST /logout by a form without its token asks again, and signs nobody out", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn(ann, goodPassword);
    const asked = await client.post("/logout", { csrf: false, form: {} });
    expect([asked.status, asked.headers.get("content-type")]).toEqual([400, "text/html; charset=utf-8"]);
    expect((await client.get("/me")).status).toBe(200);
    expect((await client.post("/logout", { form: {} })).status).toBe(302);
  });
});

describe("next", () => {
  it.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/ok\r\nSet-Cookie: x=1",
    "https:evil.example",
    "/\t/evil.example",
  ])("%j is never followed, by no endpoint, from query, form or JSON", async (next) => {
    const system = await start({ features: [passwords(), registration({ signIn: true })], revealAccounts: true });
    const encoded = encodeURIComponent(next);
    const register = { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword };
    const steps: [string, Record<string, string>][] = [
      ["/login", { email: ann, password: goodPassword }],
      ["/verify", { password: goodPassword }],
      ["/logout", {}],
      ["/register", register],
    ];
    for (const inQuery of [true, false]) {
      const client = system.client();
      await client.get("/login");
      for (const [path, form] of steps) {
        const email = inQuery ? "q@acme.example" : "b@acme.example";
        const fields = { ...form, ...(path === "/register" ? { email } : {}), ...(inQuery ? {} : { next }) };
        if (path !== "/login" && path !== "/register") await client.get("/page");
        if (path === "/register") await client.get("/register");
        const answer = await client.post(`${path}${inQuery ? `?next=${encoded}` : ""}`, { form: fields });
        expect([path, answer.status, answer.location]).toEqual([path, 302, "/"]);
        expect(cookiesSet(answer)).not.toContain("x");
      }
    }
    const page = await system.client().get(`/login?next=${encoded}`);
    expect(page.text).not.toContain("evil.example");
    expect(page.text).not.toContain("alert(1)");
  });
});
