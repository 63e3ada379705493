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
 * Reads what was sent for a field. Forms and queries hold nothing but text, so whole numbers are digits there. JSON has numbers of
 * its own: digits in a text are of the wrong type. Yes and no may be words in both, as recorded of Flask-Security.
 */
export function readField<T>(field: Field<T>, input: unknown, from: "text" | "json"): ReturnType<Field<T>["parse"]> {
  const isDigits = from === "json" && typeof input === "string" && field.schema?.["type"] === "integer";
  return isDigits ? { fault: { key: "FIELD_INVALID" } } : field.parse(input);
}
