import { confirmation, passwordless, passwords, registration } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { day, goodPassword, hour, masked, minute, origin, otherPassword } from "./authn-system.ts";
import { ann, bob, code, fresh, type Life, life, linkOf, mails, post, signedIn } from "./life-system.ts";

/** The first proof of an address, elsewhere than where the account was begun, needs the password or a new one. */
const firstProof = { new_password: fresh, new_password_confirm: fresh };

/** Each kind of link: how it is asked for, and what using it needs. */
const links: readonly {
  readonly name: string;
  readonly template: string;
  readonly to: string;
  readonly ask: (made: Life) => Promise<unknown>;
  readonly body: Readonly<Record<string, string>>;
  readonly life: number;
}[] = [
  {
    name: "confirm",
    template: "confirmation",
    to: ann,
    ask: (made) => post(made.client(), "/confirm", { email: ann }),
    body: firstProof,
    life: 2 * day,
  },
  {
    name: "reset",
    template: "resetInstructions",
    to: ann,
    ask: (made) => post(made.client(), "/reset", { email: ann }),
    body: { password: fresh, password_confirm: fresh },
    life: hour,
  },
  {
    name: "sign-in",
    template: "signInLink",
    to: ann,
    ask: (made) => post(made.client(), "/login-link", { email: ann }),
    body: firstProof,
    life: 15 * minute,
  },
  {
    name: "change of e-mail",
    template: "changeEmailInstructions",
    to: "new@acme.example",
    ask: async (made) => post(await signedIn(made), "/change-email", { email: "new@acme.example" }),
    body: firstProof,
    life: 2 * hour,
  },
];

describe.each(links)("the link: $name", ({ template, to, ask, body, life: lifetime }) => {
  const asked = async (made: Life): Promise<string> => {
    await ask(made);
    return linkOf(made, template, to);
  };

  it("goes to one recipient, on the configured origin", async () => {
    const made = await life();
    await ask(made);
    const sent = (await mails(made)).filter((mail) => mail.template === template);
    expect(sent.map((mail) => mail.to.address)).toEqual([to]);
    for (const [url] of (sent[0]?.text ?? "").matchAll(/https?:\/\/\S+/g)) expect(new URL(url).origin).toBe(origin);
  });

  it("consumes nothing by GET and HEAD, and leaves the address bar at once", async () => {
    const made = await life();
    const link = await asked(made);
    const token = link.split("/").at(-1)?.split("?")[0] as string;
    const client = made.client();
    await client.request("HEAD", link);
    const first = await client.get(link);
    expect(first.status).toBe(302);
    expect(first.location).toMatch(/^\/[\w-]+\/open-[\w-]{22}(?:\?|$)/);
    const page = await client.get(first.location as string);
    expect(page.status).toBe(200);
    expect(page.text).not.toContain(token);
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(await code(client)).toBe(401);
    const done = await client.post(first.location as string, { form: { ...body, csrf_token: client.csrfToken ?? "" } });
    expect(done.status).toBe(302);
    // The secret that it held is gone: it says that the link was used, and no more.
    expect(done.headers.getSetCookie().join()).toMatch(/link-[\w-]{22}=used;.*Max-Age=3600/);
  });

  it("works once, also for thirty at once", async () => {
    const made = await life();
    const link = await asked(made);
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(made.client(), link, body)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status } of answers) expect([200, 400]).toContain(status);
    expect((await post(made.client(), link, body)).status).toBe(400);
    expect((await made.client().get(link)).status).toBe(302);
  });

  it("ends with its life, and with a newer one", async () => {
    const made = await life({ sessions: { idle: "5d", absolute: "9d" }, freshness: { within: "9d" } });
    const older = await asked(made);
    const newer = await asked(made);
    expect(newer).not.toBe(older);
    expect((await post(made.client(), older, body)).status).toBe(400);
    made.advance(lifetime + 1);
    expect((await post(made.client(), newer, body)).status).toBe(400);
  });

  it("is worth nothing once the password has changed, or the account is off or gone", async () => {
    for (const change of ["password", "off", "gone"]) {
      const made = await life();
      const link = await asked(made);
      const user = await made.security.users.find("email", ann);
      if (user === undefined) throw new Error("ann is gone");
      if (change === "password") await made.security.users.setPassword(user, otherPassword);
      else if (change === "off") await made.security.users.deactivate(user);
      else await made.security.users.delete(user);
      expect((await post(made.client(), link, body)).status, change).toBe(400);
    }
  });

  it("is for its own purpose, and refuses what is tampered with, too long or of another type", async () => {
    const made = await life();
    const link = await asked(made);
    const token = link.split("/").at(-1)?.split("?")[0] as string;
    const path = link.slice(0, link.lastIndexOf("/"));
    for (const other of ["/confirm", "/reset", "/login", "/change-email"].filter((one) => one !== path)) {
      const answer = await post(made.client(), `${other}/${token}`, { password: fresh, password_confirm: fresh });
      expect(answer.status, other).toBe(400);
    }
    for (const wrong of [
      `${token.slice(0, -1)}${token.endsWith("A") ? "E" : "A"}`,
      token.toUpperCase(),
      `${token}x`,
      "x".repeat(3000),
      "%00",
      "open",
    ]) {
      expect([400, 404]).toContain((await post(made.client(), `${path}/${wrong}`, body)).status);
    }
    expect((await made.client().post(link, { json: body, headers: { origin: "https://evil.test" } })).status).toBe(400);
    expect((await made.client().post(link, { form: { ...body } })).status).toBe(400);
    expect((await post(made.client(), link, body)).status).toBe(200);
  });
});

describe("known and unknown addresses", () => {
  it.each(["/confirm", "/reset", "/login-link", "/recover-username"])("are answered alike: %s", async (path) => {
    const made = await life();
    const id = (await made.security.users.find("email", ann))?.id as number;
    await made.security.users.setUsername(id, "annie");
    const answers: unknown[] = [];
    for (const email of [ann, "off@acme.example", "nop@acme.example", "nobody@acme.example"]) {
      answers.push(masked(await post(made.client(), path, { email }), email));
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const sent = (await mails(made)).map((mail) => mail.to.address);
    expect(sent).not.toContain("nobody@acme.example");
    expect(sent).not.toContain("off@acme.example");
    expect(sent).toContain(ann);
  });

  it("are told apart only where the application says so", async () => {
    const made = await life({ revealAccounts: true });
    const unknown = await post(made.client(), "/reset", { email: "nobody@acme.example" });
    expect(unknown.status).toBe(400);
    expect(unknown.json.response.field_errors).toHaveProperty("email");
  });
});

describe("what strangers could use", () => {
  it("a link to sign in makes no stranger's password good", async () => {
    const made = await life({ features: [passwords(), registration(), confirmation(), passwordless()] });
    const email = "victim@acme.example";
    await post(made.client(), "/register", { email, password: fresh, password_confirm: fresh });
    await post(made.client(), "/login-link", { email });
    const victim = made.client();
    const body = { new_password: goodPassword, new_password_confirm: goodPassword };
    expect((await post(victim, await linkOf(made, "signInLink", email), body)).status).toBe(200);
    expect(await code(victim)).toBe(200);
    expect((await post(made.client(), "/login", { email, password: fresh })).status).toBe(400);
  });

  it("the caller's own mailbox does not tell which addresses have accounts", async () => {
    const made = await life();
    const here = await signedIn(made);
    await post(here, "/change-email", { email: "free@acme.example" });
    await post(here, "/change-email", { email: bob });
    const told = (await mails(made)).filter((mail) => mail.to.address === ann).map((mail) => mail.template);
    expect(told).toEqual(["changeEmailRequested", "changeEmailRequested"]);
  });

  it("of links that are asked for at once only one lives", async () => {
    const made = await life();
    await Promise.all([1, 2, 3, 4].map(() => post(made.client(), "/reset", { email: ann })));
    const texts = (await mails(made)).map((mail) => /\/reset\/[\w.-]+/.exec(mail.text ?? "")?.[0] as string);
    expect(new Set(texts).size).toBe(4);
    let good = 0;
    for (const link of texts) if ((await made.client().get(link)).location?.startsWith("/reset/open-")) good += 1;
    expect(good).toBe(1);
  });

  it("two links may be open side by side", async () => {
    const made = await life();
    await post(made.client(), "/reset", { email: ann });
    await post(made.client(), "/confirm", { email: ann });
    const client = made.client();
    const opened: string[] = [];
    for (const template of ["resetInstructions", "confirmation"]) {
      opened.push((await client.get(await linkOf(made, template, ann))).location as string);
    }
    for (const open of opened) expect((await client.get(open)).status).toBe(200);
  });

  it("a destination made of what the request says stays on the server", async () => {
    const made = await life({ destinations: { afterSignIn: (rq) => rq.url.searchParams.get("to") ?? "/" } });
    const client = made.client();
    await client.get("/login");
    const form = { email: ann, password: goodPassword, csrf_token: client.csrfToken ?? "" };
    expect((await client.post("/login?to=//evil.test", { form })).location).toBe("/");
  });
});
