import { allOf, type Literal, type PropertyShape, type Shape, TEXT, UNKNOWN, union } from "./shape.ts";

/** The part of a zod 4 schema that its authors document for other libraries (`_zod.def`, `_zod.optin`). */
interface ZodSchema {
  readonly _zod: { readonly def: ZodDefinition; readonly optin?: string | undefined };
}

interface ZodDefinition {
  readonly type: string;
  readonly format?: unknown;
  readonly checks?: readonly unknown[];
  readonly [key: string]: unknown;
}

/** Whether a value is a schema of zod 4 (or zod/mini). */
export function isZodSchema(value: unknown): value is ZodSchema {
  if (typeof value !== "object" || value === null || !("_zod" in value)) return false;
  const inside = value._zod;
  return typeof inside === "object" && inside !== null && "def" in inside;
}

const INTEGER_FORMATS: ReadonlySet<unknown> = new Set(["safeint", "int32", "uint32"]);

/** `z.int()` has its format itself, `z.number().int()` as one of its checks. */
function isInteger(def: ZodDefinition): boolean {
  if (INTEGER_FORMATS.has(def.format)) return true;
  return (def.checks ?? []).some((check) => isZodSchema(check) && INTEGER_FORMATS.has(check._zod.def.format));
}

function isLiteral(value: unknown): value is Literal {
  return value === null || ["string", "number", "boolean", "bigint"].includes(typeof value);
}

/**
 * The shape of a zod schema's input. It knows more than zod's JSON Schema, which cannot say `z.date()`, `z.bigint()`
 * or `z.instanceof(File)`. A schema that refers to itself is unknown from there on.
 */
export function shapeOfZod(root: ZodSchema): Shape {
  const open = new Set<unknown>();

  function shapeOf(schema: unknown): Shape {
    if (!isZodSchema(schema) || open.has(schema)) return UNKNOWN;
    open.add(schema);
    try {
      return inspect(schema._zod.def);
    } finally {
      open.delete(schema);
    }
  }

  function inspect(def: ZodDefinition): Shape {
    switch (def.type) {
      case "string":
      case "template_literal":
        return TEXT;
      case "number":
        return { kind: isInteger(def) ? "integer" : "number" };
      case "boolean":
      case "bigint":
      case "date":
      case "file":
      case "null":
        return { kind: def.type };
      case "enum":
        return { kind: "literal", values: enumValues(def.entries) };
      case "literal":
        return { kind: "literal", values: Array.isArray(def.values) ? def.values.filter(isLiteral) : [] };
      case "array":
        return { kind: "list", prefix: [], item: shapeOf(def.element) };
      case "tuple": {
        const prefix = Array.isArray(def.items) ? def.items.map(shapeOf) : [];
        return { kind: "list", prefix, item: isZodSchema(def.rest) ? shapeOf(def.rest) : undefined };
      }
      case "object":
        return objectOf(def);
      case "record":
        return { kind: "object", properties: new Map(), rest: shapeOf(def.valueType) };
      case "union":
        return union(Array.isArray(def.options) ? def.options.map(shapeOf) : []);
      case "intersection": {
        const sides = [shapeOf(def.left), shapeOf(def.right)];
        return allOf(sides) ?? sides.find((side) => side.kind !== "unknown") ?? UNKNOWN;
      }
      case "nullable":
        return union([shapeOf(def.innerType), { kind: "null" }]);
      case "optional":
      case "default":
      case "prefault":
      case "nonoptional":
      case "readonly":
      case "catch":
        return shapeOf(def.innerType);
      // A pipe starts with what its input wants; a preprocess function (a transform first) takes the text itself.
      case "pipe":
        return shapeOf(def.in);
      case "lazy":
        return typeof def.getter === "function" ? shapeOf(def.getter()) : UNKNOWN;
      default:
        return UNKNOWN;
    }
  }

  function objectOf(def: ZodDefinition): Shape {
    const properties = new Map<string, PropertyShape>();
    for (const [name, schema] of Object.entries(def.shape ?? {})) {
      properties.set(name, {
        shape: shapeOf(schema),
        required: isZodSchema(schema) && schema._zod.optin === undefined,
      });
    }
    const catchall = def.catchall;
    const rest = isZodSchema(catchall) && catchall._zod.def.type !== "never" ? shapeOf(catchall) : undefined;
    return { kind: "object", properties, rest };
  }

  return shapeOf(root);
}

/** A TypeScript enum of numbers also has the way back, from number to name, among its entries. */
function enumValues(entries: unknown): Literal[] {
  if (typeof entries !== "object" || entries === null) return [];
  const numbers = new Set(Object.values(entries).filter((value) => typeof value === "number"));
  return Object.entries(entries)
    .filter(([key]) => !numbers.has(Number(key)))
    .map(([, value]) => value)
    .filter(isLiteral);
}
