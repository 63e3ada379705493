import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigurationError, PortcullisError } from "../../model/errors.ts";
import { type Class, type ClassConversion, type ClassShapes, type Shape, UNKNOWN } from "./shape.ts";
import { ShapeError } from "./text-format.ts";

/** A conversion for a class: by itself the schema of one parameter; in the option `casts` it serves the schema libraries. */
export interface Cast<T> extends StandardSchemaV1<T, T> {
  readonly type: Class<T>;
  /** Text, or a value out of JSON, as an object of the class; undefined or throwing: it is none, which is told by 400. */
  readonly convert: (value: unknown) => T | undefined;
}

/**
 * Says how text (or a JSON value) becomes an object of a class of yours. In a record of parameters it stands by itself,
 * `params: { house: cast(House, (text) => House.parse(String(text))) }`; in the option `casts` it is found by
 * `z.instanceof(House)`, `v.instance(House)` and arktype's `type.instanceOf(House)` in every route.
 *
 * @throws {ConfigurationError} for what is no class or no function
 */
export function cast<T>(type: Class<T>, convert: (value: unknown) => T | undefined): Cast<T> {
  if (typeof type !== "function" || typeof convert !== "function") {
    throw new ConfigurationError("cast", "a class and a function of the value are expected");
  }
  return Object.freeze({
    type,
    convert,
    "~standard": {
      version: 1,
      vendor: "portcullis",
      validate: (value: unknown) =>
        value instanceof type ? { value } : { issues: [{ message: `must be of type ${type.name}` }] },
    },
  } satisfies Cast<T>);
}

/** True for what `cast` made. */
export function isCast(value: unknown): value is Cast<unknown> {
  if (typeof value !== "object" || value === null) return false;
  const made = value as Partial<Cast<unknown>>;
  return made["~standard"]?.vendor === "portcullis" && typeof made.convert === "function";
}

/** The shape of a cast's own class. */
export function shapeOfCast({ type, convert }: Cast<unknown>): Shape {
  return { kind: "class", name: type.name, convert: checked(type, convert) };
}

/** Checks the option `casts` and makes the lookup that schemas are read with. Throws ConfigurationError. */
export function classShapes(casts: readonly unknown[] = []): ClassShapes {
  const known = new Map<unknown, Shape>([
    [Date, { kind: "date" }],
    [File, { kind: "file" }],
    [Blob, { kind: "file" }],
    // What every value is an instance of says nothing.
    [Object, UNKNOWN],
  ]);
  for (const [index, one] of casts.entries()) {
    if (!isCast(one)) throw new ConfigurationError(`casts[${index}]`, "cast(Class, (value) => …) is expected");
    if (known.has(one.type)) {
      throw new ConfigurationError(`casts[${index}]`, `there is a conversion for ${one.type.name} already`);
    }
    known.set(one.type, shapeOfCast(one));
  }
  return (type) => {
    const shape = known.get(type);
    if (shape !== undefined) return shape;
    throw new ShapeError(
      `there is no conversion for the class ${type.name}; add cast(${type.name}, (value) => …) to the option casts`,
    );
  };
}

/** A conversion that makes something else is a mistake of the application, not of the caller. */
function checked(type: Class, convert: ClassConversion): ClassConversion {
  return (value) => {
    const made = convert(value);
    if (made === undefined || made instanceof type) return made;
    throw new PortcullisError("invalid_cast", `the conversion for ${type.name} made something else`);
  };
}
