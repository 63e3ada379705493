import { ConfigurationError } from "../model/errors.ts";

/** Each group has its function, and each function its group; else throws ConfigurationError. */
export function checkGroups({
  groups,
  groupCheck,
  roles,
  manages,
}: {
  readonly groups?: readonly string[];
  readonly groupCheck?: unknown;
  readonly roles?: readonly string[];
  readonly manages?: { readonly groups?: readonly string[] };
}): void {
  const stranger = manages?.groups?.find((name) => groups?.includes(name) !== true);
  if (stranger !== undefined) {
    throw new ConfigurationError("manages.groups", `there is no group "${stranger}"; add it to the option groups`);
  }
  const both = groups?.find((name) => roles?.includes(name));
  if (both !== undefined) throw new ConfigurationError("groups", `"${both}" is a role too; choose another name`);
  if (groupCheck === undefined) {
    if (groups === undefined || groups.length === 0) return;
    throw new ConfigurationError("groupCheck", "is missing: who is in these groups? What the database says is a role");
  }
  if (typeof groupCheck === "function") {
    if (groups === undefined) throw new ConfigurationError("groups", "is missing: which groups does groupCheck know?");
    return;
  }
  if (typeof groupCheck !== "object" || groupCheck === null || Array.isArray(groupCheck)) {
    throw new ConfigurationError("groupCheck", "a function (user, group), or an object of functions, is expected");
  }
  for (const [name, check] of Object.entries(groupCheck as object)) {
    if (groups?.includes(name) !== true) {
      throw new ConfigurationError(`groupCheck.${name}`, "there is no such group; add it to the option groups");
    }
    if (typeof check !== "function")
      throw new ConfigurationError(`groupCheck.${name}`, "a function (user) is expected");
  }
  const lacking = groups?.find((name) => !Object.hasOwn(groupCheck, name));
  if (lacking !== undefined) throw new ConfigurationError(`groupCheck.${lacking}`, "a function (user) is expected");
}
