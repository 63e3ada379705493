import type { OpenApiDocument } from "./document.ts";
import { isJson, type Json } from "./json.ts";

/** How deep a schema is told; what is deeper is only named. */
const deepest = 4;

/** A schema in a few words for people: `integer, at least 1`, `string[]`, `"a" | "b"`, `{ sid: integer, name?: string }`. */
export function schemaInWords(schema: unknown, document: OpenApiDocument, depth: number = deepest): string {
  if (schema === true || schema === undefined) return "any";
  if (!isJson(schema)) return "nothing";
  const told = typed(schema, document, depth);
  const bounds = boundsOf(schema);
  return bounds.length === 0 ? told : `${told}, ${bounds.join(", ")}`;
}

function typed(schema: Json, document: OpenApiDocument, depth: number): string {
  const { $ref, type } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    const target = resolve($ref, document);
    return depth <= 0 || target === undefined ? name : schemaInWords(target, document, depth - 2);
  }
  if ("const" in schema) return JSON.stringify(schema["const"]);
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value) => JSON.stringify(value)).join(" | ");
  const choice = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(choice)) {
    return [...new Set(choice.map((each) => schemaInWords(each, document, depth - 1)))].join(" | ");
  }
  if (Array.isArray(schema["allOf"])) {
    return schema["allOf"].map((each) => schemaInWords(each, document, depth - 1)).join(" & ");
  }
  if (Array.isArray(type)) return type.map(String).join(" | ");
  if (type === "array") {
    const inner = schemaInWords(schema["items"], document, depth - 1);
    return /[ ,|]/.test(inner) ? `(${inner})[]` : `${inner}[]`;
  }
  if (type === "object" || isJson(schema["properties"])) return objectInWords(schema, document, depth);
  return typeof type === "string" ? type : "any";
}

function objectInWords(schema: Json, document: OpenApiDocument, depth: number): string {
  const properties = isJson(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  if (properties.length === 0 || depth <= 0) return "object";
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const parts = properties.map(
    ([name, property]) =>
      `${name}${required.includes(name) ? "" : "?"}: ${schemaInWords(property, document, depth - 1)}`,
  );
  return `{ ${parts.join(", ")} }`;
}

/** What a value must be beside its type. */
function boundsOf(schema: Json): readonly string[] {
  const bounds: string[] = [];
  const { format, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern } = schema;
  if (typeof format === "string") bounds.push(format);
  // The bounds of what JavaScript holds exactly say nothing of the API.
  if (typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER) bounds.push(`at least ${minimum}`);
  if (typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER) bounds.push(`at most ${maximum}`);
  if (typeof exclusiveMinimum === "number") bounds.push(`more than ${exclusiveMinimum}`);
  if (typeof exclusiveMaximum === "number") bounds.push(`less than ${exclusiveMaximum}`);
  if (typeof minLength === "number") bounds.push(`${minLength} or more characters`);
  if (typeof maxLength === "number") bounds.push(`at most ${maxLength} characters`);
  if (typeof pattern === "string") bounds.push(`like ${pattern}`);
  if ("default" in schema) bounds.push(`default ${JSON.stringify(schema["default"])}`);
  return bounds;
}

function resolve(reference: string, document: OpenApiDocument): unknown {
  let at: unknown = document;
  for (const part of reference.slice(2).split("/")) {
    at = isJson(at) ? at[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }
  return at;
}
