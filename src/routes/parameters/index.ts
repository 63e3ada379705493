import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { CompiledParameters, ConvertedParameters, ParameterDescription } from "../../http/parameters.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { Conversion, type Declared } from "./conversion.ts";
import { ARKTYPE_OPTIONS, shapeOfJsonSchema } from "./json-schema.ts";
import { compileParameter, type Parameter } from "./parameter.ts";
import { pathParameters } from "./path.ts";
import { asObject, includesShape, type ObjectShape, TEXT } from "./shape.ts";
import { isValibotSchema, shapeOfValibot } from "./valibot.ts";
import { isZodSchema, shapeOfZod } from "./zod.ts";

/** Settings beside a route's own declaration. */
export interface ParameterOptions {
  /** Names that may be sent though no route declares them, beside `csrf_token`. */
  readonly ignored?: readonly string[];
}

/** Names that mean something to every JavaScript object; no parameter may have them. */
const RESERVED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

interface StandardJsonSchema {
  input(options: { target: string; libraryOptions?: Readonly<Record<string, unknown>> }): Record<string, unknown>;
}

function jsonSchemaOf(schema: StandardSchemaV1): StandardJsonSchema | undefined {
  const standard: StandardSchemaV1.Props & { readonly jsonSchema?: unknown } = schema["~standard"];
  const json = standard.jsonSchema;
  if (typeof json !== "object" || json === null || !("input" in json)) return undefined;
  return typeof json.input === "function" ? (json as StandardJsonSchema) : undefined;
}

/** What the schema says about its properties, in the words of its library or of Standard JSON Schema. */
export function inspectParameters(schema: StandardSchemaV1, where: string): ObjectShape {
  if (isZodSchema(schema)) return objectShape(asObject(shapeOfZod(schema)), where);
  if (isValibotSchema(schema)) return objectShape(asObject(shapeOfValibot(schema)), where);
  const { vendor } = schema["~standard"];
  const json = jsonSchemaOf(schema);
  if (json === undefined) {
    throw new ConfigurationError(
      where,
      `the schema of its parameters (by ${vendor}) does not tell their names; ` +
        "use zod 4, valibot 1, or a library with Standard JSON Schema",
    );
  }
  let document: Record<string, unknown>;
  try {
    const target = "draft-2020-12";
    document = json.input(vendor === "arktype" ? { target, libraryOptions: ARKTYPE_OPTIONS } : { target });
  } catch (cause) {
    throw new ConfigurationError(where, `the schema of its parameters (by ${vendor}) cannot be described`, { cause });
  }
  return objectShape(asObject(shapeOfJsonSchema(document)), where);
}

function objectShape(shape: ObjectShape | undefined, where: string): ObjectShape {
  if (shape !== undefined) return shape;
  throw new ConfigurationError(where, "the schema of its parameters must be an object with one property for each");
}

function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) return false;
  if (!("~standard" in schema)) return false;
  const standard = schema["~standard"];
  return typeof standard === "object" && standard !== null && "validate" in standard;
}

/**
 * Compiles a route's parameters when the route is declared: one converter for each name, whatever carries it.
 *
 * Text (path, query, form) becomes what the schema wants: strict integers, JSON's numbers, booleans (true, 1, on, yes
 * and false, 0, off, no), RFC 3339 dates, enumerations, lists by repetition, objects as JSON text. A blank form field
 * of anything but text counts as not given. JSON values are taken as they are, but for dates and bigints, which are
 * strings there. Path parameters that the schema does not name are strings.
 *
 * @param where names the route in errors: `GET /store/:sid`
 * @throws {ConfigurationError} for a schema that is no object or cannot be read, and for names that cannot be used
 */
export function compileParameters(
  schema: StandardSchemaV1 | undefined,
  path: string,
  method: string,
  where: string,
  options: ParameterOptions = {},
): CompiledParameters {
  if (schema !== undefined && !isStandardSchema(schema)) {
    throw new ConfigurationError(where, "params must be a schema (zod, valibot, arktype or another Standard Schema)");
  }
  const shape = schema === undefined ? undefined : inspectParameters(schema, where);
  const inPath = new Map(pathParameters(path, where).map((one) => [one.name, one]));
  const byName = new Map<string, Parameter>();
  for (const { name, optional } of inPath.values()) {
    const property = shape?.properties.get(name);
    byName.set(name, compileParameter(name, property ?? { shape: TEXT, required: !optional }, "path"));
  }
  for (const [name, property] of shape?.properties ?? []) {
    if (!inPath.has(name)) byName.set(name, compileParameter(name, property, "any"));
    if ((method === "GET" || method === "HEAD") && includesShape(property.shape, (part) => part.kind === "file")) {
      throw new ConfigurationError(where, `the parameter ${name} is a file, but ${method} requests have no body`);
    }
  }
  for (const name of byName.keys()) {
    if (RESERVED.has(name)) throw new ConfigurationError(where, `a parameter cannot be called ${name}`);
  }
  const rest =
    shape?.rest === undefined ? undefined : compileParameter(undefined, { shape: shape.rest, required: false }, "any");
  const declared: Declared = {
    byName,
    rest,
    reserved: RESERVED,
    inPath: [...inPath.keys()].map((name) => ({
      name,
      parameter: compiled(byName, name),
      extra: shape?.properties.has(name) !== true,
    })),
    ignored: new Set(["csrf_token", ...(options.ignored ?? [])]),
  };
  const validate = schema?.["~standard"].validate;

  return {
    names: [...byName.keys()],
    describe: () =>
      [...byName].map(([name, { carrier, required, type }]): ParameterDescription => {
        return { name, carrier, required, type };
      }),
    convert(raw): ConvertedParameters | Promise<ConvertedParameters> {
      const conversion = new Conversion(declared);
      conversion.read(raw);
      if (validate === undefined) return conversion.finish({ value: {} });
      const result = validate(conversion.values);
      if (result instanceof Promise) return result.then((awaited) => conversion.finish(awaited));
      return conversion.finish(result);
    },
  };
}

function compiled(byName: ReadonlyMap<string, Parameter>, name: string): Parameter {
  const parameter = byName.get(name);
  if (parameter === undefined) throw new TypeError(`The parameter ${name} was not compiled.`);
  return parameter;
}
