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
    case "datetime-local":
      return { type: "string", format: "date-time" };
    default:
      return { type: "string", maxLength };
  }
}

/** A moment whose zone is left out, which only a form may do: its label says which one is meant. */
const zoneless = /[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/;

/**
 * Reads what was sent for a field. Forms and queries hold nothing but text, so whole numbers are digits there. JSON has numbers of
 * its own: digits in a text are of the wrong type. Yes and no may be words in both, as recorded of Flask-Security. A moment in JSON
 * says its zone (RFC 3339).
 */
export function readField<T>(field: Field<T>, input: unknown, from: "text" | "json"): ReturnType<Field<T>["parse"]> {
  const { schema, wrong = { key: "FIELD_INVALID" } } = field;
  if (from === "json" && typeof input === "string") {
    if (schema?.["type"] === "integer" && input !== "") return { fault: wrong };
    if (schema?.["format"] === "date-time" && zoneless.test(input)) return { fault: wrong };
  }
  return field.parse(input);
}
