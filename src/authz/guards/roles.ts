import { ConfigurationError } from "../../model/errors.ts";
import type { Guard, GuardWords } from "../guard.ts";
import { allow, forbidden } from "../verdict.ts";
import { withIdentity } from "./authentication.ts";

/** A guard that names roles. */
export interface RoleWords<Role extends string> extends GuardWords {
  readonly role: Role;
  readonly permission: never;
  readonly object: never;
  readonly parameter: never;
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

/** Signed in, with all of these roles. */
export function rolesRequired<const Role extends string>(...roles: readonly Role[]): Guard<RoleWords<Role>> {
  const names = named("rolesRequired", roles);
  const text = names.length === 1 ? `role ${names[0]}` : `all of the roles ${names.join(", ")}`;
  return {
    check: (rq) =>
      withIdentity(rq, undefined, ({ account }) => {
        for (const role of names) if (!account.roles.has(role)) return forbidden(`lacks the role ${role}`);
        return allow;
      }),
    describe: () => ({ text, rule: { kind: "roles", every: true, names }, roles: names, authenticated: true }),
  };
}

/** Signed in, with at least one of these roles. */
export function rolesAccepted<const Role extends string>(...roles: readonly Role[]): Guard<RoleWords<Role>> {
  const names = named("rolesAccepted", roles);
  const text = `any of the roles ${names.join(", ")}`;
  return {
    check: (rq) =>
      withIdentity(rq, undefined, ({ account }) =>
        names.some((role) => account.roles.has(role)) ? allow : forbidden(`has none of the roles ${names.join(", ")}`),
      ),
    describe: () => ({ text, rule: { kind: "roles", every: false, names }, roles: names, authenticated: true }),
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
        for (const name of names) if (!account.permissions.has(name)) return forbidden(`lacks the permission ${name}`);
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
          : forbidden(`has none of the permissions ${names.join(", ")}`),
      ),
    describe: () => ({
      text,
      rule: { kind: "permissions", every: false, names },
      permissions: names,
      authenticated: true,
    }),
  };
}
