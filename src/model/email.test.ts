import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizeEmail } from "./email.ts";

describe("normalizeEmail", () => {
  it.each([
    ["joe@lp.com", "joe@lp.com"],
    [" Joe@LP.com ", "joe@lp.com"],
    ["a.b+tag@sub.example.org", "a.b+tag@sub.example.org"],
    ["jö@bücher.example", "jö@bücher.example"],
    ["jö@xn--bcher-kva.example", "jö@bücher.example"],
    ["jo\u0308@bu\u0308cher.example", "jö@bücher.example"],
    ["\u212Aelvin@example.org", "kelvin@example.org"],
    ["o'neil@example.org", "o'neil@example.org"],
    ["☃@example.org", "☃@example.org"],
    ["jö·🙂❤️@example.org", "jö·🙂❤️@example.org"],
    ["a“b”—c€@example.org", "a“b”—c€@example.org"],
  ])("%s → %s", (input, normal) => {
    expect(normalizeEmail(input)).toBe(normal);
  });

  it.each([
    "",
    "@",
    "joe",
    "joe@",
    "@lp.com",
    "joe@lp",
    "joe@lp..com",
    "joe@-lp.com",
    "joe@a_b.com",
    "joe@127.0.0.1",
    "joe@0x7f.1",
    "joe@[127.0.0.1]",
    "jo e@lp.com",
    "joe@l p.com",
    "a@b@lp.com",
    "joe..x@lp.com",
    ".joe@lp.com",
    "joe\r\nBcc:x@lp.com",
    "joe\u0000@lp.com",
    '"joe"@lp.com',
    "joe@lp.com,evil@x.org",
    "joe\uFF20evil@lp.com",
    "joe\uFF1Cx@lp.com",
    "joe\uFF0Cbob@lp.com",
    "joe\u2024x@lp.com",
    "joe\u2474@lp.com",
    "joe\u00A8@lp.com",
    "joe\uE000@lp.com",
    `${"a".repeat(65)}@lp.com`,
    `a@${"b".repeat(250)}.com`,
    "joe@lp.com\u200D",
    "joe\u200D@lp.com",
    "joe@lp.com/x",
    "joe@lp.com\\",
    "joe@lp.com?bcc=evil@x.org",
    "joe@lp.com?",
    "joe@lp.com#x",
    "joe@lp%2ecom",
    "joe@lp.\tcom",
    "joe@l\u00adp.com",
    "joe@lp\u200b.com",
  ])("refuses %j", (input) => {
    expect(normalizeEmail(input)).toBeUndefined();
  });

  it("is idempotent and never lets control characters or a second @ through", () => {
    const piece = fc.oneof(
      fc.constantFrom("a", "Joe", ".", "@", "lp.com", "\r", "\n", "İ", "ſ", "ß", "＠", "xn--"),
      fc.string({ unit: "grapheme" }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (parts) => {
        const normal = normalizeEmail(parts.join(""));
        if (normal === undefined) return;
        expect(normalizeEmail(normal)).toBe(normal);
        expect(normal.split("@")).toHaveLength(2);
        expect(normal).not.toMatch(/[\s\p{Cc},;<>]/u);
      }),
      { numRuns: fc.readConfigureGlobal().numRuns ?? 2000 },
    );
  });
});
