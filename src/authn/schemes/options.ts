import { ConfigurationError } from "../../model/errors.ts";
import { knownNames } from "../../model/known-names.ts";
import type { Scheme, SchemePlan } from "../scheme.ts";
import { hasSessions, type SessionSwitches } from "../session-options.ts";

/** The schemes that are always there. */
export type BuiltInScheme = "session" | "token" | "basic" | "none";

/** Their names. */
const builtInSchemes: readonly BuiltInScheme[] = ["token", "session", "basic", "none"];

/** The options `schemes` and `authn` name what there is, before anything is opened; else throws ConfigurationError. */
export function checkSchemes({
  authn,
  schemes,
  sessions,
  datastore,
}: SessionSwitches & {
  readonly authn?: readonly string[];
  readonly schemes?: readonly (Scheme | SchemePlan)[];
}): void {
  for (const [index, scheme] of (schemes ?? []).entries()) {
    const made: unknown = (scheme as Partial<Scheme & SchemePlan> | undefined)?.name;
    const { authenticate, make } = (scheme ?? {}) as Partial<Scheme & SchemePlan>;
    if (typeof made !== "string" || made === "" || (typeof authenticate !== "function" && typeof make !== "function")) {
      throw new ConfigurationError(
        `schemes[${index}]`,
        "a scheme is expected: httpd(), param() … (call it), or a name and a function authenticate of your own",
      );
    }
  }
  const known: readonly string[] = [
    ...builtInSchemes.filter((name) => name !== "session" || hasSessions({ sessions, datastore })),
    ...(schemes ?? []).map(({ name }) => name),
  ];
  if (authn?.length === 0) throw new ConfigurationError("authn", "name at least one scheme");
  for (const name of authn ?? []) {
    if (name === "apiKey") {
      throw new ConfigurationError("authn", 'leave "apiKey" out: a route takes keys only where its own authn says so');
    }
    if (!known.includes(name)) {
      throw new ConfigurationError("authn", `there is no scheme "${name}"; ${knownNames(name, known)}`);
    }
  }
}
