/** Keeps cookies where the platform keeps none: on Node, Bun and Deno. */
export interface ClientCookies {
  /** The header `Cookie`; undefined: there are none. */
  header(url: URL): string | undefined;
  /** Takes what an answer sets. */
  take(headers: Headers): void;
}

interface Kept {
  readonly value: string;
  readonly secure: boolean;
  /** Epoch milliseconds. */
  readonly until: number;
}

/** Makes an empty jar for one origin. The server's cookies all have the path "/" and no domain. */
export function createCookies(now: () => number = Date.now): ClientCookies {
  const kept = new Map<string, Kept>();
  return {
    header(url) {
      const secure = url.protocol === "https:" || /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
      const at = now();
      const pairs = [...kept]
        .filter(([, cookie]) => cookie.until > at && (secure || !cookie.secure))
        .map(([name, { value }]) => `${name}=${value}`);
      return pairs.length === 0 ? undefined : pairs.join("; ");
    },
    take(headers) {
      for (const line of headers.getSetCookie()) {
        const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
        const equals = pair.indexOf("=");
        if (equals < 1) continue;
        const name = pair.slice(0, equals);
        const until = endOf(attributes, now());
        if (until <= now()) kept.delete(name);
        else
          kept.set(name, {
            value: pair.slice(equals + 1),
            secure: attributes.some((each) => /^secure$/i.test(each)),
            until,
          });
      }
    },
  };
}

/** Until when, by Max-Age before Expires (RFC 6265 5.3). */
function endOf(attributes: readonly string[], at: number): number {
  const of = (name: string): string | undefined =>
    attributes.find((each) => each.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
  const seconds = of("max-age");
  if (seconds !== undefined && /^-?\d+$/.test(seconds)) return at + Number(seconds) * 1000;
  const date = Date.parse(of("expires") ?? "");
  return Number.isNaN(date) ? Number.POSITIVE_INFINITY : date;
}
