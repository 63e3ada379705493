import { type Shape, union } from "../parameters/shape.ts";
import type { Json } from "./json.ts";

/** How a moment stands in text and in JSON. */
export const dateSchema: Json = { type: "string", format: "date-time" };
/** Text, as JSON's numbers are no exact integers of that size. */
export const bigintSchema: Json = { type: "string", pattern: "^-?[0-9]+$" };
/** The bytes of a file (OpenAPI 3.1.1, 4.8.14.2). */
export const fileSchema: Json = { type: "string", format: "binary" };

/** What is known of a value's shape, as JSON Schema: for schemas that cannot say more of themselves. */
export function schemaOfShape(shape: Shape): Json {
  switch (shape.kind) {
    case "text":
      return { type: "string" };
    case "integer":
    case "number":
    case "boolean":
    case "null":
      return { type: shape.kind };
    case "bigint":
      return bigintSchema;
    case "date":
      return dateSchema;
    case "file":
      return fileSchema;
    case "unknown":
      return {};
    case "literal":
      // JSON Schema has no enumeration of nothing.
      if (shape.values.length === 0) return { not: {} };
      return { enum: shape.values.map((value) => (typeof value === "bigint" ? String(value) : value)) };
    case "list":
      return {
        type: "array",
        ...(shape.prefix.length === 0 ? {} : { prefixItems: shape.prefix.map(schemaOfShape) }),
        items: shape.item === undefined ? false : schemaOfShape(shape.item),
      };
    case "union":
      return { anyOf: shape.options.map(schemaOfShape) };
    case "object": {
      const required = [...shape.properties].filter(([, property]) => property.required).map(([name]) => name);
      return {
        type: "object",
        properties: Object.fromEntries(
          [...shape.properties].map(([name, property]) => [name, schemaOfShape(property.shape)]),
        ),
        ...(required.length === 0 ? {} : { required }),
        ...(shape.rest === undefined ? {} : { additionalProperties: schemaOfShape(shape.rest) }),
      };
    }
  }
}

/** True where only a multipart form can carry the value. */
export function isFileShape(shape: Shape): boolean {
  const options = shape.kind === "union" ? shape.options : [shape];
  return options.some(
    (option) =>
      option.kind === "file" ||
      (option.kind === "list" && option.item !== undefined && isFileShape(union([...option.prefix, option.item]))),
  );
}
