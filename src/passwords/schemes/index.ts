import { parseArgon2 } from "./argon2.ts";
import { parseBcrypt } from "./bcrypt.ts";
import { parsePbkdf2 } from "./pbkdf2.ts";
import { parseScrypt } from "./scrypt.ts";
import { parseShaCrypt } from "./sha-crypt.ts";
import type { StoredHash, StoredHashParser } from "./stored.ts";

/** No form that is read here is longer. */
const MAXIMUM_LENGTH = 512;

/** By what follows the first `$`. Plain text, and anything else that is not here, is never accepted. */
const parsers: Readonly<Record<string, StoredHashParser>> = {
  argon2id: parseArgon2,
  argon2i: parseArgon2,
  argon2d: parseArgon2,
  "2a": parseBcrypt,
  "2b": parseBcrypt,
  "2y": parseBcrypt,
  "pbkdf2-sha256": parsePbkdf2,
  "pbkdf2-sha512": parsePbkdf2,
  scrypt: parseScrypt,
  "5": parseShaCrypt,
  "6": parseShaCrypt,
};

/** Reads a stored hash; undefined when it is unknown, damaged, not in its one canonical spelling, or too expensive. */
export function parseStored(stored: string): StoredHash | undefined {
  if (stored.length > MAXIMUM_LENGTH || stored[0] !== "$") return undefined;
  const name = stored.slice(1, stored.indexOf("$", 1));
  return Object.hasOwn(parsers, name) ? parsers[name]?.(stored) : undefined;
}
