import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { BodyLimits } from "../../http/body-limits.ts";
import type { CompiledParameters, ConvertedParameters, ParameterDescription } from "../../http/parameters.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { classShapes, isCast, shapeOfCast } from "./cast.ts";
import { Conversion, type Declared } from "./conversion.ts";
import { ARKTYPE_OPTIONS, shapeOfJsonSchema } from "./json-schema.ts";
import { compileParameter, type Parameter } from "./parameter.ts";
import { pathParameters } from "./path.ts";
import { type ParameterParts, type ParameterRecord, partsOf } from "./record.ts";
import {
  asObject,
  type ClassShapes,
  includesShape,
  type ObjectShape,
  type PropertyShape,
  type Shape,
  TEXT,
} from "./shape.ts";
import type { InjectedParameter } from "./special.ts";
import { ShapeError } from "./text-format.ts";
import { isOptionalInValibot, isValibotSchema, shapeOfValibot } from "./valibot.ts";
import { isOptionalInZod, isZodSchema, shapeOfZod } from "./zod.ts";

/** Settings beside a route's own declaration. */
export interface ParameterOptions {
  /** Names that may be sent though no route declares them, beside `csrf_token`. */
  readonly ignored?: readonly string[];
  /** Conversions for classes; default: for dates and files only. */
  readonly classes?: ClassShapes;
  /** What a body, and JSON in a text, may cost; default: files of any size, else the usual. */
  readonly body?: BodyLimits;
}

/** A route's parameters, with those that nobody sends. */
export interface RouteParameters extends CompiledParameters {
  readonly injected: ReadonlyMap<string, InjectedParameter>;
  /** Those of the path that neither `params` nor a conversion in the path says anything of. */
  readonly undeclared: ReadonlySet<string>;
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

/** What the schema wants, in the words of its library or of Standard JSON Schema. */
function shapeOf(schema: StandardSchemaV1, classes: ClassShapes, where: string): Shape {
  if (isCast(schema)) return shapeOfCast(schema);
  if (isZodSchema(schema)) return shapeOfZod(schema, classes);
  if (isValibotSchema(schema)) return shapeOfValibot(schema, classes);
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
  return shapeOfJsonSchema(document, classes);
}

/** The same with the route in the error for what a schema cannot say. */
function inspect(schema: StandardSchemaV1, classes: ClassShapes, where: string, name?: string): Shape {
  try {
    return shapeOf(schema, classes, where);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new ConfigurationError(where, name === undefined ? error.message : `${name}: ${error.message}`);
  }
}

function objectShape(shape: ObjectShape | undefined, where: string): ObjectShape {
  if (shape !== undefined) return shape;
  throw new ConfigurationError(where, "the schema of its parameters must be an object with one property for each");
}

/** Whether the schema of one parameter takes that it is not there. */
function isOptional(schema: StandardSchemaV1): boolean {
  if (isZodSchema(schema)) return isOptionalInZod(schema);
  if (isValibotSchema(schema)) return isOptionalInValibot(schema);
  try {
    const result = schema["~standard"].validate(undefined);
    return !(result instanceof Promise) && result.issues === undefined;
  } catch {
    return false;
  }
}

/** True for a schema of any Standard Schema library. */
export function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
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
 * strings there. A parameter of the path has a conversion there (`:id{int}`) or stands in what is declared; where nothing is
 * declared, it is a string.
 *
 * @param where names the route in errors: `GET /store/:sid`
 * @throws {ConfigurationError} for a schema that is no object or cannot be read, and for names that cannot be used
 */
export function compileParameters(
  declared: StandardSchemaV1 | ParameterRecord | undefined,
  path: string,
  method: string,
  where: string,
  options: ParameterOptions = {},
): RouteParameters {
  const parts = inspectParameters(declared, options.classes ?? plainClasses, where);
  const { body } = options;
  const inPath = new Map(pathParameters(path, where).map((one) => [one.name, one]));
  const byName = new Map<string, Parameter>();
  for (const { name, optional, shape } of inPath.values()) {
    if (parts.sent.has(name) || parts.injected.has(name)) {
      throw new ConfigurationError(where, `the parameter ${name} stands in the path and cannot be special`);
    }
    const property = parts.plain.get(name);
    // Else the guard may ask about what the query holds, while the path that everybody sees says something else.
    if (declared !== undefined && property === undefined && shape === undefined && parts.rest === undefined) {
      throw new ConfigurationError(where, `the path has :${name}, which params does not declare; add it to params`);
    }
    byName.set(name, compileParameter(name, property ?? { shape: shape ?? TEXT, required: !optional }, "path", body));
  }
  for (const [name, property] of parts.plain) {
    if (!inPath.has(name)) byName.set(name, compileParameter(name, property, "any", body));
    checkFiles(name, property, method, where, options.body?.multipartBytes);
  }
  const inHead: Declared["inHead"][number][] = [];
  for (const [name, { property, parameter }] of parts.sent) {
    if (includesShape(property.shape, (part) => part.kind === "file")) {
      throw new ConfigurationError(where, `the parameter ${name} is a file, which no ${parameter.carrier} can be`);
    }
    const made = compileParameter(name, property, parameter.carrier, body);
    byName.set(name, made);
    inHead.push({ name, parameter: made, sentAs: parameter.sentAs });
  }
  for (const name of [...byName.keys(), ...parts.injected.keys()]) {
    if (RESERVED.has(name)) throw new ConfigurationError(where, `a parameter cannot be called ${name}`);
  }
  const rest =
    parts.rest === undefined
      ? undefined
      : compileParameter(undefined, { shape: parts.rest, required: false }, "any", body);
  const compiled: Declared = {
    byName,
    rest,
    reserved: parts.injected.size === 0 ? RESERVED : new Set([...RESERVED, ...parts.injected.keys()]),
    inPath: [...inPath.keys()].map((name) => ({
      name,
      parameter: parameterOf(byName, name),
      extra: !parts.plain.has(name),
    })),
    inHead,
    ignored: new Set(["csrf_token", ...(options.ignored ?? [])]),
  };
  const { validate } = parts;

  return {
    names: [...byName.keys()],
    injected: parts.injected,
    undeclared: new Set(
      [...inPath.values()]
        .filter(({ name, shape }) => shape === undefined && !parts.plain.has(name))
        .map(({ name }) => name),
    ),
    describe: () =>
      [...byName].map(([name, { carrier, required, type }]): ParameterDescription => {
        return { name, carrier, required, type };
      }),
    convert(raw): ConvertedParameters | Promise<ConvertedParameters> {
      const conversion = new Conversion(compiled);
      conversion.read(raw);
      if (validate === undefined) return conversion.finish({ value: {} });
      const result = validate(conversion.values);
      if (result instanceof Promise) return result.then((awaited) => conversion.finish(awaited));
      return conversion.finish(result);
    },
  };
}

/** What the option `casts` says nothing of. */
const plainClasses: ClassShapes = classShapes();

type Parts = Omit<ParameterParts, "validate"> & { readonly validate: ParameterParts["validate"] | undefined };

const none: Parts = { plain: new Map(), sent: new Map(), injected: new Map(), rest: undefined, validate: undefined };

/** The parts of a declaration: one schema for all parameters, or a record with one for each. */
export function inspectParameters(declared: unknown, classes: ClassShapes, where: string): Parts {
  if (declared === undefined) return none;
  if (isStandardSchema(declared)) {
    const shape = objectShape(asObject(inspect(declared, classes, where)), where);
    return { ...none, plain: shape.properties, rest: shape.rest, validate: declared["~standard"].validate };
  }
  if (typeof declared !== "object" || declared === null || Object.getPrototypeOf(declared) !== Object.prototype) {
    throw new ConfigurationError(
      where,
      "params must be a schema (zod, valibot, arktype or another Standard Schema), or a record with one for each name",
    );
  }
  const read = (schema: StandardSchemaV1, name: string): PropertyShape => ({
    shape: inspect(schema, classes, where, name),
    required: !isOptional(schema),
  });
  return partsOf(declared as Readonly<Record<string, unknown>>, read, isStandardSchema, where);
}

/** Refuses files where no body is, and those that no body could be large enough for. */
function checkFiles(
  name: string,
  { shape }: PropertyShape,
  method: string,
  where: string,
  multipartBytes: number | undefined,
): void {
  if ((method === "GET" || method === "HEAD") && includesShape(shape, (part) => part.kind === "file")) {
    throw new ConfigurationError(where, `the parameter ${name} is a file, but ${method} requests have no body`);
  }
  if (multipartBytes === undefined) return;
  const larger = (part: Shape): boolean => part.kind === "file" && (part.maxBytes ?? 0) > multipartBytes;
  if (includesShape(shape, larger)) {
    throw new ConfigurationError(
      where,
      `the parameter ${name} may be larger than body.multipartBytes, ${multipartBytes}, lets a body be`,
    );
  }
}

function parameterOf(byName: ReadonlyMap<string, Parameter>, name: string): Parameter {
  const parameter = byName.get(name);
  if (parameter === undefined) throw new TypeError(`The parameter ${name} was not compiled.`);
  return parameter;
}
