import { ConfigurationError } from "../model/errors.ts";

/** The whole number, or the default when it is not given. */
export function wholeNumber(path: string, value: unknown, byDefault: number, minimum: number, maximum: number): number {
  if (value === undefined) return byDefault;
  if (typeof value !== "number" || !Number.isInteger(value) || value < minimum || value > maximum) {
    throw new ConfigurationError(path, `a whole number from ${minimum} to ${maximum} is expected`);
  }
  return value;
}

/** True or false; false when it is not given. */
export function flag(path: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== "boolean") throw new ConfigurationError(path, "true or false is expected");
  return value;
}
