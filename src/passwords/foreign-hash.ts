import { fromBase64, toBase64 } from "./schemes/encoding.ts";
import { parseStored } from "./schemes/index.ts";

/**
 * The form in which a hash from another system is stored here, or undefined when no scheme would verify it. Passlib's forms,
 * and the bcrypt and PHC strings of most others (Auth0, Devise, PHP, Spring), stay as they are. Django's and Werkzeug's
 * spellings of the same schemes are rewritten; nothing is hashed anew.
 */
export function storableHash(text: string): string | undefined {
  const stored = text.startsWith("$") ? text : (fromDjango(text) ?? fromWerkzeug(text));
  return stored !== undefined && parseStored(stored) !== undefined ? stored : undefined;
}

/** `algorithm$…` (django.contrib.auth.hashers). The salt is text there; `bcrypt_sha256$` hashes a hash and is not ours. */
function fromDjango(text: string): string | undefined {
  const [algorithm = "", ...parts] = text.split("$");
  if (algorithm === "argon2") return `$${parts.join("$")}`;
  if (algorithm === "bcrypt") return parts.join("$");
  if (algorithm === "pbkdf2_sha256" && parts.length === 3) {
    const [rounds = "", salt = "", digest = ""] = parts;
    return pbkdf2("sha256", rounds, salt, unpadded(digest));
  }
  if (algorithm === "scrypt" && parts.length === 5) {
    const [salt = "", cost = "", blockSize = "", lanes = "", digest = ""] = parts;
    return scrypt(salt, cost, blockSize, lanes, unpadded(digest));
  }
  return undefined;
}

/** `pbkdf2:sha256:600000$salt$hex` and `scrypt:32768:8:1$salt$hex` (werkzeug.security). */
function fromWerkzeug(text: string): string | undefined {
  const [method = "", salt = "", hex = "", more] = text.split("$");
  const digest = /^(?:[0-9a-f]{2})+$/.test(hex) ? Buffer.from(hex, "hex") : undefined;
  if (more !== undefined || digest === undefined) return undefined;
  const [name, first = "", second = "", third = ""] = method.split(":");
  if (name === "pbkdf2" && (first === "sha256" || first === "sha512")) return pbkdf2(first, second, salt, digest);
  return name === "scrypt" ? scrypt(salt, first, second, third, digest) : undefined;
}

function pbkdf2(hash: string, rounds: string, salt: string, digest: Buffer | undefined): string | undefined {
  if (digest === undefined) return undefined;
  return `$pbkdf2-${hash}$${rounds}$${adapted(Buffer.from(salt))}$${adapted(digest)}`;
}

/**
 * Of longer digests the first 32 bytes are kept, as many as passlib's form has: scrypt ends with PBKDF2, whose blocks do not
 * depend on the length that was asked for (RFC 8018 section 5.2).
 */
function scrypt(
  salt: string,
  cost: string,
  blockSize: string,
  lanes: string,
  digest: Buffer | undefined,
): string | undefined {
  const exponent = Math.log2(Number(cost));
  if (digest === undefined || !Number.isInteger(exponent)) return undefined;
  return `$scrypt$ln=${exponent},r=${blockSize},p=${lanes}$${toBase64(Buffer.from(salt))}$${toBase64(digest.subarray(0, 32))}`;
}

/** Base64 with its padding, as Python writes it. */
function unpadded(text: string): Buffer | undefined {
  return text.length % 4 === 0 ? fromBase64(text.replace(/={1,2}$/, "")) : undefined;
}

function adapted(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", ".");
}
