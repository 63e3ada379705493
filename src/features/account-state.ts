import type { Operations } from "../datastore/contract.ts";
import type { SecurityRequest } from "../http/request.ts";

/**
 * A condition for a change by who is signed in: the account is as it was when their session was made. A reset, or another
 * change at the same time, has ended that session: what it asked for must not happen after it.
 */
export function unchanged(rq: SecurityRequest): (tx: Operations) => Promise<boolean> {
  return async (tx) => {
    const account = rq.identity?.account;
    if (account === undefined) return false;
    return (await tx.count("user", { id: account.id, fsUniquifier: account.fsUniquifier, active: true })) === 1;
  };
}
