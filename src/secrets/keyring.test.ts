import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { createKeyRing } from "./keyring.ts";

const OLD = "q7Jm2Vx0c9Zt4Lr8Ws1Ny6Bp3Kd5Hf-_aG";
const NEW = "Uw3Ye8Ri1To6Pa9Sd4Fg7Hj2Kl5Zx0Cv-_b";
const ring = createKeyRing([NEW]);

describe("secret keys", () => {
  const refused: [string, unknown, string][] = [
    ["no list", OLD, "secretKeys"],
    ["an empty list", [], "secretKeys"],
    ["a variable that is not set", [undefined], "secretKeys[0]"],
    ["an empty key", [""], "secretKeys[0]"],
    ["a number", [2 ** 40], "secretKeys[0]"],
    ["31 characters", [NEW.slice(0, 31)], "secretKeys[0]"],
    [
      "31 characters outside the basic plane",
      [[..."😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰😗😙😚🙂🤗🤩🤔🤨😐😑😶🙄😏😣😥😮"].join("")],
      "secretKeys[0]",
    ],
    ["one repeated character", ["k".repeat(64)], "secretKeys[0]"],
    ["a repeated unit", ["12345678".repeat(6)], "secretKeys[0]"],
    ["hardly any different characters", ["abababababababababababababababababb"], "secretKeys[0]"],
    ["changeme", [`changeme-${NEW}`], "secretKeys[0]"],
    ["CHANGE_ME", [`CHANGE_ME_${NEW}`], "secretKeys[0]"],
    ["your secret", ["your-secret-key-of-32-characters-goes-here"], "secretKeys[0]"],
    ["a lone surrogate", [`${NEW}\ud800`], "secretKeys[0]"],
    ["a bad second key", [NEW, "short"], "secretKeys[1]"],
    ["the same key twice", [NEW, OLD, NEW], "secretKeys[2]"],
  ];
  test.each(refused)("%s is refused", (_, keys, path) => {
    const attempt = () => createKeyRing(keys as string[]);
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(expect.objectContaining({ path }));
  });

  test("the error tells how to make a key and does not tell the key", () => {
    expect(() => createKeyRing(["hunter2hunter2"])).toThrow(/randomBytes\(32\)/);
    expect(() => createKeyRing(["hunter2hunter2"])).not.toThrow(/hunter2/);
  });

  test("the caller's list may change afterwards", () => {
    const keys = [NEW];
    const own = createKeyRing(keys);
    keys[0] = OLD;
    expect(own.sign("p", "d")).toBe(ring.sign("p", "d"));
  });
});

describe("signatures", () => {
  test("are HMAC-SHA256 under a key by HKDF-SHA256 (RFC 5869), so that another version accepts them", () => {
    const mac = (key: string | Buffer, data: string | Buffer) => createHmac("sha256", key).update(data).digest();
    const extracted = mac("portcullis", NEW);
    const expanded = mac(extracted, Buffer.concat([Buffer.from("sign:purpose"), Buffer.from([1])]));
    expect(ring.sign("purpose", "dåta")).toBe(mac(expanded, "dåta").toString("base64url"));
  });

  test("verify for the same purpose and data alone", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(text, text, text, text, (purpose, data, otherPurpose, otherData) => {
        const signature = ring.sign(purpose, data);
        expect(ring.verify(purpose, data, signature)).toBe(true);
        expect(ring.verify(otherPurpose, data, signature)).toBe(otherPurpose === purpose);
        expect(ring.verify(purpose, otherData, signature)).toBe(otherData === data);
      }),
    );
  });

  test("have one spelling", () => {
    const signature = ring.sign("p", "d");
    const last = signature.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const sameBytes = [...alphabet].filter(
      (letter) =>
        letter !== last &&
        Buffer.from(signature.slice(0, -1) + letter, "base64url").equals(Buffer.from(signature, "base64url")),
    );
    expect(sameBytes).toHaveLength(3);
    const spellings = [
      ...sameBytes.map((letter) => signature.slice(0, -1) + letter),
      `${signature}=`,
      ` ${signature}`,
      `${signature}\n`,
      `${signature}\0`,
      signature.slice(0, -1),
      `${signature}A`,
      "",
      signature.replace(/[A-Za-z]/, (letter) => (letter < "a" ? letter.toLowerCase() : letter.toUpperCase())),
    ];
    for (const spelling of spellings) expect(ring.verify("p", "d", spelling)).toBe(false);
  });

  test("never share one between texts that are the same in UTF-8", () => {
    const signature = ring.sign("p", "\ufffd");
    expect(ring.verify("p", "\ud800", signature)).toBe(false);
    expect(() => ring.sign("p", "\ud800")).toThrow(TypeError);
    expect(() => ring.encrypt("p", "a\udfff")).toThrow(TypeError);
  });
});

describe("encryption that is alike for the same text", () => {
  test("comes back, and only equal texts of one purpose and key look equal", () => {
    const sealed = ring.encryptAlike("p", "plaintext");
    expect(ring.decrypt("p", sealed)).toBe("plaintext");
    expect(ring.encryptAlike("p", "plaintext")).toBe(sealed);
    const others = [
      ring.encryptAlike("p", "plaintexu"),
      ring.encryptAlike("q", "plaintext"),
      createKeyRing(["another key of the tests: 8hTw3Zp0Lq"]).encryptAlike("p", "plaintext"),
      ring.encrypt("p", "plaintext"),
    ];
    expect(new Set([sealed, ...others].map((text) => text.slice(0, 16))).size).toBe(5);
    expect(() => ring.encryptAlike("p", "a\udfff")).toThrow(TypeError);
  });
});

describe("encryption", () => {
  test("gives back what was sealed, for the same purpose alone", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(text, text, text, (purpose, plaintext, other) => {
        const sealed = ring.encrypt(purpose, plaintext);
        expect(ring.decrypt(purpose, sealed)).toBe(plaintext);
        if (other !== purpose) expect(ring.decrypt(other, sealed)).toBeUndefined();
      }),
    );
  });

  test("differs each time and does not show the plaintext [ASVS 11.3.4]", () => {
    const sealed = Array.from({ length: 50 }, () => ring.encrypt("p", "plaintext"));
    expect(new Set(sealed)).toHaveLength(50);
    expect(Buffer.from(sealed[0] ?? "", "base64url").includes("plaintext")).toBe(false);
  });

  test("refuses whatever was changed at any place, cut or spelt differently [ASVS 11.3.3]", () => {
    const sealed = ring.encrypt("p", "four");
    for (const [index, letter] of [...sealed].entries()) {
      const changed = sealed.slice(0, index) + (letter === "A" ? "B" : "A") + sealed.slice(index + 1);
      expect(ring.decrypt("p", changed)).toBeUndefined();
      expect(ring.decrypt("p", sealed.slice(0, index))).toBeUndefined();
    }
    for (const other of [`${sealed}=`, `${sealed}\n`, ` ${sealed}`, `${sealed}A`, `${sealed}AAAA`, "", "é"]) {
      expect(ring.decrypt("p", other)).toBeUndefined();
    }
  });

  test("any text is refused without an error", () => {
    const any = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.base64String(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64url")),
    );
    fc.assert(fc.property(any, (text) => ring.decrypt("p", text) === undefined));
  });
});

test("after a rotation the old key still verifies and decrypts, and the new one signs [ASVS 11.2.2] [ASVS 13.3.4]", () => {
  const before = createKeyRing([OLD]);
  const during = createKeyRing([NEW, OLD]);
  expect(during.verify("p", "d", before.sign("p", "d"))).toBe(true);
  expect(during.decrypt("p", before.encrypt("p", "d"))).toBe("d");
  expect(before.verify("p", "d", during.sign("p", "d"))).toBe(false);
  expect(before.decrypt("p", during.encrypt("p", "d"))).toBeUndefined();
  expect(ring.verify("p", "d", before.sign("p", "d"))).toBe(false);
  expect(during.sign("p", "d")).toBe(ring.sign("p", "d"));
});

test("more purposes than are cached still work", () => {
  const first = ring.sign("purpose 0", "d");
  for (let index = 0; index < 1100; index += 1) ring.sign(`purpose ${index}`, "d");
  expect(ring.verify("purpose 0", "d", first)).toBe(true);
});
