import { scrypt, timingSafeEqual } from "node:crypto";
import { fromBase64 } from "./encoding.ts";
import { REFERENCE_WORK, type StoredHash } from "./stored.ts";

const MAXIMUM_LOG_N = 20;
const MAXIMUM_PARALLELISM = 16;
const MAXIMUM_MEMORY = 2 ** 30;
/** N·r·p: four times what the other caps allow with one lane. */
const MAXIMUM_WORK = 2 ** 25;
const DIGEST_BYTES = 32;
/** Measured: 0.35 µs for each N·r·p, where argon2id takes 0.37 µs for a KiB and pass. */
const BLOCK_COST = 0.95;
const FORM = /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,9}),p=([1-9]\d{0,9})\$([A-Za-z0-9+/]{0,128})\$([A-Za-z0-9+/]{43})$/;

/** scrypt (RFC 7914) in passlib's form. */
export function parseScrypt(stored: string): StoredHash | undefined {
  const [, ln, blockSize, lanes, salt64 = "", expected64 = ""] = FORM.exec(stored) ?? [];
  if (ln === undefined || Number(ln) > MAXIMUM_LOG_N) return undefined;
  const [N, r, p] = [2 ** Number(ln), Number(blockSize), Number(lanes)];
  const memory = 128 * N * r;
  if (p > MAXIMUM_PARALLELISM || memory > MAXIMUM_MEMORY || N * r * p > MAXIMUM_WORK) return undefined;
  if (Number(ln) >= 16 * r) return undefined; // RFC 7914 section 6: N is less than 2^(128·r/8)
  const salt = fromBase64(salt64);
  const expected = fromBase64(expected64);
  if (salt === undefined || expected === undefined) return undefined;
  return {
    scheme: "scrypt",
    work: (REFERENCE_WORK * N * r * p) / (2 ** 17 * 8),
    cost: N * r * p * BLOCK_COST,
    verify: async (secret) => timingSafeEqual(await derive(secret, salt, N, r, p), expected),
  };
}

function derive(secret: string, salt: Buffer, N: number, r: number, p: number): Promise<Buffer> {
  const maxmem = 128 * r * (N + p + 4);
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, DIGEST_BYTES, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
