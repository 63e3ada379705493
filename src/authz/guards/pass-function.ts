import type { SecurityRequest } from "../../http/request.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { inTime } from "../../model/deadline.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { Guard, NoWords } from "../guard.ts";
import type { Verdict } from "../verdict.ts";
import { withAnybody } from "./authentication.ts";
import { type CheckpointActions, checkActions } from "./checkpoint-actions.ts";

/** What the function is given, and what happens then. */
export interface PassFunctionOptions extends CheckpointActions {
  /** The arguments that it wants, by name; default: all parameters of the route, and the predefined ones. */
  readonly args?: readonly string[];
  /** Arguments by name that the declaration gives; they stand over the route's parameters. */
  readonly predefined?: Readonly<Record<string, unknown>>;
  /** An argument that neither gives: "fail" (default) fails the check without asking, "ignore" leaves it out. */
  readonly missing?: "fail" | "ignore";
}

/**
 * The function says true. It gets the route's parameters, converted, and the predefined arguments by name, and the request.
 * Whatever else it answers fails; throwing closes the route.
 */
export function passFunctionCheck(
  check: (args: Readonly<Record<string, unknown>>, rq: SecurityRequest) => Awaitable<boolean>,
  options: PassFunctionOptions = {},
): Guard<NoWords> {
  const guard = "passFunctionCheck";
  const what = `the check ${check?.name || "of a route"}`;
  if (typeof check !== "function") throw new ConfigurationError(guard, "a function is expected");
  checkKnown(guard, options, ["args", "predefined", "missing", "fail", "pass"]);
  const { args, predefined = {}, missing = "fail" } = options;
  if (args !== undefined && !(Array.isArray(args) && args.every((name) => typeof name === "string" && name !== ""))) {
    throw new ConfigurationError(`${guard}.args`, "a list of names is expected");
  }
  if (missing !== "fail" && missing !== "ignore") {
    throw new ConfigurationError(`${guard}.missing`, '"fail" or "ignore" is expected');
  }
  const given = new Map(Object.entries(predefined));
  const wanted = args === undefined ? undefined : [...args];
  const checked = checkActions(guard, options);
  const judge = (rq: SecurityRequest, passes: boolean): Verdict =>
    passes ? checked.passed(rq) : checked.failed(rq, `${check.name || "the function"} said no`);

  const ask = (rq: SecurityRequest, values: Readonly<Record<string, unknown>>): Awaitable<Verdict> => {
    const all = new Map([...Object.entries(values), ...given]);
    const there = (name: string): boolean => all.get(name) !== undefined;
    const lacking = missing === "ignore" ? undefined : wanted?.find((name) => !there(name));
    if (lacking !== undefined) return checked.failed(rq, `the argument ${lacking} is missing`);
    const chosen = wanted === undefined ? [...all] : wanted.filter(there).map((name) => [name, all.get(name)] as const);
    const asked = check(Object.fromEntries(chosen), rq);
    const answer = inTime(asked, rq.system.deadline, what);
    return answer instanceof Promise ? answer.then((passes) => judge(rq, passes === true)) : judge(rq, answer === true);
  };
  return {
    check(rq) {
      const go = (): Awaitable<Verdict> => {
        const values = rq.parameters();
        return values instanceof Promise ? values.then((all) => ask(rq, all)) : ask(rq, values);
      };
      return withAnybody(rq, go);
    },
    describe: () => ({
      text: `passes ${check.name || "a function"}`,
      rule: checked.rule({ by: "function" }),
      routes: checked.routes,
      parameters: missing === "ignore" ? [] : (wanted ?? []).filter((name) => !given.has(name)),
      authenticated: false,
    }),
  };
}
