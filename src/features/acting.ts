import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { type Answer, failed } from "./endpoint.ts";

/**
 * Whether the caller may act on that account, as far as groups and the application's rule go. A credential that is limited to
 * scopes acts on nobody: what it may, only guards that name a scope say.
 */
export async function mayActOn(rq: SecurityRequest, target: Account): Promise<boolean> {
  const { identity } = rq;
  if (identity === undefined || identity.scopes !== undefined) return false;
  return rq.system.acting.mayActOn(rq, identity.account, target);
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
