import type { StandardSchemaV1 } from "@standard-schema/spec";
import { inspectParameters } from "../parameters/index.ts";
import { ARKTYPE_OPTIONS } from "../parameters/json-schema.ts";
import { type PathParameter, pathParameters } from "../parameters/path.ts";
import { type ObjectShape, type PropertyShape, TEXT } from "../parameters/shape.ts";
import type { DescribedInput, DescribedParameter, ToJsonSchema } from "./described.ts";
import { isJson, type Json } from "./json.ts";
import { bigintSchema, dateSchema, fileSchema, isFileShape, schemaOfShape } from "./shape-schema.ts";

/** What a schema is asked as, which JSON Schema it is to speak. */
const target = "draft-2020-12";

/** zod refuses to say what JSON cannot hold; told so, it says what stands for it. */
const zodOptions: Json = {
  unrepresentable: "any",
  override({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: Record<string, unknown> }): void {
    const type = (zodSchema as { _zod?: { def?: { type?: string } } })._zod?.def?.type;
    if (type === "date") Object.assign(jsonSchema, dateSchema);
    if (type === "bigint") Object.assign(jsonSchema, bigintSchema);
  },
};

interface StandardJsonSchema {
  readonly input?: (options: { target: string; libraryOptions?: Json }) => object;
  readonly output?: (options: { target: string; libraryOptions?: Json }) => object;
}

/**
 * A schema as JSON Schema: by its own library (Standard JSON Schema), else by the application's function. Undefined where
 * neither can.
 */
export function jsonSchemaOf(
  schema: StandardSchemaV1,
  side: "input" | "output",
  own: ToJsonSchema | undefined,
): Json | undefined {
  const given = own?.(schema, side);
  if (given !== undefined) return { ...given };
  const standard: StandardSchemaV1.Props & { readonly jsonSchema?: StandardJsonSchema } = schema["~standard"];
  const make = standard.jsonSchema?.[side];
  if (typeof make !== "function") return undefined;
  const options = standard.vendor === "zod" ? zodOptions : standard.vendor === "arktype" ? ARKTYPE_OPTIONS : undefined;
  try {
    return { ...make(options === undefined ? { target } : { target, libraryOptions: options }) };
  } catch {
    // What the library cannot say is said by the shape, which is less but never wrong.
    return undefined;
  }
}

/** Keywords whose members are names of the application's, each with a schema. */
const named: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
]);
/** Keywords that hold values, in which nothing is a keyword. */
const values: ReadonlySet<string> = new Set(["enum", "const", "default", "examples"]);

/** A value as JSON holds it: bigints are texts there. */
function inJson(value: unknown): unknown {
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
  return text === undefined ? undefined : JSON.parse(text);
}

/**
 * A schema's document as a part of a larger one: without what only stands at the root, with its references turned to where
 * `name` stands among the larger one's schemas. `definitions` has it when it refers to itself.
 */
export function embedded(
  root: Json,
  name: string,
): { readonly schema: Json; readonly definitions: Record<string, Json> } {
  let refers = false;
  const visitEach = (members: Json): Json =>
    Object.fromEntries(Object.entries(members).map(([key, value]) => [key, visit(value)]));
  const visit = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(visit);
    if (!isJson(node)) return node;
    const result: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(node)) {
      if (key === "$schema" || key === "~standard" || key === "$id" || key === "x-type") continue;
      if (key === "$ref" && typeof value === "string" && value.startsWith("#")) {
        refers = true;
        result[key] = `#/components/schemas/${name}${value.slice(1)}`;
      } else if (named.has(key) && isJson(value)) {
        result[key] = visitEach(value);
      } else {
        result[key] = values.has(key) ? inJson(value) : visit(value);
      }
    }
    if (node["x-type"] === "date") return { ...result, ...dateSchema };
    if (node["x-type"] === "bigint") return { ...result, ...bigintSchema };
    return node["contentEncoding"] === "binary" ? fileSchema : result;
  };
  const schema = visit(root) as Json;
  return { schema, definitions: refers ? { [name]: schema } : {} };
}

/** Says something of a value: a schema without any of these allows everything. */
const telling = ["type", "$ref", "enum", "const", "anyOf", "oneOf", "allOf", "not"];

/** What an application's route takes: path parameters, and the properties of its schema. */
export function describeInput(
  route: { readonly params: StandardSchemaV1 | undefined; readonly path: string; readonly label: string },
  name: string,
  own: ToJsonSchema | undefined,
): DescribedInput {
  const { params, path, label } = route;
  const shape: ObjectShape | undefined = params === undefined ? undefined : inspectParameters(params, label);
  const root = params === undefined ? undefined : jsonSchemaOf(params, "input", own);
  const { schema, definitions } = root === undefined ? { schema: {}, definitions: {} } : embedded(root, name);
  const properties: Json = isJson(schema["properties"]) ? schema["properties"] : {};
  const inPath = pathParameters(path, label);
  const one = (key: string, property: PropertyShape, carrier: "path" | "any"): DescribedParameter => {
    const said = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const known = isJson(said) ? said : {};
    const whole = telling.some((keyword) => keyword in known) ? known : { ...known, ...schemaOfShape(property.shape) };
    return {
      name: key,
      carrier,
      required: property.required,
      schema: whole,
      ...(isFileShape(property.shape) ? { file: true } : {}),
    };
  };
  const parameters = [
    ...inPath.map((each: PathParameter) =>
      one(each.name, { shape: shape?.properties.get(each.name)?.shape ?? TEXT, required: true }, "path"),
    ),
    ...[...(shape?.properties ?? [])]
      .filter(([key]) => !inPath.some((each) => each.name === key))
      .map(([key, property]) => one(key, property, "any")),
  ];
  const more = schema["additionalProperties"];
  const others = shape?.rest === undefined ? false : isJson(more) ? more : schemaOfShape(shape.rest);
  // A choice between objects says more as a whole; its parts can't be taken apart where the path has some of them.
  const choice = root !== undefined && schema["properties"] === undefined && inPath.length === 0;
  return { parameters, others, definitions, ...(choice ? { whole: schema } : {}) };
}
