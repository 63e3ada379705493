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

/** The part of a zod 4 schema that its authors document for other libraries (`_zod.def`, `_zod.optin`). */
interface ZodSchema {
  readonly _zod: {
    readonly def: ZodDefinition;
    readonly optin?: string | undefined;
    /** Of `z.instanceof(Class)`: the class. */
    readonly bag?: { readonly Class?: unknown };
  };
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

function maxBytes(def: ZodDefinition): number | undefined {
  const limits = (def.checks ?? []).flatMap((check) => {
    const { check: kind, maximum }: Readonly<Record<string, unknown>> = isZodSchema(check) ? check._zod.def : {};
    return kind === "max_size" && typeof maximum === "number" ? [maximum] : [];
  });
  return limits.length === 0 ? undefined : Math.min(...limits);
}

interface Registry {
  get(schema: unknown): { readonly textFormat?: unknown } | undefined;
}

/** What `.meta()` (or `.register(z.globalRegistry, …)` of zod/mini) says of the text. */
function textFormat(schema: ZodSchema): unknown {
  const { __zod_globalRegistry: registry } = globalThis as { readonly __zod_globalRegistry?: Registry };
  return registry?.get(schema)?.textFormat;
}

/** Whether a property with this schema may be left out. */
export function isOptionalInZod(schema: ZodSchema): boolean {
  return schema._zod.optin !== undefined;
}

function isLiteral(value: unknown): value is Literal {
  return value === null || ["string", "number", "boolean", "bigint"].includes(typeof value);
}

/**
 * The shape of a zod schema's input. It knows more than zod's JSON Schema, which cannot say `z.date()`, `z.bigint()`
 * or `z.instanceof(File)`. A schema that refers to itself is unknown from there on.
 */
export function shapeOfZod(root: ZodSchema, classes: ClassShapes): Shape {
  const open = new Set<unknown>();

  function shapeOf(schema: unknown): Shape {
    if (!isZodSchema(schema) || open.has(schema)) return UNKNOWN;
    open.add(schema);
    try {
      return inTextFormat(inspect(schema._zod.def, schema), textFormat(schema));
    } finally {
      open.delete(schema);
    }
  }

  function inspect(def: ZodDefinition, schema: ZodSchema): Shape {
    switch (def.type) {
      case "string":
      case "template_literal":
        return TEXT;
      case "number":
        return { kind: isInteger(def) ? "integer" : "number" };
      case "boolean":
      case "bigint":
      case "date":
      case "null":
        return { kind: def.type };
      case "file":
        return { kind: "file", maxBytes: maxBytes(def) };
      case "custom": {
        const type = schema._zod.bag?.Class;
        return typeof type === "function" ? classes(type as Class) : UNKNOWN;
      }
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
        return typeof def.getter === "function" ? asJson(shapeOf(def.getter())) : UNKNOWN;
      default:
        return UNKNOWN;
    }
  }

  function objectOf(def: ZodDefinition): Shape {
    const properties = new Map<string, PropertyShape>();
    for (const [name, schema] of Object.entries(def.shape ?? {})) {
      properties.set(name, {
        shape: shapeOf(schema),
        required: isZodSchema(schema) && !isOptionalInZod(schema),
      });
    }
    const catchall = def.catchall;
    const rest = isZodSchema(catchall) && catchall._zod.def.type !== "never" ? shapeOf(catchall) : undefined;
    return { kind: "object", properties, rest };
  }

  return shapeOf(root);
}

const jsonKinds: readonly Shape["kind"][] = ["text", "number", "boolean", "null", "list", "object"];

/** `z.json()` is a choice of all that JSON knows: its text is JSON. */
function asJson(shape: Shape): Shape {
  if (shape.kind !== "union" || shape.options.length !== jsonKinds.length) return shape;
  return jsonKinds.every((kind) => shape.options.some((option) => option.kind === kind))
    ? { kind: "json", value: UNKNOWN }
    : shape;
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
