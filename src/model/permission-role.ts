/**
 * Permissions hang on roles alone, in Flask-Security's tables as in ours. One that is given to a user without a role is a
 * role of its own, made when it is first given: `permission:<name>`, with that one permission. So it is loaded by the same
 * query, found by the same index, and counts in a Flask-Security application on the same database too. No list of roles
 * shows it.
 */
const prefix = "permission:";

/** Longer names of permissions do not fit behind the prefix into a role's name (80 characters). */
export const maxOwnPermission: number = 80 - prefix.length;

/** The name of the role that stands for a permission. */
export function permissionRole(permission: string): string {
  return `${prefix}${permission}`;
}

/** The permission that a role of this name stands for; undefined for an ordinary role. */
export function permissionOfRole(name: string): string | undefined {
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}
