import { ConfigurationError } from "../../model/errors.ts";
import { knownNames } from "../../model/known-names.ts";
import { type Shape, TEXT } from "./shape.ts";

/** A parameter in a route's path. */
export interface PathParameter {
  readonly name: string;
  /** `:name?`: the route also answers without it. */
  readonly optional: boolean;
  /** What a conversion in the path (`:id{int}`) makes of it; undefined: there is none. */
  readonly shape: Shape | undefined;
}

const hex = (digits: number): string => "[0-9a-fA-F]".repeat(digits);
const digits = (count: number): string => "[0-9]".repeat(count);

/**
 * The conversions that a path may name, each with the pattern that the router matches by: what does not look like it is
 * another path (404). Braces and capturing groups are not for patterns of the router.
 */
const CONVERSIONS: ReadonlyMap<string, { readonly shape: Shape; readonly pattern: string }> = new Map([
  ["int", { shape: { kind: "integer" }, pattern: "(?:0|-?[1-9][0-9]*)" }],
  ["number", { shape: { kind: "number" }, pattern: "-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?" }],
  ["uuid", { shape: TEXT, pattern: [8, 4, 4, 4, 12].map(hex).join("-") }],
  ["date", { shape: { kind: "date" }, pattern: [4, 2, 2].map(digits).join("-") }],
  ["path", { shape: TEXT, pattern: ".+" }],
]);

/** What the router matches by: the pattern behind a conversion's name, else the regular expression as it stands. */
export function routerPattern(pattern: string): string {
  return CONVERSIONS.get(pattern)?.pattern ?? pattern;
}

const NAMED = /(\/:[^/{}?]+)\{([a-z]+)\}/g;

/** A path as the router takes it: `/store/:sid{int}` with the pattern in the place of the conversion's name. */
export function routerPath(path: string): string {
  return path.replace(NAMED, (all: string, name: string, conversion: string) => {
    const known = CONVERSIONS.get(conversion);
    return known === undefined ? all : `${name}{${known.pattern}}`;
  });
}

/** Where the pattern that starts with a brace at `from` ends: behind its closing brace. */
function afterPattern(path: string, from: number): number {
  let open = 0;
  for (let at = from; at < path.length; at++) {
    if (path[at] === "{") open++;
    else if (path[at] === "}" && --open === 0) return at + 1;
  }
  return -1;
}

/** A word is a conversion or a mistake: as a pattern it would match nothing but itself. */
function conversionOf(pattern: string, name: string, path: string, where: string): Shape | undefined {
  if (!/^[a-z]+$/.test(pattern)) return undefined;
  const known = CONVERSIONS.get(pattern);
  if (known !== undefined) return known.shape;
  throw new ConfigurationError(
    where,
    `the path ${path} has no conversion "${pattern}" for ${name}; ${knownNames(pattern, [...CONVERSIONS.keys()])}; or a regular expression`,
  );
}

/**
 * The parameters in a path as Hono writes them: `/store/:sid`, `/:id{[0-9]+}`, `/:page?`, and with a
 * conversion: `/:id{int}`.
 *
 * @throws {ConfigurationError} for a name that is given twice, a pattern that does not end, and what the router reads otherwise
 */
export function pathParameters(path: string, where: string): readonly PathParameter[] {
  const found: PathParameter[] = [];
  for (let at = path.indexOf("/:"); at !== -1; at = path.indexOf("/:", at)) {
    const name = /^[^/{}?]*/.exec(path.slice(at + 2))?.[0] ?? "";
    at += 2 + name.length;
    if (name === "") throw new ConfigurationError(where, `a parameter in the path ${path} has no name`);
    if (found.some((one) => one.name === name)) {
      throw new ConfigurationError(where, `the path ${path} has the parameter ${name} twice`);
    }
    let shape: Shape | undefined;
    if (path[at] === "{") {
      const start = at + 1;
      at = afterPattern(path, at);
      if (at === -1) throw new ConfigurationError(where, `the pattern of ${name} in the path ${path} has no end`);
      shape = conversionOf(path.slice(start, at - 1), name, path, where);
    }
    const optional = path[at] === "?";
    // Otherwise the router's parameter is called "id?", and a guard that asks for "id" finds nothing.
    if (optional && !path.endsWith("?")) {
      throw new ConfigurationError(where, `${name} in the path ${path} is optional, but a part follows that is not`);
    }
    const next = path[optional ? at + 1 : at];
    if (next !== undefined && next !== "/") {
      throw new ConfigurationError(where, `in the path ${path} a text follows the parameter ${name} in its segment`);
    }
    found.push({ name, optional, shape });
  }
  return found;
}
