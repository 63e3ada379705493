import type { EventHub } from "../events/events.ts";
import { permissionOfRole } from "../model/permission-role.ts";
import type { AskedOptions } from "./access-state.ts";
import type { Afterwards, Changing } from "./changing.ts";
import { grantRole, type Roles } from "./roles.ts";
import { idOf, type UserReference } from "./user-reference.ts";

/** What is granted to a user: roles, and permissions without one. All throw UnknownUserError, and WithdrawnError as `AskedOptions` says. */
export interface UserGrants<Role extends string = string, Permission extends string = string> {
  /** True when the user did not have it. Throws UnknownRoleError. */
  addRole(user: UserReference, role: Role, options?: AskedOptions): Promise<boolean>;
  /** True when the user had it. Throws UnknownRoleError, LastAdministratorError. */
  removeRole(user: UserReference, role: Role, options?: AskedOptions): Promise<boolean>;
  /**
   * Makes these the user's roles, all at once. True when it changed something. Throws UnknownRoleError,
   * LastAdministratorError.
   */
  setRoles(user: UserReference, roles: readonly Role[], options?: AskedOptions): Promise<boolean>;
  /**
   * Makes these the user's own permissions, beside those of the roles. True when it changed something. Throws
   * LastAdministratorError.
   */
  setPermissions(user: UserReference, permissions: readonly Permission[], options?: AskedOptions): Promise<boolean>;
}

/** What granting needs. */
export interface GrantsContext {
  readonly changing: Changing;
  readonly roles: Roles;
  readonly events: EventHub;
}

/** What a change has granted and taken away, by the names of roles. */
interface Granted {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Makes the operations that grant, of one running system. */
export function createUserGrants({ changing, roles, events }: GrantsContext): UserGrants {
  /** Makes these roles the user's only ones of a kind (ordinary ones, or those that stand for a permission). */
  const replace = (
    userId: number,
    wanted: ReadonlyMap<string, number>,
    ofKind: (name: string) => boolean,
    options: AskedOptions,
    told: (granted: Granted, afterwards: Afterwards) => void,
  ): Promise<boolean> =>
    changing(userId, { ...options, mayCostAdministrator: true }, async (tx, afterwards) => {
      const had = (await roles.ofUser(userId, tx)).filter(({ name }) => ofKind(name));
      const removed = had.filter(({ name }) => !wanted.has(name));
      const added = [...wanted].filter(([name]) => !had.some((role) => role.name === name));
      for (const { id } of removed) await tx.delete("rolesUsers", { userId, roleId: id });
      for (const [name, id] of added) await grantRole(tx, userId, { id, name });
      if (added.length + removed.length === 0) return false;
      told({ added: added.map(([name]) => name), removed: removed.map(({ name }) => name) }, afterwards);
      return true;
    });

  return {
    addRole(user, name, options) {
      const userId = idOf(user);
      // The user's row is taken: two administrators at once must not make the same link twice.
      return changing(userId, options ?? {}, async (tx, afterwards) => {
        const role = await roles.require(name, tx);
        if ((await tx.count("rolesUsers", { userId, roleId: role.id })) > 0) return false;
        await grantRole(tx, userId, role);
        afterwards(() => events.emit("roleGranted", { userId, role: name }));
        return true;
      });
    },

    async removeRole(user, name, options) {
      const userId = idOf(user);
      const role = await roles.require(name);
      return changing(userId, { ...options, mayCostAdministrator: true }, async (tx, afterwards) => {
        if ((await tx.delete("rolesUsers", { userId, roleId: role.id })) === 0) return false;
        afterwards(() => events.emit("roleRevoked", { userId, role: name }));
        return true;
      });
    },

    async setRoles(user, names, options = {}) {
      const userId = idOf(user);
      const wanted = new Map<string, number>();
      for (const name of new Set(names)) wanted.set(name, (await roles.require(name)).id);
      const isOrdinary = (name: string): boolean => permissionOfRole(name) === undefined;
      return replace(userId, wanted, isOrdinary, options, ({ added, removed }, afterwards) => {
        for (const role of added) afterwards(() => events.emit("roleGranted", { userId, role }));
        for (const role of removed) afterwards(() => events.emit("roleRevoked", { userId, role }));
      });
    },

    async setPermissions(user, permissions, options = {}) {
      const userId = idOf(user);
      const wanted = new Map<string, number>();
      for (const permission of new Set(permissions)) {
        const role = await roles.ofPermission(permission);
        wanted.set(role.name, role.id);
      }
      const isPermission = (name: string): boolean => permissionOfRole(name) !== undefined;
      const permissionsOf = (names: readonly string[]): string[] =>
        names.map((name) => permissionOfRole(name) as string);
      return replace(userId, wanted, isPermission, options, ({ added, removed }, afterwards) => {
        const changed = { userId, added: permissionsOf(added), removed: permissionsOf(removed) };
        afterwards(() => events.emit("userPermissionsChanged", changed));
      });
    },
  };
}
