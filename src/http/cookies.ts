import { PortcullisError } from "../model/errors.ts";

/** A cookie's attributes (RFC 6265bis 4.1.2). Domain is left out on purpose: cookies belong to one host. */
export interface CookieAttributes {
  /** Seconds; 0 removes the cookie, undefined lasts as long as the browser runs. */
  readonly maxAge?: number | undefined;
  readonly path: string;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: "Strict" | "Lax" | "None";
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Cookie-octets (RFC 6265 4.1.1): printable ASCII without space, quote, comma, semicolon and backslash. */
const VALUE = /^[\x21\x23-\x2B\x2D-\x3A\x3C-\x5B\x5D-\x7E]*$/;
const PATH = /^\/[\x20-\x3A\x3C-\x7E]*$/;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * One cookie of a Cookie header. Undefined if it is not there, if its value has other than cookie-octets, and if the
 * name occurs twice: somebody planted a second one, and which of them is the server's cannot be told (fails closed).
 */
export function parseCookie(header: string | undefined | null, name: string): string | undefined {
  if (header === undefined || header === null) return undefined;
  let found: string | undefined;
  for (let at = header.indexOf(name); at !== -1; at = header.indexOf(name, at + 1)) {
    const after = at + name.length;
    if (header.charCodeAt(after) !== 0x3d) continue;
    let before = at - 1;
    while (before >= 0 && isBlank(header.charCodeAt(before))) before--;
    if (before >= 0 && header.charCodeAt(before) !== 0x3b) continue;
    if (found !== undefined) return undefined;
    const end = header.indexOf(";", after);
    found = header.slice(after + 1, end === -1 ? header.length : end);
  }
  if (found === undefined) return undefined;
  let length = found.length;
  while (length > 0 && isBlank(found.charCodeAt(length - 1))) length--;
  const value = length === found.length ? found : found.slice(0, length);
  return VALUE.test(value) ? value : undefined;
}

/** The names of a Cookie header's cookies that begin so, as the client sent them: the oldest comes first (RFC 6265 5.4). */
export function cookieNames(header: string | undefined | null, prefix: string): readonly string[] {
  if (header === undefined || header === null || !header.includes(prefix)) return [];
  const names: string[] = [];
  for (const pair of header.split(";")) {
    const name = pair.slice(0, Math.max(0, pair.indexOf("="))).trim();
    if (name.startsWith(prefix) && NAME.test(name) && !names.includes(name)) names.push(name);
  }
  return names;
}

/**
 * A Set-Cookie value.
 *
 * @throws {PortcullisError} `invalid_cookie` for a name, value or combination that a browser would refuse or misread
 */
export function serializeCookie(name: string, value: string, attributes: CookieAttributes): string {
  const { maxAge, path, httpOnly, secure, sameSite } = attributes;
  const refuse = (message: string): never => {
    throw new PortcullisError("invalid_cookie", `Cookie ${JSON.stringify(name)}: ${message}`);
  };
  if (!NAME.test(name)) refuse("the name is not a token (RFC 6265 4.1.1)");
  if (!VALUE.test(value)) refuse("the value has characters that a cookie cannot hold");
  if (!PATH.test(path)) refuse("the path does not start with / or has characters that a cookie cannot hold");
  if (maxAge !== undefined && (!Number.isInteger(maxAge) || maxAge < 0)) refuse("maxAge is not a count of seconds");
  if (!secure && (sameSite === "None" || /^__(?:Host|Secure)-/i.test(name))) refuse("it must be Secure");
  if (path !== "/" && /^__Host-/i.test(name)) refuse("a __Host- cookie has the path /");
  let text = `${name}=${value}; Path=${path}`;
  if (maxAge !== undefined) text += `; Max-Age=${maxAge}`;
  if (maxAge === 0) text += "; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
  if (httpOnly) text += "; HttpOnly";
  if (secure) text += "; Secure";
  return `${text}; SameSite=${sameSite}`;
}

/** A cookie's name: `__Host-` binds it to this host and to https, so that no sibling domain can plant it. */
export function cookieName(base: string, secure: boolean): string {
  return secure ? `__Host-${base}` : base;
}
