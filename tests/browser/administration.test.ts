import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { column, open, outbox, portcullis } from "portcullis";
import { administration, passwords, sessions, usernames } from "portcullis/features";
import { html } from "portcullis/views";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { describeBrowser, launch } from "./browser.ts";
import { type RunningExample, startExample } from "./example-server.ts";
import { complaintsOf, expectAccessible, follow, heading, place, signIn, visit } from "./people.ts";

const phrase = "four unrelated words";
/** A path prefix: with it the tests leave pictures of the pages for people to look at. */
const shots = process.env.VIEWS_SHOTS;
const long = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft";
const hostile = `"><script>document.title="broken"</script>`;

/** A site with an administrator (ada), and 30 users of whom one (ann) is looked at. */
async function site({ origin, database }: Parameters<Parameters<typeof startExample>[0]>[0]) {
  const security = await portcullis({
    secretKeys: ["a key of the browser tests: 9c1QmYw2Lz8Tn4"],
    origins: [origin],
    datastore: database,
    features: [passwords(), usernames(), sessions(), administration({ pageSize: 10 })],
    mail: { sender: outbox() },
    roles: ["admin", "employee"],
    permissions: ["admin", "read"],
    columns: { company: column.string({ nullable: true }) },
    passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
    log: () => {},
  });
  await security.roles.addPermissions("admin", "admin");
  const { users } = security;
  await users.create({ email: "ada@acme.example", password: phrase, roles: ["admin"] });
  await users.create({
    email: "ann@acme.example",
    username: "annie",
    password: phrase,
    roles: ["employee"],
    company: hostile,
  });
  for (let n = 0; n < 28; n += 1) {
    const name = n === 5 ? long.slice(0, 60) : `user${n}`;
    await users.create({ email: `${name}@mail.example`, password: null, active: n % 7 !== 0 });
  }
  const app = security.app();
  app.get("/favicon.ico", { authz: open("browsers ask for it by themselves") }, (c) => c.body(null, 204));
  app.get("/", { authz: "AUTH" }, (c) => security.page(c, { title: "Home", content: html`<h1>Home</h1>` }));
  return { app, security };
}

describeBrowser("the administration's pages in Chromium", () => {
  let browser: Browser;
  let running: RunningExample;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    browser = await launch();
    running = await startExample(site);
  }, 0);

  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });

  afterAll(async () => {
    await browser.close();
    await running.close();
  }, 0);

  /** A browser in which the administrator is signed in, on the list of users; with what it refused or complained about. */
  async function administrator(options: BrowserContextOptions): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext(options);
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    const complaints = complaintsOf(page);
    await visit(page, `${running.url}/admin`);
    await signIn(page, "ada@acme.example", phrase);
    expect(place(page)).toBe("/admin/users");
    return { page, complaints };
  }

  describe.each([true, false])("scripts on: %s", (javaScriptEnabled) => {
    test("search, look at one user, deactivate and activate after being asked", { timeout: 0 }, async () => {
      const { page, complaints } = await administrator({ javaScriptEnabled });
      expect(await page.getByRole("row").count()).toBe(11);
      await follow(page.getByRole("link", { name: "Next page" }));
      await follow(page.getByRole("link", { name: "Previous page" }));
      await page.getByLabel("Email or username begins with").fill("ann");
      await page.getByLabel("State").selectOption("true");
      await follow(page.getByRole("button", { name: "Show" }));
      expect(await page.getByRole("row").count()).toBe(2);
      await follow(page.getByRole("link", { name: "ann@acme.example" }));
      expect(await heading(page)).toBe("User");
      expect(await page.getByText(hostile).count()).toBe(1);
      expect(await page.title()).not.toBe("broken");

      await follow(page.getByRole("link", { name: "Deactivate the account" }));
      expect(await page.getByText(/^ann@acme\.example is signed out everywhere/).count()).toBe(1);
      await follow(page.getByRole("button", { name: "Deactivate the account" }));
      expect(await page.getByRole("status").textContent()).toContain("The account is deactivated");
      await follow(page.getByRole("link", { name: "Activate the account" }));
      await follow(page.getByRole("button", { name: "Activate the account" }));
      expect(await page.getByRole("status").textContent()).toContain("The account is active.");
      expect(complaints).toEqual([]);
    });

    test("roles by a button each; a form says what is wrong at its field", { timeout: 0 }, async () => {
      const { page, complaints } = await administrator({ javaScriptEnabled });
      await visit(page, `${running.url}/admin/users?search=user1%40`);
      await follow(page.getByRole("link", { name: "user1@mail.example" }));
      await follow(page.getByRole("link", { name: "The user’s roles" }));
      const row = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "employee" }) });
      await follow(row.getByRole("button", { name: "Grant" }));
      expect(await page.getByRole("status").textContent()).toContain("The user has the role employee now.");
      await follow(row.getByRole("button", { name: "Revoke" }));
      await visit(page, `${running.url}/admin/users/new`);
      await page.getByLabel("Email").fill("ann@acme.example");
      await follow(page.getByRole("button", { name: "Create a user" }));
      expect(await page.getByRole("alert").textContent()).toContain("ann@acme.example");
      expect(await page.getByLabel("Email").getAttribute("aria-invalid")).toBe("true");
      expect(complaints).toEqual([]);
    });

    test("acting as a user: a reason, the banner on every page, and back", { timeout: 0 }, async () => {
      const { page, complaints } = await administrator({ javaScriptEnabled });
      await visit(page, `${running.url}/admin/users?search=ann%40`);
      await follow(page.getByRole("link", { name: "ann@acme.example" }));
      await follow(page.getByRole("link", { name: "Act as this user" }));
      await page.getByLabel("Reason").fill("Ticket 4711");
      await follow(page.getByRole("button", { name: "Act as this user" }));
      expect([place(page), await heading(page)]).toEqual(["/", "Home"]);
      expect(await page.getByText("Signed in as ann@acme.example").count()).toBe(1);
      const banner = page.getByRole("status").filter({ hasText: "ada@acme.example acts as ann@acme.example." });
      expect(await banner.count()).toBe(1);
      if (shots !== undefined) await page.screenshot({ path: `${shots}-banner.png`, fullPage: true });
      await visit(page, `${running.url}/sessions`);
      expect(await page.getByText("This is not possible while you act as somebody else.").count()).toBe(1);
      expect(await banner.count()).toBe(1);
      // The browser itself reports the 403.
      expect(complaints.filter((text) => !text.includes("403"))).toEqual([]);
      await follow(page.getByRole("button", { name: "Stop acting as somebody else" }));
      expect(await heading(page)).toBe("User");
      expect(await page.getByText("Signed in as ada@acme.example").count()).toBe(1);
    });
  });

  const paths = [
    ...["users", "users?search=ann&active=false", "users/2", "users/2/roles", "users/2/edit", "users/2/delete"],
    ...["users/2/impersonate", "roles", "roles/admin", "roles/new", "sessions", "audit", "audit?from=x", "limits"],
    ...["matrix", "impersonation/end"],
  ];

  describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
    test.each([320, 1280])(
      "axe finds nothing, and nothing is wider than the screen: %i px",
      { timeout: 0 },
      async (width) => {
        // axe is a script, which the pages' policy refuses
        const { page } = await administrator({ colorScheme, bypassCSP: true, viewport: { width, height: 900 } });
        for (const path of paths) {
          await visit(page, `${running.url}/admin/${path}`);
          await expectAccessible(page);
          const wide = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect([path, wide]).toEqual([path, 0]);
          if (shots !== undefined) {
            const name = path.replaceAll(/[^a-z0-9]+/g, "-");
            await page.screenshot({ path: `${shots}-${name}-${colorScheme}-${width}.png`, fullPage: true });
          }
        }
      },
    );
  });

  test("a language that is written from the right: axe finds nothing, nothing is too wide", {
    timeout: 0,
  }, async () => {
    const context = await browser.newContext({ locale: "ar", bypassCSP: true, viewport: { width: 1280, height: 900 } });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    await visit(page, `${running.url}/admin`);
    await page.locator("[name=email]").fill("ada@acme.example");
    await page.locator("[name=password]").fill(phrase);
    await follow(page.locator("form button"));
    for (const path of ["users", "users/2", "audit"]) {
      await visit(page, `${running.url}/admin/${path}`);
      expect(await page.locator("html").getAttribute("dir")).toBe("rtl");
      await expectAccessible(page);
      if (shots !== undefined)
        await page.screenshot({ path: `${shots}-rtl-${path.replace("/", "-")}.png`, fullPage: true });
    }
  });
});
