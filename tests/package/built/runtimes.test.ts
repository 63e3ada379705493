// The README's quick start on Bun and Deno, both from npm in a folder of their own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../src/testing/client.ts";
import { pack, quickStart, run } from "./packed.ts";

const runtimes = [
  { name: "Bun", program: "bun", args: ["app.ts"] },
  { name: "Deno", program: "deno", args: ["run", "--allow-all", "app.ts"] },
];
const password = "three unrelated words";

describe("the quick start elsewhere", () => {
  let folder = "";
  let tarballs = "";
  let server: ChildProcess | undefined;

  beforeAll(() => {
    const packed = pack();
    tarballs = packed.folder;
    folder = mkdtempSync(join(tmpdir(), "portcullis-runtimes-"));
    const project = { name: "runtimes", private: true, type: "module", allowScripts: { bun: true, deno: true } };
    writeFileSync(join(folder, "package.json"), JSON.stringify(project));
    const packages = [packed.tarball, "bun@1.4.5", "deno@2.9.6"];
    const install = run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages], folder);
    expect(install.ok, install.output).toBe(true);
  });
  afterEach(async () => {
    if (server === undefined || server.exitCode !== null) return;
    server.kill();
    await once(server, "close");
  });
  afterAll(() => {
    for (const path of [folder, tarballs]) if (path !== "") rmSync(path, { recursive: true });
  });

  /** Starts the quick start and resolves with its address once it answers. */
  async function start({ program, args }: (typeof runtimes)[number]): Promise<string> {
    const holder = createServer().listen(0, "localhost");
    await once(holder, "listening");
    const address = holder.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await new Promise((resolve) => holder.close(resolve));
    const base = `http://localhost:${port}`;
    const code = quickStart().replaceAll("http://localhost:3000", base).replaceAll("app.db", `${program}.db`);
    writeFileSync(join(folder, "app.ts"), code);
    const child = spawn(join(folder, "node_modules", ".bin", program), args, {
      cwd: folder,
      env: { ...process.env, PORT: String(port), SECRET_KEY: "8kq3Xw0ZrB2nV5yT7uJ1mQ4sD6fG9hLp" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    server = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      try {
        await fetch(base, { redirect: "manual" });
        return base;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  it.each(runtimes)("registers, signs in, greets on every request, and signs out on $name", async (runtime) => {
    const base = await start(runtime);
    const client = testClient(base);
    const email = "me@example.org";
    const registered = await client.post("/register", { json: { email, password, password_confirm: password } });
    expect(registered.status, registered.text).toBe(200);
    await client.signIn(email, password);
    // The first one reads the session's row, the others its cache.
    for (let count = 0; count < 3; count += 1) {
      const greeted = await client.get("/");
      expect([greeted.status, greeted.text]).toEqual([200, `Hello ${email}`]);
    }
    const other = testClient(base);
    const json = { headers: { accept: "application/json" } };
    expect((await other.get("/", json)).status).toBe(401);
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
    expect((await client.get("/", json)).status).toBe(401);
  });
});
