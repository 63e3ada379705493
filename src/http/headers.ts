/** The security headers of account pages: no script at all, nothing from elsewhere, no frames, no referrer to elsewhere. */
export function pageHeaders(origins: readonly string[]): Readonly<Record<string, string>> {
  // Browsers hold the redirect behind a form to form-action too: a `next` on another configured origin must be in it.
  const formAction = ["'self'", ...origins].join(" ");
  return {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": `default-src 'none'; style-src 'self'; img-src 'self' data:; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    vary: "Cookie, Accept",
  };
}
