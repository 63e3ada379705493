import { isUnsafe } from "../../http/csrf.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { Guard, NoWords } from "../guard.ts";
import type { Verdict } from "../verdict.ts";
import { csrfFault, csrfTokenFault, withAnybody } from "./authentication.ts";
import { type CheckpointActions, checkActions } from "./checkpoint-actions.ts";

/** A value that a checkpoint looks for in the session. */
export type CheckpointValue = string | number | boolean;

/**
 * The session bag holds one of the allowed values under this key; where it holds a list, one of the list's. What happens
 * then, the actions say: on failure by default 403, on a pass the handler.
 *
 *     checkpoint("plan", ["team", "enterprise"], { fail: { redirect: "/plans", message: "Not in your plan." } })
 */
export function checkpoint(
  key: string,
  allowed: CheckpointValue | readonly CheckpointValue[],
  actions: CheckpointActions = {},
): Guard<NoWords> {
  return sessionCheck("checkpoint", key, allowed, actions);
}

/** As `checkpoint`, for a key that says whether somebody is signed in to something of the application's own. */
export function loginCheck(
  key: string,
  allowed: CheckpointValue | readonly CheckpointValue[],
  actions: CheckpointActions = {},
): Guard<NoWords> {
  return sessionCheck("loginCheck", key, allowed, actions);
}

/** As `checkpoint`, for a key that holds what somebody may do: one value or a list of them. */
export function permissionCheck(
  key: string,
  allowed: CheckpointValue | readonly CheckpointValue[],
  actions: CheckpointActions = {},
): Guard<NoWords> {
  return sessionCheck("permissionCheck", key, allowed, actions);
}

/** As `checkpoint`, for routes of programs: whoever fails gets JSON, 403 unless `fail` says otherwise, and is never redirected. */
export function apiCheckpoint(
  key: string,
  allowed: CheckpointValue | readonly CheckpointValue[],
  actions: CheckpointActions = {},
): Guard<NoWords> {
  if (actions.fail?.redirect !== undefined || actions.fail?.route !== undefined) {
    throw new ConfigurationError("apiCheckpoint.fail", "programs are not redirected; say json and status");
  }
  return sessionCheck("apiCheckpoint", key, allowed, actions, { json: { error: "forbidden" } });
}

/** A browser sends a visitor's session along by itself: a change must come from our own pages, and with their token. */
async function visitorCsrf(rq: SecurityRequest, passed: (rq: SecurityRequest) => Verdict): Promise<Verdict> {
  const { csrf } = rq.system;
  if (!csrf.sameOrigin(rq)) return csrfFault("CSRF_ORIGIN");
  if (!csrf.schemes.has("session")) return passed(rq);
  const fault = await csrfTokenFault(rq);
  return fault === undefined ? passed(rq) : csrfFault(fault);
}

function sessionCheck(
  guard: string,
  key: string,
  allowed: CheckpointValue | readonly CheckpointValue[],
  actions: CheckpointActions,
  byDefault: Parameters<typeof checkActions>[2] = {},
): Guard<NoWords> {
  if (typeof key !== "string" || key === "") throw new ConfigurationError(guard, "the key of the session is missing");
  const values: ReadonlySet<unknown> = new Set(Array.isArray(allowed) ? allowed : [allowed]);
  if (values.size === 0 || [...values].some((value) => !["string", "number", "boolean"].includes(typeof value))) {
    throw new ConfigurationError(
      guard,
      "a text, a number, true or false, or a list of those, is expected to be allowed",
    );
  }
  const checked = checkActions(guard, actions, byDefault);
  const rule = checked.rule({ by: "session", key, values: [...values] as CheckpointValue[] });
  const text = `session "${key}" holds ${[...values].map((value) => JSON.stringify(value)).join(" or ")}`;
  const judge = (rq: SecurityRequest): Awaitable<Verdict> => {
    const held = rq.system.bag(rq).get(key);
    const found = Array.isArray(held) ? held.some((one) => values.has(one)) : values.has(held);
    if (!found) return checked.failed(rq, `the session's "${key}" is not allowed here`);
    // Requests of signed-in users are checked by the route itself; here a visitor's session is what opens.
    return isUnsafe(rq.method) && rq.identity === undefined ? visitorCsrf(rq, checked.passed) : checked.passed(rq);
  };
  return {
    check(rq) {
      // Whoever is calling brings the session, a visitor without an account too.
      return withAnybody(rq, () => judge(rq));
    },
    describe: () => ({ text, rule, routes: checked.routes, authenticated: false }),
  };
}
