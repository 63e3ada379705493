import { closestMatch } from "leven";
import { ConfigurationError } from "./errors.ts";

/**
 * Refuses an object of options with a member that nobody reads, since a misspelt option is one that does nothing.
 *
 * @param path of the object, "" for the options themselves
 * @throws {ConfigurationError} for the member, with the names that are known; for the object when it is none
 */
export function checkKnown(path: string, given: unknown, known: readonly string[], what = "option"): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ConfigurationError(path, "an object is expected");
  }
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    throw new ConfigurationError(path === "" ? name : `${path}.${name}`, unknownName(what, name, known));
  }
}

/** `unknown option; did you mean "origins"? known: origins, secretKeys`: the words for a name that is not known. */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  return `unknown ${what}; ${knownNames(name, known)}`;
}

/** `did you mean "origins"? known: origins, secretKeys`: what may stand in the place of a name. */
export function knownNames(name: string, known: readonly string[]): string {
  if (known.length === 0) return "there are none";
  const meant = closestMatch(name.toLowerCase(), known.map(lowered), { maxDistance: mostTyped(name) });
  const closest = known.find((one) => lowered(one) === meant);
  const hint = closest === undefined ? "" : `did you mean ${JSON.stringify(closest)}? `;
  return `${hint}known: ${known.join(", ")}`;
}

function lowered(name: string): string {
  return name.toLowerCase();
}

/** One mistyped letter of three: more would suggest names that have nothing to do with it. */
function mostTyped(name: string): number {
  return Math.min(3, Math.ceil(name.length / 3));
}
