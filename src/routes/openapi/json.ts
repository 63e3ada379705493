/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** True for an object that is no list. */
export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
