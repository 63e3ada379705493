import type { SecurityRequest } from "../../http/request.ts";
import type { RowAction } from "../../views/contract.ts";
import { shownForField } from "../shown-for.ts";

/**
 * The button that signs out whoever is signed in here, posting to `path`. Its form names whom it was shown for, so that from a
 * page that was left open it signs out nobody else.
 */
export function signOutAction(rq: SecurityRequest, path: string): RowAction {
  const named = rq.identity === undefined ? {} : { [shownForField]: rq.system.formNames.of(rq.identity.account) };
  return { path, text: rq.text("SUBMIT_LOGOUT"), hidden: { csrf_token: rq.system.csrf.token(rq), ...named } };
}

/** The same for the head of the account pages; none for who has no session, acts as somebody else or is asked there already. */
export function headSignOut(rq: SecurityRequest, path: string | undefined): RowAction | undefined {
  const { identity } = rq;
  if (path === undefined || rq.route.kind !== "account" || rq.path === path) return undefined;
  if (identity?.session === undefined || identity.impersonator !== undefined) return undefined;
  return signOutAction(rq, path);
}
