import type { Guard } from "../../authz/guard.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import type { ToJsonSchema } from "./described.ts";

/** The option `openapi`: the API's description, for programs and for people. */
export interface OpenApiOptions<Role extends string = string> {
  /** Who may read it: a word, a role, a list of roles or a guard, as for a route. */
  readonly authz: "OPEN" | "AUTH" | Role | readonly Role[] | Guard;
  /** Where programs read it; default "/openapi.json". */
  readonly path?: string;
  /** Where people read it; default "/openapi". False: nowhere. */
  readonly page?: string | false;
  /** Default: the option `views.siteName`. */
  readonly title?: string;
  /** The version of your API; default "1". */
  readonly version?: string;
  /** What stands above all, in CommonMark. */
  readonly description?: string;
  /** Says schemas as JSON Schema whose library cannot: `(schema) => toJsonSchema(schema)` of `@valibot/to-json-schema`. */
  readonly toJsonSchema?: ToJsonSchema;
}

/** The option, checked and complete. */
export interface OpenApiSettings {
  readonly authz: unknown;
  readonly path: string;
  readonly page: string | undefined;
  readonly title: string | undefined;
  readonly version: string;
  readonly description: string | undefined;
  readonly toJsonSchema: ToJsonSchema | undefined;
}

const known = ["authz", "path", "page", "title", "version", "description", "toJsonSchema"];

/** Refuses what is unknown or wrong, with the option's path. */
export function openApiSettings(options: OpenApiOptions): OpenApiSettings {
  checkKnown("openapi", options, known);
  if (options.authz === undefined) {
    throw new ConfigurationError("openapi.authz", 'is missing: say who may read it, such as "AUTH", "OPEN" or a role');
  }
  const path = checkPath("path", options.path ?? "/openapi.json");
  const page = options.page === false ? undefined : checkPath("page", options.page ?? "/openapi");
  if (path === page) throw new ConfigurationError("openapi.page", "is the path of the document too");
  for (const name of ["title", "version", "description"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && (typeof value !== "string" || value === "")) {
      throw new ConfigurationError(`openapi.${name}`, "a text is expected");
    }
  }
  if (options.toJsonSchema !== undefined && typeof options.toJsonSchema !== "function") {
    throw new ConfigurationError("openapi.toJsonSchema", "a function of a schema is expected");
  }
  const { authz, title, version = "1", description, toJsonSchema } = options;
  return { authz, path, page, title, version, description, toJsonSchema };
}

function checkPath(name: string, path: unknown): string {
  if (typeof path !== "string" || !/^(?:\/[A-Za-z0-9._~-]+)+$/.test(path)) {
    throw new ConfigurationError(`openapi.${name}`, 'must be a path without a slash at its end, such as "/openapi"');
  }
  return path;
}
