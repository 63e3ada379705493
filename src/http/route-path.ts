import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import type { RouterRoute } from "hono/types";
import { PortcullisError } from "../model/errors.ts";

/**
 * The path of a route has one name twice, as where a plain Hono application mounts `/items/:id` under `/orgs/:id`: the router
 * hands out one value for both, and a guard would ask about another object than the handler works on.
 */
export class AmbiguousPathError extends PortcullisError {
  readonly path: string;
  readonly parameter: string;
  constructor(path: string, parameter: string) {
    super("ambiguous_parameter", `the path ${path} has the parameter ${parameter} twice, so no guard can ask about it`);
    this.path = path;
    this.parameter = parameter;
  }
}

/** The name that each route's path has twice; undefined: none. */
const twice = new WeakMap<RouterRoute, { readonly name: string | undefined }>();

function twiceIn(route: RouterRoute): string | undefined {
  let known = twice.get(route);
  if (known === undefined) {
    const names = [...route.path.matchAll(/\/:([^/{}?]+)/g)].map(([, name]) => name);
    known = { name: names.find((name, index) => names.indexOf(name) !== index) };
    twice.set(route, known);
  }
  return known.name;
}

/**
 * Refuses to read parameters of such a path. `every`: of all routes that this request passes, since a guard that stands before
 * a route as middleware has a shorter path of its own.
 *
 * @throws {AmbiguousPathError}
 */
export function checkRoutePath(c: Context, every: boolean): void {
  const routes = matchedRoutes(c);
  for (let index = every ? 0 : c.req.routeIndex; index < routes.length; index++) {
    const route = routes[index] as RouterRoute;
    const name = twiceIn(route);
    if (name !== undefined) throw new AmbiguousPathError(route.path, name);
    if (!every) return;
  }
}
