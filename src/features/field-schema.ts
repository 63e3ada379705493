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
