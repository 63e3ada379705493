/** What people who come from Flask-Security rely on, beside what the recordings show. */
import { authTokenRequired } from "portcullis";
import {
  changePassword,
  confirmation,
  passwordless,
  passwords,
  recovery,
  registration,
  usernames,
} from "portcullis/features";
import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { basic, goodPassword, origin, start, tokenOf } from "./authn-system.ts";
import { ann, fresh, json, life, linkOf, mails, post, signedIn } from "./life-system.ts";

const messages = (answer: ClientAnswer): string[] =>
  [...answer.text.matchAll(/<div class="alert \w+" role="[a-z]+"><p>([^<]*)/g)].map(([, text = ""]) => text);

describe("a CSRF token", () => {
  it.each(["/act", "/logout", "/guarded"])("is taken as the member csrf_token of a JSON body: %s", async (path) => {
    const made = await start();
    const client = await signedIn(made);
    const csrf_token = client.csrfToken ?? "";
    for (const wrong of ["", "x", [csrf_token], null]) {
      expect((await client.post(path, { csrf: false, json: { csrf_token: wrong } })).status).toBe(400);
    }
    expect((await client.post(path, { csrf: false, json: [csrf_token] })).status).toBe(400);
    expect((await client.post(path, { csrf: false, json: { csrf_token } })).status).toBe(200);
  });

  it("of the session is good beside an auth token or Basic, and no other session's", async () => {
    const made = await start({ csrf: { schemes: ["basic", "session", "token"] } });
    made.app.post("/by-token", { authz: authTokenRequired() }, (c) => c.json({ via: c.var.identity.via }));
    const client = made.client();
    const token = await tokenOf(client, ann, goodPassword);
    const own = client.csrfToken ?? "";
    const other = (await signedIn(made)).csrfToken ?? "";
    const byToken = (csrf: string) => ({ "authentication-token": token, "x-csrf-token": csrf });
    const byBasic = (csrf: string) => ({ ...basic(ann, goodPassword), "x-csrf-token": csrf });
    const send = async (path: string, headers: Record<string, string>): Promise<unknown[]> => {
      const answer = await client.post(path, { csrf: false, json: {}, headers });
      return [answer.status, answer.json.via];
    };
    expect(await send("/by-token", byToken(own))).toEqual([200, "token"]);
    expect(await send("/basic", byBasic(own))).toEqual([200, "basic"]);
    expect(await send("/by-token", byToken(other))).toEqual([400, undefined]);
    expect(await send("/basic", byBasic(other))).toEqual([400, undefined]);
    // Without the session's cookie it belongs to nobody.
    client.cookies.clear();
    expect(await send("/by-token", byToken(own))).toEqual([400, undefined]);
  });
});

describe("a single-page client", () => {
  const spa = { origin, pages: {} };
  const client = { "sec-fetch-site": "same-origin" };

  it.each([
    ["signInLink", "/login-link", [passwords(), passwordless()]],
    ["resetInstructions", "/reset", [passwords(), recovery({ signIn: true })]],
    ["confirmation", "/confirm", [passwords(), confirmation({ required: false, signIn: true })]],
  ] as const)("is where the browser goes on after a link %s that signs in", async (mail, asked, features) => {
    const other = "https://app.acme.example";
    const made = await life({
      features,
      origins: [origin, other],
      spa: { ...spa, origin: other },
      destinations: { afterSignIn: "/in", afterReset: "/in", afterConfirm: "/in" },
    });
    const browser = made.client();
    await post(browser, asked, { email: ann });
    const page = await browser.get((await browser.get(await linkOf(made, mail, ann))).location ?? "", {
      headers: client,
    });
    expect(page.status).toBe(200);
    const form = { password: fresh, password_confirm: fresh };
    const proof = page.text.includes('name="new_password"') ? { password: goodPassword } : form;
    const action = /<form[^>]* action="([^"]+)"/.exec(page.text.slice(page.text.indexOf("</h1>")))?.[1] ?? "";
    const done = await browser.post(action, { form: { ...proof, csrf_token: browser.csrfToken ?? "" } });
    expect(done.status).toBe(302);
    const to = new URL(done.location ?? "", origin);
    expect([to.origin, to.pathname, to.searchParams.get("email")]).toEqual([other, "/in", ann]);
    expect(to.searchParams.has("success")).toBe(true);
    expect((await browser.get("/me", { headers: json })).status).toBe(200);
  });
});

describe("forms", () => {
  it("/change-username to the present name changes, says and mails nothing", async () => {
    const made = await life();
    const client = await signedIn(made);
    expect((await post(client, "/change-username", { username: "annie" })).status).toBe(200);
    const before = (await mails(made)).length;
    const cookies = [...client.cookies];
    const again = await post(client, "/change-username", { username: "annie" });
    expect(again.status).toBe(400);
    expect(again.json.response.field_errors).toEqual({ username: ["This is your username already."] });
    expect([...client.cookies]).toEqual(cookies);
    expect(made.events.filter(({ name }) => name === "usernameChanged")).toHaveLength(1);
    expect(await mails(made)).toHaveLength(before);
    // Another spelling is another name.
    expect((await post(client, "/change-username", { username: "Annie" })).status).toBe(200);
    expect((await post(client, "/change-username", { username: "" })).status).toBe(200);
    expect((await post(client, "/change-username", { username: "" })).status).toBe(400);
  });

  it("have what is known: the address at /reset, the name at /change-username", async () => {
    const made = await life();
    const client = await signedIn(made);
    await post(client, "/change-username", { username: "annie" });
    const value = (page: string, name: string): string | undefined =>
      new RegExp(`<input[^>]* name="${name}"[^>]*>`).exec(page)?.[0].match(/ value="([^"]*)"/)?.[1];
    expect(value((await client.get("/change-username")).text, "username")).toBe("annie");
    expect(value((await client.get("/reset")).text, "email")).toBe(ann);
    expect(value((await made.client().get("/reset")).text, "email") ?? "").toBe("");
  });
});

describe("messages on the next page", () => {
  it("after a registration that signs in nobody is told to sign in", async () => {
    const made = await life({ revealAccounts: true, features: [passwords(), registration({ signIn: true })] });
    const client = made.client();
    await client.get("/register");
    const form = { email: "new@acme.example", password: fresh, password_confirm: fresh };
    const answer = await client.post("/register", { form: { ...form, csrf_token: client.csrfToken ?? "" } });
    expect(answer.location).toBe("/");
    expect(messages(await client.get("/verify"))).toEqual(["Your account is ready, and you are signed in."]);
  });

  it("a sign-out's is for nobody who signs in next, and does not come back", async () => {
    const made = await life({
      features: [passwords(), registration({ signIn: true }), changePassword()],
      revealAccounts: true,
    });
    const client = await signedIn(made);
    const leave = () => client.post("/logout", { form: { csrf_token: client.csrfToken ?? "" }, csrf: false });
    expect((await leave()).status).toBe(302);
    const form = { email: "new@acme.example", password: fresh, password_confirm: fresh };
    expect((await post(client, "/register", form)).status).toBe(200);
    expect(messages(await client.get("/verify"))).toEqual([]);
    expect((await post(client, "/logout", {})).status).toBe(200);
    expect(messages(await client.get("/login"))).toEqual([]);
    // Nor beside what the one who comes next is told.
    await client.signIn(ann, goodPassword);
    expect((await leave()).status).toBe(302);
    await client.get("/register", { headers: json });
    const another = { ...form, email: "newer@acme.example", csrf_token: client.csrfToken ?? "" };
    expect((await client.post("/register", { form: another })).location).toBe("/");
    expect(messages(await client.get("/verify"))).toEqual(["Your account is ready, and you are signed in."]);
  });
});

describe("paths with a slash at their end", () => {
  it("are where the page is, and links go below them", async () => {
    const made = await life({
      features: [passwords(), recovery(), usernames({ reserved: [] })],
      paths: { login: "/sign-in/", forgot_password: "/new-password/", reset_password: "/new-password/" },
    });
    const page = await made.client().get("/sign-in/");
    expect(page.status).toBe(200);
    expect(page.text).toContain('action="/sign-in/"');
    const client = made.client();
    expect((await post(client, "/sign-in/", { email: ann, password: goodPassword })).status).toBe(200);
    expect((await post(client, "/new-password/", { email: ann })).status).toBe(200);
    const link = await linkOf(made, "resetInstructions", ann);
    expect(link).toMatch(/^\/new-password\/[\w.-]+$/);
    expect((await post(made.client(), link, { password: fresh, password_confirm: fresh })).status).toBe(200);
  });
});
