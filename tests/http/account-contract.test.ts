/** What JSON clients of an account's life meet, where the recordings with Flask-Security showed that it was missing. */
import { outbox, portcullis } from "portcullis";
import {
  changePassword,
  confirmation,
  passwords,
  recovery,
  refresh,
  registration,
  tracking,
  usernames,
} from "portcullis/features";
import { fromFlaskSecurity } from "portcullis/flask";
import { memory } from "portcullis/memory";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  goodPassword,
  hour,
  minute,
  type Overrides,
  origin,
  type System,
  secretKey,
  start,
  tokenOf,
  weakHashing,
} from "./authn-system.ts";

const ann = "ann@acme.example";
const fresh = "correct horse battery";
const json = { accept: "application/json" };

async function system(overrides: Overrides = {}): Promise<System> {
  const made = await start({
    features: [passwords(), registration(), recovery(), changePassword(), refresh({ carrier: "body" })],
    mail: { sender: outbox() },
    ...overrides,
  });
  onTestFinished(() => made.security.close());
  return made;
}

const change = (client: TestClient, path = "/change?include_auth_token", more: object = {}): Promise<ClientAnswer> =>
  client.post(path, {
    json: { password: goodPassword, new_password: fresh, new_password_confirm: fresh },
    ...more,
  });
const byToken = async (made: System, token: string, path = "/token"): Promise<number> =>
  (await made.client().get(path, { headers: { ...json, "authentication-token": token } })).status;

describe("a new password with include_auth_token", () => {
  it("brings a new auth token and its refresh token; the old ones are dead", async () => {
    const made = await system();
    const client = made.client();
    const before = await tokenOf(client, ann, goodPassword);
    const { status, json: body } = await change(client);
    expect(status).toBe(200);
    const { authentication_token: token, refresh_token: refreshToken } = body.response.user;
    expect(await byToken(made, before)).toBe(401);
    expect(await byToken(made, token)).toBe(200);
    const renewed = await made.client().post("/refresh-token", { json: { refresh_token: refreshToken } });
    expect(renewed.status).toBe(200);
  });

  it("gives none where nothing asks for it, or a page does", async () => {
    const made = await system();
    const client = made.client();
    await client.signIn(ann, goodPassword);
    const { json: body } = await change(client, "/change");
    expect(body.response.user).toEqual({ email: ann });
    const { status, text } = await client.post("/change?include_auth_token", {
      form: { password: fresh, new_password: goodPassword, new_password_confirm: goodPassword },
    });
    expect([status, text]).toEqual([302, ""]);
  });

  it("the token is no fresher than the session, and ends with it", async () => {
    const made = await system();
    const client = made.client();
    await client.signIn(ann, goodPassword);
    made.advance(4 * minute);
    const { json: body } = await change(client);
    const token: string = body.response.user.authentication_token;
    expect(await byToken(made, token, "/fresh")).toBe(200);
    made.advance(2 * minute);
    expect(await byToken(made, token, "/fresh")).toBe(401);
    expect(await byToken(made, token)).toBe(200);
    await client.post("/logout", { json: {} });
    expect(await byToken(made, token)).toBe(401);
  });

  it("a caller who came with a token goes on with a new one, as old as it was, and gets no session", async () => {
    const made = await system();
    const before = await tokenOf(made.client(), ann, goodPassword);
    made.advance(4 * minute);
    const caller = made.client();
    const answer = await change(caller, undefined, { headers: { ...json, "authentication-token": before } });
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie().filter((cookie) => cookie.includes("session"))).toEqual([]);
    const token: string = answer.json.response.user.authentication_token;
    expect(await byToken(made, before)).toBe(401);
    expect(await byToken(made, token, "/fresh")).toBe(200);
    made.advance(2 * minute);
    expect(await byToken(made, token, "/fresh")).toBe(401);
  });

  it("without sessions too", async () => {
    const security = await portcullis({
      secretKeys: [secretKey],
      origins: [origin],
      cookies: { allowInsecure: false },
      datastore: memory(),
      features: [passwords(), changePassword()],
      passwords: { hashing: weakHashing },
      mail: { sender: outbox() },
      sessions: { enabled: false },
    });
    onTestFinished(() => security.close());
    await security.users.create({ email: ann, password: goodPassword });
    const app = security.app();
    app.get("/token", { authz: "AUTH" }, (c) => c.text(c.var.identity.via));
    const see = async (token: string): Promise<number> =>
      (await testClient(app, origin).get("/token", { headers: { ...json, "authentication-token": token } })).status;
    const before = await tokenOf(testClient(app, origin), ann, goodPassword);
    const answer = await change(testClient(app, origin), undefined, {
      headers: { ...json, "authentication-token": before },
    });
    const token: string = answer.json.response.user.authentication_token;
    expect([await see(before), await see(token)]).toEqual([401, 200]);
  });

  it("a wrong password brings none", async () => {
    const made = await system();
    const client = made.client();
    await client.signIn(ann, goodPassword);
    const answer = await client.post("/change?include_auth_token", {
      json: { password: "wrong", new_password: fresh, new_password_confirm: fresh },
    });
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain("token");
  });
});

describe("proving it again with include_auth_token", () => {
  it("brings a fresh token; the one of before ends, as a session has one family", async () => {
    const made = await system();
    const client = made.client();
    const before = await tokenOf(client, ann, goodPassword);
    made.advance(hour / 2);
    await client.get("/login", { headers: json });
    const answer = await client.post("/verify?include_auth_token", { json: { password: goodPassword } });
    const token: string = answer.json.response.user.authentication_token;
    expect(await byToken(made, token, "/fresh")).toBe(200);
    expect(await byToken(made, before)).toBe(401);
    expect((await client.get("/me", { headers: json })).status).toBe(200);
  });
});

describe("a script that reads CSRF tokens from a cookie", () => {
  it("has a good one after the session was made anew, and none after signing out", async () => {
    const made = await system({ csrf: { cookie: "XSRF-TOKEN" } });
    const client = made.client();
    await client.signIn(ann, goodPassword, { remember: true });
    const act = (): Promise<ClientAnswer> =>
      client.post("/act", {
        json: {},
        csrf: false,
        headers: { ...json, origin, "x-xsrf-token": client.cookies.get("XSRF-TOKEN") ?? "" },
      });
    client.cookies.delete("__Host-session");
    client.cookies.delete("XSRF-TOKEN");
    await client.get("/me", { headers: json });
    expect((await act()).status).toBe(200);
    await client.post("/change", {
      form: { password: goodPassword, new_password: fresh, new_password_confirm: fresh },
    });
    expect((await act()).status).toBe(200);
    client.csrfToken = client.cookies.get("XSRF-TOKEN");
    await client.post("/logout", { json: {} });
    expect(client.cookies.has("XSRF-TOKEN")).toBe(false);
  });
});

describe("registration where accounts are no secret", () => {
  const revealing = (): Promise<System> =>
    system({
      revealAccounts: true,
      features: [passwords(), registration(), confirmation(), usernames({ reserved: [] })],
    });
  const register = (made: System, body: object): Promise<ClientAnswer> =>
    made.client().post("/register", { json: body });

  it("says all that is wrong at once", async () => {
    const made = await revealing();
    await made.security.users.create({ email: "cleo@acme.example", username: "cleo", password: goodPassword });
    const all = { email: ann, username: "cleo", password: "short", password_confirm: "x" };
    const { json: body } = await register(made, all);
    expect(Object.keys(body.response.field_errors)).toEqual(["email", "username", "password", "password_confirm"]);
    const good = { ...all, password: fresh, password_confirm: fresh };
    expect(Object.keys((await register(made, good)).json.response.field_errors)).toEqual(["email", "username"]);
  });

  it("shows the new user, as far as they are shown; elsewhere nobody", async () => {
    const body = { email: "new@acme.example", password: fresh, password_confirm: fresh };
    expect((await register(await revealing(), body)).json.response.user).toEqual({ email: body.email });
    const secret = await system({ features: [passwords(), registration(), confirmation()] });
    expect(Object.keys((await register(secret, body)).json.response)).toEqual(["csrf_token"]);
    const faulty = { email: ann, password: "short", password_confirm: "short" };
    expect(Object.keys((await register(secret, faulty)).json.response.field_errors)).toEqual(["password"]);
  });

  it("goes on where the application says", async () => {
    const made = await system({ destinations: { afterRegister: "/welcome" } });
    const client = made.client();
    await client.get("/register");
    const form = { email: "new@acme.example", password: fresh, password_confirm: fresh };
    expect((await client.post("/register", { form })).location).toBe("/welcome");
  });
});

describe("recovery of a username", () => {
  it("mails nothing to an address that is not confirmed, and says so only where it may", async () => {
    const box = outbox();
    const features = [passwords(), confirmation(), usernames({ reserved: [] })];
    for (const revealAccounts of [true, false]) {
      const made = await system({ features, revealAccounts, mail: { sender: box } });
      await made.security.users.create({ email: "una@acme.example", username: "unac", password: goodPassword });
      const answer = await made.client().post("/recover-username", { json: { email: "una@acme.example" } });
      expect(answer.status).toBe(revealAccounts ? 400 : 200);
      await made.security.delivery.idle();
      expect(box.all()).toEqual([]);
    }
  });
});

describe("the first sign-in that is tracked", () => {
  it("knows no address of one before it", async () => {
    const made = await system({ features: [passwords(), tracking()] });
    await made.client().signIn(ann, goodPassword);
    const row = await made.store.findOne("user", { email: ann });
    expect(row).toMatchObject({ loginCount: 1, lastLoginIp: null });
  });
});

describe("retypeInJson: false", () => {
  const lax = (): Promise<System> => system({ passwords: { retypeInJson: false, hashing: weakHashing } });
  const email = "new@acme.example";

  it("JSON may leave the second password out; one that comes must be the same", async () => {
    const made = await lax();
    const register = (body: object): Promise<ClientAnswer> => made.client().post("/register", { json: body });
    const wrong = await register({ email, password: fresh, password_confirm: "another one" });
    expect(Object.keys(wrong.json.response.field_errors)).toEqual(["password_confirm"]);
    expect((await register({ email, password: fresh })).status).toBe(200);
    const client = made.client();
    await client.signIn(email, fresh);
    const changed = await client.post("/change", { json: { password: fresh, new_password: goodPassword } });
    expect(changed.status).toBe(200);
  });

  it("a form never may", async () => {
    const made = await lax();
    const client = made.client();
    expect((await client.get("/register")).text).toMatch(/name="password_confirm" required/);
    const { status, text } = await client.post("/register", { form: { email, password: fresh } });
    expect(status).toBe(200);
    expect(text).toContain('id="error-password_confirm"');
    expect(await made.security.users.find("email", email)).toBeUndefined();
  });

  it("is what PASSWORD_CONFIRM_REQUIRED: false asks for; else JSON must send both", async () => {
    expect(fromFlaskSecurity({ PASSWORD_CONFIRM_REQUIRED: false }).options.passwords).toEqual({ retypeInJson: false });
    const made = await system();
    const answer = await made.client().post("/register", { json: { email, password: fresh } });
    expect(Object.keys(answer.json.response.field_errors)).toEqual(["password_confirm"]);
  });
});

describe("the single-page client's host in Flask-Security's settings", () => {
  it.each([
    ["localhost:8080", "https://localhost:8080"],
    ["app.acme.example", "https://app.acme.example"],
    ["http://localhost:8080", "http://localhost:8080"],
  ])("%s is the origin %s", (host, expected) => {
    const { options } = fromFlaskSecurity({ REDIRECT_BEHAVIOR: "spa", REDIRECT_HOST: host });
    expect(options.spa?.origin).toBe(expected);
  });
});
