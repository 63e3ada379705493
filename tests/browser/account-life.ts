/** The life of an account as a person lives it, in three languages, with scripts and without. */

import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Catalogue, layeredCatalogue, type MessageKey } from "../../src/i18n/catalogue.ts";
import { loadTranslation } from "../../src/i18n/shipped.ts";
import { describeBrowser, launch } from "./browser.ts";
import { type Life, startLife } from "./life-site.ts";
import { complaintsOf, cookie, expectAccessible, follow, heading, place, visit } from "./people.ts";

const first = "four unrelated words";
const second = "quite another phrase";
const third = "and yet one more of them";

/** Declares the tests in one language; each is a file of its own, so that they run beside each other. */
export function describeAccountLife(locale: string, direction: "ltr" | "rtl"): void {
  describeBrowser(`the life of an account in Chromium, ${locale}`, () => {
    let browser: Browser;
    let life: Life;
    const contexts: BrowserContext[] = [];

    beforeAll(async () => {
      browser = await launch();
      life = await startLife();
    }, 0);

    afterEach(async () => {
      for (const context of contexts.splice(0)) await context.close();
    });

    afterAll(async () => {
      await life.close();
      await browser.close();
    }, 0);

    /** The newest mail to the address: the path that its link opens. */
    async function linkTo(address: string): Promise<string> {
      await life.settled();
      const mail = life.box.all().findLast(({ to }) => to.address === address);
      const link = new RegExp(`${life.url}(/[\\w/.?=&%-]+)`).exec(mail?.text ?? "")?.[1];
      if (link === undefined) throw new Error(`no link to ${address}: ${mail?.subject}`);
      return link;
    }

    let catalogue: Catalogue;
    beforeAll(async () => {
      catalogue = layeredCatalogue(locale, [{ language: locale, texts: await loadTranslation(locale) }]);
    });

    /** A person with a browser in that language. */
    async function person(javaScriptEnabled: boolean) {
      // axe is a script, which the pages' policy refuses.
      const context = await browser.newContext({ locale, javaScriptEnabled, bypassCSP: javaScriptEnabled });
      contexts.push(context);
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      const complaints = complaintsOf(page);
      const text = (key: MessageKey, values: Readonly<Record<string, string | number>> = {}): string =>
        (catalogue.text as unknown as (key: MessageKey, values: object) => string)(key, values);

      return {
        page,
        complaints,
        text,
        /** Opens a page and looks at it. */
        async open(path: string, title?: MessageKey): Promise<void> {
          await visit(page, `${life.url}${path}`);
          if (title !== undefined) await this.looks(title);
        },
        /** The page has that heading, is in the language, and axe finds nothing. */
        async looks(title: MessageKey): Promise<void> {
          expect(await heading(page)).toBe(text(title));
          expect(await page.locator("html").getAttribute("lang")).toBe(locale);
          expect((await page.locator("html").getAttribute("dir")) ?? "ltr").toBe(direction);
          if (javaScriptEnabled) await expectAccessible(page);
        },
        async fill(label: MessageKey, value: string): Promise<void> {
          await page.getByLabel(text(label), { exact: true }).fill(value);
        },
        async press(button: MessageKey): Promise<void> {
          // Of several rows the last: this device comes first.
          await follow(
            page
              .locator("main")
              .getByRole("button", { name: text(button), exact: true })
              .last(),
          );
        },
        /** The page shows that message. */
        async told(key: MessageKey, values: Readonly<Record<string, string>> = {}): Promise<void> {
          // The application's own page shows no messages: they wait for the next account page.
          if (place(page) === "/") await visit(page, `${life.url}/sessions`);
          expect(await page.locator("main").textContent()).toContain(text(key, values));
        },
        async signIn(identity: string, password: string): Promise<void> {
          await this.open("/login", "TITLE_LOGIN");
          await this.fill(identity.includes("@") ? "LABEL_EMAIL" : "LABEL_USERNAME", identity);
          await this.fill("LABEL_PASSWORD", password);
          await this.press("SUBMIT_LOGIN");
        },
        /** Opens the link of the newest mail: its token has left the address bar before the page is there. */
        async openLink(address: string, title: MessageKey): Promise<void> {
          const link = await linkTo(address);
          await this.open(link, title);
          expect(page.url()).not.toContain(link.slice(link.lastIndexOf("/") + 1));
        },
      };
    }

    describe.each([true, false])("scripts on: %s", (scripts) => {
      const address = (name: string): string => `${name}-${locale}-${scripts ? "with" : "without"}@acme.example`;

      /** Makes an account and confirms it. */
      async function register(email: string) {
        const one = await person(scripts);
        await one.open("/register", "TITLE_REGISTER");
        await one.fill("LABEL_EMAIL", email);
        await one.fill("LABEL_PASSWORD", first);
        await one.fill("LABEL_PASSWORD_CONFIRM", first);
        await one.press("SUBMIT_REGISTER");
        await one.told("CONFIRM_REGISTRATION", { email });
        await one.openLink(email, "TITLE_CONFIRM_EMAIL");
        await one.press("SUBMIT_CONFIRM_EMAIL");
        await one.told("EMAIL_CONFIRMED");
        return one;
      }

      test("registration, confirmation, sign-in, and the known owner is told", { timeout: 0 }, async () => {
        const email = address("ann");
        const ann = await register(email);
        await ann.signIn(email, first);
        expect(place(ann.page)).toBe("/");
        expect(await ann.page.textContent("body")).toBe(email);

        const again = await person(scripts);
        await again.open("/register");
        await again.fill("LABEL_EMAIL", email);
        await again.fill("LABEL_PASSWORD", second);
        await again.fill("LABEL_PASSWORD_CONFIRM", second);
        await again.press("SUBMIT_REGISTER");
        await again.told("CONFIRM_REGISTRATION", { email });
        await life.settled();
        const mail = life.box.all().findLast(({ to }) => to.address === email);
        expect(mail?.subject).toBe(again.text("MAIL_ADDRESS_IN_USE_SUBJECT"));

        await again.open("/confirm", "TITLE_SEND_CONFIRMATION");
        await again.fill("LABEL_EMAIL", email);
        await again.press("SUBMIT_SEND_CONFIRMATION");
        await again.told("CONFIRMATION_REQUEST", { email });
        expect([...ann.complaints, ...again.complaints]).toEqual([]);
      });

      test("who signs in before the address is confirmed is told so, and sends the link again by the button", {
        timeout: 0,
      }, async () => {
        const email = address("ida");
        const ida = await person(scripts);
        await ida.open("/register", "TITLE_REGISTER");
        await ida.fill("LABEL_EMAIL", email);
        await ida.fill("LABEL_PASSWORD", first);
        await ida.fill("LABEL_PASSWORD_CONFIRM", first);
        await ida.press("SUBMIT_REGISTER");
        await ida.signIn(email, first);
        await ida.told("CONFIRMATION_REQUIRED");
        await ida.looks("TITLE_LOGIN");
        const sent = life.box.all().length;
        await ida.press("SUBMIT_SEND_CONFIRMATION");
        await ida.told("CONFIRMATION_REQUEST", { email });
        await life.settled();
        expect(life.box.all().length).toBe(sent + 1);
        await ida.openLink(email, "TITLE_CONFIRM_EMAIL");
        await ida.press("SUBMIT_CONFIRM_EMAIL");
        await ida.told("EMAIL_CONFIRMED");
        await ida.signIn(email, first);
        expect(place(ida.page)).toBe("/");
        expect(ida.complaints).toEqual([]);
      });

      test("an address that a stranger registered is its owner's, with a password of their own", {
        timeout: 0,
      }, async () => {
        const email = address("hal");
        const stranger = await person(scripts);
        await stranger.open("/register", "TITLE_REGISTER");
        await stranger.fill("LABEL_EMAIL", email);
        await stranger.fill("LABEL_PASSWORD", first);
        await stranger.fill("LABEL_PASSWORD_CONFIRM", first);
        await stranger.press("SUBMIT_REGISTER");

        const hal = await person(scripts);
        await hal.openLink(email, "TITLE_CONFIRM_EMAIL");
        await hal.told("INTRO_FIRST_PROOF", { email });
        await hal.press("SUBMIT_CONFIRM_EMAIL");
        await hal.told("FIRST_PROOF_NEEDS_PASSWORD");
        await hal.looks("TITLE_CONFIRM_EMAIL");
        await hal.fill("LABEL_PASSWORD", second);
        await hal.press("SUBMIT_CONFIRM_EMAIL");
        await hal.told("INVALID_PASSWORD");
        await hal.fill("LABEL_PASSWORD_NEW", second);
        await hal.fill("LABEL_PASSWORD_CONFIRM", "something else entirely");
        await hal.press("SUBMIT_CONFIRM_EMAIL");
        await hal.told("RETYPE_PASSWORD_MISMATCH");
        await hal.fill("LABEL_PASSWORD_NEW", second);
        await hal.fill("LABEL_PASSWORD_CONFIRM", second);
        await hal.press("SUBMIT_CONFIRM_EMAIL");
        await hal.told("EMAIL_CONFIRMED");
        await stranger.signIn(email, first);
        expect(place(stranger.page)).toBe("/login");
        await hal.signIn(email, second);
        expect(place(hal.page)).toBe("/");
        expect([...stranger.complaints, ...hal.complaints]).toEqual([]);
      });

      test("a forgotten password, a link for a new one, once", { timeout: 0 }, async () => {
        const email = address("bob");
        const bob = await register(email);
        await bob.signIn(email, first);
        const thief = await person(scripts);
        await thief.open("/reset", "TITLE_FORGOT_PASSWORD");
        await thief.fill("LABEL_EMAIL", email);
        await thief.press("SUBMIT_FORGOT_PASSWORD");
        await thief.told("GENERIC_RECOVERY");
        const link = await linkTo(email);
        await thief.openLink(email, "TITLE_RESET_PASSWORD");
        await thief.fill("LABEL_PASSWORD", second);
        await thief.fill("LABEL_PASSWORD_CONFIRM", "something else entirely");
        await thief.press("SUBMIT_RESET_PASSWORD");
        await thief.told("RETYPE_PASSWORD_MISMATCH");
        await thief.fill("LABEL_PASSWORD", second);
        await thief.fill("LABEL_PASSWORD_CONFIRM", second);
        await thief.press("SUBMIT_RESET_PASSWORD");
        await thief.told("PASSWORD_RESET_NO_LOGIN");
        await visit(bob.page, life.url);
        expect(await heading(bob.page), "the old session is over").toBe(bob.text("TITLE_LOGIN"));
        await thief.open(link);
        await thief.told("LINK_USED");
        await bob.signIn(email, second);
        expect(place(bob.page)).toBe("/");
        expect([...bob.complaints, ...thief.complaints].filter((line) => !/40[013]/.test(line))).toEqual([]);
      });

      test("a link in place of a password, and a forgotten username", { timeout: 0 }, async () => {
        const email = address("cid");
        const cid = await register(email);
        await cid.open("/login-link", "TITLE_LOGIN");
        await cid.fill("LABEL_EMAIL", email);
        await cid.press("SUBMIT_LOGIN_LINK");
        await cid.told("GENERIC_RECOVERY");
        await cid.openLink(email, "TITLE_LOGIN");
        await cid.press("SUBMIT_LOGIN");
        expect(await cookie(cid.page.context(), "session")).not.toBeUndefined();
        await cid.open("/change-username", "TITLE_CHANGE_USERNAME");
        const name = `cid${locale}${scripts ? 1 : 0}`;
        await cid.fill("LABEL_USERNAME", name);
        await cid.press("SUBMIT_CHANGE_USERNAME");
        await cid.told("USERNAME_CHANGE");

        const other = await person(scripts);
        await other.open("/recover-username", "TITLE_RECOVER_USERNAME");
        await other.fill("LABEL_EMAIL", email);
        await other.press("SUBMIT_RECOVER_USERNAME");
        await other.told("USERNAME_RECOVERY_REQUEST");
        await life.settled();
        expect(life.box.all().findLast(({ to }) => to.address === email)?.text).toContain(name);
        await other.signIn(name, first);
        expect(place(other.page)).toBe("/");
        expect([...cid.complaints, ...other.complaints]).toEqual([]);
      });

      test("changes of password and address, behind a fresh proof", { timeout: 0 }, async () => {
        const email = address("dan");
        const dan = await register(email);
        await dan.signIn(email, first);
        const elsewhere = await person(scripts);
        await elsewhere.signIn(email, first);
        life.later(3 * 3_600_000);
        await dan.open("/change");
        await dan.looks("TITLE_VERIFY");
        await dan.fill("LABEL_PASSWORD", first);
        await dan.press("SUBMIT_VERIFY");
        await dan.looks("TITLE_CHANGE_PASSWORD");
        await dan.fill("LABEL_PASSWORD_PRESENT", first);
        await dan.fill("LABEL_PASSWORD_NEW", second);
        await dan.fill("LABEL_PASSWORD_CONFIRM", second);
        await dan.press("SUBMIT_CHANGE_PASSWORD");
        await dan.told("PASSWORD_CHANGE");
        await visit(elsewhere.page, life.url);
        expect(await heading(elsewhere.page), "the other device is signed out").toBe(dan.text("TITLE_LOGIN"));

        const moved = address("dan-moved");
        await dan.open("/change-email", "TITLE_CHANGE_EMAIL");
        await dan.fill("LABEL_EMAIL_NEW", moved);
        await dan.press("SUBMIT_CHANGE_EMAIL");
        await dan.told("CHANGE_EMAIL_SENT", { email: moved });
        await dan.openLink(moved, "TITLE_CHANGE_EMAIL_CONFIRM");
        await dan.press("SUBMIT_CHANGE_EMAIL_CONFIRM");
        await dan.told("CHANGE_EMAIL_CONFIRMED");
        await visit(dan.page, life.url);
        expect(await dan.page.textContent("body")).toBe(moved);
        expect([...dan.complaints, ...elsewhere.complaints]).toEqual([]);
      });

      test("devices: seen, signed out, and one that was not mine", { timeout: 0 }, async () => {
        const email = address("eva");
        const eva = await register(email);
        await eva.signIn(email, first);
        const other = await person(scripts);
        await other.signIn(email, first);
        await eva.open("/sessions", "TITLE_SESSIONS");
        expect(await eva.page.getByText(eva.text("DEVICE_CURRENT")).count()).toBe(1);
        await eva.press("SUBMIT_END_SESSION");
        await eva.told("SESSION_ENDED");
        await visit(other.page, life.url);
        expect(await heading(other.page)).toBe(eva.text("TITLE_LOGIN"));
        await other.signIn(email, first);
        await eva.open("/sessions");
        await eva.press("SUBMIT_END_OTHERS");
        await eva.told("OTHER_SESSIONS_ENDED");
        await visit(other.page, life.url);
        expect(await heading(other.page)).toBe(eva.text("TITLE_LOGIN"));

        const context = await browser.newContext({ locale, userAgent: "Mozilla/5.0 (Macintosh) Firefox/140.0" });
        contexts.push(context);
        const stranger = await context.newPage();
        await visit(stranger, `${life.url}/login`);
        await stranger.getByLabel(eva.text("LABEL_EMAIL"), { exact: true }).fill(email);
        await stranger.getByLabel(eva.text("LABEL_PASSWORD"), { exact: true }).fill(first);
        await follow(stranger.getByRole("button", { name: eva.text("SUBMIT_LOGIN"), exact: true }));
        await eva.openLink(email, "TITLE_NOT_ME");
        await eva.press("SUBMIT_NOT_ME");
        await eva.told("SIGN_IN_DISOWNED");
        await visit(stranger, life.url);
        expect(await heading(stranger)).toBe(eva.text("TITLE_LOGIN"));
        await eva.openLink(email, "TITLE_RESET_PASSWORD");
        await eva.fill("LABEL_PASSWORD", third);
        await eva.fill("LABEL_PASSWORD_CONFIRM", third);
        await eva.press("SUBMIT_RESET_PASSWORD");
        await eva.told("PASSWORD_RESET_NO_LOGIN");
        expect([...eva.complaints, ...other.complaints]).toEqual([]);
      });

      test("locked by guesses, unlocked by the link in the mail", { timeout: 0 }, async () => {
        const email = address("fay");
        const fay = await register(email);
        for (let guess = 0; guess < 60; guess += 1) {
          const answer = await fetch(`${life.url}/login`, {
            method: "POST",
            headers: { "content-type": "application/json", accept: "application/json" },
            body: JSON.stringify({ email, password: "a wrong guess" }),
          });
          if (answer.status === 429) life.later(1000 * Number(answer.headers.get("retry-after")));
          await life.settled();
          if (life.box.all().some(({ to, template }) => to.address === email && template === "accountLocked")) break;
        }
        await fay.signIn(email, first);
        expect(await heading(fay.page)).not.toBe(email);
        await fay.openLink(email, "TITLE_UNLOCK");
        await fay.press("SUBMIT_UNLOCK");
        await fay.told("ACCOUNT_UNLOCKED");
        await fay.signIn(email, first);
        expect(place(fay.page)).toBe("/");
      });

      test("one's data, the end of the account, and second thoughts", { timeout: 0 }, async () => {
        const email = address("gil");
        const gil = await register(email);
        await gil.signIn(email, first);
        await gil.open("/export-account", "TITLE_EXPORT_ACCOUNT");
        const [download] = await Promise.all([
          gil.page.waitForEvent("download"),
          gil.page.getByRole("button", { name: gil.text("SUBMIT_EXPORT_ACCOUNT") }).click(),
        ]);
        const chunks: Buffer[] = [];
        for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
        expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ account: { email } });

        await gil.open("/delete-account", "TITLE_DELETE_ACCOUNT");
        await gil.fill("LABEL_PASSWORD", first);
        await gil.press("SUBMIT_DELETE_ACCOUNT");
        await gil.told("ACCOUNT_DELETION_BEGUN");
        await gil.signIn(email, first);
        expect(place(gil.page)).toBe("/login");
        await gil.openLink(email, "TITLE_KEEP_ACCOUNT");
        await gil.press("SUBMIT_KEEP_ACCOUNT");
        await gil.told("ACCOUNT_KEPT");
        await gil.signIn(email, first);
        expect(place(gil.page)).toBe("/");
      });
    });
  });
}
