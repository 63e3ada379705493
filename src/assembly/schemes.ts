import { type Authenticator, createAuthenticator } from "../authn/authenticator.ts";
import { isForeign, isPlan, type Scheme, type SchemeContext } from "../authn/scheme.ts";
import { basicScheme } from "../authn/schemes/basic.ts";
import { noneScheme } from "../authn/schemes/none.ts";
import { sessionScheme } from "../authn/schemes/session.ts";
import { tokenScheme } from "../authn/schemes/token.ts";
import type { Sessions } from "../authn/sessions.ts";
import { trustList } from "../http/address.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { AnyOptions } from "../options.ts";

/** What schemes get beside what the options say of proxies. */
export interface SchemesContext extends Omit<SchemeContext, "trusted" | "behindProxies"> {
  readonly sessions: Sessions;
}

/** The schemes of one running system. */
export interface Schemes {
  readonly authenticator: Authenticator;
  /** What a route accepts that says nothing. */
  readonly defaultSchemes: readonly string[];
  /** The names of those whose credentials a browser sends by itself. */
  readonly ambient: readonly string[];
}

/** Makes the built-in schemes and those of the options. Throws ConfigurationError. */
export function wireSchemes(options: AnyOptions, context: SchemesContext): Schemes {
  const { sessions, ...shared } = context;
  const { signIn, tokens, realm, deadline } = shared;
  const schemeContext: SchemeContext = {
    ...shared,
    trusted:
      Array.isArray(options.trustedProxies) && options.trustedProxies.length > 0
        ? trustList(options.trustedProxies)
        : undefined,
    // An empty list says that there is none.
    behindProxies:
      options.trustedProxies !== undefined &&
      !(Array.isArray(options.trustedProxies) && options.trustedProxies.length === 0),
  };
  const added = (options.schemes ?? []).map((scheme) => ({
    made: isPlan(scheme) ? scheme.make(schemeContext) : scheme,
    foreign: isForeign(scheme),
  }));
  const schemes: readonly Scheme[] = [
    tokenScheme(tokens),
    ...(sessions.enabled ? [sessionScheme(sessions, signIn)] : []),
    basicScheme(schemeContext),
    noneScheme,
    ...added.map(({ made }) => made),
  ];
  const own = new Set(added.flatMap(({ made, foreign }) => (foreign ? [made] : [])));
  const authenticator = createAuthenticator(schemes, realm, { schemes: own, deadline });
  checkSchemeNames(authenticator.names);
  const defaultSchemes = Object.freeze([...(options.authn ?? (sessions.enabled ? ["token", "session"] : ["token"]))]);
  authenticator.check(defaultSchemes, "authn");
  const ambient = schemes.filter((scheme) => scheme.ambient === true).map(({ name }) => name);
  return { authenticator, defaultSchemes, ambient };
}

function checkSchemeNames(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ConfigurationError("schemes", `there are two schemes "${twice}"`);
}
