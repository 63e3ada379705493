import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { hash as argon2 } from "@node-rs/argon2";
import { hash as bcrypt } from "@node-rs/bcrypt";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigurationError, OverloadedError } from "../model/errors.ts";
import { createHasher, type PasswordHasher } from "./hasher.ts";
import type { HashingOptions } from "./hashing-options.ts";

interface Vector {
  readonly scheme: string;
  readonly password: string;
  readonly stored: string;
}
interface Vectors {
  readonly passwordSalt: string;
  readonly preHashes: readonly { readonly input: string; readonly nfkd: string; readonly hmac_b64: string }[];
  readonly double: readonly Vector[];
  readonly single: readonly Vector[];
}
/** Made by Flask-Security 5.9 and passlib. */
const flask = JSON.parse(readFileSync(new URL("./fixtures/flask-security.json", import.meta.url), "utf8")) as Vectors;
const { passwordSalt } = flask;

const WEAK: HashingOptions = { memory: 64, passes: 1, allowWeakHashing: true };
const RIGHT = { ok: true, upgrade: false };
const WRONG = { ok: false, upgrade: false };
const SHA256_CRYPT_535000 = "$5$rounds=535000$abcdefghijklmnop$yGJhtTjNur8kO6Ml/M8fV3xmC1PDMIqe50aI2k0oF57";

const opened: PasswordHasher[] = [];
function hasherWith(options: HashingOptions = {}): PasswordHasher {
  const hasher = createHasher(options);
  opened.push(hasher);
  return hasher;
}
afterAll(() => Promise.all(opened.map((hasher) => hasher.close())));

const weak = hasherWith(WEAK);

describe("a new hash", () => {
  test("is argon2id with OWASP's parameters, 16 bytes of salt and 32 of digest", async () => {
    const hasher = hasherWith();
    const [one, two] = await Promise.all([hasher.hash("correct horse"), hasher.hash("correct horse")]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(two);
    expect(await hasher.verify("correct horse", one)).toEqual(RIGHT);
    expect(await hasher.verify("correct hors", one)).toEqual(WRONG);
  });

  test("has the parameters that were asked for", async () => {
    const hasher = hasherWith({ memory: 20000, passes: 3, parallelism: 2 });
    expect(await hasher.hash("p")).toMatch(/^\$argon2id\$v=19\$m=20000,t=3,p=2\$/);
  });

  test("verifies for its own password alone, in whatever normal form it comes", async () => {
    const password = fc.string({ unit: fc.constantFrom("a", "A", "é", "e\u0301", "ｐ", "p", "😀", " ") });
    await fc.assert(
      fc.asyncProperty(password, password, async (one, other) => {
        const stored = await weak.hash(one);
        expect(await weak.verify(one, stored)).toEqual(RIGHT);
        expect(await weak.verify(one.normalize("NFC"), stored)).toEqual(RIGHT);
        expect((await weak.verify(other, stored)).ok).toBe(other.normalize("NFKD") === one.normalize("NFKD"));
      }),
      { numRuns: 50 },
    );
    expect(await weak.verify("ｐａｓｓ", await weak.hash("pass"))).toEqual(RIGHT);
  });

  test("counts every byte of the password", async () => {
    const stored = await weak.hash(`${"é".repeat(36)}x`);
    expect(await weak.verify(`${"é".repeat(36)}y`, stored)).toEqual(WRONG);
    const longest = "x".repeat(1023);
    expect(await weak.verify(`${longest}b`, await weak.hash(`${longest}a`))).toEqual(WRONG);
  });

  test.each([
    ["1025 bytes", "x".repeat(1025)],
    ["10 MB", "x".repeat(10_000_000)],
    ["a lone surrogate", "pass\ud800"],
    ["a NUL", "pass\0word"],
  ])("is never made of %s, and such a password never verifies", async (_, password) => {
    await expect(weak.hash(password)).rejects.toMatchObject({ code: "password_unhashable" });
    for (const stored of [await weak.hash("stand-in"), await weak.hash("pass"), await bcrypt("pass", { cost: 4 })]) {
      expect(await weak.verify(password, stored)).toEqual(WRONG);
    }
    await weak.burn(password);
  });
});

describe("stored hashes of Flask-Security", () => {
  const double = hasherWith({ flaskSecurity: { passwordSalt } });
  const single = hasherWith();
  const verifiable = flask.double.filter(({ scheme }) => scheme !== "plaintext");
  const upgraded = (scheme: string) => !scheme.startsWith("argon2");

  test("the pre-hash is that of the normal form", () => {
    expect(flask.preHashes).toHaveLength(5);
    for (const { input, nfkd, hmac_b64 } of flask.preHashes) {
      expect(input.normalize("NFKD")).toBe(nfkd);
      expect(createHmac("sha512", passwordSalt).update(nfkd).digest("base64")).toBe(hmac_b64);
    }
  });

  test.each(verifiable)("$scheme with the pre-hash", async ({ scheme, password, stored }) => {
    expect(await double.verify(password, stored)).toEqual({ ok: true, upgrade: upgraded(scheme) });
    expect(await double.verify("passwore", stored)).toEqual(WRONG);
    expect(await single.verify(password, stored)).toEqual(WRONG);
    expect(await hasherWith({ flaskSecurity: { passwordSalt: "another" } }).verify(password, stored)).toEqual(WRONG);
    expect(await hasherWith({ flaskSecurity: { passwordSalt, singleHash: true } }).verify(password, stored)).toEqual(
      WRONG,
    );
  });

  test.each(flask.single)("$scheme without the pre-hash", async ({ scheme, password, stored }) => {
    expect(await single.verify(password, stored)).toEqual({ ok: true, upgrade: upgraded(scheme) });
    expect(await double.verify(password, stored)).toEqual(WRONG);
    const listed = hasherWith({ flaskSecurity: { passwordSalt, singleHash: [scheme] } });
    expect((await listed.verify(password, stored)).ok).toBe(true);
    const notListed = hasherWith({ flaskSecurity: { passwordSalt, singleHash: ["plaintext", "scrypt"] } });
    expect((await notListed.verify(password, stored)).ok).toBe(false);
  });

  test("plain text is never accepted", async () => {
    const plain = flask.double.find(({ scheme }) => scheme === "plaintext");
    expect(plain).toBeDefined();
    for (const hasher of [double, single, hasherWith({ flaskSecurity: { passwordSalt, singleHash: ["plaintext"] } })]) {
      expect(await hasher.verify("password", plain?.stored)).toEqual(WRONG);
    }
  });

  test.each(flask.preHashes)(
    "a new hash of $input is one that Flask-Security verifies",
    async ({ input, hmac_b64 }) => {
      const stored = await hasherWith({ ...WEAK, flaskSecurity: { passwordSalt } }).hash(input);
      expect(await weak.verify(hmac_b64, stored)).toEqual(RIGHT);
    },
  );

  test("where argon2 is a single hash, new hashes have no pre-hash", async () => {
    for (const singleHash of [["argon2"], true] as const) {
      const stored = await hasherWith({ ...WEAK, flaskSecurity: { passwordSalt, singleHash } }).hash("password");
      expect(await weak.verify("password", stored)).toEqual(RIGHT);
    }
  });

  test("alsoSingle accepts both forms and upgrades to the pre-hash", async () => {
    const both = hasherWith({ ...WEAK, flaskSecurity: { passwordSalt, alsoSingle: true } });
    const plain = await weak.hash("password");
    expect(await both.verify("password", plain)).toEqual({ ok: true, upgrade: true });
    expect(await both.verify("password", await both.hash("password"))).toEqual(RIGHT);
    expect(await both.verify("passwore", plain)).toEqual(WRONG);
  });
});

describe("bcrypt", () => {
  test("without a pre-hash compares the first 72 bytes, as it was stored", async () => {
    const stored = await bcrypt(`${"a".repeat(72)}x`, { cost: 4 });
    expect((await weak.verify(`${"a".repeat(72)}y`, stored)).ok).toBe(true);
    expect((await weak.verify("a".repeat(71), stored)).ok).toBe(false);
    const twoBytes = await bcrypt("ж".repeat(36), { cost: 4 });
    expect((await weak.verify(`${"ж".repeat(36)}x`, twoBytes)).ok).toBe(true);
    expect((await weak.verify("ж".repeat(35), twoBytes)).ok).toBe(false);
  });

  test("is upgraded by the default parameters, but not by a password of which it proves only the beginning", async () => {
    const hasher = hasherWith();
    const whole = "a".repeat(72);
    const longer = `${whole}x`;
    expect(await hasher.verify(whole, await bcrypt(whole, { cost: 4 }))).toEqual({ ok: true, upgrade: true });
    // What is typed behind the 72nd byte may be wrong, and an upgrade would make it the password.
    expect(await hasher.verify(longer, await bcrypt(longer, { cost: 4 }))).toEqual({ ok: true, upgrade: false });
    expect(await hasher.verify(`${whole}y`, await hasher.hash(longer))).toEqual(WRONG);
  });
});

describe("never to something weaker", () => {
  const hasher = hasherWith({ memory: 256, passes: 3, allowWeakHashing: true });
  const cases: [what: string, options: Parameters<typeof argon2>[1], upgrade: boolean][] = [
    ["the same", { memoryCost: 256, timeCost: 3 }, false],
    ["less memory", { memoryCost: 128, timeCost: 3 }, true],
    ["fewer passes", { memoryCost: 256, timeCost: 2 }, true],
    ["more memory", { memoryCost: 512, timeCost: 3 }, false],
    ["more passes", { memoryCost: 256, timeCost: 4 }, false],
    ["as much work in another way", { memoryCost: 384, timeCost: 2 }, true],
    ["more lanes for the same work", { memoryCost: 256, timeCost: 3, parallelism: 2 }, true],
    ["a shorter salt", { memoryCost: 256, timeCost: 3, salt: new Uint8Array(8) }, true],
    ["a shorter digest", { memoryCost: 256, timeCost: 3, outputLen: 16 }, true],
    ["argon2i of the same cost", { memoryCost: 256, timeCost: 3, algorithm: 1 }, true],
    ["argon2d of the same cost", { memoryCost: 256, timeCost: 3, algorithm: 0 }, true],
    ["argon2i of more cost", { memoryCost: 1024, timeCost: 3, algorithm: 1 }, false],
    ["version 16", { memoryCost: 256, timeCost: 3, version: 0 }, true],
  ];
  test.each(cases)("%s", async (_, options, upgrade) => {
    const stored = await argon2("password", { parallelism: 1, ...options });
    expect(await hasher.verify("password", stored)).toEqual({ ok: true, upgrade });
    expect(await hasher.verify("passwore", stored)).toEqual(WRONG);
  });

  test("bcrypt, where this hasher is weaker than it", async () => {
    expect(await weak.verify("password", await bcrypt("password", { cost: 8 }))).toEqual(RIGHT);
  });
});

describe("what cannot be verified", () => {
  const unverifiable: (string | null | undefined)[] = [
    null,
    undefined,
    "",
    "password",
    "*",
    "!",
    "$argon2id$",
    "$argon2id$v=19$m=4194304,t=100,p=1$c29tZXNhbHQAAAAAAAAAAA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$2b$31$abcdefghijklmnopqrstuu7KJbDfld2RraAvfieJYqFLNp.q0iv02",
    "$6$rounds=999999999$salt$WY8UtAdy4gJrLuWHc6zyHOXuv95BqLZS9Gtd/1rFxR5FPHu0rWj5EJPTk4Da7VzPG.YI123JFBA67xZfCnzQY/",
  ];
  test.each(unverifiable)("%s is refused after the normal work", async (stored) => {
    const hasher = hasherWith(WEAK);
    const result = hasher.verify("password", stored);
    expect(hasher.stats()).toEqual({ running: 1, queued: 0 });
    expect(await result).toEqual(WRONG);
  });

  test("a stored value that is no string", async () => {
    for (const stored of [0, {}, [], true]) {
      expect(await weak.verify("password", stored as unknown as string)).toEqual(WRONG);
    }
  });

  test("no garbage ever verifies or fails otherwise", async () => {
    const good = await weak.hash("password");
    const changed = fc
      .tuple(fc.nat(good.length - 1), fc.string({ unit: "binary", maxLength: 2 }), fc.nat(3))
      .map(([index, insert, cut]) => good.slice(0, index) + insert + good.slice(index + cut));
    await fc.assert(
      fc.asyncProperty(fc.oneof(changed, fc.string({ unit: "binary" })), async (stored) => {
        if (stored !== good) expect(await weak.verify("password", stored)).toEqual(WRONG);
      }),
      { numRuns: 300 },
    );
  });

  test("burning is the work of a verification, in the queue", async () => {
    const hasher = hasherWith({ ...WEAK, concurrency: 1 });
    const burnt = [hasher.burn("password"), hasher.burn("x".repeat(5000)), hasher.burn("")];
    await Promise.resolve();
    expect(hasher.stats()).toEqual({ running: 1, queued: 2 });
    expect(await Promise.all(burnt)).toEqual([undefined, undefined, undefined]);
  });
});

describe("the queue", () => {
  test("is bounded: beyond it everything that hashes is refused, and afterwards all is well again", async () => {
    const hasher = hasherWith({ ...WEAK, concurrency: 1, queue: 2 });
    const stored = await hasher.hash("password");
    const accepted = [hasher.verify("password", stored), hasher.burn("password"), hasher.hash("password")];
    const refused = [
      hasher.verify("password", stored),
      hasher.verify("password", null),
      hasher.burn("p"),
      hasher.hash("p"),
    ];
    expect(hasher.stats()).toEqual({ running: 1, queued: 2 });
    for (const result of await Promise.allSettled(refused)) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "overloaded" } });
      expect(result.status === "rejected" && result.reason).toBeInstanceOf(OverloadedError);
    }
    await Promise.all(accepted);
    expect(await hasher.verify("password", stored)).toEqual(RIGHT);
  });

  test("close waits for what was taken and takes no more", async () => {
    const hasher = createHasher({ ...WEAK, concurrency: 1 });
    const hashes = [hasher.hash("a"), hasher.hash("b")];
    await hasher.close();
    expect(hasher.stats()).toEqual({ running: 0, queued: 0 });
    expect(await Promise.all(hashes)).toHaveLength(2);
    await expect(hasher.burn("c")).rejects.toMatchObject({ code: "closed" });
  });

  test("the event loop goes on during 535,000 rounds of SHA-crypt", async () => {
    let done = false;
    const result = weak.verify("password", SHA256_CRYPT_535000).finally(() => {
      done = true;
    });
    let turns = 0;
    while (!done) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      turns += 1;
    }
    expect((await result).ok).toBe(true);
    expect(turns).toBeGreaterThan(10);
  });
});

describe("options", () => {
  const refused: [options: unknown, path: string][] = [
    [{ memroy: 19456 }, "passwords.hashing.memroy"],
    [{ memory: "19456" }, "passwords.hashing.memory"],
    [{ memory: 19455 }, "passwords.hashing.memory"],
    [{ memory: 19456, passes: 1 }, "passwords.hashing.memory"],
    [{ memory: 7167, passes: 16 }, "passwords.hashing.memory"],
    [{ memory: 2 ** 20 + 1 }, "passwords.hashing.memory"],
    [{ memory: 64, parallelism: 9, allowWeakHashing: true }, "passwords.hashing.memory"],
    [{ passes: 0 }, "passwords.hashing.passes"],
    [{ passes: 17 }, "passwords.hashing.passes"],
    [{ passes: 2.5 }, "passwords.hashing.passes"],
    [{ parallelism: 17 }, "passwords.hashing.parallelism"],
    [{ concurrency: 0 }, "passwords.hashing.concurrency"],
    [{ queue: -1 }, "passwords.hashing.queue"],
    [{ allowWeakHashing: "yes" }, "passwords.hashing.allowWeakHashing"],
    [null, "passwords.hashing"],
    [[], "passwords.hashing"],
    [{ flaskSecurity: true }, "passwords.hashing.flaskSecurity"],
    [{ flaskSecurity: {} }, "passwords.hashing.flaskSecurity.passwordSalt"],
    [{ flaskSecurity: { passwordSalt: "" } }, "passwords.hashing.flaskSecurity.passwordSalt"],
    [{ flaskSecurity: { passwordSalt, salt: "" } }, "passwords.hashing.flaskSecurity.salt"],
    [{ flaskSecurity: { passwordSalt, singleHash: false } }, "passwords.hashing.flaskSecurity.singleHash"],
    [{ flaskSecurity: { passwordSalt, singleHash: ["bcrpyt"] } }, "passwords.hashing.flaskSecurity.singleHash[0]"],
    [{ flaskSecurity: { passwordSalt, alsoSingle: 1 } }, "passwords.hashing.flaskSecurity.alsoSingle"],
  ];
  test.each(refused)("%j is refused", (options, path) => {
    const attempt = () => createHasher(options as HashingOptions);
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(expect.objectContaining({ path }));
  });

  test.each([
    [47104, 1],
    [19456, 2],
    [12288, 3],
    [9216, 4],
    [7168, 5],
    [7168, 9],
  ])("OWASP's choice of %d KiB and %d passes is accepted", async (memory, passes) => {
    await createHasher({ memory, passes }).close();
  });

  test("Flask-Security's own default list is accepted", async () => {
    const singleHash = ["django_argon2", "django_bcrypt_sha256", "django_pbkdf2_sha256", "plaintext"];
    await createHasher({ flaskSecurity: { passwordSalt, singleHash } }).close();
  });
});
