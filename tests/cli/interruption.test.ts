/** What a terminal shows while an import works, and what Ctrl-C and the end of input leave. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commandCall, type Folder, folder, hasTerminals, onTerminal, starting, terminalCommand } from "./command.ts";

const total = 40_000;
const ctrlC = "\u0003";
const ctrlD = "\u0004";

let place: Folder;
beforeEach(() => {
  place = folder();
  place.write(
    "app.ts",
    `${starting('sqlite("app.db")')}export const security = await start();\nconsole.log("started");\n`,
  );
});
afterEach(() => place.remove());

function users(): number {
  const database = new DatabaseSync(join(place.path, "app.db"));
  try {
    // A command that ends before the application starts makes no tables.
    const [table] = database.prepare("select name from sqlite_schema where name = 'user'").all();
    if (table === undefined) return 0;
    return database.prepare('select count(*) as count from "user"').get()?.["count"] as number;
  } finally {
    database.close();
  }
}

function writeUsers(count: number): void {
  const lines = Array.from(
    { length: count },
    (_, index) => `${JSON.stringify({ email: `user${index}@acme.example` })}\n`,
  );
  place.write("users.jsonl", lines.join(""));
}

const onWide = (...args: string[]): string => `stty cols 80; ${terminalCommand(...args)}`;

describe.skipIf(!hasTerminals)("portcullis import on a terminal", () => {
  it("draws a bar that grows, fits the terminal and is gone at the end", async () => {
    writeUsers(total);
    const { code, stdout } = await onTerminal(place, onWide("import", "users.jsonl"), []);
    const [, ...drawn] = stdout.split("\r\u001b[K");
    const last = drawn.pop() ?? "";
    expect(drawn.length).toBeGreaterThan(2);
    const parts = drawn.map((line) => {
      expect(line).toMatch(/^\[#*\.*\] \d+ % {2}\d+ users {2}\d+\/s$/);
      expect(line.length).toBeLessThan(80);
      return Number(/(\d+) %/.exec(line)?.[1]);
    });
    expect(parts).toEqual(parts.toSorted((a, b) => a - b));
    expect(last).toMatch(/^40000 users imported, 0 there already, 0 lines refused in /);
    expect(code).toBe(0);
    expect(users()).toBe(total);
  }, 300_000);

  it("ends by Ctrl-C with what is stored, and goes on when it is called again", async () => {
    writeUsers(total);
    const first = await onTerminal(place, onWide("import", "users.jsonl"), [[" users  ", ctrlC]]);
    expect(first.code).toBe(130);
    const [, count] = /(\d+) users imported, 0 there already, 0 lines refused/.exec(first.stdout) ?? [];
    expect(first.stdout).toContain("portcullis: interrupted; called again, the import goes on");
    const stored = users();
    expect(stored).toBe(Number(count));
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(total);
    const second = await place.portcullis("import", "users.jsonl");
    expect(second.stdout).toContain(`${total - stored} users imported, ${stored} there already, 0 lines refused`);
    expect(second.code).toBe(0);
    expect(users()).toBe(total);
  }, 300_000);
});

describe("portcullis import that waits for its input", () => {
  it("ends by SIGINT at once", async () => {
    const { command, args } = commandCall("import", "-", "--format", "jsonl");
    const child = spawn(command, args, { cwd: place.path, stdio: ["pipe", "pipe", "pipe"] });
    const texts = { stdout: "", stderr: "" };
    const closed = once(child, "close");
    const ready = new Promise<void>((resolve) => {
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        texts.stderr += text;
        if (texts.stderr.includes("started")) resolve();
      });
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      texts.stdout += text;
    });
    child.stdin.write('{"email":"ann@acme.example"}\n');
    await ready;
    // Until it reads.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    child.kill("SIGINT");
    const stuck = setTimeout(() => child.kill("SIGKILL"), 20_000);
    const [code] = await closed;
    clearTimeout(stuck);
    expect(code).toBe(130);
    expect(texts.stdout).toMatch(/^0 users imported, 0 there already, 0 lines refused/);
    expect(texts.stderr).toContain("portcullis: interrupted; called again, the import goes on\n");
    expect(users()).toBe(0);
  }, 120_000);
});

describe.skipIf(!hasTerminals)("a question", () => {
  it.each([
    ["Ctrl-C at the first", ["New password: ", `hor${ctrlC}`], [], 130, "portcullis: interrupted"],
    ["Ctrl-C at the second", ["New password: ", "battery staple\r"], ["Again: ", `bat${ctrlC}`], 130, "interrupted"],
    ["the end of input", ["New password: ", ctrlD], [], 1, "portcullis: no answer came"],
    ["the end of input at the second", ["New password: ", "battery staple\r"], ["Again: ", ctrlD], 1, "no answer came"],
  ] as const)(
    "%s leaves nothing behind",
    async (_name, one, two, code, says) => {
      const answers = [one, two].filter((it) => it.length === 2) as (readonly [string, string])[];
      const create = terminalCommand("users", "create", "ann@acme.example");
      // Said by the shell once the command has ended: the terminal echoes again.
      const outcome = await onTerminal(place, `${create}; code=$?; stty -a; exit $code`, answers);
      expect(outcome.code).toBe(code);
      expect(outcome.stdout).toContain(says);
      expect(outcome.stdout).toMatch(/[^-]\becho\b/);
      expect(outcome.stdout).not.toMatch(/\bhor\b|\bbat/);
      expect(users()).toBe(0);
    },
    120_000,
  );

  it("Ctrl-C or no answer where something would be deleted deletes nothing", async () => {
    expect((await place.calls(["users", "create", "ann@acme.example"], { input: "battery staple\n" })).code).toBe(0);
    for (const [key, code] of [
      [ctrlC, 130],
      [ctrlD, 1],
    ] as const) {
      const outcome = await onTerminal(place, terminalCommand("users", "delete", "id:1"), [["for good? [y/N] ", key]]);
      expect(outcome.code).toBe(code);
      expect(users()).toBe(1);
    }
  }, 120_000);
});
