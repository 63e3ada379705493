import { PortcullisError } from "../model/errors.ts";
import { permissionRole } from "../model/permission-role.ts";
import type { Role } from "../model/user.ts";
import type { Operations } from "./contract.ts";

/** The change would leave nobody who may manage users; nothing was done. */
export class LastAdministratorError extends PortcullisError {
  constructor() {
    super("last_administrator", "this is the last active administrator; make another one first");
  }
}

/**
 * The rule that somebody who may manage users stays: an active user who has the administrators' permission and is not on the
 * way out.
 */
export interface Administrators {
  readonly permission: string;
  /**
   * Does a change in its transaction, which has taken its turn. `userId`: whom it may cost the permission; undefined: anybody.
   * Throws LastAdministratorError, which undoes the change, when it took the last administrator away.
   */
  keep<T>(tx: Operations, userId: number | undefined, change: () => Promise<T>): Promise<T>;
  /**
   * Waits until no other transaction is at work that keeps the rule or takes its turn, in whatever process: first of all in a
   * transaction. All lock the row of one role. Throws PortcullisError `unknown_role` when the row that all wait for was removed.
   */
  turn(tx: Operations): Promise<void>;
  /** Whether that user is an active administrator, also one on the way out. */
  is(operations: Operations, userId: number): Promise<boolean>;
  /** Whether another user than that one is an active administrator who stays. */
  others(operations: Operations, userId: number): Promise<boolean>;
}

/** So many are looked at with one query. */
const batch = 100;

/**
 * Makes the rule for one permission. Its role must be in the database (`roles.ofPermission`). `leaving`: tables whose rows
 * (`userId`) name users who are shut out though they are active.
 */
export function createAdministrators(
  permission: string,
  now: () => number,
  leaving: readonly string[] = [],
): Administrators {
  /** The ids of the roles that make somebody an administrator: there are few roles. */
  const rolesOf = async (operations: Operations): Promise<readonly number[]> => {
    const roles = (await operations.find("role", {})) as unknown as readonly Role[];
    return roles.filter(({ permissions }) => permissions.includes(permission)).map(({ id }) => id);
  };

  const is = async (operations: Operations, userId: number): Promise<boolean> => {
    const ids = await rolesOf(operations);
    if (ids.length === 0 || (await operations.count("rolesUsers", { userId, roleId: { in: ids } })) === 0) return false;
    return (await operations.count("user", { id: userId, active: true })) === 1;
  };

  const staying = async (operations: Operations, ids: readonly number[]): Promise<boolean> => {
    let left = ids;
    for (const table of leaving) {
      if (left.length === 0) return false;
      const gone = new Set((await operations.find(table, { userId: { in: left } })).map((row) => row["userId"]));
      left = left.filter((id) => !gone.has(id));
    }
    return left.length > 0 && (await operations.count("user", { id: { in: left }, active: true })) > 0;
  };

  const exists = async (operations: Operations, but?: number): Promise<boolean> => {
    for (const roleId of await rolesOf(operations)) {
      let after = Number.MIN_SAFE_INTEGER;
      for (;;) {
        const links = await operations.find(
          "rolesUsers",
          { roleId, userId: { gt: after } },
          { orderBy: [{ field: "userId" }], limit: batch },
        );
        const ids = links.map((link) => link["userId"] as number);
        if (
          await staying(
            operations,
            ids.filter((id) => id !== but),
          )
        )
          return true;
        const last = ids.at(-1);
        if (last === undefined || links.length < batch) break;
        after = last;
      }
    }
    return false;
  };

  const turn = async (tx: Operations): Promise<void> => {
    const stamp = { updateDatetime: new Date(now()) };
    if ((await tx.update("role", { name: permissionRole(permission) }, stamp)) === 0) {
      throw new PortcullisError("unknown_role", `the role "${permissionRole(permission)}" was removed; start again`);
    }
  };

  return {
    permission,
    is,
    others: exists,
    turn,
    async keep(tx, userId, change) {
      const concerned = userId === undefined ? await exists(tx) : await is(tx, userId);
      const result = await change();
      if (concerned && !(await exists(tx))) throw new LastAdministratorError();
      return result;
    },
  };
}
