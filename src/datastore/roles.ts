import type { EventHub } from "../events/events.ts";
import { MissingReferenceError, PortcullisError, UniqueConflictError } from "../model/errors.ts";
import { maxOwnPermission, permissionOfRole, permissionRole } from "../model/permission-role.ts";
import type { Role } from "../model/user.ts";
import { randomId } from "../secrets/random.ts";
import type { AskedOptions } from "./access-state.ts";
import type { Changing } from "./changing.ts";
import type { Datastore, Operations } from "./contract.ts";

/** No role has that name. */
export class UnknownRoleError extends PortcullisError {
  readonly role: string;
  constructor(name: string) {
    super("unknown_role", `there is no role "${name}"`);
    this.role = name;
  }
}

/**
 * The operations on roles. A role's permissions are a set; a change is effective on the next request of all who have the role.
 * A condition among the options that does not hold throws WithdrawnError, with nothing done.
 */
export interface Roles<Name extends string = string, Permission extends string = string> {
  find(name: Name, tx?: Operations): Promise<Role | undefined>;
  /** As `find`, but throws UnknownRoleError. */
  require(name: Name, tx?: Operations): Promise<Role>;
  /** All roles, by name. */
  list(): Promise<Role[]>;
  /** Throws UniqueConflictError when the name is taken. */
  create(name: Name, options?: NewRole<Permission> & AskedOptions): Promise<Role>;
  /** Safe when several processes start at once. */
  findOrCreate(name: Name, options?: NewRole<Permission>): Promise<Role>;
  /** Returns the role's permissions afterwards. */
  addPermissions(name: Name, ...permissions: Permission[]): Promise<readonly string[]>;
  /** Returns the role's permissions afterwards. */
  removePermissions(name: Name, ...permissions: Permission[]): Promise<readonly string[]>;
  /** Makes these the role's permissions, all at once. Returns those that it has afterwards. */
  setPermissions(name: Name, permissions: readonly Permission[], options?: AskedOptions): Promise<readonly string[]>;
  /** Takes the role from all who have it, and removes it. Throws UnknownRoleError, LastAdministratorError. */
  delete(name: Name, options?: AskedOptions): Promise<void>;
  /** The role that stands for a permission given without one (see model/permission-role.ts); made when it is missing. */
  ofPermission(permission: Permission, tx?: Operations): Promise<Role>;
  /** The roles of a user. */
  ofUser(userId: number, tx?: Operations): Promise<Role[] & Record<string, unknown>[]>;
}

/** What a new role may say beside its name. */
export interface NewRole<Permission extends string = string> {
  readonly description?: string;
  readonly permissions?: readonly Permission[];
}

/** What the operations on roles need. */
export interface RolesContext {
  readonly datastore: Datastore;
  readonly now: () => number;
  readonly events: EventHub;
  readonly changing: Changing;
}

/** Makes the operations on roles of one running system. */
export function createRoles({ datastore, changing, now, events }: RolesContext): Roles {
  const find = async (name: string, tx: Operations = datastore): Promise<Role | undefined> => {
    const row = await tx.findOne("role", { name });
    // A collation that ignores case must not turn one role into another.
    return row?.["name"] === name ? (row as unknown as Role) : undefined;
  };
  const require = async (name: string, tx?: Operations): Promise<Role> => {
    const role = permissionOfRole(name) === undefined ? await find(name, tx) : undefined;
    if (role === undefined) throw new UnknownRoleError(name);
    return role;
  };
  const create: Roles["create"] = async (name, options = {}) => {
    if (name === "" || name.length > 80) {
      throw new PortcullisError("invalid_field", "role.name: must have 1 to 80 characters");
    }
    if (permissionOfRole(name) !== undefined) {
      throw new PortcullisError("invalid_field", `role.name: "${name}" stands for a permission of users`);
    }
    const permissions = checkPermissions(options.permissions ?? []);
    const row = { name, description: options.description ?? null, permissions, updateDatetime: new Date(now()) };
    await changing("nobody", options, async (tx, afterwards) => {
      await tx.insert("role", row);
      afterwards(() => events.emit("roleCreated", { role: name }));
    });
    return require(name);
  };

  /** Reads, changes and writes a role's permissions in one transaction. */
  const changePermissions = (
    name: string,
    next: (old: ReadonlySet<string>) => Set<string>,
    options: AskedOptions = {},
  ): Promise<readonly string[]> =>
    changing("everybody", { ...options, mayCostAdministrator: true }, async (tx, afterwards) => {
      // Locks the row first: two changes at once must both count.
      await tx.update("role", { name }, { updateDatetime: new Date(now()) });
      const role = await require(name, tx);
      const permissions = [...next(new Set(role.permissions))].sort();
      await tx.update("role", { id: role.id }, { permissions });
      const before = new Set(role.permissions);
      const added = permissions.filter((permission) => !before.has(permission));
      const removed = [...before.difference(new Set(permissions))];
      if (added.length + removed.length > 0) {
        afterwards(() => events.emit("rolePermissionsChanged", { role: name, added, removed }));
      }
      return permissions;
    });

  return {
    find: async (name, tx) => (permissionOfRole(name) === undefined ? find(name, tx) : undefined),
    require,
    async list() {
      const roles = (await datastore.find("role", {}, { orderBy: [{ field: "name" }] })) as unknown as Role[];
      return roles.filter(({ name }) => permissionOfRole(name) === undefined);
    },
    create,
    async findOrCreate(name, options) {
      const found = await find(name);
      if (found !== undefined) return found;
      try {
        return await create(name, options);
      } catch (error) {
        if (!(error instanceof UniqueConflictError)) throw error;
        return require(name);
      }
    },
    addPermissions: (name, ...added) => changePermissions(name, (old) => old.union(new Set(checkPermissions(added)))),
    removePermissions: (name, ...removed) => changePermissions(name, (old) => old.difference(new Set(removed))),
    setPermissions: (name, permissions, options) =>
      changePermissions(name, () => new Set(checkPermissions(permissions)), options),
    delete: (name, options) =>
      changing("everybody", { ...options, mayCostAdministrator: true }, async (tx, afterwards) => {
        const role = await require(name, tx);
        // Takes the row, and by its key: PostgreSQL lets rows be added that refer to one whose key stays. Who is granting the
        // role comes before, and their link is seen below, or after, and finds no role.
        const taken = await tx.update("role", { id: role.id }, { name: `deleted ${randomId(16)}` });
        if (taken === 0) throw new UnknownRoleError(name);
        await tx.delete("rolesUsers", { roleId: role.id });
        await tx.delete("role", { id: role.id });
        afterwards(() => events.emit("roleDeleted", { role: name }));
      }),
    async ofPermission(permission, tx = datastore) {
      if (permission.length > maxOwnPermission) {
        throw new PortcullisError(
          "invalid_field",
          `user.permissions: "${permission}" has more than ${maxOwnPermission} characters`,
        );
      }
      const name = permissionRole(permission);
      const permissions = checkPermissions([permission]);
      const known = await find(name, tx);
      if (known !== undefined) return known;
      try {
        await tx.insert("role", { name, description: null, permissions, updateDatetime: new Date(now()) });
      } catch (error) {
        if (!(error instanceof UniqueConflictError)) throw error;
      }
      const made = await find(name, tx);
      if (made === undefined) throw new UnknownRoleError(name);
      return made;
    },
    async ofUser(userId, tx = datastore) {
      const links = await tx.find("rolesUsers", { userId });
      if (links.length === 0) return [];
      const ids = links.map((link) => link["roleId"] as number);
      return (await tx.find("role", { id: { in: ids } })) as unknown as Role[] & Record<string, unknown>[];
    },
  };
}

/** Gives a role to a user who does not have it. Throws UnknownRoleError, also when it is removed at that moment. */
export async function grantRole(
  operations: Operations,
  userId: number,
  { id, name }: Pick<Role, "id" | "name">,
): Promise<void> {
  try {
    await operations.insert("rolesUsers", { userId, roleId: id });
  } catch (error) {
    // The user is there: their row is taken, or new.
    throw error instanceof MissingReferenceError ? new UnknownRoleError(name) : error;
  }
}

/** Permissions are stored as comma-separated text: a comma inside one would make two of it. */
function checkPermissions(permissions: readonly string[]): readonly string[] {
  for (const permission of permissions) {
    if (permission === "" || /[,\s]/.test(permission)) {
      throw new PortcullisError(
        "invalid_field",
        `role.permissions: "${permission}" is empty or has a comma or white space in it`,
      );
    }
  }
  return permissions;
}
