/** Every form that the package renders, filled in and sent in Chromium by its labels, with scripts and without. */

import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { DeliveryError, open, outbox, portcullis } from "portcullis";
import type { Servable } from "portcullis/node";
import { html } from "portcullis/views";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { everyFeature } from "../services/journeys/every-feature.ts";
import { describeBrowser, launch } from "./browser.ts";
import { type RunningExample, startExample } from "./example-server.ts";
import { cookie, follow } from "./people.ts";

const first = "battery staple horse";
const second = "correct horse battery";
const third = "four unrelated words";
const hour = 3_600_000;
const day = 24 * hour;

/** What a person types, by the names of the fields; true: ticks the box. */
type Values = Readonly<Record<string, string | true>>;

/** A system with every feature; which of its forms a browser has sent, and what the answers were. */
async function startEverything() {
  const box = outbox();
  let mailIsDown = false;
  let offset = 0;
  /** Method, path and status of what browsers sent from forms. */
  const sent: { readonly path: string; readonly status: number }[] = [];
  let forms: readonly string[] = [];
  let idle = async (): Promise<void> => {};
  let addUser = async (_input: object): Promise<number> => 0;
  const running: RunningExample = await startExample(async ({ origin, database }) => {
    const security = await portcullis({
      ...everyFeature(),
      secretKeys: ["a secret of the browser's tests, long enough"],
      origins: [origin],
      datastore: database,
      mail: {
        sender: {
          ...box,
          send: (mail) => (mailIsDown ? Promise.reject(new DeliveryError("nobody answers")) : box.send(mail)),
        },
        queue: { retryAfter: [3_600_000] },
      },
      clock: () => Date.now() + offset,
      log: () => {},
    });
    await security.roles.addPermissions("boss", "admin");
    idle = () => security.delivery.idle();
    addUser = async (input) =>
      (await security.users.create({ confirmedAt: new Date(), password: first, ...input } as never)).id;
    const inner = security.app();
    inner.get("/favicon.ico", { authz: open("browsers ask for it") }, (c) => c.body(null, 204));
    inner.get("/", { authz: "AUTH" }, (c) =>
      security.page(c, { title: "Home", content: html`<p>${c.var.user.email}</p>${security.signOutButton(c)}` }),
    );
    const { paths } = inner.openapi() as unknown as {
      paths: Record<string, { post?: { requestBody?: { content: object } } }>;
    };
    forms = Object.entries(paths)
      .filter(([, { post }]) => "application/x-www-form-urlencoded" in (post?.requestBody?.content ?? {}))
      .map(([path]) => path);
    const app: Servable = {
      async fetch(request, ...rest) {
        const answer = await inner.fetch(request, ...rest);
        if (request.method === "POST") sent.push({ path: new URL(request.url).pathname, status: answer.status });
        return answer;
      },
    };
    return { app, security };
  });
  return {
    ...running,
    box,
    sent,
    forms: () => forms,
    idle: () => idle(),
    addUser: (input: object) => addUser(input),
    mailDown(down: boolean): void {
      mailIsDown = down;
    },
    later(milliseconds: number): void {
      offset += milliseconds;
    },
  };
}

describeBrowser("every form in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 0);
  afterAll(() => browser.close(), 0);

  describe.each([true, false])("scripts on: %s", (javaScriptEnabled) => {
    let site: Awaited<ReturnType<typeof startEverything>>;
    const contexts: BrowserContext[] = [];
    beforeAll(async () => {
      site = await startEverything();
    }, 0);
    afterEach(async () => {
      for (const context of contexts.splice(0)) await context.close();
    });
    afterAll(() => site.close(), 0);

    async function device(options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({ locale: "en", javaScriptEnabled, ...options });
      contexts.push(context);
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      return page;
    }

    /** Fills in the form that goes to this path (one that begins so: "/open-"), on the page that is open, by its labels, and presses its button. */
    async function send(page: Page, action: string, values: Values = {}, expected = 302): Promise<void> {
      const isIt = /[/-]$/.test(action) ? `[action^="${action}"]` : `:is([action="${action}"], [action^="${action}?"])`;
      // Of several rows the last: this device comes first.
      const form = page.locator(`form[method="post"]${isIt}`).last();
      for (const [name, value] of Object.entries(values)) {
        const field = form.locator(`[name="${name}"]:visible`);
        const label = form.locator(`label[for="${await field.getAttribute("id")}"]`);
        expect([name, (await label.first().textContent())?.trim()]).not.toEqual([name, ""]);
        if (value === true) await field.check();
        else if ((await field.evaluate(({ tagName }) => tagName)) === "SELECT") await field.selectOption(value);
        else await field.fill(value);
      }
      const before = site.sent.length;
      await follow(form.locator("button"));
      expect([action, ...site.sent.slice(before).map(({ status }) => status)]).toEqual([action, expected]);
      await site.idle();
    }

    /** Opens a page and sends a form on it; default: the one that goes to the page itself. */
    async function fill(page: Page, path: string, values: Values = {}, action = path): Promise<void> {
      await page.goto(site.url + path);
      await send(page, action, values);
    }

    /** Opens the link of the newest mail of this template to the address and sends the form of its page. */
    async function openLink(page: Page, template: string, to: string, values: Values = {}): Promise<void> {
      const mail = site.box.all().findLast((one) => one.template === template && one.to.address === to);
      const link = new RegExp(`${site.url}(/[\\w-]+)/[\\w.-]+`).exec(mail?.text ?? "");
      if (link === null) throw new Error(`no link in a mail ${template} to ${to}`);
      await page.goto(link[0]);
      await send(page, `${link[1]}/open-`, values);
    }

    const isIn = async (page: Page): Promise<boolean> => (await cookie(page.context(), "session")) !== undefined;
    const signIn = (page: Page, email: string, password = first): Promise<void> =>
      fill(page, "/login", { email, password });

    test("an account: made, confirmed, changed in all its parts, left and found again", { timeout: 0 }, async () => {
      const email = "ann@acme.example";
      const page = await device();
      const account = {
        email,
        username: "annie",
        password: first,
        password_confirm: first,
        company: "Acme",
        plan: "huge",
      };
      await page.goto(`${site.url}/register`);
      await send(page, "/register", { ...account, terms: true }, 200);
      expect(await page.locator("main").textContent()).toContain("There are small and large ones.");
      await send(page, "/register", { plan: "small", password: first, password_confirm: first });
      await fill(page, "/confirm", { email });
      await openLink(page, "confirmation", email);
      await fill(page, "/login", { email, password: first, remember: true });
      expect(await isIn(page)).toBe(true);

      await fill(page, "/change-username", { username: "anna" });
      await fill(page, "/change-email", { email: "new@acme.example" });
      await fill(page, "/change-email", {}, "/cancel-change-email");
      await fill(page, "/change-email", { email: "new@acme.example" });
      await openLink(page, "changeEmailInstructions", "new@acme.example");
      site.later(3 * hour);
      await page.goto(`${site.url}/change`);
      await send(page, "/verify", { password: first });
      await send(page, "/change", { password: first, new_password: second, new_password_confirm: second });
      await fill(page, "/", {}, "/logout");
      await fill(page, "/recover-username", { email: "new@acme.example" });
      await fill(page, "/reset", { email: "new@acme.example" });
      await openLink(page, "resetInstructions", "new@acme.example", { password: third, password_confirm: third });
      await fill(page, "/login-link", { email: "new@acme.example" });
      await openLink(page, "signInLink", "new@acme.example");
      expect(await isIn(page)).toBe(true);
    });

    test("devices: ended one by one and at once, one that was not mine, a lock that guesses made", {
      timeout: 0,
    }, async () => {
      const email = "eva@acme.example";
      await site.addUser({ email });
      const [page, other] = [await device(), await device()];
      await signIn(page, email);
      for (const action of ["/sessions/end", "/sessions/end-others"]) {
        await signIn(other, email);
        await fill(page, "/sessions", {}, action);
        await other.goto(site.url);
        expect(new URL(other.url()).pathname).toBe("/login");
      }
      const stranger = await device({ userAgent: "Mozilla/5.0 (Macintosh) Firefox/140.0" });
      await signIn(stranger, email);
      await openLink(page, "newDevice", email);
      await stranger.goto(site.url);
      expect(new URL(stranger.url()).pathname).toBe("/login");

      const wrong = { email, password: "a wrong guess" };
      for (let guess = 1; guess < 20; guess += 1) {
        site.later(91_000);
        const headers = { "content-type": "application/json", accept: "application/json" };
        await fetch(`${site.url}/login`, { method: "POST", headers, body: JSON.stringify(wrong) });
      }
      site.later(91_000);
      await page.goto(`${site.url}/login`);
      await send(page, "/login", wrong, 200);
      await openLink(page, "accountLocked", email);
      await signIn(page, email);
      expect(await isIn(page)).toBe(true);
    });

    test("one's data, the end of an account, with a password and without", { timeout: 0 }, async () => {
      const email = "gil@acme.example";
      await site.addUser({ email });
      const page = await device();
      await signIn(page, email);
      await page.goto(`${site.url}/export-account`);
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.locator('form[action^="/export-account"] button').click(),
      ]);
      expect(download.suggestedFilename()).toBe("account.json");
      await fill(page, "/delete-account", { password: first });
      await openLink(page, "accountDeletion", email);

      await site.addUser({ email: "nop@acme.example", password: null });
      await fill(page, "/login-link", { email: "nop@acme.example" });
      await openLink(page, "signInLink", "nop@acme.example");
      await fill(page, "/delete-account");
      await openLink(page, "deleteAccountInstructions", "nop@acme.example");
      await page.goto(site.url);
      expect(new URL(page.url()).pathname).toBe("/login");
    });

    test("the administration: users, roles, sessions, acting as somebody else", { timeout: 0 }, async () => {
      await site.addUser({ email: "ada@acme.example", roles: ["boss"] });
      const [page, adam] = [await device(), await device()];
      await signIn(page, "ada@acme.example");
      const email = "adam@acme.example";
      await fill(page, "/admin/users/new", {
        email,
        password: first,
        confirmed: true,
        company: "Acme",
        born: "2001-02-03T04:05:06",
      });
      const at = new URL(page.url()).pathname;
      expect(at).toMatch(/^\/admin\/users\/\d+$/);
      await fill(page, `${at}/edit`, { username: "adam", badge: "B 9" });
      await fill(page, "/admin/roles/new", { name: "auditor", description: "Looks", permissions: "read" });
      await fill(page, "/admin/roles/auditor/edit", { permissions: "" });
      await fill(page, `${at}/roles`);
      await fill(page, `${at}/permissions`, { permissions: "read" });
      await fill(page, "/admin/roles/auditor/delete");
      await fill(page, `${at}/password`, { password: second, password_confirm: second });
      await signIn(adam, email, second);
      await page.goto(`${site.url}/admin/sessions`);
      await page.locator("tr", { hasText: email }).getByRole("link").last().click();
      await send(page, "/admin/sessions/");
      await adam.goto(site.url);
      expect(new URL(adam.url()).pathname).toBe("/login");
      for (const action of ["deactivate", "activate", "unlock", "end-sessions", "reset-access"])
        await fill(page, `${at}/${action}`);
      await signIn(adam, email, second);
      const key = await adam.context().request.get(`${site.url}/login`, { headers: { accept: "application/json" } });
      const made = await adam.context().request.post(`${site.url}/api/user/key`, {
        data: { name: "one" },
        headers: { "x-csrf-token": (await key.json()).response.csrf_token, origin: site.url },
      });
      await fill(page, `${at}/keys/${(await made.json()).response.key.id}/revoke`);
      await fill(page, `${at}/impersonate`, { reason: "Ticket 4711" });
      expect(await page.locator("main").textContent()).toContain(email);
      await send(page, "/admin/impersonation/end");
      await page.goto(`${site.url}/admin/users`);
      await page.getByLabel("Email or username begins with").fill("ADAM");
      await follow(page.getByRole("button", { name: "Show" }));
      expect(await page.getByRole("row").count()).toBe(2);
      await fill(page, `${at}/delete`);
    });

    test("a mail that waits: tried again, and dropped", { timeout: 0 }, async () => {
      const page = await device();
      await signIn(page, "ada@acme.example");
      site.mailDown(true);
      await fill(await device(), "/reset", { email: "ada@acme.example" });
      for (const what of ["Send now", "Drop"]) {
        await page.goto(`${site.url}/admin/outbox`);
        await follow(page.getByRole("link", { name: what }).first());
        await send(page, new URL(page.url()).pathname);
      }
      site.mailDown(false);
    });

    test("a password that is too old", { timeout: 0 }, async () => {
      const email = "olga@acme.example";
      await site.addUser({ email });
      const page = await device();
      site.later(181 * day);
      await signIn(page, email);
      await send(page, "/expired-password", { password: second, password_confirm: second });
      expect(await isIn(page)).toBe(true);
    });

    test("there is no form that nobody has filled in", () => {
      const paths = [...new Set(site.sent.filter(({ status }) => status < 400).map(({ path }) => path))];
      // "/sessions/end" is no "/sessions/{id}": the one with fewer parameters is meant.
      const byParameters = site.forms().toSorted((a, b) => a.split("{").length - b.split("{").length);
      const formOf = (path: string): string | undefined =>
        byParameters.find((form) => new RegExp(`^${form.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path));
      const filled = new Set(paths.map(formOf));
      expect(site.forms().length).toBeGreaterThan(40);
      expect(site.forms().filter((form) => !filled.has(form))).toEqual([]);
    });
  });
});
