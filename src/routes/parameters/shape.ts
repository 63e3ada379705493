/**
 * What a schema wants for one value, as far as text has to know it to become that value. The schema itself still
 * decides; a shape only says what to hand it.
 */
export type Shape =
  | { readonly kind: "text" | "integer" | "number" | "boolean" | "bigint" | "date" | "file" | "null" }
  /** Handed over as it came. */
  | { readonly kind: "unknown" }
  | { readonly kind: "literal"; readonly values: readonly Literal[] }
  | { readonly kind: "list"; readonly prefix: readonly Shape[]; readonly item: Shape | undefined }
  | ObjectShape
  | { readonly kind: "union"; readonly options: readonly Shape[] };

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

/** A union with nested ones flattened and doubles of simple shapes left out. */
export function union(options: readonly Shape[]): Shape {
  const flat: Shape[] = [];
  const simple = new Set<string>();
  for (const option of options.flatMap((one) => (one.kind === "union" ? one.options : [one]))) {
    if (option.kind !== "literal" && option.kind !== "list" && option.kind !== "object") {
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
