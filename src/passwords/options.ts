import { ConfigurationError } from "../model/errors.ts";

/** Refuses what is no object, and options that do not exist: a misspelt one would silently not apply. */
export function checkNames(path: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ConfigurationError(path, "an object with options is expected");
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new ConfigurationError(`${path}.${name}`, `there is no such option; there are ${names.join(", ")}`);
    }
  }
}

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
