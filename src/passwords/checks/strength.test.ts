import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { messageKeys } from "../../i18n/catalogue.ts";
import { ConfigurationError, OverloadedError } from "../../model/errors.ts";
import { createPasswordPolicy } from "../policy.ts";
import { checkStrengthOptions, createStrengthEstimator, strengthCheck } from "./strength.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-strength-"));
const policy = createPasswordPolicy({ strength: { minimumScore: 3, timeLimit: "60s" }, allowCommonPasswords: true });
afterAll(async () => {
  await policy.close();
  rmSync(folder, { recursive: true });
});

const keys = async (password: string, identities: readonly string[] = []): Promise<string[]> =>
  (await policy.check(password, { identities })).map(({ key }) => key);

describe("the estimate", () => {
  test.each<[string, string]>([
    ["password", "STRENGTH_TOP_TEN"],
    ["aaaaaaaa", "STRENGTH_SIMPLE_REPEAT"],
    ["abcdefgh", "STRENGTH_SEQUENCES"],
  ])("%s is too simple, with a hint", async (password, hint) => {
    const faults = await keys(password);
    expect(faults[0]).toBe("PASSWORD_TOO_SIMPLE");
    expect(faults).toContain(hint);
    for (const key of faults) expect(messageKeys).toContain(key);
  });

  test.each(["correct horse battery staple!", "v8#qLr2$wPz", "x".repeat(20) + "correct horse battery staple!"])(
    "%s is good enough",
    async (password) => {
      expect(await keys(password)).toEqual([]);
    },
  );

  test("knows whose password it is", async () => {
    expect(await keys("zorblaxiqueton")).toEqual([]);
    expect(await keys("zorblaxiquetonx", ["zorblaxiqueton"])).toContain("PASSWORD_TOO_SIMPLE");
  });

  test("leaves the event loop alone while it works on the worst input", async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 5);
    await policy.check("4dm1n!$5@".repeat(14), { identities: [] });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});

const fake = (name: string, code: string): URL => {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, code);
  return pathToFileURL(path);
};

describe("an estimator that fails", () => {
  const broken: [string, string][] = [
    ["never answers", 'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => {});'],
    ["throws", 'throw new Error("the secret");'],
    ["ends", 'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => process.exit(0));'],
  ];
  test.each(broken)("that %s: long passwords are taken, short ones are not", async (name, code) => {
    const logs: unknown[] = [];
    const estimator = createStrengthEstimator(500, fake(name.replaceAll(" ", "-"), code));
    const check = strengthCheck(3, estimator, [], (...line) => logs.push(line));
    const ask = async (password: string) => (await check(password, { identities: [] }, password)).map(({ key }) => key);
    expect(await ask("v8#qLr2$wPz")).toEqual(["PASSWORD_TOO_SIMPLE"]);
    expect(await ask("several unrelated words")).toEqual([]);
    expect(await ask("aaaaaaaaaaaaaaaaaaaa")).toEqual(["PASSWORD_TOO_SIMPLE"]);
    expect(logs).toHaveLength(3);
    expect(JSON.stringify(logs)).not.toMatch(/secret|words/);
    await estimator.close();
  });

  test("starts again", async () => {
    const code = `import { parentPort } from "node:worker_threads";
      parentPort.on("message", ({ password }) => {
        if (password === "end") process.exit(1);
        parentPort.postMessage({ score: password.length, warning: undefined, suggestions: [] });
      });`;
    const estimator = createStrengthEstimator(30_000, fake("again", code));
    await expect(estimator.estimate("end", [])).rejects.toThrow();
    expect(await estimator.estimate("four", [])).toMatchObject({ score: 4 });
    expect(await estimator.estimate("x".repeat(1000), [])).toMatchObject({ score: 64 });
    await estimator.close();
  });

  test("takes a bounded number of jobs", async () => {
    const estimator = createStrengthEstimator(20, fake("never", broken[0]?.[1] ?? ""));
    const asked = Array.from({ length: 70 }, () => estimator.estimate("x", []).catch((error: unknown) => error));
    const refused = await Promise.all(asked.slice(65));
    expect(refused.every((error) => error instanceof OverloadedError)).toBe(true);
    await Promise.all(asked);
    await estimator.close();
  }, 60_000);
});

describe("the options", () => {
  test.each<[unknown, string]>([
    [{}, "passwords.policy.strength.minimumScore"],
    [{ minimumScore: 5 }, "passwords.policy.strength.minimumScore"],
    [{ minimumScore: 0 }, "passwords.policy.strength.minimumScore"],
    [{ minimumScore: 3, timeLimit: "x" }, "passwords.policy.strength.timeLimit"],
    [{ minimumScore: 3, score: 1 }, "passwords.policy.strength.score"],
    [true, "passwords.policy.strength"],
  ])("%j are refused", (strength, path) => {
    const attempt = () => createPasswordPolicy({ strength: strength as never });
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(expect.objectContaining({ path }));
  });

  test("without the estimator the start is refused, with the command", () => {
    const missing = () => {
      throw new Error("not found");
    };
    expect(() => checkStrengthOptions("passwords.policy.strength", { minimumScore: 3 }, missing)).toThrow(
      "npm install @zxcvbn-ts/core @zxcvbn-ts/language-en",
    );
  });
});
