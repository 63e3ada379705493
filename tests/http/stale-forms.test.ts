/** Forms that were open for too long, forms that are sent twice, and where a page goes on. */
import { passwordless } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { goodPassword, hour, otherPassword } from "./authn-system.ts";
import { hiddenOf, me, open, send } from "./browser-tabs.ts";
import { ann, bob, fresh, json, life, post, signedIn } from "./life-system.ts";

const html = { headers: { accept: "text/html" } };

describe("a form that was open for too long", () => {
  it("is shown again with a new token and what may be kept, says to send it again, and goes then", async () => {
    const made = await life();
    const browser = made.client();
    const tab = await open(browser, "/login");
    browser.cookies.clear();
    const again = await send(browser, tab, { email: ann, password: goodPassword });
    expect(again.status).toBe(400);
    expect(again.text).toContain("please send it again");
    expect(again.text).not.toMatch(/reload/i);
    expect(again.text).toContain(`value="${ann}"`);
    expect(again.text).not.toContain(goodPassword);
    const sent = await send(browser, { path: tab.path, page: again }, { email: ann, password: goodPassword });
    expect([sent.status, await me(browser)]).toEqual([302, ann]);
  });

  it("keeps what was typed when the same account has a new session", async () => {
    const made = await life();
    const browser = await signedIn(made);
    const tab = await open(browser, "/change-email");
    await browser.post("/logout", { json: {} });
    await browser.signIn(ann, goodPassword);
    const again = await send(browser, tab, { email: "new@acme.example" });
    expect([again.status, again.text.includes('value="new@acme.example"')]).toEqual([400, true]);
    expect((await send(browser, { path: tab.path, page: again }, { email: "new@acme.example" })).status).toBe(302);
  });

  it.each(["/reset", "/register", "/confirm", "/login-link", "/recover-username"])("also %s", async (path) => {
    const made = await life();
    const browser = made.client();
    const tab = await open(browser, path);
    browser.cookies.clear();
    const again = await send(browser, tab, { email: "eve@acme.example", password: fresh, password_confirm: fresh });
    expect([again.status, again.text.includes("please send it again")]).toEqual([400, true]);
    expect([again.text.includes('value="eve@acme.example"'), again.text.includes(fresh)]).toEqual([true, false]);
  });

  it("needs no second sending where there is nothing left to do: who wanted to sign in is signed in", async () => {
    const made = await life();
    const browser = made.client();
    const first = await open(browser, "/login?next=%2Fme");
    const second = await open(browser, "/login?next=%2Fpage");
    await send(browser, first, { email: ann, password: goodPassword });
    const answer = await send(browser, second, { email: ann, password: goodPassword });
    expect([answer.status, answer.location]).toEqual([302, "/page"]);
  });

  it("of an application's own route says what helps, which is not to reload", async () => {
    const made = await life();
    const browser = await signedIn(made);
    const answer = await browser.post("/act", { form: { csrf_token: "stale" }, ...html, csrf: false });
    expect([answer.status, /reload/i.test(answer.text), /Open its page anew/.test(answer.text)]).toEqual([
      400,
      false,
      true,
    ]);
  });

  it("is not done when it comes from another site, and is not shown again", async () => {
    const made = await life();
    const browser = made.client();
    const tab = await open(browser, "/login");
    const form = { ...hiddenOf(tab.page.text, tab.path), email: ann, password: goodPassword };
    const headers = { ...html.headers, origin: "https://evil.test" };
    const answer = await browser.post("/login", { form, headers, csrf: false });
    expect([answer.status, answer.text.includes(ann), await me(browser)]).toEqual([400, false, "nobody"]);
  });
});

describe("signing out twice", () => {
  it("is no fault, as a page and as JSON: one is signed out", async () => {
    const made = await life();
    const browser = await signedIn(made);
    const token = browser.csrfToken ?? "";
    const sendOut = () => browser.post("/logout", { form: { csrf_token: token }, ...html, csrf: false });
    for (let times = 0; times < 3; times += 1) {
      const answer = await sendOut();
      expect([answer.status, answer.location]).toEqual([302, "/"]);
    }
    expect((await browser.post("/logout", { json: {} })).status).toBe(200);
    // Not with cookies at all either.
    expect((await made.client().post("/logout", { form: {}, ...html })).status).toBe(302);
  });

  it("who is signed in still needs the token, and nobody from another site signs anybody out", async () => {
    const made = await life();
    const browser = await signedIn(made);
    expect((await browser.post("/logout", { form: {}, ...html, csrf: false })).status).toBe(400);
    const foreign = { ...html.headers, origin: "https://evil.test" };
    expect((await made.client().post("/logout", { form: {}, headers: foreign })).status).toBe(400);
    expect(await me(browser)).toBe(ann);
  });

  it("signs nobody out who signed in by a remembered credential meanwhile without asking", async () => {
    const made = await life();
    const browser = made.client();
    await browser.signIn(ann, goodPassword, { remember: true });
    const page = await open(browser, "/change-email");
    const { csrf_token = "" } = hiddenOf(page.page.text, "/change-email");
    browser.cookies.delete("__Host-session");
    const answer = await browser.post("/logout", { form: { csrf_token }, ...html, csrf: false });
    expect([answer.status, answer.text.includes('action="/logout"'), await me(browser)]).toEqual([400, true, ann]);
  });
});

describe("where one wanted to go", () => {
  it("is where who is signed in already goes, also by an own form, and never elsewhere", async () => {
    const made = await life();
    const browser = await signedIn(made);
    const goes = async (path: string): Promise<string | null> => (await browser.get(path, html)).location;
    expect(await goes("/login?next=/page")).toBe("/page");
    expect(await goes("/login-link?next=%2Fpage%3Fa%3Db")).toBe("/page?a=b");
    expect(await goes("/register?next=/page")).toBe("/page");
    expect(await goes("/login")).toBe("/");
    for (const wrong of [
      "//evil.test",
      "https://evil.test/",
      "/\\evil.test",
      "/%09/evil.test",
      "javascript:alert(1)",
    ]) {
      expect(await goes(`/login?next=${encodeURIComponent(wrong)}`)).toBe("/");
    }
    for (const path of ["/login", "/login-link"]) {
      const page = await open(browser, "/change-email");
      const { csrf_token = "" } = hiddenOf(page.page.text, "/change-email");
      const form = { csrf_token, email: ann, password: goodPassword };
      const answer = await browser.post(`${path}?next=/page`, { form, ...html, csrf: false });
      expect([path, answer.location]).toEqual([path, "/page"]);
    }
  });

  it("alone as the page to sign in, links are no different", async () => {
    const made = await life({ features: [passwordless()] });
    const browser = made.client();
    await post(browser, "/login", { email: ann });
    expect((await browser.get("/login?next=/page", html)).status).toBe(200);
  });

  it("the form's own word comes before the address that it was sent to; what is not safe counts as not said", async () => {
    const made = await life();
    const goes = async (query: string, next?: string): Promise<string | null> => {
      const browser = made.client();
      const tab = await open(browser, "/login");
      const fields = { email: bob, password: otherPassword, ...(next === undefined ? {} : { next }) };
      const form = { ...hiddenOf(tab.page.text, tab.path), ...fields };
      return (await browser.post(`/login${query}`, { form, ...html, csrf: false })).location;
    };
    expect(await goes("?next=/query", "/field")).toBe("/field");
    expect(await goes("?next=/query")).toBe("/query");
    expect(await goes("", "/field")).toBe("/field");
    expect(await goes("?next=/query", "")).toBe("/query");
    expect(await goes("?next=/query", "https://evil.test/")).toBe("/query");
    expect(await goes("?next=https://evil.test/", "/field")).toBe("/field");
    expect(await goes("?next=//evil.test", "//evil.test")).toBe("/");
  });

  it("goes along with the page that is shown again, and with a link that is mailed", async () => {
    const made = await life();
    const browser = made.client();
    const tab = await open(browser, "/login?next=%2Fpage");
    browser.cookies.clear();
    const again = await send(browser, tab, { email: ann, password: "wrong" });
    expect(again.text).toContain('action="/login?next=%2Fpage"');
    made.advance(hour);
    expect((await open(browser, "/change-email")).path).toBe("/login?next=%2Fchange-email");
    expect((await browser.get("/login", { headers: json })).status).toBe(200);
  });
});
