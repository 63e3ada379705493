import { accountDeletion, notices, passwords, recovery, userManagement } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { day, goodPassword, hour, type Overrides, origin, otherPassword, type System, userId } from "./authn-system.ts";
import { startWithOutbox, type WithOutbox } from "./outbox-system.ts";

const ann = "ann@acme.example";
const json = { accept: "application/json" };
const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

async function system(overrides: Overrides = {}): Promise<WithOutbox> {
  return startWithOutbox({
    features: [passwords(), recovery(), accountDeletion(), notices()],
    ...overrides,
  });
}

async function signedIn(made: System, headers: Record<string, string> = {}) {
  const client = made.client();
  const answer = await client.post("/login", { json: { email: ann, password: goodPassword }, headers });
  expect(answer.status).toBe(200);
  return client;
}

/** The path of the link in the newest mail of this template. */
async function linkIn(
  made: { readonly security: System["security"]; readonly box: WithOutbox["box"] },
  template: string,
) {
  // What runs in the background comes to the queue first.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await made.security.delivery.idle();
  const mail = made.box.all().findLast((sent) => sent.template === template);
  const link = new RegExp(`${origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1];
  expect(link, `a link in the mail ${template}`).toBeDefined();
  return { mail, link: link as string };
}

describe("account deletion", () => {
  it("needs a fresh session and the password, then shuts the account on every channel", async () => {
    const made = await system();
    expect((await made.client().get("/delete-account", { headers: json })).status).toBe(401);
    const client = await signedIn(made);
    const other = await signedIn(made);
    const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
    const headers = { "x-csrf-token": csrf_token };
    expect((await client.post("/delete-account", { json: {}, headers })).json.response.field_errors).toHaveProperty(
      "password",
    );
    expect((await client.post("/delete-account", { json: { password: "wrong" }, headers })).status).toBe(400);
    expect((await client.post("/delete-account", { json: { password: goodPassword }, headers })).status).toBe(200);
    for (const gone of [client, other]) expect((await gone.get("/me", { headers: json })).status).toBe(401);
    expect((await made.client().post("/login", { json: { email: ann, password: goodPassword } })).status).toBe(400);
    const basic = { authorization: `Basic ${Buffer.from(`${ann}:${goodPassword}`).toString("base64")}` };
    expect((await made.client().get("/basic", { headers: basic })).status).toBe(401);
    expect(made.events.map(({ name }) => name)).toContain("accountDeletionRequested");
  });

  it("is stale after the freshness is over, and refused without a CSRF token or from elsewhere", async () => {
    const made = await system({ freshness: { within: "5m", grace: "0s" } });
    const client = await signedIn(made);
    const body = { json: { password: goodPassword } };
    expect((await client.post("/delete-account", { ...body, csrf: false })).status).toBe(400);
    const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
    const headers = { "x-csrf-token": csrf_token };
    const foreign = { ...headers, origin: "https://evil.test" };
    expect((await client.post("/delete-account", { ...body, headers: foreign })).status).toBe(400);
    made.advance(6 * 60_000);
    const stale = await client.post("/delete-account", { ...body, headers });
    expect(stale.status).toBe(401);
    expect(stale.json.response.reauth_required).toBe(true);
    expect(await made.security.users.find("email", ann)).toBeDefined();
  });

  it("is taken back by the mailed link, once, within the grace period", async () => {
    const made = await system();
    const client = await signedIn(made);
    const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
    await client.post("/delete-account", { json: { password: goodPassword }, headers: { "x-csrf-token": csrf_token } });
    const { link, mail } = await linkIn(made, "accountDeletion");
    expect(mail?.to.address).toBe(ann);
    made.advance(13 * day);
    await made.security.purge();
    const opener = made.client();
    const opened = await opener.get(link);
    expect(opened.headers.get("location")).toMatch(/^\/keep-account\/open-[\w-]{22}$/);
    expect((await made.client().post(link, { json: { password: goodPassword } })).status).toBe(200);
    expect((await made.client().post(link, { json: {} })).status).toBe(400);
    await signedIn(made);
    made.advance(2 * day);
    await made.security.purge();
    expect(await made.security.users.find("email", ann)).toBeDefined();
  });

  it("is taken back also when somebody asked for a new password meanwhile", async () => {
    const made = await system();
    const client = await signedIn(made);
    const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
    await client.post("/delete-account", { json: { password: goodPassword }, headers: { "x-csrf-token": csrf_token } });
    const { link } = await linkIn(made, "accountDeletion");
    expect((await made.client().post("/reset", { json: { email: ann } })).status).toBe(200);
    await made.security.delivery.idle();
    expect(made.box.all().map(({ template }) => template)).not.toContain("resetInstructions");
    expect((await made.client().post(link, { json: { password: goodPassword } })).status).toBe(200);
    await signedIn(made);
  });

  it("removes the account when the grace is over, after the application has done its part", async () => {
    const removed: string[] = [];
    let failing = true;
    const made = await system({
      features: [
        passwords(),
        accountDeletion({
          grace: "1d",
          onDelete(user) {
            if (failing) throw new Error("not now");
            removed.push(user.email);
          },
        }),
      ],
    });
    const client = await signedIn(made);
    const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
    await client.post("/delete-account", { json: { password: goodPassword }, headers: { "x-csrf-token": csrf_token } });
    const { link } = await linkIn(made, "accountDeletion");
    made.advance(day + hour);
    await made.security.purge();
    expect(await made.security.users.find("email", ann)).toBeDefined();
    failing = false;
    await made.security.purge();
    expect(removed).toEqual([ann]);
    expect(await made.security.users.find("email", ann)).toBeUndefined();
    expect((await made.client().post(link, { json: {} })).status).toBe(400);
    expect(made.events.map(({ name }) => name)).toContain("accountDeleted");
  });

  describe.each(["14d", "now"] as const)("of administrators, with the grace %s", (grace) => {
    async function two() {
      const made = await system({
        features: [passwords(), recovery(), userManagement(), accountDeletion({ grace })],
        permissions: ["admin"],
      } as unknown as Overrides);
      const clients = [];
      for (const [email, password] of [
        [ann, goodPassword],
        ["bob@acme.example", otherPassword],
      ] as const) {
        await made.security.users.setPermissions(await userId(made, email), ["admin"] as never);
        const client = made.client();
        expect((await client.post("/login", { json: { email, password } })).status).toBe(200);
        const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
        clients.push({
          client,
          leave: () =>
            client.post("/delete-account", { json: { password }, headers: { ...json, "x-csrf-token": csrf_token } }),
        });
      }
      const [first, second] = clients as [(typeof clients)[0], (typeof clients)[0]];
      return { made, first, second };
    }

    it("keeps the second one while the first is on the way out", async () => {
      const { made, first, second } = await two();
      expect((await first.leave()).status).toBe(200);
      expect((await second.leave()).status).toBe(409);
      // Refused is refused: the account is not shut, the session goes on.
      expect((await second.client.get("/me", { headers: json })).status).toBe(200);
      const left = await userId(made, "bob@acme.example");
      await expect(made.security.users.deactivate(left)).rejects.toMatchObject({ code: "last_administrator" });
      await expect(made.security.users.delete(left)).rejects.toMatchObject({ code: "last_administrator" });
      await expect(made.security.users.setPermissions(left, [])).rejects.toMatchObject({ code: "last_administrator" });
      made.advance(20 * day);
      await made.security.purge();
      expect(await made.security.users.find("email", ann)).toBeUndefined();
      expect((await made.security.users.find("email", "bob@acme.example"))?.active).toBe(true);
    });

    it("keeps one of two who go at the same moment", async () => {
      const { first, second } = await two();
      const answers = await Promise.all([first.leave(), second.leave()]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    });
  });

  it("lets the other administrator go once the first has taken it back", async () => {
    const made = await system({
      features: [passwords(), recovery(), userManagement(), accountDeletion()],
      permissions: ["admin"],
    } as unknown as Overrides);
    for (const email of [ann, "bob@acme.example"]) {
      await made.security.users.setPermissions(await userId(made, email), ["admin"] as never);
    }
    const client = await signedIn(made);
    const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
    await client.post("/delete-account", { json: { password: goodPassword }, headers: { "x-csrf-token": csrf_token } });
    const { link } = await linkIn(made, "accountDeletion");
    const bob = await userId(made, "bob@acme.example");
    await expect(made.security.users.deactivate(bob)).rejects.toMatchObject({ code: "last_administrator" });
    expect((await made.client().post(link, { json: { password: goodPassword } })).status).toBe(200);
    expect(await made.security.users.deactivate(bob)).toBe(true);
  });

  it("is confirmed by mail where the account has no password", async () => {
    const made = await system({ features: [passwords(), recovery(), accountDeletion({ grace: "now" })] });
    const client = await signedIn(made);
    const id = await userId(made, ann);
    await made.store.update("user", { id }, { password: null });
    await made.security.invalidate({ id });
    const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
    const asked = await client.post("/delete-account", { json: {}, headers: { "x-csrf-token": csrf_token } });
    expect(asked.status).toBe(200);
    expect(await made.security.users.find("email", ann)).toBeDefined();
    const { link } = await linkIn(made, "deleteAccountInstructions");
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    expect(await made.security.users.find("email", ann)).toBeUndefined();
  });

  it("exports what is stored, without anything that gives access", async () => {
    const made = await system({
      features: [passwords(), accountDeletion({ export: (user) => ({ orders: [`of ${user.email}`] }) })],
    });
    const client = await signedIn(made, { "user-agent": chrome });
    const { csrf_token } = (await client.get("/export-account", { headers: json })).json.response;
    const page = await client.post("/export-account", { form: { csrf_token } });
    expect(page.headers.get("content-disposition")).toBe('attachment; filename="account.json"');
    const data = JSON.parse(page.text);
    expect(data).toMatchObject({ account: { email: ann }, roles: ["employee"], orders: [`of ${ann}`] });
    expect(data.sessions).toHaveLength(1);
    expect(data.sessions[0].agent).toBe(chrome);
    expect(page.text).not.toMatch(/argon2|uniquifier|idHash|"password":/i);
    expect((await made.client().post("/export-account", { json: {} })).status).toBe(401);
  });
});

describe("notices", () => {
  it("tell of a device that is new, not of the first one, nor of one that is known", async () => {
    const made = await system();
    await signedIn(made, { "user-agent": chrome });
    await signedIn(made, { "user-agent": chrome });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.security.delivery.idle();
    expect(made.box.all()).toEqual([]);
    await signedIn(made, { "user-agent": firefox });
    const { mail } = await linkIn(made, "newDevice");
    expect(mail?.to.address).toBe(ann);
    expect(mail?.text).toContain("Firefox, Windows");
    await signedIn(made, { "user-agent": firefox });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.security.delivery.idle();
    expect(made.box.all()).toHaveLength(1);
  });

  it("end everything by their link, once, and mail a link for a new password", async () => {
    const made = await system();
    const mine = await signedIn(made, { "user-agent": chrome });
    // The notice runs in the background: the first device must be known before the second comes.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stranger = await signedIn(made, { "user-agent": firefox });
    const { link } = await linkIn(made, "newDevice");
    expect((await made.client().get(link)).headers.get("location")).toMatch(/^\/not-me\/open-/);
    expect((await stranger.get("/me", { headers: json })).status).toBe(200);
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    for (const client of [mine, stranger]) expect((await client.get("/me", { headers: json })).status).toBe(401);
    expect((await made.client().post(link, { json: {} })).status).toBe(400);
    const reset = await linkIn(made, "resetInstructions");
    expect(reset.link).toMatch(/^\/reset\//);
  });
});
