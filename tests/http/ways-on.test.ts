/** What a person reads and where they can go on: at the first visit, after the end of a session, and where something failed. */
import { column } from "portcullis";
import {
  accountDeletion,
  administration,
  changePassword,
  notices,
  passwords,
  recovery,
  refresh,
  registration,
  sessions,
} from "portcullis/features";
import { type ClientAnswer, testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { auditRules } from "../../src/audit/rules.ts";
import { messageKeys } from "../../src/i18n/catalogue.ts";
import { administered, signedIn as asAdministrator } from "./administration-system.ts";
import { day, goodPassword, origin, start, userId } from "./authn-system.ts";
import { hiddenOf, me, open, send } from "./browser-tabs.ts";
import { ann, bob, fresh, json, life, lifeFeatures, linkOf, mails, post, signedIn } from "./life-system.ts";

const html = { headers: { accept: "text/html" } };
const alerts = (text: string): string[] =>
  [...text.matchAll(/<div class="alert (\w+)" role="\w+"><p>([^<]*)<\/p>/g)].map(
    ([, kind, said]) => `${kind}: ${said}`,
  );
const hrefs = (text: string): string[] =>
  [...(/<ul class="links">.*?<\/ul>/s.exec(text)?.[0] ?? "").matchAll(/href="([^"]+)"/g)].map(([, href = ""]) => href);

describe("messages before the sign-in page", () => {
  it("are no alarm at a first visit", async () => {
    const browser = (await life()).client();
    expect(alerts((await open(browser, "/page")).page.text)).toEqual(["info: You need to sign in for this."]);
    expect((await open(browser, "/page")).page.text).toContain('role="status"');
  });

  it("are no alarm where one has to show again who one is", async () => {
    const made = await life();
    const browser = await signedIn(made);
    made.advance(10 * 60_000);
    const { page } = await open(browser, "/fresh");
    expect(alerts(page.text)).toEqual(["info: Show that it is you before you go on."]);
  });

  it("say one thing after signing out where the start is guarded, and the same after the end of the account", async () => {
    const made = await life({ features: [...lifeFeatures(), accountDeletion({ grace: "now" })] });
    made.app.get("/own", { authz: "AUTH" }, (c) => c.text("own"));
    const out = await signedIn(made);
    const head = await open(out, "/change-email");
    expect((await send(out, head, {}, "/logout")).status).toBe(302);
    expect(alerts((await open(out, "/own")).page.text)).toEqual(["success: You are signed out."]);
    const gone = await signedIn(made, bob, "staple battery");
    await send(gone, await open(gone, "/delete-account"), { password: "staple battery" });
    expect(alerts((await open(gone, "/own")).page.text)).toEqual(["success: Your account is deleted."]);
    // Read once: the next visit is told why it ends at the sign-in page.
    expect(alerts((await open(gone, "/own")).page.text)).toEqual(["info: You need to sign in for this."]);
  });
});

describe("a page that says what failed", () => {
  it("leads home, and not to itself where the start is what failed", async () => {
    const made = await life();
    const browser = made.client();
    for (const path of ["/nowhere", "/nowhere/at/all?x=1"]) {
      const answer = await browser.get(path, html);
      expect([answer.status, hrefs(answer.text)]).toEqual([404, ["/"]]);
    }
    expect((await browser.get("/nowhere", { headers: json })).text).not.toContain("href");
    const bare = (await life()).security.app();
    const start = await testClient(bare, origin).get("/", html);
    expect([start.status, hrefs(start.text)]).toEqual([404, []]);
    const employee = await (await signedIn(made, bob, "staple battery")).get("/employee", html);
    expect([employee.status, hrefs(employee.text)]).toEqual([403, ["/"]]);
  });

  it("of GET /logout has the button that signs out, for who is signed in, and signs nobody out by itself", async () => {
    const made = await life();
    const browser = await signedIn(made);
    const page = await browser.get("/logout", html);
    expect([page.status, page.headers.get("allow"), await me(browser)]).toEqual([405, "POST", ann]);
    expect(page.text.match(/action="\/logout"/g)).toHaveLength(1);
    const answer = await send(browser, { path: "/logout", page });
    expect([answer.status, await me(browser)]).toEqual([302, "nobody"]);
    const nobody = await made.client().get("/logout", html);
    expect([nobody.status, nobody.text.includes("<form"), hrefs(nobody.text)]).toEqual([405, false, ["/login", "/"]]);
    const program = await (await signedIn(made)).get("/logout", { headers: json });
    expect([program.status, program.headers.get("allow"), program.text.includes("<")]).toEqual([405, "POST", false]);
  });

  it("of a button that stands on another page leads to that page", async () => {
    const made = await life({ features: [passwords(), registration(), sessions()] });
    const answer = await (await signedIn(made)).get("/sessions/end-others", html);
    expect([answer.status, hrefs(answer.text)]).toEqual([405, ["/sessions", "/"]]);
  });
});

describe("the button that signs out", () => {
  it("stands in the head of the account pages, for who has a session, and signs out nobody else", async () => {
    const made = await life();
    const browser = await signedIn(made);
    const tab = await open(browser, "/change-email");
    expect(tab.page.text.match(/action="\/logout"/g)).toHaveLength(1);
    expect(hiddenOf(tab.page.text, "/logout")).toHaveProperty("csrf_token");
    for (const path of ["/login", "/reset", "/register"]) {
      expect((await open(made.client(), path)).page.text).not.toContain('action="/logout"');
    }
    // The application's own pages have signOutButton() for it.
    expect((await open(browser, "/page")).page.text).not.toContain('action="/logout"');
    await browser.post("/logout", { json: {} });
    await browser.signIn(bob, "staple battery");
    expect([(await send(browser, tab, {}, "/logout")).status, await me(browser)]).toEqual([400, bob]);
  });

  it("is missing where sign-out is off", async () => {
    const made = await life({
      features: [registration(), recovery(), changePassword(), passwords()],
      paths: { logout: "/out" },
    });
    const browser = await signedIn(made);
    const { page } = await open(browser, "/change");
    expect([page.text.includes('action="/logout"'), page.text.includes('action="/out"')]).toEqual([false, true]);
  });
});

describe("a mail", () => {
  it("has the theme of the pages: its light colours, its font and its radius", async () => {
    const theme = {
      accent: "#0a6b52",
      onAccent: "#fffffe",
      text: "#101010",
      font: '"Fira Sans", serif',
      radius: "3px",
    };
    const made = await life({ views: { theme } });
    await post(made.client(), "/reset", { email: ann });
    const html = (await mails(made)).at(-1)?.html ?? "";
    expect(html).toContain("border-radius:3px;background-color:#0a6b52;color:#fffffe");
    expect(html).toContain("color:#101010;font-family:&quot;Fira Sans&quot;, serif;");
    expect(html).not.toMatch(/#3d45c6|style="[^"]*"[^ >]/);
  });
});

describe("the site's icon", () => {
  it("is named by each page, may be kept, runs nothing, and costs no query", async () => {
    const made = await life({ views: { siteName: "Æpfel & <Birnen>", theme: { accent: "#123456" } } });
    const browser = made.client();
    const path = /<link rel="icon" type="image\/svg\+xml" href="([^"]+)">/.exec(
      (await browser.get("/login", html)).text,
    )?.[1];
    const all = ["find", "findOne", "count", "insert", "update"] as const;
    let queries = 0;
    for (const name of all) {
      const own = made.store[name].bind(made.store) as (...args: unknown[]) => unknown;
      const counted = (...args: unknown[]): unknown => {
        queries += 1;
        return own(...args);
      };
      Object.assign(made.store, { [name]: counted });
    }
    const signed = await signedIn(made);
    queries = 0;
    for (const [at, kept] of [
      [path as string, "public, max-age=31536000, immutable"],
      ["/favicon.ico", "public, max-age=86400"],
    ] as const) {
      const icon = await signed.get(at);
      expect([icon.status, icon.headers.get("content-type")]).toEqual([200, "image/svg+xml; charset=utf-8"]);
      expect(icon.headers.get("cache-control")).toBe(kept);
      expect(icon.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(icon.headers.getSetCookie()).toEqual([]);
      expect(icon.text).toContain("rect{fill:#123456}");
      expect(icon.text).toContain(">Æ</text>");
      expect(icon.text).not.toContain("<script");
    }
    expect(queries).toBe(0);
    expect((await browser.post("/favicon.ico", { json: {} })).status).toBe(404);
  });

  it("gives way to the application's own, and is not there without account pages", async () => {
    const made = await life();
    made.app.get("/favicon.ico", { authz: "OPEN" }, (c) => c.text("own"));
    expect((await made.client().get("/favicon.ico")).text).toBe("own");
    const bare = await start({ features: [] });
    expect((await bare.client().get("/favicon.ico")).status).toBe(404);
  });
});

describe("a form whose cookie did not come back", () => {
  it("says so, and says the other thing where the cookie is there or the form was somebody's", async () => {
    const made = await life();
    const browser = made.client();
    const tab = await open(browser, "/login");
    browser.cookies.clear();
    const without = await send(browser, tab, { email: ann, password: goodPassword });
    expect([without.status, without.text.includes("did not send back the cookie")]).toEqual([400, true]);
    // Again without keeping any: it goes on saying so.
    browser.cookies.clear();
    const again = await send(browser, { path: "/login", page: without }, { email: ann, password: goodPassword });
    expect(again.text).toContain("did not send back the cookie");
    const stale = await send(browser, tab, { csrf_token: "x".repeat(66), email: ann, password: goodPassword });
    expect([stale.status, stale.text.includes("open for too long")]).toEqual([400, true]);
    const owner = await signedIn(made);
    const own = await open(owner, "/change-email");
    owner.cookies.clear();
    expect((await send(owner, own, { email: "new@acme.example" })).text).not.toContain("did not send back");
  });
});

describe("a link that was used", () => {
  const used = "This link has done its work already";

  it("says so in the browser that used it, in each tab and when the mail is opened again", async () => {
    const made = await life();
    const browser = made.client();
    await post(browser, "/reset", { email: ann });
    const link = await linkOf(made, "resetInstructions", ann);
    const [first, second] = [await open(browser, link), await open(browser, link)];
    const form = { password: fresh, password_confirm: fresh };
    expect((await send(browser, first, form)).status).toBe(302);
    await open(browser, "/login");
    const late = await send(browser, second, form);
    expect([late.status, late.location]).toEqual([302, "/login"]);
    expect(alerts((await open(browser, "/login")).page.text)).toEqual([expect.stringContaining(`info: ${used}`)]);
    expect(alerts((await open(browser, link)).page.text)).toEqual([expect.stringContaining(used)]);
    expect(alerts((await open(browser, second.path)).page.text)).toEqual([expect.stringContaining(used)]);
    // Nothing is told to others, nor to programs.
    const other = await open(made.client(), link);
    expect([other.path, other.page.text.includes(used)]).toEqual(["/reset", false]);
    expect((await browser.get(link, { headers: json })).text).not.toContain(used);
  });

  it("leads who is signed in on, and what was only opened says nothing of the kind", async () => {
    const made = await life({ features: [passwords(), registration(), recovery({ signIn: true })] });
    const browser = made.client();
    await post(browser, "/reset", { email: ann });
    const link = await linkOf(made, "resetInstructions", ann);
    const tab = await open(browser, link);
    await send(browser, tab, { password: fresh, password_confirm: fresh });
    expect(await me(browser)).toBe(ann);
    expect((await browser.get(tab.path, html)).location).toBe("/");
    const later = made.client();
    await post(later, "/reset", { email: ann });
    const opened = await open(later, await linkOf(made, "resetInstructions", ann));
    made.advance(2 * day);
    expect((await open(later, opened.path)).page.text).not.toContain(used);
  });

  it("of which this browser has no secret leads on", async () => {
    const made = await life();
    const browser = made.client();
    await post(browser, "/reset", { email: ann });
    const tab = await open(browser, await linkOf(made, "resetInstructions", ann));
    const answer = await made.client().get(tab.path, html);
    expect([answer.status, hrefs(answer.text)]).toEqual([409, ["/reset", "/"]]);
  });
});

describe("an account without a password", () => {
  it("is not asked for its present one, as a page", async () => {
    const made = await life({ features: [...lifeFeatures(), accountDeletion()] });
    const browser = made.client();
    const nop = "nop@acme.example";
    await post(browser, "/login-link", { email: nop });
    await send(browser, await open(browser, await linkOf(made, "signInLink", nop)));
    expect(await me(browser)).toBe(nop);
    const asks = (text: string): string[] =>
      [...text.matchAll(/<input[^>]* name="(\w*password\w*)"/g)].map(([, name = ""]) => name);
    expect(asks((await open(browser, "/delete-account")).page.text)).toEqual([]);
    const tab = await open(browser, "/change");
    expect(asks(tab.page.text)).toEqual(["new_password", "new_password_confirm"]);
    expect(tab.page.text).toContain("no password yet");
    const answer = await send(browser, tab, { new_password: fresh, new_password_confirm: fresh });
    expect(answer.status).toBe(302);
    expect(asks((await open(browser, "/change")).page.text)).toEqual([
      "password",
      "new_password",
      "new_password_confirm",
    ]);
    expect(asks((await open(browser, "/delete-account")).page.text)).toEqual(["password"]);
    const wrong = await send(browser, await open(browser, "/change"), {
      new_password: goodPassword,
      new_password_confirm: goodPassword,
    });
    expect([wrong.status, wrong.text.includes("Enter a password.")]).toEqual([200, true]);
  });
});

describe("the first proof of an address in another browser", () => {
  it("has a word between its two ways", async () => {
    const made = await life();
    await made
      .client()
      .post("/register", { json: { email: "eve@acme.example", password: fresh, password_confirm: fresh } });
    const { page } = await open(made.client(), await linkOf(made, "confirmation", "eve@acme.example"));
    const order = [...page.text.matchAll(/name="(password|new_password)"|<p class="lead">([^<]*)</g)].map(
      (one) => one[1] ?? one[2],
    );
    expect(order).toEqual(["password", "or choose a new password", "new_password"]);
  });
});

describe("a change of address", () => {
  it("says in another browser that everybody is signed out, and it is so", async () => {
    const made = await life();
    const own = await signedIn(made);
    await post(own, "/change-email", { email: "new@acme.example" });
    const link = await linkOf(made, "changeEmailInstructions", "new@acme.example");
    expect((await open(own, link)).page.text).toContain("Your other devices will be signed out.");
    const everywhere = "You will be signed out everywhere, also where you asked for this change.";
    const other = made.client();
    const tab = await open(other, link);
    expect(tab.page.text).toContain(everywhere);
    expect(tab.page.text).toContain('<p class="lead">or choose a new password</p>');
    // In the browser of the change, but signed out there: no session goes on either.
    const id = await userId(made, ann);
    const sessions = await made.store.count("session", { userId: id });
    const same = own.copy();
    same.cookies.delete("__Host-session");
    expect((await open(same, link)).page.text).toContain(everywhere);
    expect((await send(other, tab, { password: goodPassword })).status).toBe(302);
    expect([sessions > 0, await made.store.count("session", { userId: id }), await me(own)]).toEqual([
      true,
      0,
      "nobody",
    ]);
  });
});

describe("the audit page", () => {
  it("has the entries of its last day: from today until today", async () => {
    const system = await administered();
    const ada = await asAdministrator(system, "ada");
    const today = new Date(system.now()).toISOString().slice(0, 10);
    const count = async (query: string): Promise<number> =>
      (await ada.get(`/admin/audit?${query}`, { headers: json })).json.response.entries.length;
    await system.security.audit.flush();
    expect(await count(`from=${today}&to=${today}`)).toBeGreaterThan(0);
    const yesterday = new Date(system.now() - day).toISOString().slice(0, 10);
    expect(await count(`to=${yesterday}`)).toBe(0);
    const file = await ada.get(`/admin/audit/export?from=${today}&to=${today}`, { headers: json });
    expect(file.json.response.entries.length).toBeGreaterThan(0);
  });
});

describe("the administration's words", () => {
  it("are the reader's: events, results and own columns", async () => {
    const system = await administered(
      {},
      {
        languages: { offered: ["en", "de", "ar"] },
        columns: {
          birthYear: column.integer({ nullable: true }),
          company: column.string({ nullable: true, label: { en: "Employer", de: "Arbeitgeber" } }),
        },
      },
    );
    const id = await userId(system, ann);
    await system.security.users.update(id, { birthYear: 1990, company: "Acme" } as never);
    await system.client().post("/login", { json: { email: ann, password: "wrong" } });
    const ada = await asAdministrator(system, "ada");
    await system.security.audit.flush();
    const page = async (path: string, language: string): Promise<string> =>
      (await ada.get(path, { headers: { ...html.headers, "accept-language": language } })).text;
    expect(await page("/admin/audit", "en")).toMatch(/<td><bdi>Sign-in failed<\/bdi><\/td><td><bdi>Failed</);
    expect(await page("/admin/audit", "de")).toMatch(
      /<td><bdi>Anmeldung gescheitert<\/bdi><\/td><td><bdi>Gescheitert</,
    );
    expect(await page("/admin/audit", "ar")).toContain("فشل تسجيل الدخول");
    expect(await page("/admin/audit", "en")).toContain("<bdi>Proof: Password; Second step: No</bdi>");
    expect(await page("/admin/audit", "de")).toContain("<bdi>Nachweis: Passwort; Zweiter Schritt: Nein</bdi>");
    expect(await page("/admin/audit", "ar")).toContain("الإثبات: \u2068كلمة المرور\u2069");
    const one = await page("/admin/audit?name=userFailedAuthn", "en");
    expect(one).toContain('<option value="userFailedAuthn" selected>Sign-in failed</option>');
    expect(one).not.toContain("<td><bdi>Signed in<");
    // One of the application's own is found by its name.
    expect(await page("/admin/audit?name=orderShipped", "en")).toContain(
      '<option value="orderShipped" selected>orderShipped</option>',
    );
    const [english, german] = [await page(`/admin/users/${id}`, "en"), await page(`/admin/users/${id}`, "de")];
    expect([english, german].map((text) => /Employer|Arbeitgeber/.exec(text)?.[0])).toEqual([
      "Employer",
      "Arbeitgeber",
    ]);
    for (const path of [`/admin/users/${id}`, `/admin/users/${id}/edit`]) {
      const text = await page(path, "en");
      expect([path, text.includes("Birth year"), />birthYear</.test(text)]).toEqual([path, true, false]);
    }
  });

  it("there are for what the trail says of itself, and no words stand there for nothing", async () => {
    const system = await administered();
    const ada = await asAdministrator(system, "ada");
    const page = (await ada.get("/admin/audit?name=auditBroken", html)).text;
    expect(page).toContain('<option value="auditBroken" selected>Break in the audit trail found</option>');
    // That each kept event has its own is held by the compiler; here, that each choice has words and each word a choice.
    const select = /<select[^>]* name="name".*?<\/select>/s.exec(page)?.[0] ?? "";
    const choices = [...select.matchAll(/<option value="(\w+)"[^>]*>([^<]*)</g)];
    expect(choices.filter(([, value, text]) => value === text)).toEqual([]);
    expect(choices.length).toBe(messageKeys.filter((key) => key.startsWith("EVENT_")).length);
  });

  it("there are for each detail that the trail keeps, and for no other", () => {
    const names = messageKeys.filter((key) => key.startsWith("DETAIL_"));
    const kept = Object.values(auditRules).flatMap((rule): readonly string[] => rule.fields ?? []);
    expect(new Set(kept).size).toBeGreaterThan(15);
    expect(names.map((key) => key.slice(7).replaceAll("_", "").toLowerCase()).toSorted()).toEqual(
      // "as": whoever acted as somebody else.
      [...new Set([...kept, "fault", "as"])].map((name) => name.toLowerCase()).toSorted(),
    );
  });
});

describe("the address of the sign-out", () => {
  it("says to who is signed out that they are, with ways on, and asks who is signed in", async () => {
    const made = await life();
    const browser = made.client();
    const answer = await browser.get("/logout", html);
    expect([answer.status, answer.headers.get("allow"), hrefs(answer.text)]).toEqual([405, "POST", ["/login", "/"]]);
    expect(answer.text).toContain("You are signed out.");
    expect(answer.text).not.toContain("<form");
    expect((await browser.get("/logout?next=%2Fpage", html)).text).toContain('href="/login?next=%2Fpage"');
    const german = await browser.get("/logout", { headers: { accept: "text/html", "accept-language": "de" } });
    expect(german.text).toContain("Abmeldung erfolgt.");
    expect([answer.text, german.text].map((text) => /<h1>([^<]*)/.exec(text)?.[1])).toEqual(["Sign out", "Abmelden"]);
    const asked = await (await signedIn(made)).get("/logout", html);
    expect([asked.status, hrefs(asked.text)]).toEqual([405, []]);
    expect(asked.text).toContain("Do you want to sign out of this device?");
    expect((await browser.get("/logout", { headers: json })).text).not.toContain("You are signed out.");
  });
});

describe("Clear-Site-Data", () => {
  it.each([
    [undefined, '"cache"'],
    [["cache", "storage"], '"cache", "storage"'],
    [["storage"], '"storage"'],
    [[], null],
  ])("with sessions.clearSiteData %j is %j at each sign-out, and at nothing else", async (option, header) => {
    const made = await life({
      features: [passwords(), registration(), sessions(), accountDeletion({ grace: "now" }), changePassword()],
      ...(option === undefined ? {} : { sessions: { clearSiteData: option as ("cache" | "storage")[] } }),
    });
    const cleared = (answer: { headers: Headers }): string | null => answer.headers.get("clear-site-data");
    const program = await signedIn(made);
    expect(cleared(await program.get("/me", { headers: json }))).toBeNull();
    expect(cleared(await post(program, "/logout", {}))).toBe(header);
    const browser = await signedIn(made);
    expect(cleared(await send(browser, await open(browser, "/change"), {}, "/logout"))).toBe(header);
    expect(cleared(await browser.get("/login", html))).toBeNull();
    // No page of theirs was kept, and a script of another origin finds an error in its console.
    const token = await made
      .client()
      .post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
    const headers = { ...json, "authentication-token": String(token.json.response.user.authentication_token) };
    expect(cleared(await made.client().post("/logout", { json: {}, headers }))).toBeNull();
    expect(cleared(await made.client().post("/logout", { json: {} }))).toBeNull();
    const leaving = await signedIn(made, bob, "staple battery");
    expect(cleared(await post(leaving, "/delete-account", { password: "staple battery" }))).toBe(header);
  });

  it("never clears cookies, and refuses what it does not know", async () => {
    const begin = (clearSiteData: unknown): Promise<unknown> => start({ sessions: { clearSiteData } as never });
    await expect(begin(["cookies"])).rejects.toThrow(/^sessions\.clearSiteData\[0\]: "cookies" would remove/);
    await expect(begin(["cache", "*"])).rejects.toThrow(/^sessions\.clearSiteData\[1\]/);
    await expect(begin("cache")).rejects.toThrow(/^sessions\.clearSiteData: a list/);
  });
});

describe("an account endpoint that is asked with a method that it does not have", () => {
  it("says which it has: to browsers on a page that leads on, to programs in JSON", async () => {
    const features = [...lifeFeatures(), sessions(), accountDeletion(), notices(), refresh({ carrier: "body" })];
    const made = await life({ features: [...features, administration({ permission: "read" })] as never });
    const browser = await signedIn(made);
    const methods = new Map<string, Set<string>>();
    for (const { path, method, source } of made.app.accessMatrix()) {
      if (source === "application") continue;
      methods.set(path, (methods.get(path) ?? new Set()).add(method));
    }
    expect(methods.size).toBeGreaterThan(40);
    const faults: unknown[] = [];
    for (const [pattern, has] of methods) {
      const path = pattern.replaceAll(/:\w+(\{[^}]*\})?/g, "1");
      const allow = [...has].sort().join();
      const allowed = (answer: ClientAnswer): string | undefined =>
        answer.headers.get("allow")?.split(", ").sort().join();
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        if (has.has(method)) continue;
        const program = await made.client().request(method, path, { headers: json });
        const code = program.text.startsWith("{") ? program.json.meta.code : program.text;
        if (program.status !== 405 || allowed(program) !== allow || code !== 405)
          faults.push([method, path, program.status, allowed(program), code]);
        for (const client of [browser, made.client()]) {
          const page = await client.request(method, path, html);
          const ways = hrefs(page.text);
          // A form of its own, as the button that signs out.
          const leads = page.text.includes(`action="${path}"`) || ways.length > 0;
          const offered = !has.has("GET") || pattern.includes(":") || ways[0] === path;
          const type = page.headers.get("content-type") ?? "";
          const isPage = page.status === 405 && allowed(page) === allow && type.startsWith("text/html");
          if (!isPage || !leads || !offered) faults.push([method, path, page.status, allowed(page), type, ways]);
        }
      }
    }
    expect(faults).toEqual([]);
  });
});
