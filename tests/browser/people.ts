import { AxeBuilder } from "@axe-core/playwright";
import type { BrowserContext, Locator, Page } from "playwright-core";
import { expect } from "vitest";

/** Waits until the page has put the focus where it wants it. Who types before that is told so in the console. */
async function ready(page: Page): Promise<void> {
  if ((await page.locator("[autofocus]").count()) > 0) await page.locator("[autofocus]:focus").waitFor();
}

/** Opens a page. */
export async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await ready(page);
}

/** Clicks a link or a button, and waits for the page that it leads to. */
export async function follow(target: Locator): Promise<void> {
  const page = target.page();
  const loaded = page.waitForEvent("load");
  await target.click();
  await loaded;
  await ready(page);
}

/** What the browser complains about on the page, from now on: its console, errors of scripts, requests that fail. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
  return complaints;
}

/** Fills in the sign-in page that is open, and sends it. */
export async function signIn(page: Page, email: string, password: string, remember = false): Promise<void> {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  if (remember) await page.getByLabel("Keep me signed in").check();
  await follow(page.getByRole("button", { name: "Sign in" }));
}

/** Fills in the registration page that is open, further fields by their labels, and sends it. */
export async function register(
  page: Page,
  email: string,
  password: string,
  further: Readonly<Record<string, string>> = {},
): Promise<void> {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Password again").fill(password);
  for (const [label, value] of Object.entries(further)) await page.getByLabel(label).fill(value);
  await follow(page.getByRole("button", { name: "Create account" }));
}

/** Writes a diary entry on the page that is open. */
export async function write(page: Page, title: string, text: string): Promise<void> {
  await page.getByLabel("Title").fill(title);
  await page.getByLabel("Text").fill(text);
  await follow(page.getByRole("button", { name: "Write" }));
}

/** What the page's main heading says. */
export async function heading(page: Page): Promise<string | null> {
  return await page.getByRole("heading", { level: 1 }).textContent();
}

/** Path and query of the page. */
export function place(page: Page): string {
  const { pathname, search } = new URL(page.url());
  return pathname + search;
}

/** The value of a cookie. */
export async function cookie(context: BrowserContext, name: string): Promise<string | undefined> {
  return (await context.cookies()).find((one) => one.name === name)?.value;
}

/** The pages that axe has looked at: the same one again would tell the same. */
const looked = new Set<string>();

/** What axe sees of the page, without what is another each time and looks the same: addresses, tokens, hidden values. */
async function appearance(page: Page): Promise<string> {
  const screen = await page.evaluate(() => [
    innerWidth,
    matchMedia("(prefers-color-scheme: dark)").matches,
    document.activeElement?.id,
  ]);
  const content = (await page.content())
    .replaceAll(/(type="hidden"[^>]*? value=")[^"]*/g, "$1")
    .replaceAll(/open-[\w-]{22}/g, "open-")
    .replaceAll(/[\w.-]+@[\w.-]+/g, "somebody");
  return JSON.stringify([screen, content]);
}

/** Fails with what axe finds on the page. The context must bypass the page's policy, which refuses axe's script. */
export async function expectAccessible(page: Page): Promise<void> {
  const seen = await appearance(page);
  if (looked.has(seen)) return;
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  expect(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`),
    page.url(),
  ).toEqual([]);
  looked.add(seen);
}
