import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import type { Endpoint } from "./endpoint.ts";

/** An endpoint with the name of the feature that it belongs to. */
export interface OwnedEndpoint {
  readonly feature: string;
  readonly endpoint: Endpoint;
}

/** Endpoints at the paths that the application gave them, behind its prefix. Of one name or path there is one. */
export function placed(
  endpoints: readonly OwnedEndpoint[],
  {
    prefix = "",
    paths = {},
  }: { readonly prefix?: string | undefined; readonly paths?: Readonly<Record<string, string>> | undefined },
): readonly OwnedEndpoint[] {
  const names = endpoints.map(({ endpoint }) => endpoint.name);
  // Of a feature that answers one page by several endpoints the name is said once.
  checkKnown("paths", paths, [...new Set(names)], "page");
  const owners = new Map<string, OwnedEndpoint>();
  for (const owned of endpoints) {
    const before = owners.get(owned.endpoint.name);
    // A feature may answer one path by several endpoints, each for other methods.
    if (before !== undefined && (before.feature !== owned.feature || before.endpoint.path !== owned.endpoint.path)) {
      throw new ConfigurationError(
        "features",
        `${both(before, owned)} the endpoint "${owned.endpoint.name}"; give one another name`,
      );
    }
    owners.set(owned.endpoint.name, owned);
  }
  const taken = new Map<string, OwnedEndpoint>();
  return endpoints.map(({ feature, endpoint }) => {
    const own = Object.hasOwn(paths, endpoint.name) ? paths[endpoint.name] : undefined;
    // What comes behind a link's path stays: "/reset/:token" becomes "/new-password/:token".
    const parameter = endpoint.path.indexOf("/:");
    const rest = parameter < 0 ? "" : endpoint.path.slice(parameter);
    const place = own === undefined || rest === "" ? own : own.replace(/\/$/, "");
    const path = `${prefix}${place === undefined ? endpoint.path : `${place}${rest}`}`;
    for (const method of endpoint.methods) {
      // What a parameter is called makes no other path of it.
      const key = `${method} ${path.replace(/:[^/]+/g, ":")}`;
      const other = taken.get(key);
      if (other !== undefined) {
        throw new ConfigurationError(
          `paths.${endpoint.name}`,
          `${path} is already the path of ${other.endpoint.name}: ${both(other, { feature, endpoint })} it`,
        );
      }
      taken.set(key, { feature, endpoint });
    }
    return { feature, endpoint: { ...endpoint, path } };
  });
}

function both(one: OwnedEndpoint, other: OwnedEndpoint): string {
  return one.feature === other.feature
    ? `"${one.feature}" has twice`
    : `"${one.feature}" and "${other.feature}" both have`;
}

/** The option `limits.endpoints` names pages that are on; else throws ConfigurationError. */
export function checkLimitedEndpoints(limited: object, paths: ReadonlyMap<string, string>): void {
  checkKnown("limits.endpoints", limited, [...paths.keys()], "page");
}
