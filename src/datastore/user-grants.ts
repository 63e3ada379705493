import type { EventHub } from "../events/events.ts";
import { permissionOfRole } from "../model/permission-role.ts";
import type { Row } from "../model/schema.ts";
import { type AskedOptions, inTurn } from "./access-state.ts";
import type { Administrators } from "./administrators.ts";
import { announce } from "./announce.ts";
import type { Datastore, Transaction } from "./contract.ts";
import { unlessWithdrawn } from "./held-account.ts";
import { grantRole, type Roles } from "./roles.ts";
import { idOf, UnknownUserError, type UserReference } from "./user-reference.ts";

/**
 * What is granted to a user: roles, and permissions without one. False too, and nothing done, when the condition did not hold.
 */
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
  readonly datastore: Datastore;
  readonly roles: Roles;
  readonly administrators: Administrators | undefined;
  readonly events: EventHub;
  readonly now: () => number;
  readonly stamp: () => Row;
  readonly invalidate: (userId: number) => Promise<void>;
}

/** Makes the operations that grant, of one running system. */
export function createUserGrants(context: GrantsContext): UserGrants {
  const { datastore, roles, administrators, events, invalidate } = context;

  /** Undefined: the condition did not hold. `costs`: it may take an administrator away. */
  const transaction = async <T>(
    userId: number,
    options: AskedOptions & { readonly costs: boolean },
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T | undefined> => {
    const result = await unlessWithdrawn(() =>
      datastore.transaction(async (tx) => {
        await inTurn(tx, context, options);
        await announce(tx, userId);
        const locked = async (): Promise<T> => {
          // Locks the user's row: two administrators at once must not make the same link twice.
          if ((await tx.update("user", { id: userId }, context.stamp())) === 0) throw new UnknownUserError(userId);
          return work(tx);
        };
        return administrators === undefined || !options.costs ? locked() : administrators.keep(tx, userId, locked);
      }),
    );
    if (result !== undefined) await invalidate(userId);
    return result;
  };

  /** Makes these roles the user's only ones of a kind (ordinary ones, or those that stand for a permission). */
  const replace = async (
    user: UserReference,
    names: readonly string[],
    wanted: ReadonlyMap<string, number>,
    ofKind: (name: string) => boolean,
    options: AskedOptions,
  ): Promise<{ readonly added: readonly string[]; readonly removed: readonly string[] }> => {
    const userId = idOf(user);
    const result = await transaction(userId, { ...options, costs: true }, async (tx) => {
      const had = (await roles.ofUser(userId, tx)).filter(({ name }) => ofKind(name));
      const removed = had.filter(({ name }) => !wanted.has(name));
      const added = names.filter((name) => !had.some((role) => role.name === name));
      for (const { id } of removed) await tx.delete("rolesUsers", { userId, roleId: id });
      for (const name of added) await grantRole(tx, userId, { id: wanted.get(name) as number, name });
      return { added, removed: removed.map(({ name }) => name) };
    });
    return result ?? { added: [], removed: [] };
  };

  return {
    async addRole(user, name, options) {
      const userId = idOf(user);
      const added = await transaction(userId, { ...options, costs: false }, async (tx) => {
        const role = await roles.require(name, tx);
        if ((await tx.count("rolesUsers", { userId, roleId: role.id })) > 0) return false;
        await grantRole(tx, userId, role);
        return true;
      });
      if (added === true) events.emit("roleGranted", { userId, role: name });
      return added === true;
    },

    async removeRole(user, name, options) {
      const userId = idOf(user);
      const role = await roles.require(name);
      const removed = await transaction(userId, { ...options, costs: true }, (tx) =>
        tx.delete("rolesUsers", { userId, roleId: role.id }),
      );
      if (removed === undefined || removed === 0) return false;
      events.emit("roleRevoked", { userId, role: name });
      return true;
    },

    async setRoles(user, names, options = {}) {
      const unique = [...new Set(names)];
      const wanted = new Map<string, number>();
      for (const name of unique) wanted.set(name, (await roles.require(name)).id);
      const { added, removed } = await replace(
        user,
        unique,
        wanted,
        (name) => permissionOfRole(name) === undefined,
        options,
      );
      const userId = idOf(user);
      for (const role of added) events.emit("roleGranted", { userId, role });
      for (const role of removed) events.emit("roleRevoked", { userId, role });
      return added.length + removed.length > 0;
    },

    async setPermissions(user, permissions, options = {}) {
      const wanted = new Map<string, number>();
      for (const permission of new Set(permissions)) {
        const role = await roles.ofPermission(permission);
        wanted.set(role.name, role.id);
      }
      const changed = await replace(
        user,
        [...wanted.keys()],
        wanted,
        (name) => permissionOfRole(name) !== undefined,
        options,
      );
      const [added, removed] = [changed.added, changed.removed].map((names) =>
        names.map((name) => permissionOfRole(name) as string),
      ) as [string[], string[]];
      if (added.length + removed.length === 0) return false;
      events.emit("userPermissionsChanged", { userId: idOf(user), added, removed });
      return true;
    },
  };
}
