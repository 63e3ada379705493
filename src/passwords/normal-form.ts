/** Longer passwords, in bytes of UTF-8 after normalisation, are never hashed. */
export const MAXIMUM_PASSWORD_BYTES = 1024;

/** Each code point has at most two code units and becomes at least one byte: above this the text is too long for sure. */
const MAXIMUM_UNITS = 2 * MAXIMUM_PASSWORD_BYTES;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether the text is well-formed Unicode; a lone surrogate would be stored as another character. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/**
 * The form in which passwords are compared and hashed: NFKD (Unicode Annex 15), as Flask-Security has it, so that it
 * does not matter which keyboard composed the letters. Case and spaces stay. Undefined for what no scheme can hash
 * faithfully: no string, more than 1024 bytes, ill-formed Unicode, or a NUL (crypt and bcrypt would stop there).
 */
export function normalizePassword(password: string): string | undefined {
  if (typeof password !== "string" || password.length > MAXIMUM_UNITS) return undefined;
  if (password.includes("\0") || !isWellFormed(password)) return undefined;
  const normal = password.normalize("NFKD");
  return Buffer.byteLength(normal) > MAXIMUM_PASSWORD_BYTES ? undefined : normal;
}
