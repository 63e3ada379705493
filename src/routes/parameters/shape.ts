/**
 * What a schema wants for one value, as far as text has to know it to become that value. The schema itself still
 * decides; a shape only says what to hand it.
 */
export type Shape =
  | { readonly kind: "text" | "number" | "boolean" | "date" | "null" }
  /** `prefixed`: text may also spell it in base 16, 8 or 2. */
  | { readonly kind: "integer" | "bigint"; readonly prefixed?: boolean }
  /** `maxBytes`: the schema takes no larger one. */
  | { readonly kind: "file"; readonly maxBytes?: number | undefined }
  /** Text is one JSON text of that value. */
  | { readonly kind: "json"; readonly value: Shape }
  /** An object of a class of the application's own, which `convert` makes. */
  | { readonly kind: "class"; readonly name: string; readonly convert: ClassConversion }
  /** Handed over as it came. */
  | { readonly kind: "unknown" }
  | { readonly kind: "literal"; readonly values: readonly Literal[] }
  | { readonly kind: "list"; readonly prefix: readonly Shape[]; readonly item: Shape | undefined }
  | ObjectShape
  | { readonly kind: "union"; readonly options: readonly Shape[] };

/** Makes an object of a class out of text or a JSON value; undefined where that is not one. */
export type ClassConversion = (value: unknown) => unknown;

/** A class, as schemas name it. */
// biome-ignore lint/suspicious/noExplicitAny: constructors take what they like
export type Class<T = unknown> = abstract new (...args: any[]) => T;

/** The shape of a class. Throws where there is no conversion for it. */
export type ClassShapes = (type: Class) => Shape;

/** A value of an enumeration or a literal. */
export type Literal = string | number | boolean | bigint | null;

/** An object with its properties; `rest` is there when it takes others too. */
export interface ObjectShape {
  readonly kind: "object";
  readonly properties: ReadonlyMap<string, PropertyShape>;
  readonly rest: Shape | undefined;
}

/** One property of an object. */
export interface PropertyShape {
  readonly shape: Shape;
  readonly required: boolean;
}

/** Nothing is known: the value is handed over as it came. */
export const UNKNOWN: Shape = { kind: "unknown" };
/** A string. */
export const TEXT: Shape = { kind: "text" };

/** Kinds of which a union may have several. */
const manyOf: ReadonlySet<Shape["kind"]> = new Set(["literal", "list", "object", "json", "class"]);

/** A union with nested ones flattened and doubles of simple shapes left out. */
export function union(options: readonly Shape[]): Shape {
  const flat: Shape[] = [];
  const simple = new Set<string>();
  for (const option of options.flatMap((one) => (one.kind === "union" ? one.options : [one]))) {
    if (!manyOf.has(option.kind)) {
      if (simple.has(option.kind)) continue;
      simple.add(option.kind);
    }
    flat.push(option);
  }
  const [only] = flat;
  return flat.length === 1 && only !== undefined ? only : { kind: "union", options: flat };
}

/** All of several object shapes at once; undefined where one is no object. */
export function allOf(shapes: readonly Shape[]): ObjectShape | undefined {
  const properties = new Map<string, PropertyShape>();
  let rest: Shape | undefined;
  for (const shape of shapes) {
    if (shape.kind !== "object") return undefined;
    for (const [name, property] of shape.properties) {
      const known = properties.get(name);
      properties.set(name, { shape: property.shape, required: property.required || (known?.required ?? false) });
    }
    rest ??= shape.rest;
  }
  return { kind: "object", properties, rest };
}

/** The parameters that any of several objects takes, required where all require it; undefined where one is no object. */
function anyOf(shapes: readonly Shape[]): ObjectShape | undefined {
  const found = new Map<string, { shapes: Shape[]; required: number }>();
  let rest: Shape | undefined;
  for (const shape of shapes) {
    if (shape.kind !== "object") return undefined;
    for (const [name, property] of shape.properties) {
      const known = found.get(name) ?? { shapes: [], required: 0 };
      known.shapes.push(property.shape);
      if (property.required) known.required++;
      found.set(name, known);
    }
    rest ??= shape.rest;
  }
  const properties = new Map<string, PropertyShape>();
  for (const [name, { shapes: options, required }] of found) {
    properties.set(name, { shape: union(options), required: required === shapes.length });
  }
  return { kind: "object", properties, rest };
}

/** The parameters that a shape stands for as a whole: an object, or a choice between objects. */
export function asObject(shape: Shape): ObjectShape | undefined {
  if (shape.kind === "object") return shape;
  return shape.kind === "union" ? anyOf(shape.options) : undefined;
}

/** A shape in words: `integer`, `string[]`, `date`, `"a" | "b"`. */
export function describeShape(shape: Shape): string {
  switch (shape.kind) {
    case "text":
      return "string";
    case "unknown":
      return "any";
    case "json":
      return shape.value.kind === "unknown" ? "json" : describeShape(shape.value);
    case "class":
      return shape.name;
    case "literal":
      return shape.values.map((value) => (typeof value === "bigint" ? `${value}` : JSON.stringify(value))).join(" | ");
    case "list": {
      const parts = shape.item === undefined ? shape.prefix : [...shape.prefix, shape.item];
      const inner = describeShape(union(parts));
      return inner.includes(" ") ? `(${inner})[]` : `${inner || "any"}[]`;
    }
    case "union":
      return [...new Set(shape.options.map(describeShape))].join(" | ");
    default:
      return shape.kind;
  }
}

/** Whether a shape has a part for which `test` holds. */
export function includesShape(shape: Shape, test: (part: Shape) => boolean): boolean {
  if (test(shape)) return true;
  switch (shape.kind) {
    case "union":
      return shape.options.some((option) => includesShape(option, test));
    case "json":
      return includesShape(shape.value, test);
    case "list":
      return [...shape.prefix, ...(shape.item === undefined ? [] : [shape.item])].some((one) =>
        includesShape(one, test),
      );
    case "object":
      return [...shape.properties.values(), ...(shape.rest === undefined ? [] : [{ shape: shape.rest }])].some((one) =>
        includesShape(one.shape, test),
      );
    default:
      return false;
  }
}
