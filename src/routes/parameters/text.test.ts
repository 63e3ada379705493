import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bigintOf, booleanOf, dateOf, integerOf, isCleanText, NOT_CONVERTED, numberOf } from "./text.ts";

describe("integers (TYP-07, OBJ-03)", () => {
  test.each([
    ["0", 0],
    ["5", 5],
    ["-5", -5],
    ["10", 10],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["-9007199254740991", Number.MIN_SAFE_INTEGER],
  ])("%s", (text, value) => {
    expect(integerOf(text)).toBe(value);
  });

  test.each([
    ...[
      "",
      " ",
      "1abc",
      "0x1",
      "0x1f",
      " 1",
      "1 ",
      "1e0",
      "1e3",
      "01",
      "+1",
      "1.0",
      "-0",
      "-",
      "1,2",
      "1/2",
      "１",
      "٣",
    ],
    ...[
      "9007199254740992",
      "9007199254740993",
      "1".repeat(400),
      "Infinity",
      "NaN",
      "1n",
      "1_0",
      "1\n",
      "1\0",
      "null",
      "true",
    ],
  ])("not %j", (text) => {
    expect(integerOf(text)).toBe(NOT_CONVERTED);
  });

  test("round trip; one spelling only", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(integerOf(String(value))).toBe(value + 0);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789-+. exX_n".split("")) }), (text) => {
        const value = integerOf(text);
        expect(value === NOT_CONVERTED || String(value) === text).toBe(true);
      }),
    );
  });
});

describe("numbers", () => {
  test.each([
    ["1", 1],
    ["-1.50", -1.5],
    ["1e3", 1000],
    ["1E-7", 1e-7],
    ["1e+21", 1e21],
    ["-0", 0],
    ["0.1", 0.1],
  ])("%s", (text, value) => {
    expect(numberOf(text)).toBe(value);
  });

  test.each([
    ...["", ".5", "5.", "+1", "01", "1e", "1e400", "Infinity", "NaN", "0x10", " 1", "1,5", "1 000"],
    `0.${"1".repeat(200)}`,
  ])("not %j", (text) => {
    expect(numberOf(text)).toBe(NOT_CONVERTED);
  });

  test("round trip", () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(double, (value) => {
        expect(numberOf(String(value))).toBe(value + 0);
      }),
    );
  });
});

describe("booleans (TYP-10)", () => {
  test.each(["true", "1", "on", "yes", "TRUE", "On", "YES"])("%s", (text) => expect(booleanOf(text)).toBe(true));
  test.each(["false", "0", "off", "no", "False", "OFF"])("%s", (text) => expect(booleanOf(text)).toBe(false));
  test.each(["", "2", "t", "y", "null", " true", "truex", "oui"])("not %j", (text) => {
    expect(booleanOf(text)).toBe(NOT_CONVERTED);
  });
});

describe("bigints", () => {
  test("round trip, within a length", () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        expect(bigintOf(String(value))).toBe(value);
      }),
    );
    expect(bigintOf("9".repeat(300))).toBe(10n ** 300n - 1n);
    expect(bigintOf("9".repeat(301))).toBe(NOT_CONVERTED);
    for (const text of ["", "1n", "0x1", "01", "-0", "1.0", " 1"]) expect(bigintOf(text)).toBe(NOT_CONVERTED);
  });
});

describe("dates", () => {
  test.each([
    ["2026-01-31", "2026-01-31T00:00:00.000Z"],
    ["2024-02-29", "2024-02-29T00:00:00.000Z"],
    ["2026-01-31T12:30:00Z", "2026-01-31T12:30:00.000Z"],
    ["2026-01-31t12:30:00.5z", "2026-01-31T12:30:00.500Z"],
    ["2026-01-31T00:30:00+01:00", "2026-01-30T23:30:00.000Z"],
    ["2026-01-31T12:30:00.123456789-05:30", "2026-01-31T18:00:00.123Z"],
    ["0000-01-01", "0000-01-01T00:00:00.000Z"],
  ])("%s", (text, iso) => {
    const date = dateOf(text);
    expect(date instanceof Date && date.toISOString()).toBe(iso);
  });

  test.each([
    ...["", "2099-99-99", "2026-02-29", "2026-02-31", "2026-04-31", "2026-1-1", "2026-01-00", "2026-00-01"],
    ...[
      "2026-01-31T12:30",
      "2026-01-31T12:30:00",
      "2026-01-31 12:30:00Z",
      "2026-01-31T24:00:00Z",
      "2026-01-31T12:60:00Z",
    ],
    ...["2026-01-31T12:30:60Z", "2026-01-31T12:30:00+24:00", "2026-01-31T12:30:00+0100", "+002026-01-01", "20260131"],
    ...["31.01.2026", "January 31, 2026", "1769817600", "2026-01-31T12:30:00Z ", "2026", "2026-01"],
  ])("not %j", (text) => {
    expect(dateOf(text)).toBe(NOT_CONVERTED);
  });

  test("round trip", () => {
    const date = fc.date({
      min: new Date("0000-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, (value) => {
        expect(dateOf(value.toISOString())).toEqual(value);
      }),
    );
  });
});

test("isCleanText refuses NUL and halves of surrogate pairs", () => {
  expect(["", "a", "ü", "😀", "\u0001", "\uFFFD"].every(isCleanText)).toBe(true);
  expect(["\0", "a\0b", "\ud800", "\udc00a", "😀\ud83d"].some(isCleanText)).toBe(false);
});
