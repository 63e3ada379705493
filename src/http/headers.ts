const year = 31_536_000;

/**
 * The security headers of account pages: no script at all (or, where a page of the application's own asked for a nonce, only
 * scripts and styles with it), nothing from elsewhere, no frames, no referrer to elsewhere.
 */
export function pageHeaders(origins: readonly string[]): (nonce?: string) => Readonly<Record<string, string>> {
  // Browsers hold the redirect behind a form to form-action too: a `next` on another configured origin must be in it.
  const formAction = ["'self'", ...origins].join(" ");
  const policy = (styles: string, scripts: string): string =>
    `default-src 'none'; ${scripts}style-src ${styles}; img-src 'self' data:; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'`;
  const plain = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": policy("'self'", ""),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    // RFC 6797: ignored over plain HTTP, and only this host's business.
    ...(origins.every((origin) => origin.startsWith("https://"))
      ? { "strict-transport-security": `max-age=${year}` }
      : {}),
    vary: "Cookie, Accept",
  };
  return (nonce) =>
    nonce === undefined
      ? plain
      : { ...plain, "content-security-policy": policy(`'self' 'nonce-${nonce}'`, `script-src 'nonce-${nonce}'; `) };
}
