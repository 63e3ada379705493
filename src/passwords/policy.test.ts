import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigurationError, DatastoreError } from "../model/errors.ts";
import { createPasswordPolicy, type PasswordPolicyOptions } from "./policy.ts";
import { PasswordRefusedError } from "./refused.ts";

const policy = createPasswordPolicy();
const NOBODY = { identities: [] };
const keys = async (password: string, identities: readonly string[] = [], own = policy): Promise<string[]> =>
  (await own.check(password, { identities })).map(({ key }) => key);

describe("length", () => {
  test.each([
    ["éééé", []], // 4 code points, 8 after NFKD
    ["ééééééé", []],
    ["😀😁😂🤣😃😄😅😆", []],
    ["😀😁😂🤣😃😄😅", ["PASSWORD_INVALID_LENGTH"]],
    ["kumquat", ["PASSWORD_INVALID_LENGTH"]],
    ["", ["PASSWORD_INVALID_LENGTH"]],
    ["no composition rule", []],
    ["       x  ", []],
  ])("%j", async (password, expected) => {
    expect(await keys(password)).toEqual(expected);
  });

  test("64, 100 and 128 code points are accepted, 129 are not", async () => {
    const text = "ordinary words 1 ".repeat(10);
    for (const length of [64, 100, 128]) expect(await keys(text.slice(0, length))).toEqual([]);
    expect(await keys(text.slice(0, 129))).toEqual(["PASSWORD_INVALID_LENGTH"]);
    expect(await keys("😀😁".repeat(64))).toEqual([]);
    expect(await keys("😀😁".repeat(65))).toEqual(["PASSWORD_INVALID_LENGTH"]);
    expect(await keys("x".repeat(10_000_000))).toEqual(["PASSWORD_INVALID_LENGTH"]);
  });

  test("the fault tells the limits", async () => {
    expect(await policy.check("x", NOBODY)).toEqual([
      { key: "PASSWORD_INVALID_LENGTH", params: { length: 8, maximum: 128 } },
    ]);
    const own = createPasswordPolicy({ minLength: 12, maxLength: 20 });
    expect(await own.check("elevenchars", NOBODY)).toEqual([
      { key: "PASSWORD_INVALID_LENGTH", params: { length: 12, maximum: 20 } },
    ]);
    expect(own).toMatchObject({ minLength: 12, maxLength: 20 });
  });

  test("whatever the limit, what cannot be hashed is not accepted", async () => {
    const own = createPasswordPolicy({ maxLength: 1024 });
    expect(await keys("a1".repeat(512), [], own)).toEqual([]);
    expect(await keys("😀".repeat(257), [], own)).toEqual(["PASSWORD_INVALID_LENGTH"]);
  });
});

test.each(["pass\0word123", "pass\u0007word1", "two\nlines of text", "lone \ud800 surrogate", "\u0085 next line"])(
  "%j is illegal",
  async (password) => {
    expect(await keys(password)).toEqual(["PASSWORD_ILLEGAL"]);
  },
);

test("what is no string is illegal", async () => {
  for (const password of [undefined, null, 12345678, {}, ["password"]]) {
    expect(await keys(password as unknown as string)).toEqual(["PASSWORD_ILLEGAL"]);
  }
});

describe("what nobody sees is no password, however long", () => {
  test.each([
    ["spaces", " ".repeat(12)],
    ["ideographic spaces", "\u3000".repeat(12)],
    ["no-break spaces", "\u00a0".repeat(12)],
    ["zero-width spaces", "\u200b".repeat(12)],
    ["zero-width joiners and non-joiners", "\u200d\u200c".repeat(6)],
    ["byte order marks", "\ufeff".repeat(12)],
    ["word joiners", "\u2060".repeat(12)],
    ["soft hyphens", "\u00ad".repeat(12)],
    ["Hangul fillers", "\u3164\uffa0\u115f\u1160".repeat(3)],
    ["Mongolian vowel separators", "\u180e".repeat(12)],
    ["variation selectors", "\ufe0f\u{e0100}".repeat(6)],
    ["tags", "\u{e0041}".repeat(12)],
    ["writing directions", "\u202e\u2066".repeat(6)],
    ["combining marks", "\u0301\u0308".repeat(6)],
    ["accents over spaces", " \u0301".repeat(6)],
    ["empty Braille cells", "\u2800".repeat(12)],
    ["code points that no character has", "\u0378".repeat(16)],
    ["code points for private use", "\ue000".repeat(16)],
    ["code points that are no characters", "\ufdd0".repeat(16)],
    ["empty note heads", "\u{1d159}".repeat(16)],
    ["all of them", " \u3000\u00a0\u200b\u00ad\u0301\u2800\u202e".repeat(2)],
  ])("%s", async (_, password) => {
    expect(await keys(password)).toEqual(["PASSWORD_BLANK"]);
  });

  test("nor where checks are left out or replaced", async () => {
    const own = createPasswordPolicy({
      allowWithoutChecks: ["characters", "identity", "siteWords", "common"],
      allowCommonPasswords: true,
      replace: { length: () => [], characters: () => [] },
    });
    expect(await keys("\u200b".repeat(12), [], own)).toEqual(["PASSWORD_BLANK"]);
    expect(await keys("\t\n".repeat(6), [], own)).toEqual(["PASSWORD_BLANK"]);
  });

  test("one sign that is seen is for the other checks", async () => {
    expect(await keys(`${"\u3000".repeat(12)}x`)).toEqual([]);
    expect(await keys("e\u0301".repeat(8))).toEqual([]);
    expect(await keys("")).toEqual(["PASSWORD_INVALID_LENGTH"]);
  });
});

describe("common passwords", () => {
  test.each([
    "password",
    "Password",
    "PASSWORD",
    "ｐａｓｓｗｏｒｄ",
    "12345678",
    "sunshine",
    "qwertyuiop",
    "Password1",
    "1password",
    "Sunshine2024",
    "monkey!!",
    "12Monkey!",
    "!Password!",
  ])("%s is refused", async (password) => {
    expect(await keys(password)).toEqual(["PASSWORD_TOO_COMMON"]);
  });

  test.each(["battery staple", "correct horse", "sunshine kumquat", "sunshine20240101", "zsunshinez", "8f2!0q7$3w"])(
    "%s is accepted",
    async (password) => {
      expect(await keys(password)).toEqual([]);
    },
  );

  test("an option accepts them", async () => {
    expect(await keys("password", [], createPasswordPolicy({ allowCommonPasswords: true }))).toEqual([]);
  });
});

describe("the identity", () => {
  const identities = ["Jane.Kumquat@Example.com", "KumquatJane", "+4915112345678"];
  test.each(["jane.kumquat@example.com", "JANE.KUMQUAT", "kumquatjane", "ｋｕｍｑｕａｔjane", "+4915112345678"])(
    "%s is refused",
    async (password) => {
      expect(await keys(password, identities)).toContain("PASSWORD_IS_IDENTITY");
    },
  );

  test.each([
    "jane.kumquat1",
    "Kumquat1",
    "kumquat2024!",
    "!!Jane123",
    "JaneKumquat",
    "kumquat-jane-1",
    "Jan3Kumqu4t",
    "jane.kumquat@example.com1",
    "49151123456781",
  ])("%s, a part of it with digits and signs, is refused", async (password) => {
    expect(await keys(password, identities)).toContain("PASSWORD_IS_IDENTITY");
  });

  test.each(["kumquatjane and more", "example.com", "@example.com", "janes tree 7", "bo1234567"])(
    "%s is accepted",
    async (password) => {
      expect(await keys(password, identities)).toEqual([]);
    },
  );

  test("that is a common password has both faults", async () => {
    expect(await keys("sunshine", ["sunshine@example.com"])).toEqual(["PASSWORD_IS_IDENTITY", "PASSWORD_TOO_COMMON"]);
  });
});

describe("validators", () => {
  test("are asked for what passed the rest, in the normal form", async () => {
    const asked: unknown[] = [];
    const own = createPasswordPolicy({
      validators: [
        (password, context) => {
          asked.push([password, context]);
          return [];
        },
        async () => [{ key: "PASSWORD_BREACHED", params: { count: 3 } }],
      ],
    });
    expect(await own.check("ｋumquat tree", { identities: ["me"] })).toEqual([
      { key: "PASSWORD_BREACHED", params: { count: 3 } },
    ]);
    expect(asked).toEqual([["kumquat tree", { identities: ["me"] }]]);
    expect(await keys("password", [], own)).toEqual(["PASSWORD_TOO_COMMON"]);
    expect(asked).toHaveLength(1);
  });

  test("that fail refuse the password, with their reasons where they say them", async () => {
    const logged: string[] = [];
    const refusedBy = (error: Error) =>
      createPasswordPolicy(
        { validators: [() => Promise.reject(error)] },
        { log: (...line) => logged.push(JSON.stringify(line)) },
      ).check("kumquat tree", NOBODY);
    expect(await refusedBy(new Error("offline"))).toEqual([{ key: "PASSWORD_REFUSED" }]);
    expect(logged).toEqual([expect.stringContaining("offline")]);
    expect(logged.join()).not.toContain("kumquat");
    const own = { key: "NEEDS_Z", text: "A z is missing." };
    expect(await refusedBy(new PasswordRefusedError([own]))).toEqual([own]);
    // What says itself what the answer is: 503, not a refused password.
    await expect(refusedBy(new DatastoreError("down"))).rejects.toBeInstanceOf(DatastoreError);
    expect(logged).toHaveLength(1);
  });
});

test("any text is decided without an error", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.string({ unit: "binary" }),
      async (password, name) => {
        expect(Array.isArray(await policy.check(password, { identities: [name, password] }))).toBe(true);
      },
    ),
  );
});

const refused: [options: unknown, path: string][] = [
  [{ minLenght: 8 }, "passwords.policy.minLenght"],
  [{ minLength: 7 }, "passwords.policy.minLength"],
  [{ minLength: 0, allowShortPasswords: true }, "passwords.policy.minLength"],
  [{ minLength: "8" }, "passwords.policy.minLength"],
  [{ maxLength: 7 }, "passwords.policy.maxLength"],
  [{ maxLength: 1025 }, "passwords.policy.maxLength"],
  [{ allowShortPasswords: 1 }, "passwords.policy.allowShortPasswords"],
  [{ allowCommonPasswords: "no" }, "passwords.policy.allowCommonPasswords"],
  [{ validators: () => [] }, "passwords.policy.validators"],
  [{ validators: ["zxcvbn"] }, "passwords.policy.validators[0]"],
  ["strict", "passwords.policy"],
];
test.each(refused)("the options %j are refused", (options, path) => {
  const attempt = () => createPasswordPolicy(options as PasswordPolicyOptions);
  expect(attempt).toThrow(ConfigurationError);
  expect(attempt).toThrow(expect.objectContaining({ path }));
});

test("allowShortPasswords allows them", async () => {
  expect(await keys("kumq", [], createPasswordPolicy({ minLength: 4, allowShortPasswords: true }))).toEqual([]);
});
