import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testClient } from "../../../src/testing/client.ts";
import { describeBrowser, launch } from "../../browser/browser.ts";
import { pack, quickStart, run } from "./packed.ts";

/** The quick start says port 3000; a machine that runs tests may have that taken. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

describeBrowser("the README's quick start in an empty project", () => {
  let folder = "";
  let tarballs = "";
  let server: ChildProcess;
  let base = "";

  beforeAll(async () => {
    const packed = pack();
    tarballs = packed.folder;
    folder = mkdtempSync(join(tmpdir(), "portcullis-quick-start-"));
    writeFileSync(join(folder, "package.json"), '{ "name": "quick", "private": true, "type": "module" }\n');
    const install = run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", packed.tarball], folder);
    expect(install.ok, install.output).toBe(true);
    const port = await freePort();
    base = `http://localhost:${port}`;
    writeFileSync(join(folder, "app.ts"), quickStart().replaceAll("http://localhost:3000", base));
    server = spawn(process.execPath, ["app.ts"], {
      cwd: folder,
      env: { ...process.env, PORT: String(port), SECRET_KEY: "8kq3Xw0ZrB2nV5yT7uJ1mQ4sD6fG9hLp" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await answering(base);
  });
  afterAll(() => {
    server?.kill();
    for (const path of [folder, tarballs]) if (path !== "") rmSync(path, { recursive: true });
  });

  /** Asks until the server answers; it ends the test when the process ends first. */
  async function answering(url: string): Promise<void> {
    for (;;) {
      if (server.exitCode !== null) throw new Error(`the quick start ended with ${server.exitCode}`);
      try {
        await fetch(url, { redirect: "manual" });
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  it("has at most twelve lines", () => {
    expect(quickStart().trimEnd().split("\n").length).toBeLessThanOrEqual(12);
  });

  it("gives a styled sign-in page, an account on SQLite, and a greeting", async () => {
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(base);
      expect(page.url()).toBe(`${base}/login?next=%2F`);
      const radius = await page
        .getByRole("button", { name: "Sign in" })
        .evaluate((button) => getComputedStyle(button).borderRadius);
      expect(radius).not.toBe("0px");
      await page.getByRole("link", { name: "Create an account" }).click();
      await page.getByLabel("Email").fill("me@example.org");
      await page.getByLabel("Password", { exact: true }).fill("three unrelated words");
      await page.getByLabel("Password again").fill("three unrelated words");
      await page.getByRole("button", { name: "Create account" }).click();
      await page.getByLabel("Email").fill("me@example.org");
      await page.getByLabel("Password", { exact: true }).fill("three unrelated words");
      await page.getByRole("button", { name: "Sign in" }).click();
      expect(await page.locator("body").textContent()).toBe("Hello me@example.org");
      expect(readFileSync(join(folder, "app.db")).subarray(0, 15).toString()).toBe("SQLite format 3");
    } finally {
      await browser.close();
    }
  });

  it("answers JSON clients as well", async () => {
    const client = testClient(base);
    await client.post("/register", {
      json: { email: "you@example.org", password: "three unrelated words", password_confirm: "three unrelated words" },
    });
    await client.signIn("you@example.org", "three unrelated words");
    expect((await client.get("/")).text).toBe("Hello you@example.org");
  });
});
