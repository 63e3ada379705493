import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { loadPhoneNumbers, noPhoneNumbers } from "./phone.ts";
import { isE164 } from "./sms.ts";

describe("normalize", async () => {
  const german = await loadPhoneNumbers({ region: "DE" });
  const none = await loadPhoneNumbers();

  test.each([
    ["030 901820", "+4930901820"],
    ["0151 23456789", "+4915123456789"],
    ["+49 (30) 90-18-20", "+4930901820"],
    ["+1 650-555-1234", "+16505551234"],
    ["＋４９ ３０ ９０１８２０", "+4930901820"],
  ])("%j → %s", (text, number) => {
    expect(german.normalize(text)).toBe(number);
  });

  test.each([
    "",
    "12",
    "abc",
    "+49",
    "030 901820 ext. 5",
    "call 030 901820 now",
    "030 901820\r\nX: y",
    "+999 123456789",
    "1".repeat(500),
    // Read as +491680, which is too short for E.164.
    "168(0-",
  ])("%j is no number", (text) => {
    expect(german.normalize(text)).toBeUndefined();
  });

  test("without a region a number needs its country code", () => {
    expect(none.normalize("030 901820")).toBeUndefined();
    expect(none.normalize("+49 30 901820")).toBe("+4930901820");
  });

  test("what comes out is E.164 and stays as it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\+?[0-9 ()-]{4,20}$/)), (text) => {
        const number = german.normalize(text);
        if (number === undefined) return;
        expect(isE164(number)).toBe(true);
        expect(german.normalize(number)).toBe(number);
      }),
    );
  });
});

test("a missing library and an unknown region stop the start", async () => {
  const missing = loadPhoneNumbers({}, 'the feature "codes"', () => Promise.reject(new Error("not found")));
  await expect(missing).rejects.toThrow('phone: the feature "codes" needs phone numbers; run "npm install');
  await expect(loadPhoneNumbers({ region: "XX" })).rejects.toThrow(ConfigurationError);
  await expect(loadPhoneNumbers({ region: "de" })).rejects.toThrow("phone.region");
});

test("numbers that no feature asked for cannot be read", () => {
  expect(() => noPhoneNumbers.normalize("+4930901820")).toThrow(PortcullisError);
});
