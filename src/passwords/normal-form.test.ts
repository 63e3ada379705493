import fc from "fast-check";
import { expect, test } from "vitest";
import { MAXIMUM_PASSWORD_BYTES, normalizePassword } from "./normal-form.ts";

test("compositions and compatibility forms fall together; case and spaces stay", () => {
  expect(normalizePassword("ｐａｓｓ")).toBe("pass");
  expect(normalizePassword("\u00e9")).toBe(normalizePassword("e\u0301"));
  expect(normalizePassword("ﬁ")).toBe("fi");
  expect(normalizePassword(" Pass ")).toBe(" Pass ");
  expect(normalizePassword("")).toBe("");
});

test("1024 bytes after normalisation are the limit", () => {
  expect(normalizePassword("x".repeat(1024))).toHaveLength(1024);
  expect(normalizePassword("x".repeat(1025))).toBeUndefined();
  expect(normalizePassword("😀".repeat(256))).toBeDefined();
  expect(normalizePassword("😀".repeat(257))).toBeUndefined();
  expect(normalizePassword("\u{1d400}".repeat(1024))).toBe("A".repeat(1024)); // 2048 code units become 1024 bytes
  expect(normalizePassword("\u{1d400}".repeat(1025))).toBeUndefined();
  expect(normalizePassword("\ufdfa".repeat(56))).toBeUndefined(); // each becomes 18 letters
});

test("lone surrogates, NUL and what is no string have no normal form", () => {
  expect(normalizePassword("pass\ud800word")).toBeUndefined();
  expect(normalizePassword("\udc00\ud800")).toBeUndefined();
  expect(normalizePassword("pass\0word")).toBeUndefined();
  for (const other of [undefined, null, 1, {}, ["password"]]) {
    expect(normalizePassword(other as unknown as string)).toBeUndefined();
  }
});

test("the early limit never refuses what the exact one accepts", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "ａ", "é", "\u{1d400}", "😀", "\u0301"),
    minLength: 800,
    maxLength: 1200,
  });
  fc.assert(
    fc.property(text, (password) => {
      const normal = password.normalize("NFKD");
      const fits = Buffer.byteLength(normal) <= MAXIMUM_PASSWORD_BYTES;
      expect(normalizePassword(password)).toBe(fits ? normal : undefined);
    }),
  );
});
