import type { EventHub } from "../events/events.ts";
import { permissionOfRole } from "../model/permission-role.ts";
import type { Row } from "../model/schema.ts";
import type { Administrators } from "./administrators.ts";
import type { Datastore, Transaction } from "./contract.ts";
import type { Roles } from "./roles.ts";
import { idOf, UnknownUserError, type UserReference } from "./user-reference.ts";

/** What is granted to a user: roles, and permissions without one. */
export interface UserGrants<Role extends string = string, Permission extends string = string> {
  /** True when the user did not have it. */
  addRole(user: UserReference, role: Role): Promise<boolean>;
  /** True when the user had it. Throws LastAdministratorError. */
  removeRole(user: UserReference, role: Role): Promise<boolean>;
  /** Makes these the user's roles, all at once. True when it changed something. Throws LastAdministratorError. */
  setRoles(user: UserReference, roles: readonly Role[]): Promise<boolean>;
  /**
   * Makes these the user's own permissions, beside those of the roles. True when it changed something. Throws
   * LastAdministratorError.
   */
  setPermissions(user: UserReference, permissions: readonly Permission[]): Promise<boolean>;
}

/** What granting needs. */
export interface GrantsContext {
  readonly datastore: Datastore;
  readonly roles: Roles;
  readonly administrators: Administrators | undefined;
  readonly events: EventHub;
  readonly stamp: () => Row;
  readonly invalidate: (userId: number) => Promise<void>;
}

/** Makes the operations that grant, of one running system. */
export function createUserGrants(context: GrantsContext): UserGrants {
  const { datastore, roles, administrators, events, invalidate } = context;

  const transaction = <T>(userId: number, work: (tx: Transaction) => Promise<T>): Promise<T> =>
    datastore.transaction(async (tx) => {
      const locked = async (): Promise<T> => {
        // Locks the user's row: two administrators at once must not make the same link twice.
        if ((await tx.update("user", { id: userId }, context.stamp())) === 0) throw new UnknownUserError(userId);
        return work(tx);
      };
      return administrators === undefined ? locked() : administrators.keep(tx, userId, locked);
    });

  /** Makes these roles the user's only ones of a kind (ordinary ones, or those that stand for a permission). */
  const replace = async (
    user: UserReference,
    names: readonly string[],
    wanted: ReadonlyMap<string, number>,
    ofKind: (name: string) => boolean,
  ): Promise<{ readonly added: readonly string[]; readonly removed: readonly string[] }> => {
    const userId = idOf(user);
    const result = await transaction(userId, async (tx) => {
      const had = (await roles.ofUser(userId, tx)).filter(({ name }) => ofKind(name));
      const removed = had.filter(({ name }) => !wanted.has(name));
      const added = names.filter((name) => !had.some((role) => role.name === name));
      for (const { id } of removed) await tx.delete("rolesUsers", { userId, roleId: id });
      for (const name of added) await tx.insert("rolesUsers", { userId, roleId: wanted.get(name) });
      return { added, removed: removed.map(({ name }) => name) };
    });
    await invalidate(userId);
    return result;
  };

  return {
    async addRole(user, name) {
      const userId = idOf(user);
      const added = await datastore.transaction(async (tx) => {
        if ((await tx.update("user", { id: userId }, context.stamp())) === 0) throw new UnknownUserError(userId);
        const role = await roles.require(name, tx);
        if ((await tx.count("rolesUsers", { userId, roleId: role.id })) > 0) return false;
        await tx.insert("rolesUsers", { userId, roleId: role.id });
        return true;
      });
      await invalidate(userId);
      if (added) events.emit("roleGranted", { userId, role: name });
      return added;
    },

    async removeRole(user, name) {
      const userId = idOf(user);
      const role = await roles.require(name);
      const remove = (tx: Transaction): Promise<number> => tx.delete("rolesUsers", { userId, roleId: role.id });
      const removed = await datastore.transaction((tx) =>
        administrators === undefined ? remove(tx) : administrators.keep(tx, userId, () => remove(tx)),
      );
      await invalidate(userId);
      if (removed > 0) events.emit("roleRevoked", { userId, role: name });
      return removed > 0;
    },

    async setRoles(user, names) {
      const unique = [...new Set(names)];
      const wanted = new Map<string, number>();
      for (const name of unique) wanted.set(name, (await roles.require(name)).id);
      const { added, removed } = await replace(user, unique, wanted, (name) => permissionOfRole(name) === undefined);
      const userId = idOf(user);
      for (const role of added) events.emit("roleGranted", { userId, role });
      for (const role of removed) events.emit("roleRevoked", { userId, role });
      return added.length + removed.length > 0;
    },

    async setPermissions(user, permissions) {
      const wanted = new Map<string, number>();
      for (const permission of new Set(permissions)) {
        const role = await roles.ofPermission(permission);
        wanted.set(role.name, role.id);
      }
      const changed = await replace(user, [...wanted.keys()], wanted, (name) => permissionOfRole(name) !== undefined);
      const [added, removed] = [changed.added, changed.removed].map((names) =>
        names.map((name) => permissionOfRole(name) as string),
      ) as [string[], string[]];
      if (added.length + removed.length === 0) return false;
      events.emit("userPermissionsChanged", { userId: idOf(user), added, removed });
      return true;
    },
  };
}
