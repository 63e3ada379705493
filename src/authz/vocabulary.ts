import { ConfigurationError } from "../model/errors.ts";
import { permissionOfRole } from "../model/permission-role.ts";
import { checkObjectRules } from "./decisions.ts";
import { checkGroups } from "./groups.ts";

const reservedRoles: ReadonlySet<string> = new Set(["OPEN", "AUTH", "CLOSE"]);

/** What routes and code may name. */
interface VocabularyOptions {
  readonly roles?: readonly string[];
  readonly groups?: readonly string[];
  readonly groupCheck?: unknown;
  readonly permissions?: readonly string[];
  readonly scopes?: readonly string[];
  readonly objects?: Readonly<Record<string, unknown>>;
}

/** The words are words, each means one thing, and groups and objects have their functions; else throws ConfigurationError. */
export function checkVocabulary(options: VocabularyOptions): void {
  for (const [path, words] of [
    ["roles", options.roles],
    ["groups", options.groups],
    ["permissions", options.permissions],
    ["scopes", options.scopes],
  ] as const) {
    const seen = new Set<string>();
    for (const [index, word] of (words ?? []).entries()) {
      const where = `${path}[${index}]`;
      if (typeof word !== "string" || word === "" || /[,\s]/.test(word) || word.length > 80) {
        throw new ConfigurationError(where, "must be a word of 1 to 80 characters without commas and white space");
      }
      if (path === "roles" && permissionOfRole(word) !== undefined)
        throw new ConfigurationError(where, `"${word}" stands for a permission of users`);
      if ((path === "roles" || path === "groups") && reservedRoles.has(word))
        throw new ConfigurationError(where, `"${word}" means something else in a route`);
      if (seen.has(word)) throw new ConfigurationError(where, `"${word}" is there twice`);
      seen.add(word);
    }
  }
  checkGroups(options);
  checkObjectRules(options.objects ?? {});
}
