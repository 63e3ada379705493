import { refresh } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { cookiesSet, goodPassword, otherPassword } from "./authn-system.ts";
import { startManagement } from "./management-system.ts";

const json = { headers: { accept: "application/json" } };

describe("sign-in by JSON", () => {
  it("sets no refresh cookie either where none is asked for", async () => {
    const system = await startManagement({ features: [refresh()] });
    const sent = { email: "ann@acme.example", password: goodPassword };
    const program = await system.client().post("/api/user/login", { json: sent });
    expect(program.status).toBe(200);
    expect(program.headers.getSetCookie()).toEqual([]);
    const { token } = program.json.response;
    const me = await system.client().get("/api/user", { headers: { "authentication-token": token } });
    expect(me.json.response.user.email).toBe("ann@acme.example");
    const browser = await system.client().post("/api/user/login", { json: { ...sent, cookie: true } });
    expect(browser.headers.getSetCookie().some((text) => text.startsWith("__Host-refresh="))).toBe(true);
  });

  it("gives a user and a token, by e-mail address or username, and no cookie unless it is asked for", async () => {
    const system = await startManagement();
    for (const sent of [{ email: "ann@acme.example" }, { username: "annie" }, { username: "ann@acme.example" }]) {
      const client = system.client();
      const answer = await client.post("/api/user/login", { json: { ...sent, password: goodPassword } });
      expect(answer.status).toBe(200);
      expect(answer.json.response.user).toMatchObject({ email: "ann@acme.example", username: "annie" });
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(answer.headers.get("cache-control")).toContain("no-store");
      const { token } = answer.json.response;
      const me = await client.get("/api/user", { headers: { "authentication-token": token } });
      expect(me.json.response.user.permissions).toEqual(["read"]);
    }
    expect(await system.store.count("session", {})).toBe(0);
    const browser = system.client();
    const signedIn = await browser.post("/api/user/login", {
      json: { email: "ann@acme.example", password: goodPassword, cookie: true },
    });
    const [cookie] = signedIn.headers.getSetCookie().filter((text) => text.startsWith("__Host-session="));
    expect(cookie).toMatch(/; HttpOnly/i);
    expect(cookie).toMatch(/; Secure/i);
    expect(cookie).toMatch(/; SameSite=/i);
    expect((await browser.get("/api/user")).status).toBe(200);
  });

  it("takes the token as Bearer and as Token, where the option says so", async () => {
    const system = await startManagement({ tokens: { carriers: ["bearer"], bearer: ["Bearer", "Token"] } });
    const answer = await system
      .client()
      .post("/api/user/login", { json: { email: "ann@acme.example", password: goodPassword } });
    const { token } = answer.json.response;
    const status = async (authorization: string) =>
      (await system.client().get("/api/user", { headers: { authorization } })).status;
    expect(await status(`Bearer ${token}`)).toBe(200);
    expect(await status(`token ${token}`)).toBe(200);
    for (const wrong of [`Tokens ${token}`, `Token${token}`, `Basic ${token}`, String(token), `Token ${token}x`]) {
      expect([wrong, await status(wrong)]).toEqual([wrong, 401]);
    }
    const refused = await system.client().get("/api/user", { headers: { authorization: "Token x" } });
    expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="Login Required", error="invalid_token"');
    for (const bearer of [[], ["Basic"], ["a b"], 5]) {
      await expect(startManagement({ tokens: { bearer: bearer as never } })).rejects.toMatchObject({
        path: "tokens.bearer",
      });
    }
  });

  it("answers 401 to everything that is wrong, alike, as JSON whatever is accepted", async () => {
    const system = await startManagement();
    await system.security.users.deactivate(system.ids["bob"] as number);
    const answers = [];
    for (const sent of [
      { email: "ann@acme.example", password: otherPassword },
      { email: "nobody@acme.example", password: goodPassword },
      { username: "nobody", password: goodPassword },
      { email: "bob@acme.example", password: goodPassword },
      { password: goodPassword },
    ]) {
      const answer = await system.client().post("/api/user/login", { json: sent });
      answers.push(answer.text);
      expect([sent, answer.status]).toEqual([sent, 401]);
      expect(cookiesSet(answer)).toEqual([]);
    }
    expect(new Set(answers).size).toBe(1);
    // Who has the password of an account whose address was proved is told why.
    await system.store.update("user", { id: system.ids["bob"] as number }, { confirmedAt: new Date() });
    const closed = await system.client().post("/api/user/login", {
      json: { email: "bob@acme.example", password: otherPassword },
    });
    expect([closed.status, closed.json.response.errors]).toEqual([401, ["This account has been switched off."]]);
    expect(cookiesSet(closed)).toEqual([]);
    const page = await system.client().get("/api/user", { headers: { accept: "text/html" } });
    expect([page.status, page.headers.get("content-type")]).toEqual([401, "application/json"]);
    const form = await system.client().post("/api/user/login", { form: { email: "a@b.example", password: "x" } });
    expect(form.status).toBe(415);
    const more = await system.client().post("/api/user/login", {
      json: { email: "ann@acme.example", password: goodPassword, admin: true },
    });
    expect(more.status).toBe(400);
  });

  it("signs out: a session at once, and a token with all of the account's", async () => {
    const system = await startManagement();
    const ann = await system.program("ann");
    const other = await system.program("ann");
    const ada = await system.program("ada");
    expect((await ann.call("DELETE", "/api/user/logout")).status).toBe(200);
    for (const [who, status] of [
      [ann, 401],
      [other, 401],
      [ada, 200],
    ] as const) {
      expect((await who.call("GET", "/any")).status).toBe(status);
    }
    const browser = system.client();
    await browser.post("/api/user/login", {
      json: { email: "ann@acme.example", password: goodPassword, cookie: true },
    });
    const stolen = browser.copy();
    const without = await browser.request("DELETE", "/api/user/logout", { csrf: false });
    expect(without.status).toBe(400);
    expect((await browser.request("DELETE", "/api/user/logout")).status).toBe(200);
    expect((await stolen.get("/any", json)).status).toBe(401);
    expect((await system.client().request("DELETE", "/api/user/logout")).status).toBe(401);
  });

  it("changes the own password, and the old token and other sessions end", async () => {
    const system = await startManagement();
    const ann = await system.program("ann");
    const wrong = await ann.call("POST", "/api/user/password", {
      old_password: otherPassword,
      new_password: "correct horse battery",
    });
    expect([wrong.status, Object.keys(wrong.json.response.field_errors)]).toEqual([400, ["old_password"]]);
    const weak = await ann.call("POST", "/api/user/password", {
      old_password: goodPassword,
      new_password: "password1",
    });
    expect([weak.status, Object.keys(weak.json.response.field_errors)]).toEqual([400, ["new_password"]]);
    const done = await ann.call("POST", "/api/user/password", {
      old_password: goodPassword,
      new_password: "correct horse battery",
    });
    expect(done.status).toBe(200);
    expect((await ann.call("GET", "/any")).status).toBe(401);
    const renewed = { headers: { "authentication-token": done.json.response.token as string } };
    expect((await system.client().get("/any", renewed)).status).toBe(200);
    expect(done.text).not.toContain("argon2");
  });
});
