import type { SecurityRequest } from "../../http/request.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { FlashMessage } from "../../views/contract.ts";
import type { CheckpointRule } from "../guard.ts";
import { allow, forbidden, type Verdict } from "../verdict.ts";

/** What a checkpoint does when it fails, or when it passes. */
export interface CheckpointAction {
  /** Where a browser goes on: a path of this server. */
  readonly redirect?: string;
  /** Or the name of a route (`{ name: "home", … }`) or of an account page ("login"). */
  readonly route?: string;
  /** Values for the parameters in that route's path; those of this request stand in for what is left out. Others go into the query. */
  readonly params?: Readonly<Record<string, string | number>>;
  /** Shown on the next page. */
  readonly message?: string;
  /** The message's category; default "error" for a failure, "info" for a pass. */
  readonly category?: FlashMessage["category"];
  /** The body of a JSON answer: for programs, and for everybody where there is no redirect. */
  readonly json?: Readonly<Record<string, unknown>>;
  /** The status where nobody is redirected; default 403 for a failure, 200 for a pass. */
  readonly status?: number;
}

/** What a checkpoint does. Without `fail` it answers 403, without `pass` the handler runs. */
export interface CheckpointActions {
  readonly fail?: CheckpointAction;
  readonly pass?: CheckpointAction;
}

/** The actions, checked. */
export interface CheckedActions {
  /** The names of the routes that they lead to. */
  readonly routes: readonly string[];
  /** What the guard asks, with how it answers. */
  rule(asks: CheckpointRule["asks"]): CheckpointRule;
  failed(rq: SecurityRequest, reason: string, headers?: Readonly<Record<string, string>>): Verdict;
  passed(rq: SecurityRequest): Verdict;
}

const known = ["redirect", "route", "params", "message", "category", "json", "status"];
const categories = ["info", "success", "warning", "error"];

/** Checks the actions of a guard. Throws ConfigurationError with the path of what is wrong. */
export function checkActions(
  guard: string,
  { fail, pass }: CheckpointActions,
  byDefault: { readonly status?: number; readonly json?: Readonly<Record<string, unknown>> } = {},
): CheckedActions {
  for (const [name, action] of Object.entries({ fail, pass })) {
    if (action !== undefined) checkAction(`${guard}.${name}`, action, name === "fail");
  }
  const failure: CheckpointAction = { ...byDefault, ...fail };
  const answers = Object.keys(failure).length > 0;
  const redirects = ({ redirect, route }: CheckpointAction): boolean => redirect !== undefined || route !== undefined;
  return {
    rule: (asks) => ({
      kind: "checkpoint",
      asks,
      failed: answers ? { status: failure.status ?? 403, redirects: redirects(failure) } : undefined,
      passed:
        pass === undefined || (pass.json === undefined && !redirects(pass))
          ? undefined
          : { status: pass.json === undefined ? undefined : (pass.status ?? 200), redirects: redirects(pass) },
    }),
    routes: [fail?.route, pass?.route].filter((name) => name !== undefined),
    failed(rq, reason, headers = {}) {
      // Without an action it is refused as everything else is, with the application's own page or handler.
      if (!answers) return forbidden(reason);
      const { message, category = "error", json, status = 403 } = failure;
      const flash = message === undefined ? undefined : { category, text: message };
      return {
        kind: "diverted",
        passed: false,
        reason,
        location: locationOf(rq, failure),
        json,
        status,
        flash,
        headers,
      };
    },
    passed(rq) {
      if (pass === undefined) return allow;
      const { message, category = "info", json, status = 200 } = pass;
      const flash = message === undefined ? undefined : { category, text: message };
      const location = locationOf(rq, pass);
      // A program is not sent elsewhere where there is nothing to tell it.
      const goesOn = json === undefined && (location === undefined || rq.wantsJson);
      if (goesOn) {
        if (flash !== undefined) rq.system.bag(rq).flash(flash.category, flash.text);
        return allow;
      }
      return { kind: "diverted", passed: true, reason: "passed", location, json, status, flash, headers: {} };
    },
  };
}

function locationOf(rq: SecurityRequest, { redirect, route, params }: CheckpointAction): string | undefined {
  if (redirect !== undefined) return redirect;
  return route === undefined ? undefined : rq.system.namedPath(route, rq.context?.req.param() ?? {}, params);
}

function checkAction(path: string, action: CheckpointAction, fails: boolean): void {
  if (typeof action !== "object" || action === null || Array.isArray(action)) {
    throw new ConfigurationError(path, 'an object is expected, such as { redirect: "/login" }');
  }
  checkKnown(path, action, known);
  const { redirect, route, params, message, category, json, status } = action;
  // Only paths: a target on another host would make the route an open door to it.
  if (redirect !== undefined && !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(redirect)) {
    throw new ConfigurationError(`${path}.redirect`, 'a path of this server is expected, such as "/login"');
  }
  if (redirect !== undefined && route !== undefined) {
    throw new ConfigurationError(path, "redirect and route are both there; take one");
  }
  if (route !== undefined && (typeof route !== "string" || route === "")) {
    throw new ConfigurationError(`${path}.route`, "the name of a route is expected");
  }
  if (params !== undefined && route === undefined) {
    throw new ConfigurationError(`${path}.params`, "are for a route; say which");
  }
  if (message !== undefined && (typeof message !== "string" || message === "")) {
    throw new ConfigurationError(`${path}.message`, "a text is expected");
  }
  if (category !== undefined && (message === undefined || !categories.includes(category))) {
    throw new ConfigurationError(`${path}.category`, `one of ${categories.join(", ")} is expected, beside a message`);
  }
  if (json !== undefined && (typeof json !== "object" || json === null)) {
    throw new ConfigurationError(`${path}.json`, "an object is expected");
  }
  const [least, most] = fails ? [400, 599] : [200, 299];
  if (status !== undefined && !(Number.isInteger(status) && status >= least && status <= most)) {
    throw new ConfigurationError(`${path}.status`, `a status from ${least} to ${most} is expected`);
  }
}
