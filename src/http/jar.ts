import { type CookieAttributes, cookieName } from "./cookies.ts";
import { isLoopbackOrigin } from "./origin.ts";

/** The names and attributes of all cookies that this system sets. */
export interface CookieJar {
  readonly secure: boolean;
  /** The names of all of them. */
  readonly names: readonly string[];
  /** The name of the cookie of this purpose: `__Host-session`, or `session` where cookies are not secure. */
  name(purpose: CookiePurpose): string;
  /** The name of the cookie that holds the secret of an opened link: each has its own, so that many may be open side by side. */
  link(ticketId: string): string;
  /** How the names of all those begin. */
  readonly linkPrefix: string;
  /** HttpOnly, Path=/, SameSite=Lax, Secure. A maximum age in seconds makes it outlive the browser session. */
  attributes(maxAge?: number): CookieAttributes;
}

const purposes = ["session", "remember", "csrf", "flash", "pending", "refresh", "impersonator", "browser"] as const;

/** What the cookies are for. */
export type CookiePurpose = (typeof purposes)[number];

/**
 * Whether cookies are `Secure` and have the prefix `__Host-`. Where every origin is plain HTTP on this machine, they are not:
 * Safari drops such cookies there, and nobody could sign in. One origin of another kind is enough for all to be secure.
 *
 * @param allowInsecure what the option says; undefined: the origins decide
 */
export function hasSecureCookies(origins: readonly string[], allowInsecure: boolean | undefined): boolean {
  return allowInsecure === undefined ? !origins.every(isLoopbackOrigin) : !allowInsecure;
}

/** Makes the jar. `prefix` keeps two applications on one host apart. */
export function createCookieJar(options: { readonly secure: boolean; readonly prefix: string }): CookieJar {
  const names = Object.fromEntries(
    purposes.map((purpose) => [purpose, cookieName(`${options.prefix}${purpose}`, options.secure)]),
  ) as Record<CookiePurpose, string>;
  const linkPrefix = cookieName(`${options.prefix}link-`, options.secure);
  const base: CookieAttributes = { path: "/", httpOnly: true, secure: options.secure, sameSite: "Lax" };
  return {
    secure: options.secure,
    names: Object.values(names),
    name: (purpose) => names[purpose],
    link: (ticketId) => `${linkPrefix}${ticketId}`,
    linkPrefix,
    attributes: (maxAge) => (maxAge === undefined ? base : { ...base, maxAge }),
  };
}
