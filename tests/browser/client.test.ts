// `portcullis/client` as it stands, in a page whose origin is another one than the server's.
import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { Hono } from "hono";
import type { Browser, Page } from "playwright-core";
import { portcullis } from "portcullis";
import type { Client } from "portcullis/client";
import { passwords, refresh, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type RunningServer, serve } from "portcullis/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeBrowser, launch } from "./browser.ts";

declare global {
  interface Window {
    client: Client;
  }
}

const password = "three unrelated words";

/** A server whose application is made once its address is known. */
async function serveLater(): Promise<{ server: RunningServer; use(fetch: (request: Request) => unknown): void }> {
  let answer: (request: Request) => unknown = () => new Response(null, { status: 503 });
  const server = await serve({ fetch: (request) => answer(request) as Response }, { port: 0 });
  return {
    server,
    use(fetch) {
      answer = fetch;
    },
  };
}

/** A page that has the client, made for that server and mode by its query. */
function pageWithClient(): Hono {
  const folder = new URL("../../src/client/", import.meta.url);
  const app = new Hono();
  for (const name of readdirSync(folder).filter((file) => !/test/.test(file))) {
    const script = stripTypeScriptTypes(readFileSync(new URL(name, folder), "utf8"));
    app.get(`/client/${name}`, (c) => c.body(script, 200, { "content-type": "text/javascript" }));
  }
  return app.get("/", (c) =>
    c.html(`<!doctype html><title>page</title><link rel="icon" href="data:,"><script type="module">
      import { createClient } from "/client/index.ts";
      const said = new URL(location.href).searchParams;
      window.client = createClient({ baseUrl: said.get("server"), mode: said.get("mode") });
      document.title = "ready";
    </script>`),
  );
}

describeBrowser("the client in a page of another origin", () => {
  const started: RunningServer[] = [];
  let browser: Browser;
  let api = "";
  let pageOrigin = "";
  let close = async (): Promise<void> => {};

  beforeAll(async () => {
    const pages = await serve(pageWithClient(), { port: 0 });
    const later = await serveLater();
    started.push(pages, later.server);
    api = later.server.url;
    pageOrigin = pages.url;
    const security = await portcullis({
      secretKeys: ["8kq3Xw0ZrB2nV5yT7uJ1mQ4sD6fG9hLp"],
      origins: [api, pageOrigin],
      datastore: memory(),
      features: [passwords(), registration(), refresh()],
      authn: ["session", "token"],
      cors: { origins: [pageOrigin], credentials: true },
      limits: { endpoints: { login: { perAddress: "12/10m" } } },
    });
    close = () => security.close();
    const app = security.app();
    app.post("/echo", { authz: "AUTH" }, (c) => c.json({ email: c.var.user.email, via: c.var.identity.via }));
    later.use((request) => app.fetch(request, { incoming: { socket: { remoteAddress: "127.0.0.1" } } }));
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of started) {
      server.server.closeAllConnections();
      await server.close();
    }
    await close();
  });

  /** A page that is ready, and what its console said. */
  async function open(mode: "session" | "token"): Promise<{ page: Page; faults: string[] }> {
    const page = await (await browser.newContext()).newPage();
    const faults: string[] = [];
    page.on("console", (line) => {
      if (/CORS|blocked|TypeError/i.test(line.text())) faults.push(line.text());
    });
    await page.goto(`${pageOrigin}/?${new URLSearchParams({ server: api, mode })}`);
    await page.waitForFunction(() => document.title === "ready");
    return { page, faults };
  }

  for (const mode of ["session", "token"] as const) {
    it(`registers, signs in, calls a route, renews and signs out: ${mode}`, async () => {
      const { page, faults } = await open(mode);
      const email = `${mode}@acme.example`;
      const registered = await page.evaluate((fields) => window.client.register(fields), { email, password });
      expect(registered).toMatchObject({ ok: true });
      const signedIn = await page.evaluate((fields) => window.client.login(fields), { email, password });
      expect(signedIn).toMatchObject({ ok: true, data: { user: { email } } });
      const called = await page.evaluate(() => window.client.request("POST", "/echo", { json: {} }));
      expect(called).toMatchObject({ ok: true, data: { email, via: mode } });
      if (mode === "token") expect(await page.evaluate(() => window.client.refresh())).toBe(true);
      const again = await page.evaluate(() => window.client.request("POST", "/echo", { json: {} }));
      expect(again).toMatchObject({ ok: true, data: { email, via: mode } });
      expect(await page.evaluate(() => window.client.logout())).toMatchObject({ ok: true });
      const after = await page.evaluate(() => window.client.request("POST", "/echo", { json: {} }));
      expect(after).toMatchObject({ ok: false, status: 401 });
      expect(await page.evaluate(() => window.client.refresh())).toBe(false);
      expect(faults).toEqual([]);
      await page.context().close();
    });
  }

  it("reads for how long it has to wait", async () => {
    const { page, faults } = await open("token");
    const fields = { email: "nobody@acme.example", password: "wrong" };
    const results = await page.evaluate(async (login) => {
      const all = [];
      for (let count = 0; count < 13; count += 1) all.push(await window.client.login(login));
      return all;
    }, fields);
    const last = results.at(-1);
    expect(last).toMatchObject({ ok: false, status: 429, error: { kind: "limited" } });
    expect(last?.ok === false && (last.error.retryAfter ?? 0)).toBeGreaterThan(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
