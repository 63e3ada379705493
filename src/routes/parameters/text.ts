import { BODY_LIMITS } from "../../http/body-limits.ts";
import { type JsonLimits, parseJson } from "../../http/json.ts";
import type { ParameterWords } from "../../http/parameters.ts";
import { PortcullisError } from "../../model/errors.ts";
import { type ClassConversion, describeShape, type Literal, type Shape } from "./shape.ts";

/** What a converter answers for text that does not spell a value of its type. */
export const NOT_CONVERTED: unique symbol = Symbol("not converted");

/** Turns one text (path, query or form) into the value that the schema wants, or {@link NOT_CONVERTED}. */
export type TextConverter = (text: string) => unknown;

const INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
const PREFIXED = /^-?0(?:x[0-9a-fA-F]+|o[0-7]+|b[01]+)$/;
/** Beyond it, reading a bigint costs more than the square of its length. */
const LONGEST_BIGINT = 300;
/** JSON's grammar of numbers (RFC 8259 6), the one that `String(number)` and every other language write. */
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const LONGEST_NUMBER = 100;
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["on", true],
  ["yes", true],
  ["false", false],
  ["0", false],
  ["off", false],
  ["no", false],
]);
const DATE =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;

/** Decimal digits with an optional minus, one spelling for each number, within the safe integers. */
export function integerOf(text: string): number | typeof NOT_CONVERTED {
  if (!INTEGER.test(text)) return NOT_CONVERTED;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : NOT_CONVERTED;
}

/** The same, or digits in base 16, 8 or 2 behind 0x, 0o or 0b. */
function prefixedIntegerOf(text: string): number | typeof NOT_CONVERTED {
  const value = prefixedBigintOf(text);
  return typeof value === "bigint" && BigInt.asIntN(54, value) === value ? integerOf(String(value)) : NOT_CONVERTED;
}

function prefixedBigintOf(text: string): bigint | typeof NOT_CONVERTED {
  if (text.length > LONGEST_BIGINT || !PREFIXED.test(text)) return bigintOf(text);
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

/** A finite number in JSON's notation, with fraction and exponent; minus nought is nought. */
export function numberOf(text: string): number | typeof NOT_CONVERTED {
  if (text.length > LONGEST_NUMBER || !NUMBER.test(text)) return NOT_CONVERTED;
  const value = Number(text);
  return Number.isFinite(value) ? value + 0 : NOT_CONVERTED;
}

/** true, 1, on, yes or false, 0, off, no, in any case: what HTML forms and people write. */
export function booleanOf(text: string): boolean | typeof NOT_CONVERTED {
  return text.length > 5 ? NOT_CONVERTED : (BOOLEANS.get(text.toLowerCase()) ?? NOT_CONVERTED);
}

/** Decimal digits with an optional minus, of any size up to 300 characters. */
export function bigintOf(text: string): bigint | typeof NOT_CONVERTED {
  return text.length <= LONGEST_BIGINT && INTEGER.test(text) ? BigInt(text) : NOT_CONVERTED;
}

/** A full-date (midnight UTC) or a date-time with its offset, as RFC 3339 5.6 writes them; no leap seconds. */
export function dateOf(text: string): Date | typeof NOT_CONVERTED {
  const match = text.length > 40 ? null : DATE.exec(text);
  if (match === null) return NOT_CONVERTED;
  const [, year, month, day] = match;
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`);
  // JavaScript takes the 31st of February for a day in March.
  if (Number.isNaN(midnight.getTime()) || midnight.getUTCDate() !== Number(day)) return NOT_CONVERTED;
  return text.length === 10 ? midnight : new Date(text.toUpperCase());
}

function literalConverter(values: readonly Literal[]): TextConverter {
  const spellings = new Map<string, Literal>();
  for (const value of values) if (typeof value === "string") spellings.set(value, value);
  for (const value of values) {
    if (value !== null && typeof value !== "string" && !spellings.has(String(value))) {
      spellings.set(String(value), value);
    }
  }
  const booleans = values.some((value) => typeof value === "boolean");
  return (text) => {
    const exact = spellings.get(text);
    if (exact !== undefined) return exact;
    const spelt = booleans ? booleanOf(text) : NOT_CONVERTED;
    return spelt !== NOT_CONVERTED && values.includes(spelt) ? spelt : NOT_CONVERTED;
  };
}

/** JSON text, of whatever value or of objects or lists alone. */
function jsonConverter(shape: Shape, wanted: "any" | "object" | "list", limits: JsonLimits): TextConverter {
  const inner = jsonValueConverter(shape);
  return (text) => {
    let value: unknown;
    try {
      value = parseJson(text, limits);
    } catch {
      return NOT_CONVERTED;
    }
    if (!isCleanJson(value)) return NOT_CONVERTED;
    if (wanted !== "any") {
      if (typeof value !== "object" || value === null) return NOT_CONVERTED;
      if (Array.isArray(value) !== (wanted === "list")) return NOT_CONVERTED;
    }
    return inner === undefined ? value : inner(value);
  };
}

/** What the application's own conversion made; text that it threw at is none. */
function classConverter(convert: ClassConversion): (value: unknown) => unknown {
  return (value) => {
    if (!isCleanJson(value)) return NOT_CONVERTED;
    try {
      return convert(value) ?? NOT_CONVERTED;
    } catch (error) {
      // A store that fails behind it is no fault of the value.
      if (error instanceof PortcullisError) throw error;
      return NOT_CONVERTED;
    }
  };
}

/** Tried in this order, so that each option of a union can be reached: text takes everything. */
const RANK: Readonly<Partial<Record<Shape["kind"], number>>> = { literal: 0, unknown: 2, text: 3 };

/**
 * The converter for a shape; undefined where the text is handed over as it is. A list is converted one item at a time
 * by its caller; inside another list or a union's object it is JSON text, which costs no more than JSON in a body may.
 */
export function textConverter(shape: Shape, limits: JsonLimits = BODY_LIMITS): TextConverter | undefined {
  switch (shape.kind) {
    case "integer":
      return shape.prefixed === true ? prefixedIntegerOf : integerOf;
    case "number":
      return numberOf;
    case "boolean":
      return booleanOf;
    case "bigint":
      return shape.prefixed === true ? prefixedBigintOf : bigintOf;
    case "date":
      return dateOf;
    case "literal":
      return literalConverter(shape.values);
    case "object":
    case "list":
      return jsonConverter(shape, shape.kind, limits);
    case "json":
      return jsonConverter(shape.value, "any", limits);
    case "class":
      return classConverter(shape.convert);
    // No text says null or is a file.
    case "null":
    case "file":
      return () => NOT_CONVERTED;
    case "text":
    case "unknown":
      return undefined;
    case "union":
      return unionConverter(shape.options, limits);
  }
}

function unionConverter(options: readonly Shape[], limits: JsonLimits): TextConverter | undefined {
  const ranked = options
    .filter((option) => option.kind !== "null" && option.kind !== "file")
    .sort((a, b) => (RANK[a.kind] ?? 1) - (RANK[b.kind] ?? 1));
  const converters = ranked.map((option) => textConverter(option, limits));
  if (ranked.length === 0) return textConverter({ kind: "null" });
  if (converters.length === 1 || converters[0] === undefined) return converters[0];
  return (text) => {
    for (const converter of converters) {
      if (converter === undefined) return text;
      const value = converter(text);
      if (value !== NOT_CONVERTED) return value;
    }
    return NOT_CONVERTED;
  };
}

const ILL_FORMED = /\p{Surrogate}/u;

/** Whether a text is free of what databases and encoders choke on: NUL and halves of surrogate pairs. */
export function isCleanText(text: string): boolean {
  return !(text.includes("\0") || ILL_FORMED.test(text));
}

/** The same for all strings in a JSON value. */
export function isCleanJson(value: unknown): boolean {
  if (typeof value === "string") return isCleanText(value);
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isCleanJson);
  return Object.entries(value).every(([key, inner]) => isCleanText(key) && isCleanJson(inner));
}

/**
 * What JSON cannot say is given as a string: dates, and bigints (also as a safe integer). Everything else in JSON is
 * taken as it is. Undefined where a shape has neither; a value that does not fit is left for the schema to refuse.
 */
export function jsonValueConverter(shape: Shape): ((value: unknown) => unknown) | undefined {
  switch (shape.kind) {
    case "date":
      return (value) => (typeof value === "string" ? orItself(dateOf(value), value) : value);
    case "bigint":
      return (value) => {
        if (typeof value === "string") return orItself(bigintOf(value), value);
        return Number.isSafeInteger(value) ? BigInt(value as number) : value;
      };
    case "json":
      return jsonValueConverter(shape.value);
    case "class": {
      const convert = classConverter(shape.convert);
      return (value) => orItself(convert(value), value);
    }
    case "list": {
      const prefix = shape.prefix.map(jsonValueConverter);
      const item = shape.item === undefined ? undefined : jsonValueConverter(shape.item);
      if (item === undefined && prefix.every((one) => one === undefined)) return undefined;
      return (value) => {
        if (!Array.isArray(value)) return value;
        return value.map((one, index) => ((index < prefix.length ? prefix[index] : item) ?? itself)(one));
      };
    }
    case "object":
      return jsonObjectConverter(shape.properties, shape.rest);
    case "union": {
      // Where a string or number is welcome as it is, it stays one.
      const asIs = shape.options.some((one) => one.kind === "text" || one.kind === "unknown" || one.kind === "literal");
      const options = asIs ? [] : shape.options.map(jsonValueConverter).filter((one) => one !== undefined);
      if (options.length === 0) return undefined;
      return (value) => {
        for (const convert of options) {
          const converted = convert(value);
          if (converted !== value) return converted;
        }
        return value;
      };
    }
    default:
      return undefined;
  }
}

function jsonObjectConverter(
  properties: ReadonlyMap<string, { readonly shape: Shape }>,
  rest: Shape | undefined,
): ((value: unknown) => unknown) | undefined {
  const converters = new Map<string, (value: unknown) => unknown>();
  for (const [name, property] of properties) {
    const converter = jsonValueConverter(property.shape);
    if (converter !== undefined) converters.set(name, converter);
  }
  const others = rest === undefined ? undefined : jsonValueConverter(rest);
  if (converters.size === 0 && others === undefined) return undefined;
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => {
        const converter = properties.has(name) ? converters.get(name) : others;
        return [name, converter === undefined ? inner : converter(inner)];
      }),
    );
  };
}

function orItself(converted: unknown, value: unknown): unknown {
  return converted === NOT_CONVERTED ? value : converted;
}

function itself(value: unknown): unknown {
  return value;
}

/** The same as a text of the catalogues, for the types that people fill in; undefined: none says it. */
export function expectedWords(shape: Shape): ParameterWords | undefined {
  switch (shape.kind) {
    case "integer":
    case "bigint":
      return shape.prefixed === true ? undefined : { key: "PARAMETER_INTEGER" };
    case "number":
      return { key: "PARAMETER_NUMBER" };
    case "boolean":
      return { key: "PARAMETER_BOOLEAN" };
    case "date":
      return { key: "PARAMETER_DATE" };
    case "literal":
      return { key: "PARAMETER_CHOICE", params: { values: shape.values.map(String).join(", ") } };
    default:
      return undefined;
  }
}

/** What a text must be, for the message of a fault. */
export function expectation(shape: Shape): string {
  switch (shape.kind) {
    case "integer":
    case "bigint":
      return `must be an integer${shape.prefixed === true ? ", in decimal or with 0x, 0o or 0b" : ""}`;
    case "number":
      return "must be a number";
    case "boolean":
      return "must be true or false";
    case "date":
      return "must be a date (2026-01-31) or a date-time with its offset (2026-01-31T12:00:00Z)";
    case "file":
      return "must be a file";
    case "json":
      return "must be JSON";
    case "class":
      return `must be of type ${shape.name}`;
    case "object":
      return "must be a JSON object";
    case "list":
      return "must be a JSON array";
    case "literal":
      return `must be ${describeShape(shape).replaceAll(" | ", " or ")}`;
    case "union":
      return `must be of type ${describeShape(shape)}`;
    default:
      return "is not valid text";
  }
}
