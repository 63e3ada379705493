import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AxeBuilder } from "@axe-core/playwright";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeBrowser, launch } from "./browser.ts";
import { complaintsOf, visit } from "./people.ts";
import { type Fullness, pageNames, renderSample, type SampleName, views } from "./samples.ts";

const policy =
  "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const schemes = ["light", "dark"] as const;
const widths = [320, 1280] as const;
/** A path prefix: with it the tests leave pictures of the pages for people to look at. */
const shots = process.env.VIEWS_SHOTS;

function application(): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header("content-security-policy", policy);
  });
  app.get(`/portcullis-${views.cssHash}.css`, (c) => c.body(views.css, 200, { "content-type": "text/css" }));
  app.get("/favicon.ico", (c) => c.body(null, 204));
  app.get("/large.css", (c) => c.body(`${views.css}\nhtml { font-size: 200%; }`, 200, { "content-type": "text/css" }));
  app.get("/:page/:fullness", async (c) => {
    const page = await renderSample(
      c.req.param("page") as SampleName,
      c.req.param("fullness") as Fullness,
      c.req.query("language"),
    );
    return c.html(c.req.query("large") === undefined ? page : page.replace(/\/portcullis-\w+\.css/, "/large.css"));
  });
  app.post("/:page", async (c) => c.json(Object.fromEntries(new URLSearchParams(await c.req.text()))));
  return app;
}

describeBrowser("the account pages in Chromium", () => {
  let browser: Browser;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    browser = await launch();
    server = createServer(getRequestListener(application().fetch, { overrideGlobalObjects: false }));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }, 0);

  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }, 0);

  const contexts = new Map<string, Promise<BrowserContext>>();

  /** Opens a tab, in one context for the same options, and collects what the browser refused or complained about. */
  async function withPage(
    options: BrowserContextOptions & { readonly width?: number },
    use: (page: Page, complaints: string[]) => Promise<void>,
  ): Promise<void> {
    const { width = 1280, ...rest } = options;
    const key = JSON.stringify(rest);
    const context = contexts.get(key) ?? browser.newContext(rest);
    contexts.set(key, context);
    const page = await (await context).newPage();
    page.setDefaultTimeout(120_000);
    try {
      await page.setViewportSize({ width, height: 900 });
      await use(page, complaintsOf(page));
    } finally {
      await page.close();
    }
  }

  describe.each(pageNames)("%s", (name) => {
    for (const colorScheme of schemes) {
      for (const width of widths) {
        test(`axe finds nothing: ${colorScheme}, ${width} px`, { timeout: 0 }, async () => {
          // axe is a script, which the pages' policy refuses
          await withPage({ colorScheme, width, bypassCSP: true }, async (page) => {
            for (const fullness of colorScheme === "light" && width === 1280
              ? (["plain", "full"] as const)
              : (["full"] as const)) {
              await visit(page, `${origin}/${name}/${fullness}`);
              const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
              expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`)).toEqual([]);
            }
          });
        });
      }
    }

    for (const javaScriptEnabled of [true, false]) {
      test(`is complete under its policy, scripts ${javaScriptEnabled ? "on" : "off"}`, { timeout: 0 }, async () => {
        for (const colorScheme of schemes) {
          for (const width of widths) {
            await withPage({ colorScheme, width, javaScriptEnabled }, async (page, complaints) => {
              for (const fullness of ["plain", "full"] as const) {
                await visit(page, `${origin}/${name}/${fullness}`);
                const found = await page.evaluate(() => ({
                  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
                  styled: getComputedStyle(document.body).display,
                  scripts: document.querySelectorAll("script, [style], style").length,
                  headings: document.querySelectorAll("h1").length,
                  dark: matchMedia("(prefers-color-scheme: dark)").matches,
                  background: getComputedStyle(document.body).backgroundColor,
                  title: document.title,
                }));
                expect(found).toEqual({
                  overflow: 0,
                  styled: "flex",
                  scripts: 0,
                  headings: 1,
                  dark: colorScheme === "dark",
                  background: colorScheme === "dark" ? "rgb(14, 16, 22)" : "rgb(243, 244, 248)",
                  title: expect.stringMatching(/ · Acme Stores$/),
                });
                if (shots !== undefined && javaScriptEnabled) {
                  await page.screenshot({
                    path: `${shots}-${name}-${fullness}-${colorScheme}-${width}.png`,
                    fullPage: true,
                  });
                }
              }
              expect(complaints).toEqual([]);
            });
          }
        }
      });
    }

    test("fits when the text is twice as large and in a right-to-left language", { timeout: 0 }, async () => {
      for (const [query, width] of [
        ["large=1", 640],
        ["large=1", 320],
        ["language=ar", 320],
        ["language=ar", 1280],
      ] as const) {
        await withPage({ width }, async (page) => {
          await visit(page, `${origin}/${name}/full?${query}`);
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect(overflow, `${query} at ${width}`).toBe(0);
          if (shots !== undefined) {
            await page.screenshot({ path: `${shots}-${name}-${query.replace("=", "-")}-${width}.png`, fullPage: true });
          }
        });
      }
    });

    test("everything to press is 44 px high or stands in a text", { timeout: 0 }, async () => {
      await withPage({ width: 320 }, async (page) => {
        await visit(page, `${origin}/${name}/full`);
        const low = await page.evaluate(() =>
          [...document.querySelectorAll("button, select, .field > input, .row label, nav a, .links a")]
            .filter((element) => element.getBoundingClientRect().height < 44)
            .map((element) => element.outerHTML),
        );
        expect(low).toEqual([]);
      });
    });
  });

  /** Presses Tab to the end of the page: what was focused, and where that could not be seen. */
  async function tabThrough(page: Page): Promise<{ order: string[]; unseen: string[] }> {
    const order: string[] = [];
    const unseen: string[] = [];
    for (;;) {
      await page.keyboard.press("Tab");
      const now = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === null || element === document.body) return undefined;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        const isInside = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
        return {
          name: element.id || element.textContent || element.tagName,
          seen: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2 && box.width > 20 && isInside,
        };
      });
      if (now === undefined || order.includes(now.name)) return { order, unseen };
      order.push(now.name);
      if (!now.seen) unseen.push(now.name);
    }
  }

  test.each(schemes)(
    "the keyboard goes through the page in its order, focus in sight: %s",
    { timeout: 0 },
    async (s) => {
      await withPage({ colorScheme: s, width: 320 }, async (page) => {
        await visit(page, `${origin}/login/full`);
        const { order, unseen } = await tabThrough(page);
        expect(order).toEqual([
          "Skip to the content",
          "Your account",
          "Sign out",
          "Email",
          "Password",
          "field-email",
          "field-password",
          "field-remember",
          "Sign in",
          "Create an account",
          "Forgot your password?",
        ]);
        expect(unseen).toEqual([]);
      });
    },
  );

  test("the skip link leads past the head, a link of the summary to its field", { timeout: 0 }, async () => {
    await withPage({}, async (page) => {
      await visit(page, `${origin}/login/full`);
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Email");
      await page.getByRole("alert").getByRole("link", { name: "Password" }).click();
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("field-password");
    });
  });

  test("a screen reader gets name, state and description of each field", { timeout: 0 }, async () => {
    await withPage({}, async (page) => {
      await visit(page, `${origin}/register/full`);
      const tree = await page.context().newCDPSession(page);
      await tree.send("Accessibility.enable");
      const { nodes } = await tree.send("Accessibility.getFullAXTree");
      const email = nodes.find((node) => node.role?.value === "textbox" && node.name?.value === "Email");
      expect(email?.description?.value).toBe("This is not an email address.");
      expect(email?.properties?.find((p) => p.name === "invalid")?.value.value).toBe("true");
      const password = nodes.find((node) => node.role?.value === "textbox" && node.name?.value === "Password");
      expect(password?.description?.value).toContain("At least 8 characters.");
      expect(password?.description?.value).toContain("Many people use this password.");
      const box = nodes.find((node) => node.role?.value === "checkbox");
      expect(box?.name?.value).toContain("I agree to the terms");
      expect(box?.description?.value).toBe("They are short. This cannot be left empty.");
    });
  });

  test("a form is filled in and sent with the keyboard alone, without scripts", { timeout: 0 }, async () => {
    await withPage({ javaScriptEnabled: false }, async (page, complaints) => {
      await visit(page, `${origin}/login/plain`);
      await page.getByLabel("Email").focus();
      await page.keyboard.type("jo@acme.example");
      await page.keyboard.press("Tab");
      await page.keyboard.type("a b&c=ü");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Space");
      const sent = page.waitForResponse((response) => response.request().method() === "POST");
      await page.keyboard.press("Enter");
      const response = await sent;
      expect(new URL(response.url()).search).toBe("?next=%2Fstore");
      expect(await response.json()).toEqual({
        csrf_token: "sample",
        next: "/store",
        email: "jo@acme.example",
        password: "a b&c=ü",
        remember: "on",
      });
      expect(complaints).toEqual([]);
    });
  });

  test("the re-authentication page tells password managers whose password it is, without sending it", {
    timeout: 0,
  }, async () => {
    await withPage({}, async (page) => {
      await visit(page, `${origin}/verify/plain`);
      expect(await page.locator('input[autocomplete="username"]').inputValue()).toBe("jo@acme.example");
      await page.getByLabel("Password").fill("secret");
      const sent = page.waitForResponse((response) => response.request().method() === "POST");
      await page.getByRole("button", { name: "Continue" }).click();
      expect(await (await sent).json()).toEqual({ csrf_token: "sample", next: "/store", password: "secret" });
    });
  });

  test("right-to-left pages are mirrored", { timeout: 0 }, async () => {
    await withPage({}, async (page) => {
      const left = async (language: string): Promise<number | undefined> => {
        await visit(page, `${origin}/login/full?language=${language}`);
        return (await page.locator(".mark").boundingBox())?.x;
      };
      expect(await left("en")).toBeLessThan(200);
      expect(await left("ar")).toBeGreaterThan(1000);
    });
  });
});
