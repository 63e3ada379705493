import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import * as basics from "../../examples/basics/app.ts";
import * as diary from "../../examples/diary/app.ts";
import * as registration from "../../examples/registration/app.ts";
import * as roles from "../../examples/roles/app.ts";
import { describeBrowser, launch } from "./browser.ts";
import { type RunningExample, startExample } from "./example-server.ts";
import { cookie, expectAccessible, follow, heading, place, register, signIn, write } from "./people.ts";

const session = "session";
const phrase = "four unrelated words";

describeBrowser("the examples in Chromium", () => {
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const running: RunningExample[] = [];

  beforeAll(async () => {
    browser = await launch();
  }, 0);

  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    for (const example of running.splice(0)) await example.close();
  });

  afterAll(async () => await browser.close(), 0);

  async function start(...from: Parameters<typeof startExample>): Promise<string> {
    const example = await startExample(...from);
    running.push(example);
    return example.url;
  }

  /** A browser of its own, with no cookies but the given ones. */
  async function visitor(options: BrowserContextOptions): Promise<Page> {
    const context = await browser.newContext(options);
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    return page;
  }

  describe.each([true, false])("scripts on: %s", (javaScriptEnabled) => {
    const options = { javaScriptEnabled };

    test("basics: sign-in, greeting, sign-out", { timeout: 0 }, async () => {
      const url = await start(basics.createApp);
      const page = await visitor(options);
      await page.goto(url);
      expect(place(page)).toBe("/login?next=%2F");
      expect(await page.getByRole("status").textContent()).toBe("You need to sign in for this.");

      for (const email of ["test@me.com", "nobody@me.com"]) {
        await signIn(page, email, "wrong password");
        expect(await page.getByRole("alert").textContent()).toMatch(/^That did not match an account/);
        expect(await page.getByLabel("Email").inputValue()).toBe(email);
        expect(await page.getByLabel("Password").inputValue()).toBe("");
        expect(await cookie(page.context(), session)).toBeUndefined();
      }

      await signIn(page, "test@me.com", "password");
      expect(place(page)).toBe("/");
      expect(await heading(page)).toBe("Hello, test@me.com!");

      const state = await page.context().storageState();
      const copy = await visitor({ ...options, storageState: state });
      await copy.goto(url);
      expect(await heading(copy)).toBe("Hello, test@me.com!");
      await follow(page.getByRole("button", { name: "Sign out" }));
      expect(place(page)).toBe("/login?next=%2F");
      expect(await page.getByText("You are signed out.").count()).toBe(1);
      expect(await cookie(page.context(), session)).toBeUndefined();

      await copy.goto(url);
      expect(place(copy), "a copy of the cookie is worth nothing after sign-out").toBe("/login?next=%2F");
    });

    test("basics: each sign-in makes a new session id", { timeout: 0 }, async () => {
      const url = await start(basics.createApp);
      const page = await visitor(options);
      const planted = "A".repeat(43);
      const ids = [planted];
      await page
        .context()
        .addCookies([{ name: session, value: planted, domain: "localhost", path: "/", secure: true, httpOnly: true }]);
      expect(await cookie(page.context(), session)).toBe(planted);
      for (let time = 0; time < 2; time += 1) {
        await page.goto(`${url}/login`);
        await signIn(page, "test@me.com", "password");
        expect(await heading(page)).toBe("Hello, test@me.com!");
        ids.push((await cookie(page.context(), session)) ?? "none");
        await follow(page.getByRole("button", { name: "Sign out" }));
        expect(await page.getByText("You are signed out.").count()).toBe(1);
      }
      expect(ids).not.toContain("none");
      expect(new Set(ids).size).toBe(3);
    });

    test("basics: only who asked for it stays signed in when the browser is closed", { timeout: 0 }, async () => {
      const url = await start(basics.createApp);
      for (const remember of [true, false]) {
        const page = await visitor(options);
        await page.goto(url);
        await signIn(page, "test@me.com", "password", remember);
        expect(await heading(page)).toBe("Hello, test@me.com!");
        const { cookies, origins } = await page.context().storageState();
        // What a browser that was closed and opened again still has: cookies with an end of their own.
        const kept = cookies.filter(({ expires }) => expires > 0);
        expect(kept.map(({ name }) => name)).toEqual(remember ? ["remember"] : []);
        const later = await visitor({ ...options, storageState: { cookies: kept, origins } });
        await later.goto(url);
        expect(await heading(later)).toBe(remember ? "Hello, test@me.com!" : "Sign in");
      }
    });

    test("registration: faults at their fields, then an account, sign-in and the dashboard", {
      timeout: 0,
    }, async () => {
      const url = await start(registration.createApp);
      const page = await visitor(options);
      await page.goto(url);
      expect(await heading(page)).toBe("Welcome!");
      await follow(page.getByRole("link", { name: "Dashboard" }));
      expect(place(page)).toBe("/login?next=%2Fdashboard");
      await follow(page.getByRole("link", { name: "Create an account" }));
      expect(place(page)).toBe("/register?next=%2Fdashboard");

      await register(page, "ann@example.com", "password1", { "Your name": "Ann <b>", "Year of birth": "1990" });
      expect(await page.getByLabel("Password", { exact: true }).getAttribute("aria-invalid")).toBe("true");
      expect(await page.getByLabel("Year of birth").getAttribute("aria-invalid")).toBeNull();
      await register(page, "ann@example.com", phrase, { "Your name": "Ann <b>", "Year of birth": "3000" });
      expect(await page.getByLabel("Password", { exact: true }).getAttribute("aria-invalid")).toBeNull();
      expect(await page.getByLabel("Year of birth").getAttribute("aria-invalid")).toBe("true");
      expect(await page.getByLabel("Your name").inputValue()).toBe("Ann <b>");

      await register(page, "ann@example.com", phrase, { "Your name": "Ann <b>", "Year of birth": "1990" });
      expect(place(page)).toBe("/login?next=%2Fdashboard");
      const answer = await page.getByRole("status").textContent();
      expect(answer).toBe("Your account is ready. You can sign in now.");
      await signIn(page, "ann@example.com", phrase);
      expect(place(page)).toBe("/dashboard");
      expect(await heading(page)).toBe("Hello, Ann <b>!");
      const age = new Date().getFullYear() - 1990;
      expect(await page.getByText(`You turn ${age} this year.`).count()).toBe(1);

      await page.goto(`${url}/register`);
      expect(place(page), "who is signed in needs no account").toBe("/dashboard");

      const other = await visitor(options);
      await other.goto(`${url}/register`);
      await register(other, "ann@example.com", "quite different words", {
        "Your name": "Eve",
        "Year of birth": "1980",
      });
      expect(await other.getByRole("status").textContent(), "nobody learns who has an account").toBe(answer);
      await signIn(other, "ann@example.com", "quite different words");
      expect(await other.getByRole("alert").textContent()).toMatch(/^That did not match an account/);
    });

    test("diary: everybody reads their own entries and nobody else's", { timeout: 0 }, async () => {
      const url = await start(diary.createApp);
      const newcomer = async (email: string): Promise<Page> => {
        const page = await visitor(options);
        await page.goto(`${url}/register`);
        await register(page, email, phrase);
        await signIn(page, email, phrase);
        expect(await heading(page)).toBe("My diary");
        return page;
      };
      const ann = await newcomer("ann@example.com");
      const bob = await newcomer("bob@example.com");
      await write(ann, "A <first> day", "Sunny.\nWarm.");
      expect(await ann.getByRole("status").textContent()).toBe("Written.");
      await follow(ann.getByRole("link", { name: "A <first> day" }));
      expect(await heading(ann)).toBe("A <first> day");
      expect(await ann.locator("main p").allTextContents()).toEqual(["Sunny.", "Warm."]);
      expect(await ann.getByRole("status").count(), "a message is shown once").toBe(0);

      const entry = ann.url();
      const refused = await bob.goto(entry);
      expect(refused?.status()).toBe(403);
      expect(await heading(bob)).toBe("No access");
      expect(await bob.getByText("Sunny.").count()).toBe(0);
      const unknown = await bob.goto(`${url}/entry/999`);
      expect(unknown?.status()).toBe(404);
      expect(await heading(bob)).toBe("Not found");
      await bob.goto(url);
      expect(await bob.getByRole("link", { name: "A <first> day" }).count()).toBe(0);

      const stranger = await visitor(options);
      await stranger.goto(entry);
      expect(place(stranger)).toBe(`/login?next=${encodeURIComponent(new URL(entry).pathname)}`);
      await signIn(stranger, "ann@example.com", phrase);
      expect(stranger.url(), "back where they wanted to go").toBe(entry);
      expect(await heading(stranger)).toBe("A <first> day");
    });

    test("roles: a writer writes, an admin sees, edits and deletes all", { timeout: 0 }, async () => {
      const url = await start(roles.createApp);
      const writer = await visitor(options);
      await writer.goto(url);
      await signIn(writer, "writer@example.com", "writerpass");
      await write(writer, "Monday", "Rain.");
      await write(writer, "Tuesday", "More rain.");
      expect(await writer.getByRole("link", { name: "All entries" }).count()).toBe(0);
      await follow(writer.getByRole("link", { name: "Monday" }));
      const entry = writer.url();
      expect(await heading(writer)).toBe("Monday");
      expect(await writer.getByRole("link", { name: "Edit" }).count()).toBe(0);
      expect(await writer.getByRole("button", { name: "Delete" }).count()).toBe(0);
      for (const place of [`${url}/entries`, `${entry}/edit`]) expect((await writer.goto(place))?.status()).toBe(403);

      const admin = await visitor(options);
      await admin.goto(url);
      await signIn(admin, "admin@example.com", "adminpass");
      expect(await admin.getByRole("link", { name: "Monday" }).count(), "not the admin's own").toBe(0);
      await follow(admin.getByRole("link", { name: "All entries" }));
      const list = admin.locator("main li");
      expect(await list.allTextContents()).toEqual(["Tuesday by writer@example.com", "Monday by writer@example.com"]);
      await follow(admin.getByRole("link", { name: "Monday" }));
      await follow(admin.getByRole("link", { name: "Edit" }));
      expect(await admin.getByLabel("Title").inputValue()).toBe("Monday");
      await admin.getByLabel("Text").fill("Light rain.");
      await follow(admin.getByRole("button", { name: "Save" }));
      expect(admin.url()).toBe(entry);
      expect(await admin.getByRole("status").textContent()).toBe("Saved.");
      await writer.goto(entry);
      expect(await writer.locator("main p").allTextContents()).toEqual(["Light rain."]);

      await follow(admin.getByRole("button", { name: "Delete" }));
      expect(place(admin)).toBe("/entries");
      expect(await admin.getByRole("status").textContent()).toBe("Deleted.");
      expect(await list.allTextContents()).toEqual(["Tuesday by writer@example.com"]);
      for (const page of [writer, admin]) expect((await page.goto(entry))?.status()).toBe(404);
    });
  });

  test("roles: the admin's forms are refused from a writer and without their token", { timeout: 0 }, async () => {
    const url = await start(roles.createApp);
    const writer = await visitor({});
    await writer.goto(url);
    await signIn(writer, "writer@example.com", "writerpass");
    await write(writer, "Monday", "Rain.");
    const token = await writer.locator("input[name=csrf_token]").first().inputValue();
    const post = async (path: string, form: Readonly<Record<string, string>>): Promise<number> =>
      (await writer.request.post(`${url}${path}`, { form, maxRedirects: 0 })).status();
    expect(await post("/entry/1/delete", { csrf_token: token })).toBe(403);
    expect(await post("/entry/1/edit", { csrf_token: token, title: "x", text: "y" })).toBe(403);
    expect(await post("/entry", { title: "x", text: "y" })).toBe(400);
    expect(await post("/entry", { csrf_token: token, title: "x", text: "y", author: "1" })).toBe(400);
    await writer.goto(url);
    expect(await writer.locator("main li").allTextContents()).toEqual(["Monday"]);
  });

  test("axe finds nothing on the examples' own pages", { timeout: 0 }, async () => {
    const page = await visitor({ bypassCSP: true });
    const look = async (url: string): Promise<void> => {
      await page.goto(url);
      await expectAccessible(page);
    };
    await page.goto(await start(basics.createApp));
    await signIn(page, "test@me.com", "password");
    expect(place(page)).toBe("/");
    await expectAccessible(page);

    await page.context().clearCookies();
    const withRegistration = await start(registration.createApp);
    await look(withRegistration);
    await look(`${withRegistration}/register`);
    await register(page, "ann@example.com", phrase, { "Your name": "Ann", "Year of birth": "1990" });
    await signIn(page, "ann@example.com", phrase);
    expect(place(page)).toBe("/dashboard");
    await expectAccessible(page);

    for (const [app, path] of [
      [diary.createApp, "/register"],
      [roles.createApp, "/login"],
    ] as const) {
      await page.context().clearCookies();
      const url = await start(app);
      await page.goto(url + path);
      if (path === "/register") await register(page, "admin@example.com", "adminpass");
      await signIn(page, "admin@example.com", "adminpass");
      expect(await heading(page)).toBe("My diary");
      await expectAccessible(page);
      await write(page, "Monday", "Rain.");
      await expectAccessible(page);
      for (const next of ["/entry/1", "/entry/1/edit", "/entries", "/entry/999", "/entry/first"])
        await look(url + next);
    }
  });
});
