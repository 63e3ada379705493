import type { JsonLimits } from "../../http/json.ts";
import type { Carrier, ParameterWords } from "../../http/parameters.ts";
import { describeShape, type PropertyShape, type Shape, union } from "./shape.ts";
import { expectation, expectedWords, isCleanText, jsonValueConverter, NOT_CONVERTED, textConverter } from "./text.ts";

/** One parameter with what is needed to convert it, worked out when the route is declared. */
export interface Parameter {
  /** Undefined for the one that stands for all names that a schema does not list. */
  readonly name: string | undefined;
  readonly carrier: Carrier;
  readonly required: boolean;
  /** In words, for people. */
  readonly type: string;
  /** Whether it may be given several times. */
  readonly list: boolean;
  /** A blank form field (an input that was left empty) counts as not given; for a list, where it is the only one. */
  readonly blankIsAbsent: boolean;
  /** Converts one text or file; {@link Refusal} says why not. */
  one(value: string | File): unknown;
  /** Converts all that was given for a list. */
  many(values: readonly (string | File)[]): unknown;
  /** Converts a value out of JSON; undefined where it is taken as it is. */
  readonly json: ((value: unknown) => unknown) | undefined;
}

/** Why a value was not converted. */
export class Refusal {
  readonly message: string;
  readonly words: ParameterWords | undefined;
  constructor(message: string, words?: ParameterWords) {
    this.message = message;
    this.words = words;
  }
}

const NUL_REFUSAL: Refusal = new Refusal("has characters that are not allowed");

function oneConverter(shape: Shape, limits: JsonLimits | undefined): (value: string | File) => unknown {
  const takesFile = includesHere(shape, "file") || includesHere(shape, "unknown");
  const convert = textConverter(shape, limits);
  const refusal = new Refusal(expectation(shape), expectedWords(shape));
  return (value) => {
    if (typeof value !== "string") return takesFile ? value : refusal;
    if (convert !== undefined) {
      const converted = convert(value);
      return converted === NOT_CONVERTED ? refusal : converted;
    }
    return isCleanText(value) ? value : NUL_REFUSAL;
  };
}

/** Whether a shape, or an option of it, is of this kind. */
function includesHere(shape: Shape, kind: Shape["kind"]): boolean {
  return shape.kind === kind || (shape.kind === "union" && shape.options.some((option) => option.kind === kind));
}

/** Compiles one parameter of a schema; `limits`: what JSON in a text may cost. */
export function compileParameter(
  name: string | undefined,
  property: PropertyShape,
  carrier: Carrier,
  limits?: JsonLimits,
): Parameter {
  const { shape, required } = property;
  const options = shape.kind === "union" ? shape.options : [shape];
  const lists = options.filter((option) => option.kind === "list");
  const scalars = options.filter((option) => option.kind !== "list" && option.kind !== "null");
  const one = oneConverter(scalars.length === 0 ? shape : union(scalars), limits);
  // Of several list types in a union there is no telling which is meant before the items are known.
  const [list] = lists;
  const prefix = (list?.prefix ?? []).map((shape) => oneConverter(shape, limits));
  const rest =
    list?.item === undefined ? undefined : oneConverter(lists.length === 1 ? list.item : { kind: "unknown" }, limits);

  function many(values: readonly (string | File)[]): unknown {
    const [first] = values;
    if (values.length === 1 && first !== undefined && scalars.length > 0) {
      const alone = one(first);
      if (!(alone instanceof Refusal)) return alone;
    }
    const items: unknown[] = [];
    for (const [index, value] of values.entries()) {
      const convert = index < prefix.length ? prefix[index] : rest;
      if (convert === undefined) return new Refusal("is given too often");
      const item = convert(value);
      if (item instanceof Refusal) return item;
      items.push(item);
    }
    return items;
  }

  return {
    name,
    carrier,
    required,
    type: describeShape(shape),
    list: list !== undefined,
    blankIsAbsent: ![shape, ...(list?.prefix ?? []), ...(list?.item === undefined ? [] : [list.item])].some(takesBlank),
    one,
    many,
    json: jsonValueConverter(shape),
  };
}

/** Whether the empty text means something: as text, or as one of the values of a select box. */
function takesBlank(shape: Shape): boolean {
  const options = shape.kind === "union" ? shape.options : [shape];
  return options.some(
    (option) =>
      option.kind === "text" || option.kind === "unknown" || (option.kind === "literal" && option.values.includes("")),
  );
}
