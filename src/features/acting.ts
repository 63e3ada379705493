import { askAndDo } from "../authz/asking.ts";
import { mayChangeRole as roleMayChange } from "../authz/role-members.ts";
import type { Asked, Concerned } from "../datastore/access-state.ts";
import type { SecurityRequest } from "../http/request.ts";
import { type Account, withAccess } from "../model/account.ts";
import type { Role } from "../model/user.ts";
import { presentIdentity, unchanged } from "./account-state.ts";
import { type Answer, failed } from "./endpoint.ts";
import type { Kernel } from "./feature.ts";

/**
 * Whether the caller may act on that account, as far as groups and the application's rule go. A credential that is limited to
 * scopes acts on nobody: what it may, only guards that name a scope say.
 */
export async function mayActOn(rq: SecurityRequest, target: Account): Promise<boolean> {
  const { identity } = rq;
  if (identity === undefined || identity.scopes !== undefined) return false;
  return rq.system.acting.mayActOn(identity.account, target);
}

/** Whether the caller may make an account what it would be then: their own, another, or a new one. */
export async function mayMake(rq: SecurityRequest, future: Account): Promise<boolean> {
  const { identity } = rq;
  if (identity === undefined || identity.scopes !== undefined) return false;
  return rq.system.acting.mayMake(identity.account, future);
}

/** Whether the caller may give that role these permissions and no others, or (undefined) delete it. */
export async function mayChangeRole(
  rq: SecurityRequest,
  kernel: Pick<Kernel, "users" | "roles">,
  name: string,
  permissions: Iterable<string> | undefined,
): Promise<boolean> {
  const { identity } = rq;
  if (identity === undefined || identity.scopes !== undefined) return false;
  return roleMayChange(rq.system.acting, kernel, identity.account, { name, permissions });
}

/**
 * As `askAndDo`, for who is signed in: each time they are looked at anew, as are the permissions of which they need one
 * (undefined: none). What was asked stands as long as what they came with, and what they may, is the same.
 */
export function askAs(
  kernel: Pick<Kernel, "users" | "datastore">,
  rq: SecurityRequest,
  concerned: Concerned,
  needed: readonly string[] | undefined,
  work: (options: { readonly asked: Asked }) => Promise<Answer>,
): Promise<Answer> {
  const once = async (asked: Asked): Promise<Answer> => {
    const identity = await presentIdentity(kernel, rq);
    if (identity === undefined) return failed(401, "UNAUTHENTICATED");
    rq.identity = identity;
    const { permissions } = identity.account;
    if (needed?.some((name) => permissions.has(name)) === false) {
      return forbidden(rq, `has none of the permissions ${needed.join(", ")} any more`);
    }
    return work({ asked });
  };
  return askAndDo(kernel.datastore, { ...concerned, actorId: rq.identity?.account.id }, once, unchanged(rq));
}

/** The rows of these roles, without names that are nobody's. */
export async function rolesNamed({ roles }: Pick<Kernel, "roles">, names: Iterable<string>): Promise<readonly Role[]> {
  const found = await Promise.all([...names].map((name) => roles.find(name)));
  return found.filter((role) => role !== undefined);
}

/** The account as other roles, or other permissions of its own, would make it. */
export async function futureOf(
  kernel: Pick<Kernel, "roles">,
  account: Account,
  { roles = account.roles, ownPermissions = account.ownPermissions }: FutureAccess,
): Promise<Account> {
  return withAccess(account, { roles: await rolesNamed(kernel, roles), ownPermissions });
}

/** What is left out stays as it is. */
interface FutureAccess {
  readonly roles?: Iterable<string>;
  readonly ownPermissions?: Iterable<string>;
}

/** 403, and told to the trail. */
export function forbidden(rq: SecurityRequest, reason: string): Answer {
  rq.system.events.emit("permissionDenied", { user: rq.identity?.account, reason }, rq);
  return failed(403, "UNAUTHORIZED");
}

/** Of an account out of the caller's reach: the same for all that is done to one. */
export function outOfReach(rq: SecurityRequest, target: Account): Answer {
  return forbidden(rq, target.id === 0 ? "may not make such a user" : `may not manage the user ${target.id}`);
}
