import { verify } from "@node-rs/bcrypt";
import { REFERENCE_WORK, type StoredHash } from "./stored.ts";

const MAXIMUM_COST = 16;
const SIGNIFICANT = 72;
/** Measured: 57 µs for each of the 2^cost rounds, where argon2id takes 0.37 µs for a KiB and pass. */
const ROUND_COST = 154;
/** 16 bytes of salt leave four spare bits in their last character, 23 bytes of digest two; both are zero. */
const FORM = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;

/** bcrypt (`$2a$`, `$2b$`, `$2y$`). Only the first 72 bytes of a secret count: that is how it was stored. */
export function parseBcrypt(stored: string): StoredHash | undefined {
  const cost = Number(FORM.exec(stored)?.[1] ?? Number.NaN);
  if (!(cost <= MAXIMUM_COST)) return undefined;
  return {
    scheme: "bcrypt",
    work: REFERENCE_WORK * 2 ** (cost - 13),
    cost: ROUND_COST * 2 ** cost,
    significantBytes: SIGNIFICANT,
    verify: (secret) => verify(Buffer.from(secret).subarray(0, SIGNIFICANT), stored),
  };
}
