import type { SecurityRequest } from "../../http/request.ts";
import { type Awaitable, andThen } from "../../model/awaitable.ts";
import { type BadCredential, type CredentialFault, type Identity, isFault } from "../../model/identity.ts";
import { quoted } from "../authenticator.ts";
import { badCredential, because, type Scheme, type SchemeContext, unreadable } from "../scheme.ts";
import { credentialCheck } from "./credentials.ts";

const maxHeader = 4096;
/** With nothing behind it, or a tab, it is meant all the same. */
export const basicName: RegExp = /^basic(?:[ \t]|$)/i;
/** What is in the header `Authorization` and not good. */
export const badBasic: BadCredential = badCredential("authorization");
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The scheme "basic" (RFC 7617, UTF-8). Each request carries its own proof and passes every gate. */
export function basicScheme(context: SchemeContext): Scheme {
  const authenticate = basicAuthentication(context, "basic");
  return {
    name: "basic",
    ambient: true,
    authenticate,
    place: () => badBasic.refused,
    challenge: basicChallenge,
    describe: () => [{ type: "http", scheme: "basic", description: "User name and password (RFC 7617, UTF-8)." }],
  };
}

/** How "basic" and "password" read the header. */
export function basicAuthentication(
  context: SchemeContext,
  via: string,
): (rq: SecurityRequest) => Awaitable<Identity | BadCredential | undefined> {
  const check = credentialCheck(context, via);
  return (rq) => {
    const header = rq.header("authorization");
    if (header === undefined || !basicName.test(header)) return undefined;
    if (header.length > maxHeader) return because(badBasic, unreadable);
    const answer = (found: Identity | CredentialFault) => (isFault(found) ? because(badBasic, found) : found);
    const known = check.known(rq, header);
    if (known !== undefined) return known.then(answer);
    const credentials = parseBasic(header);
    if (credentials === undefined) return because(badBasic, unreadable);
    return andThen(check.verify(rq, credentials, header), answer);
  };
}

/** The challenge of "basic" and "password". */
export function basicChallenge(realm: string): string {
  return `Basic realm=${quoted(realm)}, charset="UTF-8"`;
}

/** Takes `Basic <base64>` apart. Two headers arrive joined by a comma, which base64 does not have: refused. */
export function parseBasic(header: string): { user: string; password: string } | undefined {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header);
  const encoded = match?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  // Only the canonical text: base64 that decodes to the same bytes must not be a second spelling.
  if (bytes.toString("base64") !== encoded) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return undefined;
  }
  const colon = text.indexOf(":");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 2 forbids exactly these
  if (colon < 1 || /[\u0000-\u001f\u007f]/.test(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
