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

type Node = Readonly<Record<string, unknown>>;

/** The keyword for types that JSON Schema cannot say; {@link ARKTYPE_OPTIONS} makes arktype write it. */
const EXTENSION = "x-type";
/** The keyword for classes, from arktype too: its value is the class itself. */
const CLASS = "x-class";

interface Fallback {
  readonly base: Node;
  readonly domain?: unknown;
  readonly proto?: unknown;
}

/** Options for arktype, which refuses to describe dates, bigints and its like without them; other vendors ignore them. */
export const ARKTYPE_OPTIONS: Readonly<Record<string, unknown>> = {
  fallback: {
    default: ({ base }: Fallback): Node => base,
    date: ({ base }: Fallback): Node => ({ ...base, [EXTENSION]: "date" }),
    proto: ({ base, proto }: Fallback): Node => ({ ...base, [CLASS]: proto }),
    domain: ({ base, domain }: Fallback): Node => (domain === "bigint" ? { ...base, [EXTENSION]: "bigint" } : base),
  },
};

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nodes(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function isLiteral(value: unknown): value is Literal {
  return value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** Follows a reference inside the document (`#/$defs/Name`, RFC 6901). */
function resolve(root: Node, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  let at: unknown = root;
  for (const part of reference.slice(1).split("/").slice(1)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isNode(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

/**
 * The shape that a JSON Schema document (draft 2020-12) describes. A part that it leaves open, or that refers to
 * itself, is unknown.
 */
export function shapeOfJsonSchema(root: Node, classes: ClassShapes): Shape {
  const open = new Set<Node>();

  function shapeOf(node: unknown): Shape {
    if (!isNode(node) || open.has(node)) return UNKNOWN;
    open.add(node);
    try {
      return inTextFormat(inspect(node), node.textFormat);
    } finally {
      open.delete(node);
    }
  }

  function inspect(node: Node): Shape {
    if (typeof node.$ref === "string") return shapeOf(resolve(root, node.$ref));
    if (Object.hasOwn(node, "const"))
      return isLiteral(node.const) ? { kind: "literal", values: [node.const] } : UNKNOWN;
    if (Array.isArray(node.enum)) {
      return node.enum.every(isLiteral) ? { kind: "literal", values: node.enum } : UNKNOWN;
    }
    const choices = nodes(node.anyOf ?? node.oneOf);
    if (choices.length > 0) return union(choices.map(shapeOf));
    const all = nodes(node.allOf);
    if (all.length > 0) {
      const own = node.properties === undefined ? [] : [objectOf(node)];
      const shapes = [...own, ...all.map(shapeOf)];
      return allOf(shapes) ?? shapes.find((shape) => shape.kind !== "unknown") ?? UNKNOWN;
    }
    if (Array.isArray(node.type)) return union(node.type.map((type) => typed(type, node)));
    return typed(node.type, node);
  }

  function typed(type: unknown, node: Node): Shape {
    const extension = node[EXTENSION];
    if (extension === "date" || extension === "bigint") return { kind: extension };
    if (typeof node[CLASS] === "function") return classes(node[CLASS] as unknown as Class);
    switch (type) {
      case "string":
        return node.format === "binary" || node.contentEncoding === "binary" ? { kind: "file" } : TEXT;
      case "integer":
      case "number":
      case "boolean":
      case "null":
        return { kind: type };
      case "array": {
        const prefix = nodes(node.prefixItems).map(shapeOf);
        const item = node.items === false ? undefined : node.items === undefined ? UNKNOWN : shapeOf(node.items);
        return { kind: "list", prefix, item };
      }
      case "object":
        return objectOf(node);
      default:
        return isNode(node.properties) ? objectOf(node) : UNKNOWN;
    }
  }

  function objectOf(node: Node): Shape {
    const required = new Set(Array.isArray(node.required) ? node.required : []);
    const properties = new Map<string, PropertyShape>();
    for (const [name, property] of Object.entries(isNode(node.properties) ? node.properties : {})) {
      properties.set(name, { shape: shapeOf(property), required: required.has(name) });
    }
    const more = node.additionalProperties;
    const rest = more === true ? UNKNOWN : isNode(more) ? shapeOf(more) : undefined;
    return { kind: "object", properties, rest };
  }

  return shapeOf(root);
}
