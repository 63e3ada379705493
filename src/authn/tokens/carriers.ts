import { isUnsafe } from "../../http/csrf.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import type { CredentialDescription } from "../scheme.ts";
import type { TokenSettings } from "./options.ts";
import type { TokenCarrier } from "./token.ts";

/** A token as it came, not verified. */
export interface CarriedToken {
  readonly text: string;
  readonly carrier: TokenCarrier;
  /** Where the reader goes on behind it. */
  readonly next: number;
}

/** Finds a token of the request: the first carrier of the configured order, from `start` on, that has one. */
export interface TokenReader {
  (rq: SecurityRequest, start: number): Awaitable<CarriedToken | undefined>;
  /** How many carriers there are. */
  readonly count: number;
}

type Read = (rq: SecurityRequest) => Awaitable<string | undefined>;

/** Makes the reader. `cookie` is the cookie's full name. */
export function tokenReader(settings: TokenSettings, cookie: string): TokenReader {
  const words = settings.bearer.map((word) => word.toLowerCase());
  const reads: Readonly<Record<TokenCarrier, Read>> = {
    header: (rq) => rq.header(settings.header),
    bearer: (rq) => credentialsAfter(words, rq.header("authorization")),
    cookie: (rq) => rq.cookie(cookie),
    parameter: (rq) => bodyField(rq, settings.parameter),
    query: (rq) => (settings.query === undefined ? undefined : queryField(rq, settings.query)),
  };
  const order: readonly TokenCarrier[] = [
    ...settings.carriers,
    ...(settings.query === undefined ? [] : ["query" as const]),
  ];
  const from = (rq: SecurityRequest, start: number): Awaitable<CarriedToken | undefined> => {
    for (let index = start; index < order.length; index += 1) {
      const carrier = order[index] as TokenCarrier;
      const text = reads[carrier](rq);
      const next = index + 1;
      if (text instanceof Promise) {
        return text.then((found) => (found === undefined ? from(rq, next) : { text: found, carrier, next }));
      }
      if (text !== undefined) return { text, carrier, next };
    }
    return undefined;
  };
  return Object.assign(from, { count: order.length });
}

/**
 * What stands behind one of these words (in lower case) in the header `Authorization` (RFC 9110 11.4). What no token is made
 * of is left in: two of these headers arrive as one with a comma, and no signature is right for that.
 */
function credentialsAfter(words: readonly string[], header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  for (const word of words) {
    const { length } = word;
    if (!header.slice(0, length).toLowerCase().startsWith(word)) continue;
    // Nothing behind it, or a tab: meant as credentials, and none that are good.
    if (header.length === length || header.charCodeAt(length) === tab) return "";
    if (header.charCodeAt(length) !== space) continue;
    let start = length + 1;
    while (header.charCodeAt(start) === space) start += 1;
    return header.slice(start);
  }
  return undefined;
}

const space = 0x20;
const tab = 0x09;

/** A query parameter; "" where it is there more than once: which of them counts cannot be told. */
export function queryField(rq: SecurityRequest, name: string): string | undefined {
  if (!rq.request.url.includes("?")) return undefined;
  const values = rq.url.searchParams.getAll(name);
  return values.length > 1 ? "" : values[0];
}

const readable =
  /^(?:application\/(?:[a-z0-9.-]+\+)?json|application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i;

/**
 * A field of a form or a member of a JSON object, as text; "" where it is there more than once or no text. Bodies of other types
 * are not touched.
 */
export async function bodyText(rq: SecurityRequest, name: string): Promise<string | undefined> {
  const body = await rq.body();
  if (body.kind === "none") return undefined;
  let value: unknown;
  if (body.kind === "form") {
    const values = body.entries.filter(([field]) => field === name);
    value = values.length > 1 ? "" : values[0]?.[1];
  } else {
    const { value: json } = body;
    value =
      typeof json === "object" && json !== null && !Array.isArray(json) && Object.hasOwn(json, name)
        ? (json as Readonly<Record<string, unknown>>)[name]
        : undefined;
  }
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : "";
}

/** True where a body may hold credentials. */
export function hasReadableBody(rq: SecurityRequest): boolean {
  return isUnsafe(rq.method) && readable.test(rq.header("content-type") ?? "");
}

function bodyField(rq: SecurityRequest, name: string): Awaitable<string | undefined> {
  return hasReadableBody(rq) ? bodyText(rq, name) : undefined;
}

/** The carriers for the API's description, in the order in which they are looked at. */
export function describeCarriers(settings: TokenSettings, cookie: string): readonly CredentialDescription[] {
  const ways: Readonly<Record<TokenCarrier, readonly CredentialDescription[]>> = {
    header: [{ type: "apiKey", in: "header", name: settings.header, description: "An auth token." }],
    bearer: settings.bearer.map((word) => ({
      type: "http",
      scheme: word.toLowerCase(),
      description: "An auth token (RFC 6750).",
    })),
    cookie: [{ type: "apiKey", in: "cookie", name: cookie, description: "An auth token in a cookie." }],
    parameter: [
      {
        type: "http",
        scheme: "parameter",
        description: `Not in the header Authorization: an auth token as the field "${settings.parameter}" of a form or a JSON body.`,
      },
    ],
    query: [{ type: "apiKey", in: "query", name: settings.query ?? "", description: "An auth token in the query." }],
  };
  const order = [...settings.carriers, ...(settings.query === undefined ? [] : ["query" as const])];
  return order.flatMap((carrier) =>
    order.length === 1 ? ways[carrier] : ways[carrier].map((way) => ({ ...way, carrier })),
  );
}
