import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigurationError } from "../../model/errors.ts";
import { type PropertyShape, type Shape, UNKNOWN } from "./shape.ts";
import { type InjectedParameter, isSpecial, type SentParameter, type SpecialParameter } from "./special.ts";

/** Parameters by name: each one a schema of any library, or special. */
export type ParameterRecord = Readonly<Record<string, StandardSchemaV1 | SpecialParameter>>;

/** A record of parameters, taken apart. */
export interface ParameterParts {
  /** What comes under its own name from path, query or body. */
  readonly plain: ReadonlyMap<string, PropertyShape>;
  /** What comes from headers and cookies. */
  readonly sent: ReadonlyMap<string, { readonly property: PropertyShape; readonly parameter: SentParameter }>;
  readonly rest: Shape | undefined;
  readonly injected: ReadonlyMap<string, InjectedParameter>;
  readonly validate: StandardSchemaV1.Props["validate"];
}

/** Reads one schema: its shape, and whether the parameter may be left out. */
export type ReadSchema = (schema: StandardSchemaV1, name: string) => PropertyShape;

const text: PropertyShape = { shape: { kind: "text" }, required: true };

/** Takes a record apart. `where` names the route in errors. Throws ConfigurationError. */
export function partsOf(
  record: Readonly<Record<string, unknown>>,
  read: ReadSchema,
  isSchema: (value: unknown) => value is StandardSchemaV1,
  where: string,
): ParameterParts {
  const plain = new Map<string, PropertyShape>();
  const sent = new Map<string, { readonly property: PropertyShape; readonly parameter: SentParameter }>();
  const injected = new Map<string, InjectedParameter>();
  const validators: Validator[] = [];
  let others: { readonly name: string; readonly validate: Validate | undefined } | undefined;
  let rest: Shape | undefined;
  const schemaOf = (schema: unknown, name: string): StandardSchemaV1 | undefined => {
    if (schema === undefined || isSchema(schema)) return schema;
    throw new ConfigurationError(where, `the parameter ${name} must have a schema (zod, valibot, arktype …)`);
  };
  for (const [name, one] of Object.entries(record)) {
    if (!isSpecial(one)) {
      const schema = schemaOf(one, name);
      if (schema === undefined) throw new ConfigurationError(where, `the parameter ${name} has no schema`);
      plain.set(name, read(schema, name));
      validators.push({ name, validate: schema["~standard"].validate });
    } else if (one.special === "sent") {
      const schema = schemaOf(one.schema, name);
      sent.set(name, { property: schema === undefined ? text : read(schema, name), parameter: one });
      validators.push({ name, validate: schema?.["~standard"].validate ?? isText });
    } else if (one.special === "rest") {
      if (others !== undefined) throw new ConfigurationError(where, `${others.name} and ${name}: one rest is enough`);
      const schema = schemaOf(one.schema, name);
      rest = schema === undefined ? UNKNOWN : read(schema, name).shape;
      others = { name, validate: schema?.["~standard"].validate };
    } else {
      if (name === "then") throw new ConfigurationError(where, "a special parameter cannot be called then");
      injected.set(name, one);
    }
  }
  return { plain, sent, injected, rest, validate: recordValidator(validators, others) };
}

type Validate = StandardSchemaV1.Props["validate"];
type Result = StandardSchemaV1.Result<unknown>;

interface Validator {
  readonly name: string;
  readonly validate: Validate;
}

const isText: Validate = (value) => (typeof value === "string" ? { value } : { issues: [{ message: "is required" }] });

/** One validation of them all: each value by its own schema, all faults together. Synchronous where the schemas are. */
function recordValidator(
  validators: readonly Validator[],
  rest: { readonly name: string; readonly validate: Validate | undefined } | undefined,
): Validate {
  const named = new Set(validators.map(({ name }) => name));
  return (input) => {
    const values = input as Readonly<Record<string, unknown>>;
    const output: Record<string, unknown> = {};
    const issues: StandardSchemaV1.Issue[] = [];
    const waiting: Promise<void>[] = [];
    const take = (into: Record<string, unknown>, name: string, result: Result): void => {
      if (result.issues !== undefined) {
        for (const issue of result.issues) issues.push({ message: issue.message, path: [name, ...(issue.path ?? [])] });
      } else if (result.value !== undefined || name in values) {
        into[name] = result.value;
      }
    };
    const check = (into: Record<string, unknown>, name: string, validate: Validate): void => {
      const result = validate(values[name]);
      if (result instanceof Promise) waiting.push(result.then((awaited) => take(into, name, awaited)));
      else take(into, name, result);
    };
    for (const { name, validate } of validators) check(output, name, validate);
    if (rest !== undefined) {
      const others: Record<string, unknown> = Object.create(null);
      for (const name of Object.keys(values)) {
        if (named.has(name)) continue;
        if (rest.validate === undefined) others[name] = values[name];
        else check(others, name, rest.validate);
      }
      output[rest.name] = others;
    }
    const result = (): Result => (issues.length > 0 ? { issues } : { value: output });
    return waiting.length === 0 ? result() : Promise.all(waiting).then(result);
  };
}
