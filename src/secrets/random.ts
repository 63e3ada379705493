import { hash, randomBytes, timingSafeEqual } from "node:crypto";

/** A random identifier of `bytes` bytes (1 to 1024) from the system's generator, in base64url. */
export function randomId(bytes = 32): string {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > 1024)
    throw new RangeError("bytes: a whole number from 1 to 1024");
  return randomBytes(bytes).toString("base64url");
}

/** SHA-256 (FIPS 180-4) of the text's UTF-8 bytes, in base64url: 43 characters. */
export function sha256(text: string): string {
  return hash("sha256", text, "base64url");
}

/**
 * Whether two texts are the same, in a time that does not depend on where they differ; only a difference in length
 * shows. UTF-16 code units are compared, so ill-formed texts do not fall together as they would in UTF-8.
 */
export function constantTimeEqual(a: string, b: string): boolean {
  const left = Buffer.from(a, "utf16le");
  const right = Buffer.from(b, "utf16le");
  if (left.length === right.length) return timingSafeEqual(left, right);
  timingSafeEqual(left, left);
  return false;
}
