import type { StandardSchemaV1 } from "@standard-schema/spec";
import { classShapes } from "../parameters/cast.ts";
import { inspectParameters, isStandardSchema } from "../parameters/index.ts";
import { ARKTYPE_OPTIONS } from "../parameters/json-schema.ts";
import { type PathParameter, pathParameters } from "../parameters/path.ts";
import type { ParameterRecord } from "../parameters/record.ts";
import { type ClassShapes, type PropertyShape, TEXT } from "../parameters/shape.ts";
import { isSpecial } from "../parameters/special.ts";
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

/** Where a reference of a schema's document leads: to one of its definitions, and what is in there. */
const toDefinition = /^#\/(\$defs|definitions)\/([^/]+)(.*)$/s;

/**
 * A schema's document as a part of a larger one: without what only stands at the root, with its references turned to where
 * they lead among the larger one's schemas. `definitions` are those: its own by names that begin with `name`, and by `name`
 * itself when it refers to itself.
 */
export function embedded(
  root: Json,
  name: string,
): { readonly schema: Json; readonly definitions: Record<string, Json> } {
  let refersToRoot = false;
  const own = new Map<string, unknown>();
  for (const holder of ["$defs", "definitions"]) {
    const members = root[holder];
    if (isJson(members)) for (const [key, value] of Object.entries(members)) own.set(`${holder} ${key}`, value);
  }
  const nameOf = (key: string): string => `${name}.${inName(key)}`;
  const lead = (reference: string): string => {
    const [, holder = "", pointer = "", rest = ""] = toDefinition.exec(reference) ?? [];
    const key = decodeURIComponent(pointer).replaceAll("~1", "/").replaceAll("~0", "~");
    if (own.has(`${holder} ${key}`)) return `#/components/schemas/${nameOf(key)}${rest}`;
    refersToRoot = true;
    return `#/components/schemas/${name}${reference.slice(1)}`;
  };
  const visitEach = (members: Json): Json =>
    Object.fromEntries(Object.entries(members).map(([key, value]) => [key, visit(value)]));
  const visit = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(visit);
    if (!isJson(node)) return node;
    const result: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(node)) {
      if (key === "$schema" || key === "~standard" || key === "$id" || key === "x-type") continue;
      // How text spells it (portcullis/params), and arktype's classes: nothing for others.
      if (key === "textFormat" || key === "x-class") continue;
      if (key === "$ref" && typeof value === "string" && value.startsWith("#")) {
        result[key] = lead(value);
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
  const { $defs: _, definitions: __, ...plain } = root;
  const schema = visit(plain) as Json;
  const definitions: Record<string, Json> = {};
  for (const [key, value] of own) definitions[nameOf(key.slice(key.indexOf(" ") + 1))] = visit(value) as Json;
  return { schema, definitions: refersToRoot ? { ...definitions, [name]: schema } : definitions };
}

/** Says something of a value: a schema without any of these allows everything. */
const telling = ["type", "$ref", "enum", "const", "anyOf", "oneOf", "allOf", "not"];

/** A parameter's name in the name of a schema, each in another one. Operations have no dots in theirs. */
function inName(key: string): string {
  return key.replace(/[^A-Za-z0-9_-]/gu, (character) => `.${character.codePointAt(0)?.toString(16)}.`);
}

/** The schemas of a declaration's parameters, by name, as parts of a larger document. */
function schemasOf(
  params: StandardSchemaV1 | ParameterRecord | undefined,
  name: string,
  own: ToJsonSchema | undefined,
  shapes: ReadonlyMap<string, PropertyShape>,
): { readonly root: Json | undefined; readonly properties: Json; readonly definitions: Record<string, Json> } {
  if (params === undefined) return { root: undefined, properties: {}, definitions: {} };
  if (isStandardSchema(params)) {
    const said = jsonSchemaOf(params, "input", own);
    if (said === undefined) return { root: undefined, properties: {}, definitions: {} };
    const { schema, definitions } = embedded(said, name);
    return { root: schema, properties: isJson(schema["properties"]) ? schema["properties"] : {}, definitions };
  }
  const properties: Record<string, Json> = {};
  const definitions: Record<string, Json> = {};
  for (const [key, given] of Object.entries(params)) {
    const shape = shapes.get(key)?.shape;
    // All that JSON knows is allowed: no schema says that shorter than none.
    if (shape?.kind === "json" && shape.value.kind === "unknown") continue;
    const one = isSpecial(given) ? ("schema" in given ? given.schema : undefined) : given;
    const said = isStandardSchema(one) ? jsonSchemaOf(one, "input", own) : undefined;
    if (said === undefined) continue;
    const part = embedded(said, `${name}.${inName(key)}`);
    properties[key] = part.schema;
    Object.assign(definitions, part.definitions);
  }
  return { root: undefined, properties, definitions };
}

/** The schema of the values by other names, where a member of the record takes those. */
function restOf(params: StandardSchemaV1 | ParameterRecord | undefined, properties: Json): unknown {
  if (params === undefined || isStandardSchema(params)) return undefined;
  const key = Object.keys(params).find((name) => {
    const given = params[name];
    return isSpecial(given) && given.special === "rest";
  });
  return key !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** What an application's route takes: path parameters, and the properties of its schema or the members of its record. */
export function describeInput(
  route: {
    readonly params: StandardSchemaV1 | ParameterRecord | undefined;
    readonly path: string;
    readonly label: string;
    readonly classes?: ClassShapes;
  },
  name: string,
  own: ToJsonSchema | undefined,
): DescribedInput {
  const { params, path, label, classes = classShapes() } = route;
  const parts = inspectParameters(params, classes, label);
  const { root, properties, definitions } = schemasOf(params, name, own, parts.plain);
  const inPath = pathParameters(path, label);
  const one = (
    key: string,
    property: PropertyShape,
    carrier: DescribedParameter["carrier"],
    sentAs?: string,
  ): DescribedParameter => {
    const said = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const known = isJson(said) ? said : {};
    const whole = telling.some((keyword) => keyword in known) ? known : { ...known, ...schemaOfShape(property.shape) };
    return {
      name: key,
      carrier,
      required: property.required,
      schema: whole,
      ...(sentAs === undefined ? {} : { sentAs }),
      ...(isFileShape(property.shape) ? { file: true } : {}),
    };
  };
  const parameters = [
    ...inPath.map((each: PathParameter) =>
      one(each.name, { shape: parts.plain.get(each.name)?.shape ?? each.shape ?? TEXT, required: true }, "path"),
    ),
    ...[...parts.plain]
      .filter(([key]) => !inPath.some((each) => each.name === key))
      .map(([key, property]) => one(key, property, "any")),
    ...[...parts.sent].map(([key, { property, parameter }]) => one(key, property, parameter.carrier, parameter.sentAs)),
  ];
  const more = root === undefined ? restOf(params, properties) : root["additionalProperties"];
  const others = parts.rest === undefined ? false : isJson(more) ? more : schemaOfShape(parts.rest);
  // A choice between objects says more as a whole; its parts can't be taken apart where the path has some of them.
  const choice = root !== undefined && root["properties"] === undefined && inPath.length === 0;
  return { parameters, others, definitions, ...(choice ? { whole: root } : {}) };
}
