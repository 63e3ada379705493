import type { SecurityRequest } from "../../http/request.ts";
import { type Awaitable, settled } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { Identity } from "../../model/identity.ts";
import type { Guard, GuardWords } from "../guard.ts";
import { allow, forbidden, notFound, type Verdict } from "../verdict.ts";
import { withIdentity } from "./authentication.ts";

/** A guard that names an object kind and its parameters. */
export interface ObjectWords<Kind extends string, Parameter extends string, Identified extends string>
  extends GuardWords {
  readonly role: never;
  readonly permission: never;
  readonly object: Kind;
  readonly parameter: Parameter;
  readonly identified: Identified;
  readonly scheme: never;
  readonly scope: never;
  readonly user: true;
}

/** "line by order at 0 of 2", "line by line at 1 of 2". */
type Positions<Kind extends string, List extends readonly string[]> = {
  [At in keyof List]: `${Kind} by ${List[At]} at ${At & string} of ${List["length"]}`;
}[number];

/**
 * Signed in, and the application's rule for this kind of object says yes for the object that the parameter identifies:
 * undefined is 404, false 403. Asked after the parameters were converted, so the rule gets a typed identifier.
 *
 * Several parameters identify it together: `object("line", ["order", "line"])`; the rule gets their values as a list in
 * this order. Without a parameter it is the route's first one, where those of the path come first.
 */
export function object<const Kind extends string>(
  kind: Kind,
  parameter?: undefined,
  mode?: string,
): Guard<ObjectWords<Kind, never, `${Kind} by the first parameter`>>;
export function object<const Kind extends string, const Parameter extends string>(
  kind: Kind,
  parameter: Parameter,
  mode?: string,
): Guard<ObjectWords<Kind, Parameter, `${Kind} by ${Parameter}`>>;
export function object<const Kind extends string, const List extends readonly string[]>(
  kind: Kind,
  parameters: List,
  mode?: string,
): Guard<ObjectWords<Kind, List[number], Positions<Kind, List>>>;
export function object(
  kind: string,
  parameter?: string | readonly string[],
  mode?: string,
): Guard<ObjectWords<string, string, string>> {
  const list = parameter === undefined ? [] : typeof parameter === "string" ? [parameter] : parameter;
  const isWord = (word: unknown): boolean => typeof word === "string" && word !== "";
  if (!isWord(kind) || !Array.isArray(list) || !list.every(isWord) || (parameter !== undefined && list.length === 0)) {
    throw new ConfigurationError("object", "a kind of object and the name of a parameter, or a list, are expected");
  }
  if (new Set(list).size !== list.length) throw new ConfigurationError("object", "a parameter is there twice");
  if (mode !== undefined && !isWord(mode)) throw new ConfigurationError("object", "the mode must be a text");
  const names: readonly string[] = Object.freeze([...list]);
  const several = typeof parameter === "object";
  const which =
    names.length === 0 ? "that the first parameter names" : `"${names.map((name) => `:${name}`).join(" ")}"`;
  const text = `${mode === undefined ? "may reach" : `${mode} of`} the ${kind} ${which}`;

  const lacking = { kind: "object", object: kind, mode } as const;

  const decide = (
    rq: SecurityRequest,
    identity: Identity,
    values: Readonly<Record<string, unknown>>,
  ): Awaitable<Verdict> => {
    const { decisions } = rq.system;
    // A guard on a plain request knows no declaration: there the first parameter is the path's.
    const first = names.length > 0 ? names : [rq.route.parameters?.names[0] ?? Object.keys(values)[0] ?? ""];
    const missing = first.find((name) => !Object.hasOwn(values, name));
    if (missing !== undefined || !decisions.isObject(kind)) {
      return forbidden(`no rule for ${kind} by ${first.join(", ")}`);
    }
    const wanted = decisions.identifier(kind);
    if (wanted !== undefined && !first.every((name) => isA(wanted, values[name]))) {
      return forbidden(`the rule for ${kind} wants a ${wanted}, which ${first.join(", ")} is not`);
    }
    const id = several ? first.map((name) => values[name]) : values[first[0] as string];
    const result = settled(decisions.object(rq, kind, identity.account, id, mode));
    return result instanceof Promise ? result.then(judge) : judge(result);
  };
  // Only the very value true opens: whatever else a rule returns by mistake does not.
  const judge = (result: boolean | undefined): Verdict =>
    result === true
      ? allow
      : result === undefined
        ? notFound
        : forbidden(`not ${mode ?? "allowed"} for this ${kind}`, lacking);

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
      rule: { kind: "object", object: kind, parameters: names, mode },
      objects: [{ kind, parameters: names, mode }],
      authenticated: true,
    }),
  };
}

function isA(wanted: "number" | "text", value: unknown): boolean {
  return wanted === "number" ? Number.isFinite(value) : typeof value === "string";
}
