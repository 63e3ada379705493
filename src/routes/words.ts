import type { Authenticator } from "../authn/authenticator.ts";
import { type Guard, type GuardDescription, type GuardRule, isGuard, isOpenTo } from "../authz/guard.ts";
import { signedIn } from "../authz/guards/authentication.ts";
import { everybody, nobody } from "../authz/guards/open.ts";
import { rolesRequired } from "../authz/guards/roles.ts";
import { ConfigurationError } from "../model/errors.ts";
import { knownNames } from "../model/known-names.ts";

/** The vocabulary at run time. */
export interface Words {
  readonly roles: ReadonlySet<string>;
  readonly permissions: ReadonlySet<string>;
  readonly objects: ReadonlySet<string>;
  readonly scopes: ReadonlySet<string>;
}

/** Turns what a route says under `authz` into a guard. `label` names the route in errors. */
export function toGuard(authz: unknown, label: string): Guard {
  if (authz === "OPEN") return everybody;
  if (authz === "AUTH") return signedIn;
  if (authz === "CLOSE") return nobody;
  if (typeof authz === "string" && authz !== "") return rolesRequired(authz);
  if (Array.isArray(authz)) {
    if (authz.some((role) => typeof role !== "string" || role === ""))
      throw new ConfigurationError(label, "authz: the list has something else than names of roles");
    if (authz.length === 0)
      throw new ConfigurationError(
        label,
        "authz: an empty list of roles; name at least one, or say OPEN, AUTH or CLOSE",
      );
    return rolesRequired(...(authz as string[]));
  }
  if (isGuard(authz)) return authz;
  throw new ConfigurationError(
    label,
    authz === undefined
      ? 'authz is missing: say who may call this route, such as "AUTH", "OPEN", a role or a guard'
      : "authz: neither a word, a list of roles nor a guard",
  );
}

/** Refuses a guard that says a word outside of the vocabulary, with the route's label and the word. */
export function checkWords(
  description: GuardDescription,
  words: Words,
  authenticator: Authenticator,
  parameters: readonly string[] | undefined,
  label: string,
): void {
  const check = (
    kind: string,
    used: readonly string[] | undefined,
    known: ReadonlySet<string>,
    option: string,
  ): void => {
    for (const word of used ?? []) {
      if (known.has(word)) continue;
      const list = known.size === 0 ? `the option ${option} declares none` : knownNames(word, [...known]);
      throw new ConfigurationError(label, `authz: there is no ${kind} "${word}"; ${list}`);
    }
  };
  check("role", description.roles, words.roles, "roles");
  check("permission", description.permissions, words.permissions, "permissions");
  check("scope", description.scopes, words.scopes, "scopes");
  for (const { kind, parameters: named } of description.objects ?? []) {
    check("object kind", [kind], words.objects, "objects");
    if (parameters === undefined) continue;
    const list = parameters.length === 0 ? "the route has none" : `the route has ${parameters.join(", ")}`;
    if (named.length === 0 && parameters.length === 0) {
      throw new ConfigurationError(label, `authz: object("${kind}"): there is no first parameter; ${list}`);
    }
    const unknown = named.find((parameter) => !parameters.includes(parameter));
    if (unknown !== undefined) {
      throw new ConfigurationError(
        label,
        `authz: object("${kind}", "${unknown}"): there is no such parameter; ${list}`,
      );
    }
  }
  const lacking = description.parameters?.find((name) => parameters !== undefined && !parameters.includes(name));
  if (lacking !== undefined) {
    throw new ConfigurationError(label, `authz: the route has no parameter "${lacking}", which its guard needs`);
  }
  authenticator.check(description.schemes ?? [], `${label}: authz`);
}

/**
 * Refuses schemes that do not fit the guard: nobody could pass, or a limited credential would pass for its user. Returns those
 * that the route takes: "oauth" only where a scope is asked, so that a route that lets everybody in sees nobody in its place.
 *
 * @param chosen true where the route names them itself
 */
export function checkSchemes(
  description: GuardDescription,
  schemes: readonly string[],
  chosen: boolean,
  label: string,
): readonly string[] {
  if (description.authenticated && schemes.every((name) => name === "none")) {
    throw new ConfigurationError(label, 'authn: "none" alone lets nobody be signed in, which the guard asks for');
  }
  if (!schemes.includes("oauth") || description.limited === true) return schemes;
  if (chosen || !passesWithoutUser(description)) {
    throw new ConfigurationError(
      label,
      'authz: the route accepts "oauth" but asks for no scope, so any limited token would do; add scope(…), or name other schemes in authn',
    );
  }
  return Object.freeze(schemes.filter((name) => name !== "oauth"));
}

/** True where nothing depends on who is calling. */
function passesWithoutUser({ authenticated, rule }: GuardDescription): boolean {
  if (authenticated || rule === undefined) return false;
  return isOpenTo(rule) || rule.kind === "nobody" || isKeyed(rule);
}

/** Keys that the application hands out by itself have no user behind them. */
function isKeyed(rule: GuardRule): boolean {
  return rule.kind === "checkpoint" && (rule.asks.by === "header" || rule.asks.by === "bearer");
}
