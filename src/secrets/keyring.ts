import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { ConfigurationError } from "../model/errors.ts";
import { constantTimeEqual } from "./random.ts";

/**
 * The application's secret keys. Every purpose has keys of its own (HKDF-SHA256, RFC 5869), so that what is made for
 * one purpose is never valid for another. The first key signs and encrypts, all verify and decrypt.
 */
export interface KeyRing {
  /** HMAC-SHA256 of the data in base64url (43 characters). Throws a TypeError when the data is not well-formed Unicode. */
  sign(purpose: string, data: string): string;
  /** Whether one of the keys made exactly this signature; in constant time. */
  verify(purpose: string, data: string, signature: string): boolean;
  /** AES-256-GCM with a random nonce, in base64url. Throws a TypeError when the text is not well-formed Unicode. */
  encrypt(purpose: string, plaintext: string): string;
  /**
   * The same, but the same text is the same each time: its nonce is an HMAC of the text (as in RFC 5297, SIV), so that two texts do
   * not share one. It shows where two are equal, and nothing else.
   */
  encryptAlike(purpose: string, plaintext: string): string;
  /** The plaintext, or undefined when none of the keys sealed exactly this text for this purpose. */
  decrypt(purpose: string, sealed: string): string | undefined;
}

const MINIMUM_LENGTH = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SIGNATURE_LENGTH = 43;
/** Purposes are a few names in the program; the bound only keeps a caller who makes them up from filling the memory. */
const CACHED_PURPOSES = 1024;
const MEND = `make one with: node -e 'console.log(require("node:crypto").randomBytes(32).toString("base64url"))'`;
const PLACEHOLDER = /changeme|replaceme|replacethis|placeholder|yoursecret|examplesecret|examplekey|supersecret/;
const REPETITION = /^(.{1,8}?)\1+$/s;
const LONE_SURROGATE = /\p{Surrogate}/u;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * Makes the key ring. Each key has at least 32 characters and is not an obvious placeholder, otherwise it throws a
 * ConfigurationError for `secretKeys[i]`. To rotate, put the new key in front and drop the last one once nothing
 * signed by it is in use any more.
 */
export function createKeyRing(secretKeys: readonly string[]): KeyRing {
  const keys = checkedKeys(secretKeys);
  const signing = derivedKeys(keys, "sign");
  const sealing = derivedKeys(keys, "encrypt");
  const nonces = derivedKeys(keys, "nonce");
  return {
    sign: (purpose, data) => hmac(signing(purpose, 0), wellFormed(data)),
    verify(purpose, data, signature) {
      if (signature.length !== SIGNATURE_LENGTH || LONE_SURROGATE.test(data)) return false;
      return keys.some((_, index) => constantTimeEqual(hmac(signing(purpose, index), data), signature));
    },
    encrypt: (purpose, plaintext) => encryptWith(sealing(purpose, 0), wellFormed(plaintext), randomBytes(NONCE_BYTES)),
    encryptAlike(purpose, plaintext) {
      const nonce = createHmac("sha256", nonces(purpose, 0)).update(wellFormed(plaintext)).digest();
      return encryptWith(sealing(purpose, 0), plaintext, nonce.subarray(0, NONCE_BYTES));
    },
    decrypt(purpose, sealed) {
      const bytes = canonicalBytes(sealed);
      if (bytes === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
      for (const index of keys.keys()) {
        const plaintext = decryptWith(sealing(purpose, index), bytes);
        if (plaintext !== undefined) return plaintext;
      }
      return undefined;
    },
  };
}

function checkedKeys(secretKeys: readonly string[]): readonly string[] {
  if (!Array.isArray(secretKeys))
    throw new ConfigurationError("secretKeys", `a list of secret keys is expected, such as [key]; ${MEND}`);
  if (secretKeys.length === 0) throw new ConfigurationError("secretKeys", `at least one key is needed; ${MEND}`);
  for (const [index, key] of secretKeys.entries()) {
    const fault = keyFault(key, secretKeys.slice(0, index));
    if (fault !== undefined) throw new ConfigurationError(`secretKeys[${index}]`, fault);
  }
  return [...secretKeys];
}

/** What is wrong with a secret key, and the mend; `earlier` are the keys before it. Never repeats the key. */
export function keyFault(key: unknown, earlier: readonly unknown[]): string | undefined {
  if (key === undefined || key === null || key === "") return `the key is not set; ${MEND}`;
  if (typeof key !== "string") return "a string is expected";
  if (LONE_SURROGATE.test(key)) return `the key is not well-formed Unicode; ${MEND}`;
  if ([...key].length < MINIMUM_LENGTH) return `the key is shorter than ${MINIMUM_LENGTH} characters; ${MEND}`;
  if (REPETITION.test(key) || new Set(key).size < 8) return `the key repeats itself and can be guessed; ${MEND}`;
  if (PLACEHOLDER.test(key.toLowerCase().replace(/[^a-z]/g, ""))) return `the key is a placeholder; ${MEND}`;
  if (earlier.includes(key)) return "the key is there twice; leave one of them out";
  return undefined;
}

/** The keys of one use by purpose and position, derived when first needed. */
function derivedKeys(keys: readonly string[], use: string): (purpose: string, index: number) => KeyObject {
  const cache = new Map<string, (KeyObject | undefined)[]>();
  return (purpose, index) => {
    let derived = cache.get(purpose);
    if (derived === undefined) {
      if (cache.size >= CACHED_PURPOSES) cache.clear();
      derived = [];
      cache.set(purpose, derived);
    }
    let key = derived[index];
    if (key === undefined) {
      // As key objects: to make one of the bytes for each signature would cost several times the signature.
      const bytes = hkdfSync("sha256", keys[index] ?? "", "portcullis", `${use}:${purpose}`, 32);
      key = createSecretKey(Buffer.from(bytes));
      derived[index] = key;
    }
    return key;
  };
}

function hmac(key: KeyObject, data: string): string {
  return createHmac("sha256", key).update(data).digest("base64url");
}

function encryptWith(key: KeyObject, plaintext: string, nonce: Buffer): string {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  const sealed = Buffer.concat([nonce, cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return sealed.toString("base64url");
}

function decryptWith(key: KeyObject, sealed: Buffer): string | undefined {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const opened = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([opened, decipher.final()]).toString("utf8");
  } catch {
    return undefined; // final() throws when the tag does not match: another key's, or tampered with
  }
}

/** UTF-8 turns every lone surrogate into the same character: two such texts would share a signature. */
function wellFormed(text: string): string {
  if (LONE_SURROGATE.test(text)) throw new TypeError("the text is not well-formed Unicode");
  return text;
}

/** Decoding skips what it does not know and ignores spare bits; only the one exact spelling is taken. */
function canonicalBytes(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
