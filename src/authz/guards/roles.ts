import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { type Awaitable, settled } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { Guard, GuardWords, IsGroup } from "../guard.ts";
import { allow, forbidden, type Verdict } from "../verdict.ts";
import { withIdentity } from "./authentication.ts";

/** A guard that names roles. */
export interface RoleWords<Role extends string> extends GuardWords {
  readonly role: Role;
  readonly permission: never;
  readonly object: never;
  readonly parameter: never;
  readonly identified: never;
  readonly scheme: never;
  readonly scope: never;
  readonly user: true;
}

/** A guard that names permissions. */
export interface PermissionWords<Permission extends string> extends GuardWords {
  readonly role: never;
  readonly permission: Permission;
  readonly object: never;
  readonly parameter: never;
  readonly identified: never;
  readonly scheme: never;
  readonly scope: never;
  readonly user: true;
}

/** An empty list would let everybody in by `all of`, and nobody by `any of`: both are mistakes. */
function named(guard: string, words: readonly string[]): readonly string[] {
  if (words.length === 0) throw new ConfigurationError(guard, "name at least one");
  for (const word of words) {
    if (typeof word !== "string" || word === "")
      throw new ConfigurationError(guard, "names are strings that are not empty");
  }
  return Object.freeze([...words]);
}

/** A group is what the application's function says; a role of the same name in the database must not stand in for it. */
function has(rq: SecurityRequest, account: Account, name: string): Awaitable<boolean> {
  const { decisions } = rq.system;
  return decisions.isGroup(name) ? settled(decisions.inGroup(rq, account, name)) : account.roles.has(name);
}

/** What a name is, in words. */
const kindOf = (isGroup: IsGroup | undefined, name: string): "role" | "group" =>
  isGroup?.(name) === true ? "group" : "role";

/** "role a"; "all of the roles a, b"; "any of the roles a, b or groups c". */
function inWords(names: readonly string[], every: boolean, isGroup: IsGroup | undefined): string {
  const [only] = names;
  if (every && only !== undefined && names.length === 1) return `${kindOf(isGroup, only)} ${only}`;
  const parts = (["role", "group"] as const).flatMap((kind) => {
    const these = names.filter((name) => kindOf(isGroup, name) === kind);
    return these.length === 0 ? [] : [`${kind}s ${these.join(", ")}`];
  });
  return `${every ? "all" : "any"} of the ${parts.join(every ? " and " : " or ")}`;
}

function lacks(kind: "role" | "group" | "permission", name: string): Verdict {
  return forbidden(`lacks the ${kind} ${name}`, { kind, names: [name], any: false });
}

/** Has all of them: the first that is lacking refuses. */
function hasAll(rq: SecurityRequest, account: Account, names: readonly string[], start: number): Awaitable<Verdict> {
  for (let index = start; index < names.length; index += 1) {
    const name = names[index] as string;
    const answer = has(rq, account, name);
    if (answer instanceof Promise) {
      return answer.then((found) => (found ? hasAll(rq, account, names, index + 1) : lacks("group", name)));
    }
    if (answer !== true) return lacks(kindOf(rq.system.decisions.isGroup, name), name);
  }
  return allow;
}

/** Has one of them: the first that is there lets pass. */
function hasAny(rq: SecurityRequest, account: Account, names: readonly string[], start: number): Awaitable<Verdict> {
  for (let index = start; index < names.length; index += 1) {
    const answer = has(rq, account, names[index] as string);
    if (answer instanceof Promise) {
      return answer.then((found) => (found ? allow : hasAny(rq, account, names, index + 1)));
    }
    if (answer === true) return allow;
  }
  const reason = `has none ${inWords(names, false, rq.system.decisions.isGroup).slice("any ".length)}`;
  return forbidden(reason, { kind: "role", names, any: true });
}

/** Signed in, with all of these roles and groups. */
export function rolesRequired<const Role extends string>(...roles: readonly Role[]): Guard<RoleWords<Role>> {
  const names = named("rolesRequired", roles);
  return {
    check: (rq) => withIdentity(rq, undefined, ({ account }) => hasAll(rq, account, names, 0)),
    describe: (isGroup) => ({
      text: inWords(names, true, isGroup),
      rule: { kind: "roles", every: true, names },
      roles: names,
      authenticated: true,
    }),
  };
}

/** Signed in, with at least one of these roles and groups. */
export function rolesAccepted<const Role extends string>(...roles: readonly Role[]): Guard<RoleWords<Role>> {
  const names = named("rolesAccepted", roles);
  return {
    check: (rq) => withIdentity(rq, undefined, ({ account }) => hasAny(rq, account, names, 0)),
    describe: (isGroup) => ({
      text: inWords(names, false, isGroup),
      rule: { kind: "roles", every: false, names },
      roles: names,
      authenticated: true,
    }),
  };
}

/** Signed in, with all of these permissions through their roles. */
export function permissionsRequired<const Permission extends string>(
  ...permissions: readonly Permission[]
): Guard<PermissionWords<Permission>> {
  const names = named("permissionsRequired", permissions);
  const text = names.length === 1 ? `permission ${names[0]}` : `all of the permissions ${names.join(", ")}`;
  return {
    check: (rq) =>
      withIdentity(rq, undefined, ({ account }) => {
        for (const name of names) if (!account.permissions.has(name)) return lacks("permission", name);
        return allow;
      }),
    describe: () => ({
      text,
      rule: { kind: "permissions", every: true, names },
      permissions: names,
      authenticated: true,
    }),
  };
}

/** Signed in, with at least one of these permissions. */
export function permissionsAccepted<const Permission extends string>(
  ...permissions: readonly Permission[]
): Guard<PermissionWords<Permission>> {
  const names = named("permissionsAccepted", permissions);
  const text = `any of the permissions ${names.join(", ")}`;
  return {
    check: (rq) =>
      withIdentity(rq, undefined, ({ account }) =>
        names.some((name) => account.permissions.has(name))
          ? allow
          : forbidden(`has none of the permissions ${names.join(", ")}`, { kind: "permission", names, any: true }),
      ),
    describe: () => ({
      text,
      rule: { kind: "permissions", every: false, names },
      permissions: names,
      authenticated: true,
    }),
  };
}
