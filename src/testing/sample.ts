/** JSON Schema as far as a sample needs it. */
type Schema = Readonly<Record<string, unknown>>;

/**
 * A value that fits a JSON Schema, as plain as can be: the default, the first choice, the smallest number, a short text, only
 * the required properties. For patterns and formats that it does not know, give a value of your own.
 */
export function sampleOf(schema: unknown): unknown {
  if (!isSchema(schema)) return "x";
  if ("default" in schema) return schema["default"];
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["examples"]) && schema["examples"].length > 0) return schema["examples"][0];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  for (const key of ["anyOf", "oneOf"]) {
    const choice = schema[key];
    if (Array.isArray(choice)) return sampleOf(choice[0]);
  }
  if (Array.isArray(schema["allOf"])) return Object.assign({}, ...schema["allOf"].map(sampleOf));
  const { type } = schema;
  switch (Array.isArray(type) ? type[0] : type) {
    case "integer":
    case "number":
      return numberOf(schema);
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return Array.from({ length: count(schema["minItems"]) }, () => sampleOf(schema["items"]));
    case "object":
      return objectOf(schema);
    case "string":
      return textOf(schema);
    default:
      return isSchema(schema["properties"]) ? objectOf(schema) : "x";
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function numberOf({ minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf }: Schema): number {
  const step = typeof multipleOf === "number" ? multipleOf : 1;
  const least = typeof exclusiveMinimum === "number" ? exclusiveMinimum + step : minimum;
  const most = typeof exclusiveMaximum === "number" ? exclusiveMaximum - step : maximum;
  const low = typeof least === "number" ? least : Number.NEGATIVE_INFINITY;
  const high = typeof most === "number" ? most : Number.POSITIVE_INFINITY;
  const wanted = Math.min(Math.max(step, low), high);
  const rounded = Math.ceil(wanted / step) * step;
  return rounded <= high ? rounded : Math.floor(wanted / step) * step;
}

function objectOf({ properties, required }: Schema): Record<string, unknown> {
  const known = isSchema(properties) ? properties : {};
  const names = Array.isArray(required) ? required : [];
  return Object.fromEntries(names.map((name) => [String(name), sampleOf(known[String(name)])]));
}

const formats: Readonly<Record<string, string>> = {
  email: "sample@example.com",
  "date-time": "2026-01-02T03:04:05Z",
  date: "2026-01-02",
  time: "03:04:05Z",
  uuid: "00000000-0000-4000-8000-000000000000",
  uri: "https://example.com/",
  url: "https://example.com/",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
};

function textOf({ format, minLength, pattern }: Schema): string {
  const known = typeof format === "string" ? formats[format] : undefined;
  if (known !== undefined) return known;
  const length = Math.max(1, count(minLength));
  // Patterns of numbers are the usual ones in paths.
  return typeof pattern === "string" && new RegExp(pattern).test("1".repeat(length))
    ? "1".repeat(length)
    : "x".repeat(length);
}
