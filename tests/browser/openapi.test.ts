import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { object, open, portcullis } from "portcullis";
import type { Client, ClientOptions } from "portcullis/client";
import { passwords, refresh, registration, sessions } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type RunningServer, type Servable, serve } from "portcullis/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { describeBrowser, launch } from "./browser.ts";

/** A page of a single-page application: the client is a module that it loads. */
const startPage = `<!doctype html><title>Start</title>
<script type="module">import { createClient } from "/client/index.ts"; globalThis.createClient = createClient;</script>`;

/** What the page has. */
interface Loaded {
  createClient(options?: ClientOptions): Client;
}

/** An application that describes itself and serves the client's modules, as they are but for their types. */
async function application(origin: string): Promise<{ app: Servable; close(): Promise<void> }> {
  const security = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: [origin],
    datastore: memory(),
    features: [passwords(), registration(), sessions(), refresh()],
    objects: { store: (_user, id: number) => id === 1 },
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    cookies: { allowInsecure: true },
    openapi: { authz: "OPEN", title: "Acme", description: "All that Acme does." },
    log: () => {},
  });
  await security.users.create({ email: "anna@acme.example", password: "password" });
  const app = security.app();
  app.get("/start", { authz: open("the page of a test") }, (c) => c.html(startPage));
  app.get("/favicon.ico", { authz: open("browsers ask for it") }, (c) => c.body(null, 204));
  app.get("/client/:file{[a-z]+\\.ts}", { authz: open("the client") }, (c, { file }) =>
    c.body(stripTypeScriptTypes(readFileSync(new URL(`../../src/client/${file}`, import.meta.url), "utf8")), 200, {
      "content-type": "text/javascript",
    }),
  );
  app.post(
    "/echo",
    { authz: "AUTH", params: z.object({ text: z.string().min(1).max(80).describe("What comes back.") }) },
    (c, { text }) => c.json({ text, via: c.var.identity.via }),
  );
  app.get("/store/:sid", { authz: object("store", "sid", "manager"), params: z.object({ sid: z.int() }) }, (c) =>
    c.json({}),
  );
  return { app, close: () => security.close() };
}

describeBrowser("the API's description and the client in Chromium", () => {
  let browser: Browser;
  let server: RunningServer;
  let running: Awaited<ReturnType<typeof application>>;

  beforeAll(async () => {
    browser = await launch();
    let app: Servable | undefined;
    server = await serve(
      { fetch: (request, ...rest) => app?.fetch(request, ...rest) ?? new Response(null, { status: 503 }) },
      { port: 0, hostname: "127.0.0.1" },
    );
    running = await application(server.url);
    app = running.app;
  }, 0);
  afterAll(async () => {
    await browser?.close();
    server?.server.closeAllConnections();
    await server?.close();
    await running?.close();
  }, 0);

  /** A tab of its own with what the browser complained about. */
  async function tab(
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; complaints: string[]; close(): Promise<void> }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
    return { page, complaints, close: () => context.close() };
  }

  test.each([
    [320, "light"],
    [1280, "dark"],
  ] as const)("the page is readable and accessible at %i pixels, %s", async (width, colorScheme) => {
    const { page, complaints, close } = await tab({ viewport: { width, height: 800 }, colorScheme });
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).origin));
    await page.goto(`${server.url}/openapi`);
    expect(await page.title()).toContain("API");
    const faults = (await new AxeBuilder({ page }).analyze()).violations;
    expect(faults.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    // What is wide scrolls by itself; the page does not.
    expect(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")).toBe(
      true,
    );
    expect(new Set(asked)).toEqual(new Set([server.url]));
    expect(complaints).toEqual([]);
    await close();
  });

  test("the page works without scripts, and its own search finds what is in it", async () => {
    const { page, complaints, close } = await tab({ javaScriptEnabled: false });
    await page.goto(`${server.url}/openapi`);
    await page.getByRole("link", { name: "GET /store/{sid}" }).click();
    expect(page.url()).toMatch(/#operation-getStoreBySid$/);
    await expect(page.getByText("What comes back.").isVisible()).resolves.toBe(true);
    // Nothing is folded away.
    expect(await page.locator("details").count()).toBe(0);
    expect(complaints).toEqual([]);
    await close();
  });

  test("the client signs in by session, sends CSRF tokens, and gets over another tab's sign-in", async () => {
    const { page, close } = await tab();
    await page.goto(`${server.url}/start`);
    await page.waitForFunction("createClient");
    const told = await page.evaluate(async () => {
      const { createClient } = globalThis as unknown as Loaded;
      const client = createClient();
      const before = await client.me();
      const wrong = await client.login({ email: "anna@acme.example", password: "wrong" });
      const login = await client.login({ email: "anna@acme.example", password: "password" });
      const echo = await client.request("POST", "/echo", { json: { text: "one" } });
      // Another tab signs out and in again: this one's token belongs to a session that is over.
      const other = createClient();
      await other.logout();
      await other.login({ email: "anna@acme.example", password: "password" });
      const again = await client.request("POST", "/echo", { json: { text: "two" } });
      const devices = await client.sessions();
      const logout = await client.logout();
      const after = await client.sessions();
      return { before, wrong, login, echo, again, devices, logout, after };
    });
    expect(told.before).toMatchObject({ ok: true });
    expect(told.wrong).toMatchObject({ ok: false, status: 400, error: { kind: "invalid" } });
    expect(told.login).toMatchObject({ ok: true, data: { user: { email: "anna@acme.example" } } });
    expect(told.echo).toEqual({ ok: true, status: 200, data: { text: "one", via: "session" } });
    expect(told.again).toEqual({ ok: true, status: 200, data: { text: "two", via: "session" } });
    expect(told.devices).toMatchObject({ ok: true, data: { sessions: [{ current: true }] } });
    expect(told.logout).toMatchObject({ ok: true });
    expect(told.after).toMatchObject({ ok: false, status: 401, error: { kind: "unauthenticated" } });
    await close();
  });

  test("the client signs in by tokens that the refresh cookie renews, and leaves no session behind", async () => {
    const { page, close } = await tab();
    await page.goto(`${server.url}/start`);
    await page.waitForFunction("createClient");
    const told = await page.evaluate(async () => {
      const { createClient } = globalThis as unknown as Loaded;
      let kept: { authentication_token: string } | undefined;
      const tokens = {
        load: () => kept,
        save: (next: typeof kept) => {
          kept = next;
        },
      };
      const client = createClient({ mode: "token", tokens });
      const login = await client.login({ email: "anna@acme.example", password: "password" });
      const echo = await client.request("POST", "/echo", { json: { text: "one" } });
      const first = kept?.authentication_token;
      // It is over: whatever is sent in its place is as good.
      kept = { authentication_token: `${first?.slice(0, -4)}AAAA` };
      const renewed = await Promise.all(
        [1, 2, 3].map(() => client.request("POST", "/echo", { json: { text: "two" } })),
      );
      const second = kept?.authentication_token;
      const logout = await client.logout();
      const bySession = await fetch("/sessions", { headers: { accept: "application/json" } });
      return {
        login,
        echo,
        renewed,
        replaced: second?.endsWith("AAAA") === false,
        logout,
        left: kept,
        refresh: await client.refresh(),
        bySession: bySession.status,
      };
    });
    expect(told.login).toMatchObject({ ok: true });
    expect(told.echo).toMatchObject({ ok: true, data: { via: "token" } });
    expect(told.renewed.map((one) => one.ok)).toEqual([true, true, true]);
    expect(told).toMatchObject({ replaced: true, logout: { ok: true }, refresh: false, bySession: 401 });
    expect(told.left).toBeUndefined();
    await close();
  });
});
