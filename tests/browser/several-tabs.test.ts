/** Two tabs of one browser, two accounts: each page acts for the account that it names, with scripts and without. */

import type { Browser, BrowserContext, Page } from "playwright-core";
import { outbox, portcullis } from "portcullis";
import { changeEmail, passwordless, passwords, recovery, sessions } from "portcullis/features";
import { html } from "portcullis/views";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { weakHashing } from "../http/authn-system.ts";
import { describeBrowser, launch } from "./browser.ts";
import { type RunningExample, startExample } from "./example-server.ts";
import { expectAccessible, follow, heading, place, signIn } from "./people.ts";

const old = "four unrelated words";
const people = ["ann", "bob"] as const;
type Person = (typeof people)[number];

describeBrowser("several tabs in Chromium", () => {
  let browser: Browser;
  let running: RunningExample;
  let settled = async (): Promise<void> => {};
  const box = outbox();
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    browser = await launch();
    running = await startExample(async ({ origin, database }) => {
      const security = await portcullis({
        secretKeys: ["a secret of the browser's tests, long enough"],
        origins: [origin],
        datastore: database,
        mail: { sender: box },
        log: () => {},
        passwords: { hashing: weakHashing },
        features: [passwords(), recovery(), passwordless(), changeEmail(), sessions()],
      });
      settled = () => security.delivery.idle();
      for (const scripts of [true, false]) {
        for (const one of people) await security.users.create({ email: address(one, scripts), password: old });
      }
      const app = security.app();
      app.get("/favicon.ico", { authz: "OPEN" }, (c) => c.body(null, 204));
      app.get("/", { authz: "AUTH" }, (c) =>
        security.page(c, {
          title: c.var.user.email,
          content: html`<h1>${c.var.user.email}</h1>${security.signOutButton(c)}`,
        }),
      );
      return { app, security };
    });
  }, 0);

  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });

  afterAll(async () => {
    await running.close();
    await browser.close();
  }, 0);

  const address = (one: Person, scripts: boolean): string => `${one}-${scripts ? "with" : "without"}@acme.example`;

  async function context(scripts: boolean): Promise<BrowserContext> {
    const made = await browser.newContext({ locale: "en", javaScriptEnabled: scripts, bypassCSP: scripts });
    contexts.push(made);
    return made;
  }

  async function tab(of: BrowserContext, path: string): Promise<Page> {
    const page = await of.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(`${running.url}${path}`);
    return page;
  }

  /** Asks for a mail in a browser of one's own, and finds its link. */
  async function mailed(page: string, email: string): Promise<string> {
    const asking = await tab(await context(true), page);
    await asking.getByLabel("Email").fill(email);
    await follow(asking.getByRole("button", { name: "Send the link" }));
    await settled();
    const mail = box.all().findLast(({ to }) => to.address === email);
    const link = new RegExp(`${running.url}(/[\\w/.?=&%-]+)`).exec(mail?.text ?? "")?.[1];
    if (link === undefined) throw new Error(`no link to ${email}`);
    return link;
  }

  const text = async (page: Page): Promise<string> => (await page.locator("main").textContent()) ?? "";
  const press = (page: Page, name: string): Promise<void> =>
    follow(page.locator("main").getByRole("button", { name, exact: true }));

  describe.each([true, false])("scripts on: %s", (scripts) => {
    test("two links for a new password: each sets that of the account that its page names", {
      timeout: 0,
    }, async () => {
      const shared = await context(scripts);
      const tabs: Page[] = [];
      for (const one of people) tabs.push(await tab(shared, await mailed("/reset", address(one, scripts))));
      for (const [index, one] of people.entries()) {
        const page = tabs[index] as Page;
        expect(await text(page)).toContain(address(one, scripts));
        if (scripts) await expectAccessible(page);
        await page.getByLabel("Password", { exact: true }).fill(`the new words of ${one}`);
        await page.getByLabel("Password again").fill(`the new words of ${one}`);
        await press(page, "Set the password");
        expect(await text(page)).toContain("Your new password is set");
      }
      for (const one of people) {
        const page = await tab(await context(scripts), "/login");
        await signIn(page, address(one, scripts), `the new words of ${one}`);
        expect(await heading(page)).toBe(address(one, scripts));
      }
    });

    test("two links to sign in: each tab signs in whom it names, and says so when it must ask again", {
      timeout: 0,
    }, async () => {
      const shared = await context(scripts);
      const tabs: Page[] = [];
      for (const one of people) tabs.push(await tab(shared, await mailed("/login-link", address(one, scripts))));
      const [anns, bobs] = tabs as [Page, Page];
      await press(anns, "Sign in");
      expect(await heading(anns)).toBe(address("ann", scripts));
      await press(bobs, "Sign in");
      expect(await text(bobs)).toContain("please send it again");
      expect(await text(bobs)).toContain(address("bob", scripts));
      await anns.reload();
      expect(await heading(anns)).toBe(address("ann", scripts));
      await press(bobs, "Sign in");
      expect(await heading(bobs)).toBe(address("bob", scripts));
      // Ann's page is still open: signing out there asks first, as it is bob who is signed in now.
      await press(anns, "Sign out");
      expect(await text(anns)).toContain("shown for another account");
      await press(anns, "Sign out");
      await bobs.reload();
      expect(place(bobs)).toContain("/login");
    });

    test("a link's page, opened in another browser, says to open the mail's link there", { timeout: 0 }, async () => {
      const link = await mailed("/reset", address("ann", scripts));
      const here = await tab(await context(scripts), link);
      const there = await tab(await context(scripts), new URL(here.url()).pathname);
      expect(await text(there)).toContain("open the link in the mail again");
      if (scripts) await expectAccessible(there);
      await there.goto(`${running.url}${link}`);
      expect(await text(there)).toContain(address("ann", scripts));
    });

    test("signing out in both tabs is no fault", { timeout: 0 }, async () => {
      const shared = await context(scripts);
      const page = await tab(shared, "/login-link");
      await page.close();
      const link = await mailed("/login-link", address("ann", scripts));
      const one = await tab(shared, link);
      await press(one, "Sign in");
      const two = await tab(shared, "/");
      await press(one, "Sign out");
      await press(two, "Sign out");
      for (const left of [one, two])
        expect([place(left).startsWith("/login"), await left.title()]).toEqual([true, "Sign in · Portcullis"]);
    });

    test("a change of address is shown while it waits, and taken back", { timeout: 0 }, async () => {
      const page = await tab(await context(scripts), await mailed("/login-link", address("ann", scripts)));
      await press(page, "Sign in");
      await page.goto(`${running.url}/change-email`);
      await page.getByLabel("New email").fill("new@acme.example");
      await press(page, "Send the link");
      expect(await text(page)).toContain("Waits for its link to be opened");
      if (scripts) await expectAccessible(page);
      await press(page, "Keep the present address");
      expect(await text(page)).toContain("Your address stays as it is");
      expect(await text(page)).not.toContain("Waits for its link");
    });
  });
});
