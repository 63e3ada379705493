import type { Json } from "../routes/openapi/json.ts";
import type { Field } from "./fields.ts";

/** What a field takes in JSON. */
export function fieldSchema({ schema, type, maxLength }: Field<unknown>): Json {
  if (schema !== undefined) return schema;
  switch (type) {
    case "email":
      return { type: "string", format: "email", maxLength };
    case "password":
      return { type: "string", format: "password", maxLength };
    case "checkbox":
      return { type: "boolean" };
    case "number":
      return { type: ["number", "string"] };
    case "date":
      return { type: "string", format: "date" };
    default:
      return { type: "string", maxLength };
  }
}

/**
 * Reads what was sent for a field. Forms and queries hold nothing but text, so yes, no and whole numbers are words there. JSON
 * has them of its own: a word in their place is of the wrong type.
 */
export function readField<T>(field: Field<T>, input: unknown, from: "text" | "json"): ReturnType<Field<T>["parse"]> {
  const isWord = from === "json" && typeof input === "string";
  return isWord && isNoText(field) ? { fault: { key: "FIELD_INVALID" } } : field.parse(input);
}

function isNoText({ type, schema }: Field<unknown>): boolean {
  return type === "checkbox" || schema?.["type"] === "integer";
}
