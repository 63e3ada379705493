import { confirmation, passwordless, passwords, recovery, registration, usernames } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { goodPassword, masked, minute, type Overrides, origin, otherPassword } from "./authn-system.ts";
import { ann, bob, code, fresh, json, life, linkOf, mails, post, signedIn } from "./life-system.ts";

describe("registration with confirmation", () => {
  const features = [passwords(), registration(), confirmation(), recovery(), usernames({ reserved: [] })];

  it("answers new, known and unconfirmed addresses and taken names alike; their owners get the mail", async () => {
    const made = await life({ features });
    const id = (await made.security.users.find("email", ann))?.id as number;
    await made.security.users.setUsername(id, "annie");
    const register = (email: string, username: string) =>
      post(made.client(), "/register", { email, username, password: fresh, password_confirm: fresh });
    const answers = [
      masked(await register("new@acme.example", "newbie"), "new@acme.example"),
      masked(await register(ann, "other"), ann),
      masked(await register("new@acme.example", "newbie2"), "new@acme.example"),
      masked(await register("third@acme.example", "Annie"), "third@acme.example"),
    ];
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const sent = (await mails(made)).map((mail) => `${mail.template} ${mail.to.address}`);
    expect(sent).toContain("confirmation new@acme.example");
    expect(sent).toContain(`addressInUse ${ann}`);
    expect(sent).toContain("addressInUse new@acme.example");
    expect(sent).toContain("usernameTaken third@acme.example");
    expect(await made.security.users.find("email", "third@acme.example")).toBeUndefined();
  });

  it("lets nobody in before the address is confirmed, on any channel, and everybody after", async () => {
    const made = await life({ features });
    const email = "new@acme.example";
    await post(made.client(), "/register", { email, password: fresh, password_confirm: fresh });
    expect((await post(made.client(), "/login", { email, password: fresh })).status).toBe(400);
    const basic = { authorization: `Basic ${Buffer.from(`${email}:${fresh}`).toString("base64")}` };
    expect((await made.client().get("/basic", { headers: basic })).status).toBe(401);
    const confirmed = await post(made.client(), await linkOf(made, "confirmation", email), { password: fresh });
    expect(confirmed.status).toBe(200);
    expect((await post(made.client(), "/login", { email, password: fresh })).status).toBe(200);
    expect(made.events.map(({ name }) => name)).toContain("userConfirmed");
  });
});

describe("recovery", () => {
  it("checks the new password before it uses the link up, and ends everything that was signed in", async () => {
    const made = await life();
    const here = await signedIn(made);
    const token = await (async () => {
      const answer = await post(made.client(), "/login?include_auth_token", { email: ann, password: goodPassword });
      return answer.json.response.user.authentication_token as string;
    })();
    await post(made.client(), "/reset", { email: ann });
    const link = await linkOf(made, "resetInstructions", ann);
    const short = await post(made.client(), link, { password: "short", password_confirm: "short" });
    expect(short.json.response.field_errors).toHaveProperty("password");
    const differs = await post(made.client(), link, { password: fresh, password_confirm: "x" });
    expect(differs.json.response.field_errors).toHaveProperty("password_confirm");
    expect((await post(made.client(), link, { password: fresh, password_confirm: fresh })).status).toBe(200);
    expect(await code(here)).toBe(401);
    expect((await made.client().get("/token", { headers: { "authentication-token": token } })).status).toBe(401);
    expect((await post(made.client(), "/login", { email: ann, password: goodPassword })).status).toBe(400);
    expect((await post(made.client(), "/login", { email: ann, password: fresh })).status).toBe(200);
    expect((await mails(made)).map((mail) => mail.template)).toContain("resetNotice");
  });

  it("signs in only by the option, and a before-hook may refuse", async () => {
    const made = await life({ features: [passwords(), recovery({ signIn: true })] });
    await post(made.client(), "/reset", { email: ann });
    const link = await linkOf(made, "resetInstructions", ann);
    const off = made.security.events.before("resetPassword", () => ({ refuse: "ACTION_REFUSED" }));
    expect((await post(made.client(), link, { password: fresh, password_confirm: fresh })).status).toBe(400);
    off();
    const client = made.client();
    expect((await post(client, link, { password: fresh, password_confirm: fresh })).status).toBe(200);
    expect(await code(client)).toBe(200);
  });
});

describe("changes by who is signed in", () => {
  it.each(["/change", "/change-email", "/change-username"])("%s needs a fresh session", async (path) => {
    const made = await life({ freshness: { within: "5m", grace: "0s" } });
    expect((await made.client().get(path, { headers: json })).status).toBe(401);
    const client = await signedIn(made);
    expect((await client.get(path, { headers: json })).status).toBe(200);
    made.advance(6 * minute);
    const stale = await client.post(path, { json: {} });
    expect(stale.status).toBe(401);
    expect(stale.json.response.reauth_required).toBe(true);
    expect((await client.get(path)).location).toMatch(/^\/verify\?next=/);
  });

  it("/change asks for the present password; this session goes on, the others end [ASVS 6.2.2] [ASVS 6.2.3] [ASVS 6.3.7]", async () => {
    const made = await life();
    const here = await signedIn(made);
    const there = await signedIn(made);
    const body = { new_password: fresh, new_password_confirm: fresh };
    expect((await post(here, "/change", { ...body, password: "wrong" })).json.response.field_errors).toHaveProperty(
      "password",
    );
    expect((await post(here, "/change", body)).json.response.field_errors).toHaveProperty("password");
    const same = { password: goodPassword, new_password: goodPassword, new_password_confirm: goodPassword };
    expect((await post(here, "/change", same)).status).toBe(400);
    const before = [...here.cookies];
    expect((await post(here, "/change", { ...body, password: goodPassword })).status).toBe(200);
    expect(await code(here)).toBe(200);
    expect([...here.cookies]).not.toEqual(before);
    expect(await code(there)).toBe(401);
    expect((await mails(made)).map((mail) => mail.template)).toContain("passwordChanged");
  });

  it("/change-email changes nothing before the new address is proved, and tells the old one [ASVS 6.3.7]", async () => {
    const made = await life();
    const here = await signedIn(made);
    const there = await signedIn(made);
    const email = "new@acme.example";
    expect((await post(here, "/change-email", { email })).status).toBe(200);
    expect(await made.security.users.find("email", ann)).toBeDefined();
    const link = await linkOf(made, "changeEmailInstructions", email);
    expect((await post(here, link, {})).status).toBe(200);
    expect(await made.security.users.find("email", ann)).toBeUndefined();
    expect(await code(here)).toBe(200);
    expect(await code(there)).toBe(401);
    const sent = (await mails(made)).map((mail) => `${mail.template} ${mail.to.address}`);
    expect(sent).toContain(`changeEmailRequested ${ann}`);
    expect(sent).toContain(`emailChanged ${ann}`);
  });

  it("/change-email tells nobody that an address is taken, but its owner, also when it is taken meanwhile", async () => {
    const made = await life();
    const here = await signedIn(made);
    const free = masked(await post(here, "/change-email", { email: "free@acme.example" }), "free@acme.example");
    expect(masked(await post(here, "/change-email", { email: bob }), bob)).toEqual(free);
    expect((await mails(made)).map((mail) => `${mail.template} ${mail.to.address}`)).toContain(`addressInUse ${bob}`);
    await post(here, "/change-email", { email: "late@acme.example" });
    const link = await linkOf(made, "changeEmailInstructions", "late@acme.example");
    await made.security.users.create({ email: "late@acme.example" });
    expect((await post(made.client(), link, {})).status).toBe(400);
    expect(await made.security.users.find("email", ann)).toBeDefined();
  });

  it("/change-username takes and removes a name, and refuses taken ones in every spelling", async () => {
    const made = await life({ identities: ["email", "username"] });
    const here = await signedIn(made);
    const there = await signedIn(made, bob, otherPassword);
    expect((await post(there, "/change-username", { username: "robert" })).status).toBe(200);
    for (const taken of ["robert", "ROBERT", "ｒｏｂｅｒｔ"]) {
      expect((await post(here, "/change-username", { username: taken })).json.response.field_errors).toHaveProperty(
        "username",
      );
    }
    expect((await post(here, "/change-username", { username: "annie1" })).status).toBe(200);
    expect((await post(made.client(), "/login", { username: "Annie1", password: goodPassword })).status).toBe(200);
    for (const nothing of [{}, { username: null }, { name: "x" }]) {
      expect((await post(here, "/change-username", nothing)).json.response.field_errors).toHaveProperty("username");
    }
    expect((await post(here, "/change-username", { username: "" })).status).toBe(200);
    expect((await post(made.client(), "/login", { username: "annie1", password: goodPassword })).status).toBe(400);
    expect((await mails(made)).map((mail) => mail.template)).toContain("usernameChanged");
  });
});

describe("sign-in by link", () => {
  it("is the page to sign in where there are no passwords, and keeps where somebody wanted to go", async () => {
    const made = await life({ features: [passwordless()] });
    expect((await made.client().get("/me")).location).toBe("/login?next=%2Fme");
    const client = made.client();
    await client.get("/login");
    await client.post("/login?next=%2Fme", { form: { email: ann, csrf_token: client.csrfToken ?? "" } });
    const link = await linkOf(made, "signInLink", ann);
    const open = (await client.get(link)).location as string;
    expect(open).toMatch(/^\/login\/open-[\w-]{22}\?next=%2Fme$/);
    await client.get(open);
    const done = await client.post(open, { form: { csrf_token: client.csrfToken ?? "" } });
    expect(done.location).toBe("/me");
    expect(await code(client)).toBe(200);
  });
});

describe("pages of one's own", () => {
  it("get a link's token, or its result in the query, where a single-page client draws them", async () => {
    const made = await life({
      origins: [origin, "https://app.acme.example"],
      spa: { origin: "https://app.acme.example", pages: { reset: "/new-password" } },
      destinations: { afterConfirm: "/confirmed", confirmError: "/not-confirmed" },
    });
    await post(made.client(), "/reset", { email: ann });
    const reset = await linkOf(made, "resetInstructions", ann);
    const token = reset.split("/").at(-1);
    expect((await made.client().get(reset)).location).toBe(`https://app.acme.example/new-password?token=${token}`);
    await post(made.client(), "/confirm", { email: ann });
    const client = made.client();
    const open = (await client.get(await linkOf(made, "confirmation", ann))).location as string;
    await client.get(open);
    const done = new URL(
      (await client.post(open, { form: { csrf_token: client.csrfToken ?? "", password: goodPassword } }))
        .location as string,
    );
    expect(`${done.origin}${done.pathname}`).toBe("https://app.acme.example/confirmed");
    expect(done.searchParams.get("email")).toBe(ann);
    expect(done.searchParams.get("success")).toBeTruthy();
    const wrong = new URL((await made.client().get("/confirm/nonsense")).location as string);
    expect(`${wrong.origin}${wrong.pathname}`).toBe("https://app.acme.example/not-confirmed");
    expect(wrong.searchParams.get("error")).toBeTruthy();
  });

  it("may be at other paths, behind a prefix, and mails link to them", async () => {
    const made = await life({ prefix: "/auth", paths: { reset_password: "/new-password" } });
    await post(made.client(), "/auth/reset", { email: ann });
    const text = (await mails(made)).at(-1)?.text ?? "";
    const path = new RegExp(`${origin}(/auth/new-password/[\\w.-]+)`).exec(text)?.[1] as string;
    expect((await post(made.client(), path, { password: fresh, password_confirm: fresh })).status).toBe(200);
  });

  it.each([
    [{ paths: { nowhere: "/x" } }, "paths.nowhere: unknown page; known: login, "],
    [{ paths: { regster: "/x" } }, 'paths.regster: unknown page; did you mean "register"? known: '],
    [
      { limits: { endpoints: { lgin: { perIdentity: "10/15m" } } } },
      'limits.endpoints.lgin: unknown page; did you mean "login"? known: ',
    ],
    [{ paths: { login: "x" } }, "paths.login: must be a path"],
    [{ paths: { login: "/register" } }, "is already the path of"],
    [{ spa: { origin: "https://elsewhere.example" } }, "spa.origin: must be one of origins"],
    [{ spa: { origin, pages: { nowhere: "/x" } } }, "spa.pages.nowhere: unknown page"],
    [{ destinations: { afterNothing: "/x" } }, "destinations.afterNothing: unknown option"],
    [{ destinations: { afterReset: "//evil.test" } }, "destinations.afterReset: a path"],
    [{ redirectOrigins: ["https://a.example/path"] }, "redirectOrigins[0]"],
    [{ mail: undefined }, "mail.sender"],
  ])("refuses %j", async (overrides, message) => {
    await expect(life(overrides as Overrides)).rejects.toThrow(message);
  });
});
