import {
  allOf,
  type Class,
  type ClassShapes,
  type Literal,
  type PropertyShape,
  type Shape,
  TEXT,
  UNKNOWN,
  union,
} from "./shape.ts";
import { inTextFormat } from "./text-format.ts";

/** The part of a valibot 1 schema that says what it wants. */
interface ValibotSchema {
  readonly kind: "schema";
  readonly type: string;
  readonly pipe?: readonly unknown[];
  readonly [key: string]: unknown;
}

/** Whether a value is a schema of valibot 1. */
export function isValibotSchema(value: unknown): value is ValibotSchema {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "schema" && "type" in value;
}

/** The schemas for which a property may be left out. */
const OPTIONAL: ReadonlySet<string> = new Set(["optional", "exact_optional", "nullish"]);

/** What stands in a pipe behind the schema. */
interface Step {
  readonly type?: unknown;
  readonly requirement?: unknown;
  readonly metadata?: { readonly textFormat?: unknown };
}

function steps(schema: ValibotSchema): Step[] {
  return (schema.pipe ?? []).filter((step): step is Step => typeof step === "object" && step !== null);
}

function isInteger(schema: ValibotSchema): boolean {
  return steps(schema).some(({ type }) => type === "integer" || type === "safe_integer");
}

function textFormat(schema: ValibotSchema): unknown {
  return steps(schema).findLast(({ type, metadata }) => type === "metadata" && metadata?.textFormat !== undefined)
    ?.metadata?.textFormat;
}

function maxBytes(schema: ValibotSchema): number | undefined {
  const limits = steps(schema).flatMap(({ type, requirement }) =>
    type === "max_size" && typeof requirement === "number" ? [requirement] : [],
  );
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** Whether a property with this schema may be left out. */
export function isOptionalInValibot(schema: ValibotSchema): boolean {
  return OPTIONAL.has(schema.type) || schema.fallback !== undefined;
}

function isLiteral(value: unknown): value is Literal {
  return value === null || ["string", "number", "boolean", "bigint"].includes(typeof value);
}

function literals(values: unknown): Shape {
  return { kind: "literal", values: Array.isArray(values) ? values.filter(isLiteral) : [] };
}

/** The shape of a valibot schema's input. A schema that refers to itself is unknown from there on. */
export function shapeOfValibot(root: ValibotSchema, classes: ClassShapes): Shape {
  const open = new Set<unknown>();

  function shapeOf(schema: unknown): Shape {
    if (!isValibotSchema(schema) || open.has(schema)) return UNKNOWN;
    open.add(schema);
    try {
      return inTextFormat(inspect(schema), textFormat(schema));
    } finally {
      open.delete(schema);
    }
  }

  function inspect(schema: ValibotSchema): Shape {
    switch (schema.type) {
      case "string":
        return TEXT;
      case "number":
        return { kind: isInteger(schema) ? "integer" : "number" };
      case "boolean":
      case "bigint":
      case "date":
      case "null":
        return { kind: schema.type };
      case "file":
      case "blob":
        return { kind: "file", maxBytes: maxBytes(schema) };
      case "instance":
        return typeof schema.class === "function" ? classes(schema.class as unknown as Class) : UNKNOWN;
      case "picklist":
      case "enum":
        return literals(schema.options);
      case "literal":
        return literals([schema.literal]);
      case "array":
        return { kind: "list", prefix: [], item: shapeOf(schema.item) };
      case "tuple":
      case "strict_tuple":
        return { kind: "list", prefix: items(schema), item: undefined };
      case "loose_tuple":
        return { kind: "list", prefix: items(schema), item: UNKNOWN };
      case "tuple_with_rest":
        return { kind: "list", prefix: items(schema), item: shapeOf(schema.rest) };
      case "object":
      case "strict_object":
        return objectOf(schema, undefined);
      case "loose_object":
        return objectOf(schema, UNKNOWN);
      case "object_with_rest":
        return objectOf(schema, shapeOf(schema.rest));
      case "record":
        return { kind: "object", properties: new Map(), rest: shapeOf(schema.value) };
      case "union":
      case "variant":
        return union(Array.isArray(schema.options) ? schema.options.map(shapeOf) : []);
      case "intersect": {
        const sides = Array.isArray(schema.options) ? schema.options.map(shapeOf) : [];
        return allOf(sides) ?? sides.find((side) => side.kind !== "unknown") ?? UNKNOWN;
      }
      case "nullable":
      case "nullish":
        return union([shapeOf(schema.wrapped), { kind: "null" }]);
      case "optional":
      case "exact_optional":
      case "undefinedable":
      case "non_optional":
      case "non_nullable":
      case "non_nullish":
        return shapeOf(schema.wrapped);
      case "lazy":
        return lazyShape(schema.getter);
      default:
        return UNKNOWN;
    }
  }

  /** The getter is given the input, which there is none of yet; one that needs it stays unknown. */
  function lazyShape(getter: unknown): Shape {
    if (typeof getter !== "function") return UNKNOWN;
    try {
      return shapeOf(getter(undefined));
    } catch {
      return UNKNOWN;
    }
  }

  function items(schema: ValibotSchema): Shape[] {
    return Array.isArray(schema.items) ? schema.items.map(shapeOf) : [];
  }

  function objectOf(schema: ValibotSchema, rest: Shape | undefined): Shape {
    const properties = new Map<string, PropertyShape>();
    for (const [name, entry] of Object.entries(schema.entries ?? {})) {
      properties.set(name, { shape: shapeOf(entry), required: !isValibotSchema(entry) || !isOptionalInValibot(entry) });
    }
    return { kind: "object", properties, rest };
  }

  return shapeOf(root);
}
