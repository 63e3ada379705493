import { ConfigurationError } from "../../model/errors.ts";

/** A parameter in a route's path. */
export interface PathParameter {
  readonly name: string;
  /** `:name?`: the route also answers without it. */
  readonly optional: boolean;
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

/**
 * The parameters in a path as Hono writes them: `/store/:sid`, `/:id{[0-9]+}`, `/:page?`.
 *
 * @throws {ConfigurationError} for a name that is given twice and a pattern that does not end
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
    if (path[at] === "{") {
      at = afterPattern(path, at);
      if (at === -1) throw new ConfigurationError(where, `the pattern of ${name} in the path ${path} has no end`);
    }
    found.push({ name, optional: path[at] === "?" });
  }
  return found;
}
