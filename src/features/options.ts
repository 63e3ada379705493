import { ConfigurationError } from "../model/errors.ts";

type Kind = "boolean" | "function" | "object" | "string" | "number";

/** Refuses unknown names and wrong types in a feature's options, with the path of the option. */
export function checkOptions(feature: string, options: object, known: Readonly<Record<string, Kind>>): void {
  for (const [name, value] of Object.entries(options)) {
    const kind = known[name];
    if (kind === undefined || !Object.hasOwn(known, name)) {
      throw new ConfigurationError(`${feature}.${name}`, `unknown option; known: ${Object.keys(known).join(", ")}`);
    }
    if (value !== undefined && typeof value !== kind)
      throw new ConfigurationError(`${feature}.${name}`, `must be a ${kind}`);
  }
}
