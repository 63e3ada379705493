import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import { displayName } from "../model/account.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Fault } from "./fields.ts";

/** The field by which a form names whom it was shown for. */
export const shownForField = "shown_for";

const purpose = "shown-for";

/** Makes the names by which forms call accounts: who is signed in may be another one by the time that a form is sent. */
export function createFormNames(ring: KeyRing): System["formNames"] {
  return {
    of: ({ id }) => ring.sign(purpose, String(id)),
    isOf: ({ id }, name) => ring.verify(purpose, String(id), name),
  };
}

/** What a form of this endpoint names: who is signed in, unless it acts for something of its own. */
export async function shownFor(endpoint: Endpoint, rq: SecurityRequest): Promise<string | undefined> {
  if (endpoint.shownFor !== undefined) return endpoint.shownFor(rq);
  return rq.identity === undefined ? undefined : rq.system.formNames.of(rq.identity.account);
}

/**
 * Whether a form was shown for another account (or sign-in, or whatever else this browser keeps in a cookie) than the one for
 * which it would act now: one browser has several pages, and what was begun in one of them belongs to that one.
 */
export async function isForAnother(
  endpoint: Endpoint,
  rq: SecurityRequest,
  body: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const named = Object.hasOwn(body, shownForField) ? body[shownForField] : undefined;
  if (endpoint.shownFor === undefined) {
    // A session's CSRF token says the same, but not why, and not where tokens are switched off.
    if (named === undefined || rq.identity === undefined) return false;
    return typeof named !== "string" || !rq.system.formNames.isOf(rq.identity.account, named);
  }
  const now = await endpoint.shownFor(rq);
  if (now === undefined) return false;
  // A program has no second page that could be meant.
  if (named === undefined) return (await rq.body()).kind === "form";
  return named !== now;
}

/** What is said above a form that is shown again because it was another's. */
export async function forAnother(endpoint: Endpoint, rq: SecurityRequest): Promise<Fault> {
  const account = await endpoint.account(rq);
  const name = account === undefined || account === "" ? rq.identity && displayName(rq.identity.account) : account;
  return { key: "FORM_FOR_ANOTHER", params: { account: name ?? "?" } };
}
