import { ConfigurationError } from "../model/errors.ts";

/** Redirect targets that come from input. */
export interface Redirects {
  /**
   * The target, rebuilt, where it stays on this server (`/path?query#hash`) or on a configured origin (an absolute
   * URL); undefined for everything else: the caller then goes to its own default page.
   */
  safe(target: string | undefined | null): string | undefined;
}

const LONGEST = 2048;
/** Stand-ins for the request's own origin: the answer must not depend on the scheme that the server is reached by. */
const BASES = ["https://here.invalid", "http://here.invalid"] as const;
const FORBIDDEN = /[\p{Cc}\p{Surrogate}\\]/u;
/** Without user name or password: what stands before an @ is made to look like the host. */
const ABSOLUTE = /^https?:\/\/[^/?#@]+(?:[/?#]|$)/i;
/** Encoded control characters and backslashes have no place in a path; a proxy that decodes would revive them. */
const ENCODED = /%(?:[01][0-9a-f]|7f|5c)/i;

/**
 * Checks origins (`https://acme.example`, with a port where it is not the scheme's own) as they must be configured.
 *
 * @throws {ConfigurationError} naming `origins[index]`, or the option of `path`
 */
export function checkedOrigins(origins: readonly string[], path = "origins"): ReadonlySet<string> {
  origins.forEach((origin, index) => {
    const url = URL.canParse(origin) ? new URL(origin) : undefined;
    if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:") || url.origin !== origin) {
      throw new ConfigurationError(
        `${path}[${index}]`,
        `${JSON.stringify(origin)} is not an origin; write it like "https://acme.example", without a path`,
      );
    }
  });
  return new Set(origins);
}

function parse(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

function reference(url: URL): string {
  return url.pathname + url.search + url.hash;
}

/**
 * Makes the check that every redirect target from input passes (CWE-601). Browsers repair URLs in ways that string
 * checks miss, so a target is parsed, rebuilt from its parts, and parsed again against an https and an http base.
 *
 * @throws {ConfigurationError} for a malformed origin
 */
export function createRedirects(origins: readonly string[]): Redirects {
  const allowed = checkedOrigins(origins);

  function local(target: string): string | undefined {
    const first = parse(target, BASES[0]);
    if (first === undefined || first.origin !== BASES[0]) return undefined;
    const rebuilt = reference(first);
    for (const base of BASES) {
      const again = parse(rebuilt, base);
      if (again === undefined || again.origin !== base || reference(again) !== rebuilt) return undefined;
    }
    return rebuilt;
  }

  function absolute(target: string): string | undefined {
    const first = parse(target);
    if (first === undefined || !allowed.has(first.origin)) {
      return undefined;
    }
    const rebuilt = first.origin + reference(first);
    for (const base of BASES) {
      const again = parse(rebuilt, base);
      if (again === undefined || again.origin !== first.origin || again.href !== rebuilt) return undefined;
    }
    return rebuilt;
  }

  return {
    safe(target) {
      if (typeof target !== "string" || target === "" || target.length > LONGEST) return undefined;
      if (FORBIDDEN.test(target) || target.trim() !== target) return undefined;
      const path = /^[^?#]*/.exec(target)?.[0] ?? "";
      if (ENCODED.test(path)) return undefined;
      let rebuilt: string | undefined;
      if (target.startsWith("/") && !target.startsWith("//")) rebuilt = local(target);
      else if (ABSOLUTE.test(target)) rebuilt = absolute(target);
      return rebuilt !== undefined && rebuilt.length <= LONGEST ? rebuilt : undefined;
    },
  };
}
