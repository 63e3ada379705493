/** A parsed Content-Type (RFC 9110 8.3.1). */
export interface MediaType {
  /** `type/subtype`, in lower case. */
  readonly essence: string;
  /** Parameter names in lower case, values as sent, without quotes. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const ESSENCE = new RegExp(`^(${TOKEN}/${TOKEN})[ \\t]*(?=;|$)`);
const PARAMETER = new RegExp(
  `;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[\\t \\x21\\x23-\\x5B\\x5D-\\x7E]|\\\\[\\t\\x20-\\x7E])*)"))?[ \\t]*(?=;|$)`,
  "y",
);
const LONGEST = 512;

const NONE: ReadonlyMap<string, string> = new Map();
const UTF8: ReadonlyMap<string, string> = new Map([["charset", "utf-8"]]);

/** What nearly every request sends, spared the parsing. */
const USUAL: ReadonlyMap<string, MediaType> = new Map([
  ["application/json", { essence: "application/json", parameters: NONE }],
  ["application/json; charset=utf-8", { essence: "application/json", parameters: UTF8 }],
  ["application/json;charset=utf-8", { essence: "application/json", parameters: UTF8 }],
  ["application/x-www-form-urlencoded", { essence: "application/x-www-form-urlencoded", parameters: NONE }],
]);

/**
 * Parses a Content-Type strictly. Undefined for whatever is not exactly one media type: several values in one header
 * (`application/json, text/plain`), a media type in the place of a parameter, a parameter given twice, other text
 * behind it. Two readers that disagree about such a header are how CSRF checks were bypassed.
 */
export function parseMediaType(header: string): MediaType | undefined {
  const usual = USUAL.get(header);
  if (usual !== undefined) return usual;
  if (header.length > LONGEST) return undefined;
  const text = header.replace(/^[ \t]+|[ \t]+$/g, "");
  const match = ESSENCE.exec(text);
  const essence = match?.[1]?.toLowerCase();
  if (match === null || essence === undefined) return undefined;
  let position = match[0].length;
  if (position === text.length) return { essence, parameters: NONE };
  const parameters = new Map<string, string>();
  while (position < text.length) {
    PARAMETER.lastIndex = position;
    const parameter = PARAMETER.exec(text);
    if (parameter === null) return undefined;
    position += parameter[0].length;
    const name = parameter[1]?.toLowerCase();
    if (name === undefined) continue;
    if (parameters.has(name)) return undefined;
    parameters.set(name, parameter[2] ?? (parameter[3] ?? "").replace(/\\(.)/g, "$1"));
  }
  return { essence, parameters };
}

/** Whether an essence (lower case) is JSON: `application/json` or a `+json` type (RFC 6839 3.1). */
export function isJson(essence: string): boolean {
  return essence === "application/json" || (essence.endsWith("+json") && !essence.endsWith("/+json"));
}
