import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createKeyRing } from "./keyring.ts";
import { open, seal } from "./signed.ts";

const ring = createKeyRing(["Uw3Ye8Ri1To6Pa9Sd4Fg7Hj2Kl5Zx0Cv-_b"]);
const NOW = 1_767_225_600_000;

test("gives back the payload until it expires", () => {
  const text = seal(ring, "link", { user: 7, name: "Zoë" }, NOW + 1000);
  expect(open(ring, "link", text, NOW)).toEqual({ payload: { user: 7, name: "Zoë" } });
  expect(open(ring, "link", text, NOW + 999)).toEqual({ payload: { user: 7, name: "Zoë" } });
  expect(open(ring, "link", text, NOW + 1000)).toEqual({ error: "expired" });
  expect(open(ring, "link", text, Number.NaN)).toEqual({ error: "expired" });
});

test("any payload that JSON can tell comes back", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "binary", maxLength: 20 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
      (payload) => {
        const copy = JSON.parse(JSON.stringify(payload));
        fc.pre(JSON.stringify(payload).length < 2500 && Buffer.byteLength(JSON.stringify(payload)) < 2800);
        expect(open(ring, "p", seal(ring, "p", payload, NOW + 1), NOW)).toEqual({ payload: copy });
      },
    ),
  );
});

/** As it was made before values were encrypted: base64url JSON and its signature. */
function signedBefore(payload: object, expiresAt: number): string {
  const body = Buffer.from(JSON.stringify([expiresAt, payload])).toString("base64url");
  return `${body}.${ring.sign("sealed:link", body)}`;
}

test("nobody else reads anything of it", () => {
  const payload = { user: "0123456789abcdef0123456789abcdef" };
  const text = seal(ring, "link", payload, NOW + 1000);
  const parts = text.split(".").flatMap((part) => [part, Buffer.from(part, "base64url").toString("latin1")]);
  for (const part of parts) expect(part).not.toMatch(/user|0123456789|17672256/);
});

test("the same payload gives the same text, another one another, in each part of it", () => {
  const make = (payload: object, purpose = "link"): string => seal(ring, purpose, payload, NOW + 1000);
  expect(make({ user: 7 })).toBe(make({ user: 7 }));
  const texts = [make({ user: 7 }), make({ user: 8 }), make({ user: 7 }, "other")];
  for (const length of [4, 14, 30]) {
    expect(new Set(texts.map((text) => text.slice(2, 2 + length))).size).toBe(3);
  }
});

test("what was signed before values were encrypted is still good, as long as it was", () => {
  const text = signedBefore({ user: 7 }, NOW + 1000);
  expect(open(ring, "link", text, NOW)).toEqual({ payload: { user: 7 } });
  expect(open(ring, "link", text, NOW + 1000)).toEqual({ error: "expired" });
  expect(open(ring, "link", `2.${text}`, NOW)).toEqual({ error: "malformed" });
});

describe.each([
  ["encrypted", seal(ring, "link", { user: 7 }, NOW + 1000)],
  ["signed", signedBefore({ user: 7 }, NOW + 1000)],
])("only the exact string is valid (TOK-04): %s", (form, text) => {
  test("every changed, missing or doubled character", () => {
    for (const [index, letter] of [...text].entries()) {
      const rest = text.slice(index + 1);
      for (const other of ["", letter + letter, letter === "A" ? "B" : "A", "=", " ", ".", "\0", "é"]) {
        const changed = text.slice(0, index) + other + rest;
        if (changed !== text) expect(open(ring, "link", changed, NOW)).toHaveProperty("error");
      }
    }
  });

  test("another case, padding, white space, or spare bits", () => {
    const [body = "", signature = ""] = text.split(".");
    const respelt = (part: string) =>
      [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        .map((letter) => part.slice(0, -1) + letter)
        .filter((other) => other !== part && Buffer.from(other, "base64url").equals(Buffer.from(part, "base64url")));
    const others = [
      text.toLowerCase(),
      text.toUpperCase(),
      `${text}=`,
      `${text}\n`,
      ` ${text}`,
      `${text}%00`,
      `${body}=.${signature}`,
      `${body}.${signature}.`,
      `${body}.`,
      `.${signature}`,
      body,
      "",
      ".",
      ...respelt(body).map((other) => `${other}.${signature}`),
      ...respelt(signature).map((other) => `${body}.${other}`),
    ];
    // An encrypted text of these bytes has no spare bits.
    if (form === "signed") expect(respelt(signature)).toHaveLength(3);
    for (const other of others) expect(open(ring, "link", other, NOW)).toHaveProperty("error");
  });

  test("a payload that was re-encoded under the old signature", () => {
    const [, signature = ""] = signedBefore({ user: 7 }, NOW + 1000).split(".");
    const forged = Buffer.from(JSON.stringify([NOW + 9_999_999, { user: 1 }])).toString("base64url");
    expect(open(ring, "link", `${forged}.${signature}`, NOW)).toEqual({ error: "signature" });
  });

  test("another purpose, another ring, and a plain signature of the same name", () => {
    const other = createKeyRing(["q7Jm2Vx0c9Zt4Lr8Ws1Ny6Bp3Kd5Hf-_aG"]);
    expect(open(ring, "other", text, NOW)).toEqual({ error: "signature" });
    expect(open(other, "link", text, NOW)).toEqual({ error: "signature" });
    const body = Buffer.from(JSON.stringify([NOW + 1000, { user: 1 }])).toString("base64url");
    expect(open(ring, "link", `${body}.${ring.sign("link", body)}`, NOW)).toEqual({ error: "signature" });
  });

  test("any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (any) => open(ring, "link", any, NOW).error !== undefined));
  });
});

test("what is longer than 4096 characters is neither made nor looked at", () => {
  expect(() => seal(ring, "p", { text: "x".repeat(4000) }, NOW)).toThrow(RangeError);
  const counted = { ...ring, verify: () => expect.unreachable(), decrypt: () => expect.unreachable() };
  expect(open(counted, "p", `2.${"A".repeat(4095)}`, NOW)).toEqual({ error: "malformed" });
  const signature = "A".repeat(43);
  expect(open(counted, "p", `${"A".repeat(4053)}.${signature}`, NOW)).toEqual({ error: "malformed" });
  expect(open(ring, "p", `${"A".repeat(4052)}.${signature}`, NOW)).toEqual({ error: "signature" });
});

test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY])("an expiry of %s is refused", (expiresAt) => {
  expect(() => seal(ring, "p", {}, expiresAt)).toThrow(RangeError);
});
