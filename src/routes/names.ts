import { ConfigurationError, PortcullisError } from "../model/errors.ts";

/** The routes that have names, of all applications of one running system, and where they are mounted. */
export interface RouteNames {
  /** A route has this name at this path; noted again, it was mounted elsewhere. Throws where another has the name. */
  note(name: string, route: object, path: string): void;
  /** A guard of this route leads to that name. */
  want(name: string, label: string): void;
  /** Refuses names that nothing has, and names that an account page has too. */
  check(): void;
  /** The path with its parameters filled in; `own` goes before `params`, and into the query where the path has no such name. Throws PortcullisError `no_route` where there is no such route or a value is missing. */
  path(
    name: string,
    params: Readonly<Record<string, string | number>>,
    own?: Readonly<Record<string, string | number>>,
  ): string;
}

/** Makes the list; `accountPath` tells the path of an account page by its name. */
export function createRouteNames(accountPath: (name: string) => string | undefined): RouteNames {
  const named = new Map<string, { readonly route: object; readonly path: string }>();
  const wanted = new Map<string, string>();
  return {
    note(name, route, path) {
      const known = named.get(name);
      if (known !== undefined && known.route !== route) {
        throw new ConfigurationError(path, `name: "${name}" is the name of ${known.path} already`);
      }
      named.set(name, { route, path });
    },
    want: (name, label) => {
      wanted.set(name, label);
    },
    check() {
      for (const [name, { path }] of named) {
        if (accountPath(name) !== undefined) {
          throw new ConfigurationError(path, `name: "${name}" is the name of an account page; choose another`);
        }
      }
      for (const [name, label] of wanted) {
        if (!named.has(name) && accountPath(name) === undefined) {
          throw new ConfigurationError(label, `authz: there is no route "${name}" to lead to; give one that name`);
        }
      }
      wanted.clear();
    },
    path(name, params, own = {}) {
      const values = { ...params, ...own };
      const further = new Map(Object.entries(own));
      const path = named.get(name)?.path ?? accountPath(name);
      if (path === undefined) throw new PortcullisError("no_route", `there is no route "${name}"`);
      const filled = path.replace(
        /\/:([^/{}?]+)(?:\{[^/]*\})?(\?)?/g,
        (_, parameter: string, optional: string | undefined) => {
          const value = Object.hasOwn(values, parameter) ? values[parameter] : undefined;
          further.delete(parameter);
          if (value !== undefined) return `/${encodeURIComponent(value)}`;
          if (optional !== undefined) return "";
          throw new PortcullisError("no_route", `the route "${name}" needs a value for ${parameter}`);
        },
      );
      if (further.size === 0) return filled;
      return `${filled}?${new URLSearchParams([...further].map(([key, value]) => [key, String(value)]))}`;
    },
  };
}
