import { ConfigurationError } from "../model/errors.ts";

/** Checks a whole-number option; undefined stands for the default. */
export function wholeNumber(path: string, value: unknown, fallback: number, least: number, most: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw new ConfigurationError(path, `must be a whole number from ${least} to ${most}`);
  }
  return value;
}

/** Checks a connection string's scheme, without ever repeating the string, which carries a password. */
export function connectionString(path: string, value: unknown, schemes: readonly string[]): string {
  const expected = `must be a connection string beginning with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`;
  if (typeof value !== "string" || !URL.canParse(value)) throw new ConfigurationError(path, expected);
  if (!schemes.includes(new URL(value).protocol)) throw new ConfigurationError(path, expected);
  return value;
}
