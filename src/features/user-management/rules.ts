import type { Guard } from "../../authz/guard.ts";
import { fresh } from "../../authz/guards/authentication.ts";
import { allOf } from "../../authz/guards/combined.ts";
import { permissionsAccepted } from "../../authz/guards/roles.ts";
import type { AskedOptions } from "../../datastore/access-state.ts";
import { UnknownRoleError } from "../../datastore/roles.ts";
import { UnknownUserError } from "../../datastore/user-reference.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { askAs, mayActOn, mayMake, outOfReach } from "../acting.ts";
import { type Answer, failed, invalid, notFound } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { userIdInPath, userInPath } from "../user-path.ts";
import type { ManagementSettings } from "./options.ts";

/** Permissions of which one is enough to manage users. */
export function managing({ permission, managers }: ManagementSettings): readonly string[] {
  return managers === undefined ? [permission] : [permission, managers];
}

/** Who may manage users. */
export function managersOnly(settings: ManagementSettings): Guard {
  return permissionsAccepted(...managing(settings));
}

/** The same, with a fresh proof of identity: for what changes somebody's access. */
export function freshManagersOnly(settings: ManagementSettings): Guard {
  return settings.allowStale ? managersOnly(settings) : allOf(managersOnly(settings), fresh());
}

/** What somebody who manages users may do to whom. */
export interface Powers {
  readonly actor: Account;
  /** Whether that user is within reach: may nothing that the caller may not, by roles, permissions, groups and the application's rule. */
  manages(target: Account): Promise<boolean>;
  /** Whether an account as a change makes it stays within reach of groups and the application's rule. */
  joins(future: Account): Promise<boolean>;
  /** Whether these can be given, or taken away. */
  grantsRoles(roles: Iterable<string>): boolean;
  grantsPermissions(permissions: Iterable<string>): boolean;
}

/**
 * An administrator may give anybody any role and permission, so these do not bound them; a manager's powers end where the manager's
 * own rights end. Groups and the application's rule bound both. A credential that is limited to scopes has no powers.
 */
export function powersOf(rq: SecurityRequest, { permission }: ManagementSettings): Powers | undefined {
  const actor = rq.identity?.account;
  if (actor === undefined) return undefined;
  const limited = rq.identity?.scopes !== undefined;
  const administrator = !limited && actor.permissions.has(permission);
  const has = (own: ReadonlySet<string>, wanted: Iterable<string>): boolean =>
    administrator || (!limited && [...wanted].every((word) => own.has(word)));
  return {
    actor,
    async manages(target) {
      const within =
        administrator ||
        (target.id !== actor.id &&
          !target.permissions.has(permission) &&
          has(actor.permissions, target.permissions) &&
          has(actor.roles, target.roles));
      return within && (await mayActOn(rq, target));
    },
    joins: (future) => mayMake(rq, future),
    grantsRoles: (roles) => has(actor.roles, roles),
    grantsPermissions: (permissions) => has(actor.permissions, permissions),
  };
}

/** How what is done to one user may be refused: out of reach, not there, the last administrator. */
export const oneUser: readonly (403 | 404 | 409)[] = [403, 404, 409];

/** Does something to the user whose id is in the path: 404 when there is none, 403 when they are out of reach. */
export async function toUser(
  kernel: Kernel,
  settings: ManagementSettings,
  rq: SecurityRequest,
  work: (target: Account, powers: Powers) => Promise<Answer>,
): Promise<Answer> {
  const powers = powersOf(rq, settings);
  if (powers === undefined) return failed(401, "UNAUTHENTICATED");
  const target = await userInPath(kernel, rq);
  if (target === undefined) return notFound();
  if (!(await powers.manages(target))) return outOfReach(rq, target);
  try {
    return await work(target, powers);
  } catch (error) {
    // Removed by somebody else meanwhile.
    if (error instanceof UnknownUserError) return notFound();
    if (error instanceof UnknownRoleError) return invalid({ roles: [{ key: "FIELD_INVALID" }] });
    throw error;
  }
}

/** As `toUser`, for what changes what somebody may do: with the condition that nothing of that was changed since it was asked. */
export function changeUser(
  kernel: Kernel,
  settings: ManagementSettings,
  rq: SecurityRequest,
  work: (target: Account, powers: Powers, asked: Required<AskedOptions>) => Promise<Answer>,
): Promise<Answer> {
  return askAs(kernel, rq, { userId: userIdInPath(rq) }, managing(settings), (asked) =>
    toUser(kernel, settings, rq, (target, powers) => work(target, powers, asked)),
  );
}
