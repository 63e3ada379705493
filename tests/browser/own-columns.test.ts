/** An application's own columns as a person types them in Chromium, and an administrator's form that is saved as it is. */
import type { Browser } from "playwright-core";
import { column, open, outbox, portcullis } from "portcullis";
import { administration, passwords, registration } from "portcullis/features";
import { html } from "portcullis/views";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeBrowser, launch } from "./browser.ts";
import { type RunningExample, startExample } from "./example-server.ts";
import { expectAccessible, follow, place } from "./people.ts";

const phrase = "four unrelated words";

async function site({ origin, database }: Parameters<Parameters<typeof startExample>[0]>[0]) {
  const security = await portcullis({
    secretKeys: ["a key of the browser tests: 9c1QmYw2Lz8Tn4"],
    origins: [origin],
    datastore: database,
    columns: {
      seats: column.integer({ nullable: true, unique: true, label: "Number of seats" }),
      trial: column.boolean({ nullable: true }),
      startsAt: column.datetime({ nullable: true, label: "Start" }),
      born: column.date({ nullable: true, label: "Date of birth" }),
      motto: column.text({ nullable: true }),
    },
    features: [
      passwords(),
      registration({
        fields: {
          seats: { label: "Seats" },
          trial: { label: "Trial" },
          startsAt: { label: "Starts" },
          born: { label: "Born" },
          motto: { label: "Motto", required: false },
        },
      }),
      administration(),
    ],
    mail: { sender: outbox() },
    permissions: ["admin"],
    passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
    log: () => {},
  });
  await security.users.create({ email: "ada@acme.example", password: phrase, permissions: ["admin"] });
  const app = security.app();
  app.get("/favicon.ico", { authz: open("browsers ask for it by themselves") }, (c) => c.body(null, 204));
  app.get("/", { authz: "AUTH" }, (c) => security.page(c, { title: "Home", content: html`<h1>Home</h1>` }));
  return { app, security };
}

describeBrowser("own columns in Chromium", () => {
  let browser: Browser;
  let running: RunningExample;
  let security: Awaited<ReturnType<typeof site>>["security"];
  beforeAll(async () => {
    browser = await launch();
    running = await startExample(async (place) => {
      const made = await site(place);
      security = made.security;
      return made;
    });
  }, 0);
  afterAll(async () => {
    await browser?.close();
    await running?.close();
  }, 0);

  test.each([true, false])("are typed, shown and kept (scripts: %s)", { timeout: 0 }, async (javaScriptEnabled) => {
    const context = await browser.newContext({ javaScriptEnabled, locale: "de-DE", timezoneId: "Asia/Tokyo" });
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    const email = javaScriptEnabled ? "ann@acme.example" : "bob@acme.example";
    const seats = javaScriptEnabled ? "12000" : "13000";
    await page.goto(`${running.url}/register`);
    await page.locator('[name="email"]').fill(email);
    await page.locator('[name="password"]').fill(phrase);
    await page.locator('[name="password_confirm"]').fill(phrase);
    await page.getByLabel("Seats").fill(seats);
    await page.getByLabel("Trial").selectOption("false");
    await page.getByLabel("Starts").fill("2026-01-31T12:34:56");
    await page.getByLabel("Born").fill("1899-12-31");
    await page.getByLabel("Motto").fill("one\n  two");
    if (javaScriptEnabled) await expectAccessible(page);
    await follow(page.locator('main button[type="submit"]'));
    expect(place(page)).toBe("/login");
    const before = await security.users.find("email", email);
    expect(before).toMatchObject({ seats: Number(seats), trial: false, born: "1899-12-31", motto: "one\n  two" });
    expect(before?.startsAt).toEqual(new Date("2026-01-31T12:34:56Z"));

    await security.users.update(before?.id as number, { startsAt: new Date("2026-01-31T12:34:56.789Z") });
    const kept = await security.users.get(before?.id as number);
    await page.goto(`${running.url}/admin/users/${before?.id}`);
    await page.locator('[name="email"]').fill("ada@acme.example");
    await page.locator('[name="password"]').fill(phrase);
    await follow(page.locator('main button[type="submit"]'));
    expect(place(page)).toBe(`/admin/users/${before?.id}`);
    expect(await page.locator("time").filter({ hasText: "31.01.2026, 12:34 UTC" }).count()).toBe(1);
    expect(await page.locator('time[datetime="1899-12-31"]').textContent()).toBe("31.12.1899");
    await page.goto(`${running.url}/admin/users/${before?.id}/edit`);
    expect(await page.getByLabel("Start").inputValue()).toMatch(/^2026-01-31T12:34:56/);
    await follow(page.locator('main button[type="submit"]'));
    expect(place(page)).toBe(`/admin/users/${before?.id}`);
    expect(await security.users.get(before?.id as number)).toEqual(kept);
    await page.goto(`${running.url}/admin/users/${before?.id}/edit`);
    await page.getByLabel("Start").fill("2027-02-03T04:05:07");
    await follow(page.locator('main button[type="submit"]'));
    expect((await security.users.get(before?.id as number))?.startsAt).toEqual(new Date("2027-02-03T04:05:07Z"));
    await context.close();
  });
});
