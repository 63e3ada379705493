import { allOf, type Literal, type PropertyShape, type Shape, TEXT, UNKNOWN, union } from "./shape.ts";

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

function isInteger(schema: ValibotSchema): boolean {
  return (schema.pipe ?? []).some(
    (step) =>
      typeof step === "object" &&
      step !== null &&
      "type" in step &&
      (step.type === "integer" || step.type === "safe_integer"),
  );
}

function isLiteral(value: unknown): value is Literal {
  return value === null || ["string", "number", "boolean", "bigint"].includes(typeof value);
}

function literals(values: unknown): Shape {
  return { kind: "literal", values: Array.isArray(values) ? values.filter(isLiteral) : [] };
}

/** The shape of a valibot schema's input. A schema that refers to itself is unknown from there on. */
export function shapeOfValibot(root: ValibotSchema): Shape {
  const open = new Set<unknown>();

  function shapeOf(schema: unknown): Shape {
    if (!isValibotSchema(schema) || open.has(schema)) return UNKNOWN;
    open.add(schema);
    try {
      return inspect(schema);
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
      case "file":
      case "null":
        return { kind: schema.type };
      case "instance":
        return instanceShape(schema.class);
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
      const optional = isValibotSchema(entry) && (OPTIONAL.has(entry.type) || entry.fallback !== undefined);
      properties.set(name, { shape: shapeOf(entry), required: !optional });
    }
    return { kind: "object", properties, rest };
  }

  return shapeOf(root);
}

function instanceShape(type: unknown): Shape {
  if (type === Date) return { kind: "date" };
  return type === File || type === Blob ? { kind: "file" } : UNKNOWN;
}
