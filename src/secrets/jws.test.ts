import { Buffer } from "node:buffer";
import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { CompactSign, compactVerify, generateKeyPair, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { ambiguous, prepareKey, publishedKeys } from "./jwk.ts";
import {
  type JsonWebKey,
  type JwsAlgorithm,
  type JwsKey,
  jwsAlgorithms,
  parseCompact,
  signCompact,
  verifyCompact,
} from "./jws.ts";

interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly result: "valid" | "invalid" | "acceptable";
  readonly jws?: unknown;
  readonly jwe?: unknown;
  readonly msg: string;
  readonly sig: string;
  readonly tag: string;
  readonly key: string;
}
interface Group {
  readonly comment: string;
  readonly private: JsonWebKey & { readonly keys?: readonly JsonWebKey[] };
  readonly public?: JsonWebKey & { readonly keys?: readonly JsonWebKey[] };
  readonly publicKeyPem: string;
  readonly publicKey: { readonly pk: string };
  readonly tagSize: number;
  readonly tests: readonly Case[];
}

function groups(name: string): readonly Group[] {
  const url = new URL(`../../tests/fixtures/wycheproof/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { testGroups: readonly Group[] }).testGroups;
}

/** The keys of a vector, each for the algorithm that the configuration would name. Undefined: it would refuse to start. */
function keysOf(jwks: readonly JsonWebKey[], algorithm?: JwsAlgorithm): readonly JwsKey[] | undefined {
  const families = new Set(jwks.map(({ kty }) => kty === "oct"));
  if (families.size > 1) return undefined;
  try {
    const keys = jwks.map((jwk) => prepareKey((algorithm ?? jwk["alg"] ?? "RS256") as JwsAlgorithm, jwk, {}, "keys"));
    return ambiguous(keys) ? undefined : keys;
  } catch {
    return undefined;
  }
}

function accepts(text: unknown, keys: readonly JwsKey[] | undefined): boolean {
  if (keys === undefined || typeof text !== "string") return false;
  const jws = parseCompact(text);
  return jws !== undefined && verifyCompact(jws, keys, 0) !== undefined;
}

describe("Wycheproof's JSON Web Signatures", () => {
  /** The cases where we know better, each with the reason. */
  const stricter: Readonly<Record<number, string>> = {
    372: "a ? in the header's base64url: only the canonical spelling is a token",
    373: "a ? in the payload's base64url: only the canonical spelling is a token",
  };
  /** RFC 7520's keys as the vectors have them name an algorithm that the signature is not made with, or that there is none of. */
  const renamed: Readonly<Record<number, JwsAlgorithm>> = { 346: "PS384", 350: "PS384", 347: "ES512", 351: "ES512" };

  it.each(groups("json_web_signature_test").map((group, index) => [index, group.comment, group] as const))(
    "group %i: %s",
    (_index, _comment, group) => {
      for (const test of group.tests) {
        const jwk = group.public ?? group.private;
        const algorithm = renamed[test.tcId];
        const keys = keysOf([algorithm === undefined ? jwk : { ...jwk, alg: algorithm }]);
        // 367 and 370 are the very text of 357, which is valid: their padding was lost on the way into the file.
        const same = [367, 370].includes(test.tcId) ? group.tests.find(({ tcId }) => tcId === 357) : undefined;
        if (same !== undefined) expect(test.jws).toBe(same.jws);
        const expected = (same ?? test).result === "valid" && stricter[test.tcId] === undefined;
        expect(accepts(test.jws, keys), `${test.tcId} ${test.comment}`).toBe(expected);
      }
    },
  );

  it.each(["json_web_key_test", "json_web_crypto_test"])("%s: key sets", (name) => {
    let seen = 0;
    for (const group of groups(name)) {
      const jwk = group.public ?? group.private;
      const keys = keysOf(jwk.keys ?? [jwk]);
      for (const test of group.tests) {
        seen += 1;
        // Encrypted tokens are none of ours.
        const expected = test.result === "valid" && test.jwe === undefined;
        expect(accepts(test.jws ?? test.jwe, keys), `${test.tcId} ${test.comment}`).toBe(expected);
      }
    }
    expect(seen).toBeGreaterThan(20);
  });

  it("encrypted tokens are refused, all of them", () => {
    const key = prepareKey("HS256", "0123456789abcdef0123456789abcdef", {}, "key");
    const tests = groups("json_web_encryption_test").flatMap((group) => group.tests);
    expect(tests.length).toBeGreaterThan(100);
    for (const test of tests) expect(accepts(test.jwe, [key])).toBe(false);
  });
});

describe("Wycheproof's signatures, through the keys' own verify", () => {
  const pem = (group: Group): KeyObject => createPublicKey(group.publicKeyPem);
  it.each([
    ["ES256", "ecdsa_secp256r1_sha256_p1363_test"],
    ["ES384", "ecdsa_secp384r1_sha384_p1363_test"],
    ["ES512", "ecdsa_secp521r1_sha512_p1363_test"],
    ["EdDSA", "ed25519_test"],
    ["RS256", "rsa_signature_2048_sha256_test"],
    ["PS256", "rsa_pss_2048_sha256_mgf1_32_test"],
  ] as const)("%s: %s", (algorithm, name) => {
    let seen = 0;
    for (const group of groups(name)) {
      const key = prepareKey(algorithm, pem(group), {}, "key");
      for (const test of group.tests) {
        // Messages are bytes there and text here: only those that are the same in both are taken.
        const message = Buffer.from(test.msg, "hex");
        if (!message.equals(Buffer.from(message.toString("utf8")))) continue;
        seen += 1;
        const valid = key.verify(message.toString("utf8"), Buffer.from(test.sig, "hex"));
        if (test.result !== "acceptable") expect(valid, `${test.tcId} ${test.comment}`).toBe(test.result === "valid");
      }
    }
    expect(seen).toBeGreaterThan(50);
  });

  it.each([
    ["HS256", "hmac_sha256_test", 32],
    ["HS512", "hmac_sha512_test", 64],
  ] as const)("%s: %s", (algorithm, name, size) => {
    let seen = 0;
    for (const group of groups(name)) {
      for (const test of group.tests) {
        const bytes = Buffer.from(test.key, "hex");
        const message = Buffer.from(test.msg, "hex");
        if (bytes.length < size || !message.equals(Buffer.from(message.toString("utf8")))) continue;
        seen += 1;
        const key = prepareKey(algorithm, createSecretKey(bytes), {}, "key");
        // A truncated tag is none.
        const expected = test.result === "valid" && group.tagSize === size * 8;
        expect(key.verify(message.toString("utf8"), Buffer.from(test.tag, "hex"))).toBe(expected);
      }
    }
    expect(seen).toBeGreaterThan(20);
  });
});

/** RFC 7515 A.1 and RFC 8037 A.4. */
describe("the examples of the standards", () => {
  it("RFC 7515 A.1: HS256", () => {
    const k = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const key = prepareKey("HS256", { kty: "oct", k }, {}, "key");
    const text =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    expect(accepts(text, [key])).toBe(true);
  });

  it("RFC 8037 A.4: Ed25519", () => {
    const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
    const text =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    expect(accepts(text, [prepareKey("EdDSA", jwk, {}, "key")])).toBe(true);
  });
});

async function pairOf(algorithm: JwsAlgorithm): Promise<{ readonly jwk: JsonWebKey; readonly pub: JsonWebKey }> {
  if (algorithm.startsWith("HS")) {
    const jwk = { kty: "oct", k: Buffer.alloc(64, "k").toString("base64url") };
    return { jwk, pub: jwk };
  }
  const { exportJWK } = await import("jose");
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { jwk: (await exportJWK(privateKey)) as JsonWebKey, pub: (await exportJWK(publicKey)) as JsonWebKey };
}

describe.each(jwsAlgorithms)("%s with another implementation", (algorithm) => {
  it("is read by it, and reads it", async () => {
    const { jwk, pub } = await pairOf(algorithm);
    const key = prepareKey(algorithm, jwk, { kid: "one" }, "key");
    const verifying = prepareKey(algorithm, pub, { kid: "one" }, "key");
    const ours = signCompact({ sub: "7" }, key, "JWT");
    expect(accepts(ours, [verifying])).toBe(true);
    const read = await compactVerify(ours, await importJWK(pub as never, algorithm));
    expect(JSON.parse(new TextDecoder().decode(read.payload))).toEqual({ sub: "7" });
    const theirs = await new CompactSign(new TextEncoder().encode('{"sub":"8"}'))
      .setProtectedHeader({ alg: algorithm, kid: "one" })
      .sign(await importJWK(jwk as never, algorithm));
    expect(accepts(theirs, [verifying])).toBe(true);
  });
});

describe("no change to a token goes unnoticed", () => {
  const secret = prepareKey("HS256", "0123456789abcdef0123456789abcdef", {}, "key");
  const token = signCompact({ sub: "7", exp: 1 }, secret, "JWT");

  it("one character replaced, removed or added", () => {
    const at = fc.nat(token.length - 1);
    fc.assert(
      fc.property(at, fc.string({ minLength: 0, maxLength: 2, unit: "binary" }), fc.nat(1), (index, put, skip) => {
        const changed = token.slice(0, index) + put + token.slice(index + skip);
        if (changed !== token) expect(accepts(changed, [secret])).toBe(false);
      }),
    );
  });

  it("whatever comes is refused or verified, and nothing throws", () => {
    const part = fc.oneof(
      fc.base64String().map((text) => text.replace(/=+$/, "")),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        expect(accepts(parts.join("."), [secret])).toBe(false);
      }),
    );
    const header = fc.record(
      {
        alg: fc.oneof(fc.constantFrom("HS256", "none", "None", ""), fc.jsonValue()),
        kid: fc.jsonValue(),
        crit: fc.constant(["exp"]),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(header, (value) => {
        const head = Buffer.from(JSON.stringify(value)).toString("base64url");
        const [, body, tail] = token.split(".");
        const text = `${head}.${body}.${tail}`;
        if (text !== token) expect(accepts(text, [secret])).toBe(false);
      }),
    );
  });

  it.each(["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"])(
    "a header with %s is refused, also when well signed",
    (name) => {
      const head = Buffer.from(JSON.stringify({ alg: "HS256", [name]: true })).toString("base64url");
      const signed = `${head}.e30`;
      expect(accepts(`${signed}.${secret.sign(signed).toString("base64url")}`, [secret])).toBe(false);
    },
  );

  it("a header that names its algorithm twice is refused, also when well signed", () => {
    const head = Buffer.from('{"alg":"none","alg":"HS256"}').toString("base64url");
    expect(accepts(`${head}.e30.${secret.sign(`${head}.e30`).toString("base64url")}`, [secret])).toBe(false);
  });
});

describe("keys", () => {
  it("a public key is no secret, and no key serves another algorithm", async () => {
    const { pub } = await pairOf("RS256");
    const object = createPublicKey({ key: pub, format: "jwk" });
    for (const material of [
      object,
      object.export({ format: "pem", type: "spki" }) as string,
      JSON.stringify(pub),
      pub,
    ]) {
      expect(() => prepareKey("HS256", material, {}, "key")).toThrow(/^key: /);
    }
    expect(() => prepareKey("ES256", pub, {}, "key")).toThrow("ES256 needs a key on prime256v1");
    expect(() => prepareKey("EdDSA", pub, {}, "key")).toThrow("EdDSA needs an Ed25519 key");
    expect(() => prepareKey("none" as JwsAlgorithm, "x".repeat(64), {}, "key")).toThrow("there is no algorithm");
  });

  it("is not taken after its time, and only under its own name", () => {
    const key = prepareKey("HS256", "0123456789abcdef0123456789abcdef", { kid: "old", until: 1000 }, "key");
    const jws = parseCompact(signCompact({}, key, "JWT"));
    if (jws === undefined) throw new Error("not parsed");
    expect([999, 1000].map((now) => verifyCompact(jws, [key], now) !== undefined)).toEqual([true, false]);
    const other = prepareKey("HS256", "0123456789abcdef0123456789abcdef", { kid: "new" }, "key");
    expect(verifyCompact(jws, [other], 0)).toBeUndefined();
  });

  it("a published set gives its keys for the configured algorithms, and no secret", async () => {
    const { pub } = await pairOf("ES256");
    const oct = { kty: "oct", k: Buffer.alloc(32, 7).toString("base64url"), alg: "HS256" };
    const set = { keys: [{ ...pub, kid: "a" }, oct, { kty: "EC", crv: "P-256" }, { ...pub, kid: "b", use: "enc" }] };
    expect(publishedKeys(set, ["ES256", "HS256", "RS256"])?.map(({ kid }) => kid)).toEqual(["a"]);
    expect(
      publishedKeys(
        {
          keys: [
            { ...pub, kid: "a" },
            { ...pub, kid: "a" },
          ],
        },
        ["ES256"],
      ),
    ).toBeUndefined();
    expect(publishedKeys({}, ["ES256"])).toBeUndefined();
  });
});
