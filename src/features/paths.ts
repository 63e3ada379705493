import { ConfigurationError } from "../model/errors.ts";
import type { Endpoint } from "./endpoint.ts";

/** An endpoint with the name of the feature that it belongs to. */
export interface OwnedEndpoint {
  readonly feature: string;
  readonly endpoint: Endpoint;
}

/** Endpoints at the paths that the application gave them, behind its prefix. */
export function placed(
  endpoints: readonly OwnedEndpoint[],
  {
    prefix = "",
    paths = {},
  }: { readonly prefix?: string | undefined; readonly paths?: Readonly<Record<string, string>> | undefined },
): readonly OwnedEndpoint[] {
  const names = endpoints.map(({ endpoint }) => endpoint.name);
  for (const name of Object.keys(paths)) {
    if (!names.includes(name)) {
      throw new ConfigurationError(`paths.${name}`, `there is no such page; those that are on: ${names.join(", ")}`);
    }
  }
  const taken = new Map<string, string>();
  return endpoints.map(({ feature, endpoint }) => {
    const own = Object.hasOwn(paths, endpoint.name) ? paths[endpoint.name] : undefined;
    // What comes behind a link's path stays: "/reset/:token" becomes "/new-password/:token".
    const parameter = endpoint.path.indexOf("/:");
    const rest = parameter < 0 ? "" : endpoint.path.slice(parameter);
    const path = `${prefix}${own === undefined ? endpoint.path : `${own}${rest}`}`;
    for (const method of endpoint.methods) {
      const other = taken.get(`${method} ${path}`);
      if (other !== undefined) {
        throw new ConfigurationError(`paths.${endpoint.name}`, `${path} is already the path of ${other}`);
      }
      taken.set(`${method} ${path}`, endpoint.name);
    }
    return { feature, endpoint: { ...endpoint, path } };
  });
}

/** The option `limits.endpoints` names pages that are on; else throws ConfigurationError. */
export function checkLimitedEndpoints(limited: object, paths: ReadonlyMap<string, string>): void {
  for (const name of Object.keys(limited)) {
    if (!paths.has(name)) {
      const known = [...paths.keys()].join(", ");
      throw new ConfigurationError(`limits.endpoints.${name}`, `there is no such page; those that are on: ${known}`);
    }
  }
}
