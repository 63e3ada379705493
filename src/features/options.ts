import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";

type Kind = "boolean" | "function" | "object" | "string" | "number";

/** Refuses unknown names and wrong types in a feature's options, with the path of the option. */
export function checkOptions(feature: string, options: object, known: Readonly<Record<string, Kind>>): void {
  checkKnown(feature, options, Object.keys(known));
  for (const [name, value] of Object.entries(options)) {
    const kind = known[name];
    if (value !== undefined && typeof value !== kind)
      throw new ConfigurationError(`${feature}.${name}`, `must be a ${kind}`);
  }
}

/** Refuses a path that no endpoint can lie at. */
export function checkPath(option: string, path: string): void {
  if (!/^(?:\/[A-Za-z0-9._~-]+)+$/.test(path)) {
    throw new ConfigurationError(option, 'must be a path without a slash at its end, such as "/api/user"');
  }
}
