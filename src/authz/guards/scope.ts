import { ConfigurationError } from "../../model/errors.ts";
import type { Guard, GuardWords } from "../guard.ts";
import { allow, forbidden } from "../verdict.ts";
import { withIdentity } from "./authentication.ts";

/** A guard that names scopes. */
export interface ScopeWords<Scope extends string> extends GuardWords {
  readonly role: never;
  readonly permission: never;
  readonly object: never;
  readonly parameter: never;
  readonly identified: never;
  readonly scheme: never;
  readonly scope: Scope;
  readonly user: true;
}

/**
 * Signed in, and a credential that is limited to scopes has all of these (RFC 6749 3.3). What is not limited, such as a session,
 * may do what its user may. A scope gives nobody a right: what the user may is asked by other guards beside it.
 */
export function scope<const Scope extends string>(...scopes: readonly Scope[]): Guard<ScopeWords<Scope>> {
  if (scopes.length === 0 || scopes.some((name) => typeof name !== "string" || name === "")) {
    throw new ConfigurationError("scope", "name at least one scope");
  }
  const names = Object.freeze([...scopes]);
  const text = names.length === 1 ? `scope ${names[0]}` : `all of the scopes ${names.join(", ")}`;
  return {
    check: (rq) =>
      withIdentity(rq, undefined, ({ scopes: given }) => {
        const missing = given === undefined ? undefined : names.find((name) => !given.includes(name));
        if (missing === undefined) return allow;
        const lacking = { kind: "scope", names: [missing], any: false } as const;
        return { ...forbidden(`lacks the scope ${missing}`, lacking), scopes: names };
      }),
    describe: () => ({ text, rule: { kind: "scopes", names }, scopes: names, limited: true, authenticated: true }),
  };
}
