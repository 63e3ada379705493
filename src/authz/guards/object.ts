import type { SecurityRequest } from "../../http/request.ts";
import { type Awaitable, settled } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { Identity } from "../../model/identity.ts";
import type { Guard, GuardWords } from "../guard.ts";
import { allow, forbidden, notFound, type Verdict } from "../verdict.ts";
import { withIdentity } from "./authentication.ts";

/** A guard that names an object kind and a parameter. */
export interface ObjectWords<Kind extends string, Parameter extends string> extends GuardWords {
  readonly role: never;
  readonly permission: never;
  readonly object: Kind;
  readonly parameter: Parameter;
  readonly scheme: never;
  readonly scope: never;
  readonly user: true;
}

/**
 * Signed in, and the application's rule for this kind of object says yes for the object that the parameter identifies:
 * undefined is 404, false 403. Asked after the parameters were converted, so the rule gets a typed identifier.
 */
export function object<const Kind extends string, const Parameter extends string>(
  kind: Kind,
  parameter: Parameter,
  mode?: string,
): Guard<ObjectWords<Kind, Parameter>> {
  for (const word of [kind, parameter]) {
    if (typeof word !== "string" || word === "")
      throw new ConfigurationError("object", "a kind of object and the name of a parameter are expected");
  }
  const text = `${mode === undefined ? "may reach" : `${mode} of`} the ${kind} ":${parameter}"`;

  const decide = (
    rq: SecurityRequest,
    identity: Identity,
    values: Readonly<Record<string, unknown>>,
  ): Awaitable<Verdict> => {
    const rule = rq.system.objectRule(kind);
    if (rule === undefined || !Object.hasOwn(values, parameter))
      return forbidden(`no rule for ${kind} by ${parameter}`);
    const result = settled(rule(identity.account, values[parameter], mode));
    return result instanceof Promise ? result.then(judge) : judge(result);
  };
  // Only the very value true opens: whatever else a rule returns by mistake does not.
  const judge = (result: boolean | undefined): Verdict =>
    result === true ? allow : result === undefined ? notFound : forbidden(`not ${mode ?? "allowed"} for this ${kind}`);

  return {
    check: (rq) =>
      withIdentity(rq, undefined, (identity) => {
        const values = rq.parameters();
        return values instanceof Promise
          ? values.then((all) => decide(rq, identity, all))
          : decide(rq, identity, values);
      }),
    describe: () => ({
      text,
      rule: { kind: "object", object: kind, parameters: [parameter], mode },
      objects: [{ kind, parameter, mode }],
      authenticated: true,
    }),
  };
}
