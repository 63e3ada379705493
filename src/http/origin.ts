import { checkedOrigins } from "./redirect.ts";

/** Whether an origin is plain HTTP to this very machine, which nobody else can listen to. */
export function isLoopbackOrigin(origin: string): boolean {
  return /^http:\/\/(?:localhost|[a-z0-9.-]+\.localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(origin);
}

/** Whether a request may change something, as far as its origin goes. */
export type OriginCheck = (method: string, header: (name: string) => string | undefined) => boolean;

/**
 * Makes the check of where an unsafe request comes from (Fetch Metadata, RFC 6454). All that the browser says must
 * agree; one good header never outweighs a bad one:
 *
 * - Origin, if present, is exactly one of `origins` (lists are refused). `null` says nothing: browsers send it for a page under
 *   `Referrer-Policy: no-referrer`. It passes only with a Sec-Fetch-Site of `same-origin`, which no page can set; the CSRF
 *   token decides where one is asked for;
 * - Sec-Fetch-Site, if present, is `same-origin` or `none`; `same-site` and `cross-site` only with such an Origin;
 * - Referer counts where there is no Origin, and then must be on one of `origins`.
 *
 * A request with none of the three is no browser's and passes: it carries no cookies that somebody else made it send.
 * GET, HEAD and OPTIONS pass, because they change nothing.
 *
 * @throws {ConfigurationError} for a malformed origin
 */
export function createOriginCheck(origins: readonly string[]): OriginCheck {
  const allowed = checkedOrigins(origins);
  return (method, header) => {
    // Method names are case-sensitive: "get" is some unknown method.
    if (method === "GET" || method === "HEAD" || method === "OPTIONS") return true;
    const site = header("sec-fetch-site");
    const sent = header("origin");
    const origin = sent === "null" && site === "same-origin" ? undefined : sent;
    if (origin !== undefined && !allowed.has(origin)) return false;
    if (site !== undefined && site !== "same-origin" && site !== "none") {
      if (origin === undefined || (site !== "same-site" && site !== "cross-site")) return false;
    }
    if (origin !== undefined) return true;
    const referer = header("referer");
    if (referer === undefined) return true;
    return URL.canParse(referer) && allowed.has(new URL(referer).origin);
  };
}
