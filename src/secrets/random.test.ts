import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { constantTimeEqual, randomId, sha256 } from "./random.ts";

test("an identifier has the asked bytes in canonical base64url and is never the same twice", () => {
  for (const bytes of [1, 16, 32, 64]) {
    const id = randomId(bytes);
    expect(Buffer.from(id, "base64url")).toHaveLength(bytes);
    expect(id).toMatch(/^[A-Za-z0-9_-]+$/);
  }
  expect(randomId()).toHaveLength(43);
  expect(new Set(Array.from({ length: 1000 }, () => randomId()))).toHaveLength(1000);
});

test.each([0, -1, 1.5, Number.NaN, 1025])("%s bytes are refused", (bytes) => {
  expect(() => randomId(bytes)).toThrow(RangeError);
});

test("SHA-256 as in FIPS 180-4, of UTF-8", () => {
  expect(Buffer.from(sha256("abc"), "base64url").toString("hex")).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(sha256(text)).toBe(createHash("sha256").update(text, "utf8").digest("base64url"));
    }),
  );
});

test("constantTimeEqual agrees with ===, whatever the lengths and contents", () => {
  const texts = fc.string({ unit: fc.constantFrom("a", "b", "é", "\ud800", "\udfff", "\ufffd", "😀") });
  fc.assert(
    fc.property(texts, texts, (a, b) => constantTimeEqual(a, b) === (a === b)),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 1000 },
  );
  fc.assert(fc.property(texts, (a) => constantTimeEqual(a, `${a}`)));
  expect(constantTimeEqual("\ud800", "\ufffd")).toBe(false);
});
