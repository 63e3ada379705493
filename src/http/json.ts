/** JSON text that is not JSON, is nested too deeply, has too many members, names a member twice, or holds a key that could reach a prototype. */
export class JsonError extends Error {
  readonly reason: "syntax" | "depth" | "members" | "duplicate" | "key";
  constructor(reason: JsonError["reason"], message: string) {
    super(message);
    this.name = "JsonError";
    this.reason = reason;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

const COMMA = 0x2c;

/** How much JSON may cost to read. */
export interface JsonLimits {
  /** Nesting of arrays and objects. */
  readonly depth: number;
  /** Members of objects and elements of arrays, all together. */
  readonly members: number;
}

/**
 * How many members the objects of the text name. Reads the text only, so it is safe on any input; throws JsonError at the
 * first level, member or element beyond a limit.
 */
function countMembers(text: string, { depth, members: most }: JsonLimits): number {
  let level = 0;
  let members = 0;
  // Each array or object holds at most one thing more than it has commas.
  let things = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      for (at++; at < text.length; at++) {
        const inside = text.charCodeAt(at);
        if (inside === QUOTE) break;
        if (inside === BACKSLASH) at++;
      }
    } else if (code === 0x7b || code === 0x5b) {
      if (++level > depth) throw new JsonError("depth", `The JSON text is nested deeper than ${depth} levels.`);
      things++;
    } else if (code === 0x7d || code === 0x5d) {
      level--;
    } else if (code === COMMA) {
      things++;
    } else if (code === COLON) {
      members++;
    }
    if (things > most || members > most) {
      throw new JsonError("members", `The JSON text has more than ${most} members and elements.`);
    }
  }
  return members;
}

/** How many members the parsed value has: fewer than its text named where one was named twice. */
function membersOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) members += membersOf(inner);
  return members;
}

/** What must be somewhere in a text that has such a key; escapes could spell it otherwise. */
const SUSPECT = /__proto__|constructor|\\u00/i;

function reachesPrototype(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(reachesPrototype);
  if (Object.hasOwn(value, "__proto__")) return true;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "constructor" && typeof inner === "object" && inner !== null && Object.hasOwn(inner, "prototype")) {
      return true;
    }
    if (reachesPrototype(inner)) return true;
  }
  return false;
}

/**
 * `JSON.parse` for input: nesting and members are limited before the parser runs, and keys that a careless copy would turn into a
 * prototype (`__proto__`, `constructor.prototype`) are refused anywhere in the value. So is a member that is named twice:
 * other parsers on the way may have read the other one (RFC 8259 4, ASVS 1.5.3).
 *
 * @throws {JsonError}
 */
export function parseJson(text: string, limits: JsonLimits): unknown {
  const named = countMembers(text, limits);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new JsonError("syntax", "The text is not valid JSON.");
  }
  if (SUSPECT.test(text) && reachesPrototype(value)) {
    throw new JsonError("key", "The JSON text has a key that is not allowed.");
  }
  if (named > 0 && named !== membersOf(value)) {
    throw new JsonError("duplicate", "The JSON text names a member twice.");
  }
  return value;
}
