import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizeUsername, reservedUsernames, type UsernameRules, usernameFault } from "./username.ts";

const ascii: UsernameRules = { minLength: 4, maxLength: 32, characters: "ascii", reserved: reservedUsernames };
const letters: UsernameRules = { ...ascii, characters: "letters" };

describe("normalizeUsername", () => {
  it.each([
    [" joe1 ", "joe1"],
    ["ｊｏｅ１", "joe1"],
    ["Joe", "Joe"],
    ["jo\u0308rg", "jörg"],
    ["\u212Aarl", "Karl"],
  ])("%j → %j", (input, normal) => expect(normalizeUsername(input)).toBe(normal));

  it.each(["", "  ", "\u00a0", "x".repeat(256), "a\ud800"])("refuses %j", (input) =>
    expect(normalizeUsername(input)).toBeUndefined(),
  );

  it("is idempotent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (input) => {
        const normal = normalizeUsername(input);
        if (normal !== undefined) expect(normalizeUsername(normal)).toBe(normal);
      }),
    );
  });
});

describe("usernameFault", () => {
  it.each([
    ["joe1", undefined],
    ["JoeBigName", undefined],
    ["x".repeat(32), undefined],
    ["x".repeat(33), "length"],
    ["ab", "length"],
    ["", "length"],
    ["bad name", "disallowed"],
    ["joe_1", "disallowed"],
    ["jörg", "disallowed"],
    ["<i>x</i>yz", "illegal"],
    ["joe\r\nBcc", "illegal"],
    ["ad\u00admin", "illegal"],
    ["ad\u200bmin", "illegal"],
    ["\u202enimda", "illegal"],
    ["admin", "reserved"],
    ["ＡＤＭＩＮ", "reserved"],
    ["ᵃᵈᵐⁱⁿ", "reserved"],
    ["\u00a0admin", "reserved"],
    ["аdmin", "disallowed"],
  ] as const)("ascii: %j is %s", (name, fault) => expect(usernameFault(name, ascii)).toBe(fault));

  it.each([
    ["jörg", undefined],
    ["наташа", undefined],
    ["Ελένη", undefined],
    ["山田taro", undefined],
    ["محمد", undefined],
    ["аdmin", "mixed"],
    ["αdmin", "mixed"],
    ["росе", "mixed"],
    ["јоеѕ", "mixed"],
    ["joe١1", "mixed"],
    ["ᚠᚢᚦᚨ", "mixed"],
    ["admin", "reserved"],
    ["jo hn", "disallowed"],
  ] as const)("letters: %j is %s", (name, fault) => expect(usernameFault(name, letters)).toBe(fault));

  it("judges a name and its stored form alike, and accepts nothing that markup or headers live on", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.string({ maxLength: 12 })), (input) => {
        for (const rules of [ascii, letters]) {
          if (usernameFault(input, rules) !== undefined) continue;
          const normal = normalizeUsername(input) as string;
          expect(usernameFault(normal, rules)).toBeUndefined();
          expect(normal).not.toMatch(/[\p{Cc}\p{Cf}\s<>@]/u);
        }
      }),
    );
  });
});
