import type { StandardSchemaV1 } from "@standard-schema/spec";
import { isTyped, type TypedColumn } from "../../datastore/column-input.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown, knownNames } from "../../model/known-names.ts";
import { checkLabel, type Label } from "../../model/label.ts";
import { type Column, needsValue } from "../../model/schema.ts";
import type { FieldView } from "../../views/contract.ts";
import { columnInput, columnLook, longestOf, schemaValue, wrongInput, yesOrNo } from "../column-field.ts";
import type { FeatureKernel, RegistrationField } from "../feature.ts";
import { type Field, flagOf, issuesFault } from "../fields.ts";

/** What an application's own field of a form can be. */
export type ExtraFieldType = Extract<
  FieldView["type"],
  "text" | "textarea" | "tel" | "number" | "date" | "datetime-local" | "checkbox"
>;

/** One field of the application's own in the registration form. */
export interface ExtraFieldOptions {
  /** A text, or texts by language: `{ en: "Company", de: "Firma" }`. */
  readonly label: Label;
  /** Default: by the type of the column of its name, else "text". What is typed must be readable as a value of that column. */
  readonly type?: ExtraFieldType;
  /** The HTML autocomplete token, such as "organization". */
  readonly autocomplete?: string;
  /** Default true: must be filled in. */
  readonly required?: boolean;
  /** In characters; default: what the column of its name holds, else 255. */
  readonly maxLength?: number;
  /**
   * Checks and converts the value: any Standard Schema that answers synchronously. Gets text from forms (a boolean for a box).
   * The messages of its issues are shown at the field.
   */
  readonly schema?: StandardSchemaV1;
}

/**
 * The values of the application's own fields: as their schemas say, else text as it was typed, true/false for boxes. The user has
 * those of columns in the columns' types.
 */
export type ExtraValues<Extra extends Readonly<Record<string, ExtraFieldOptions>>> = {
  readonly [K in keyof Extra]: Extra[K] extends { readonly schema: infer S extends StandardSchemaV1 }
    ? StandardSchemaV1.InferOutput<S>
    : Extra[K] extends { readonly type: "checkbox" }
      ? boolean
      : string;
};

const members: Readonly<Record<keyof ExtraFieldOptions, true>> = {
  label: true,
  type: true,
  autocomplete: true,
  required: true,
  maxLength: true,
  schema: true,
};

/** The columns whose values can be typed into a field of this kind. */
const readable: Readonly<Record<ExtraFieldType, readonly TypedColumn["type"][]>> = {
  text: ["string", "text", "integer", "boolean", "datetime", "date"],
  textarea: ["text"],
  tel: ["string", "text"],
  number: ["string", "text", "integer"],
  date: ["string", "text", "date", "datetime"],
  "datetime-local": ["string", "text", "datetime"],
  checkbox: ["boolean"],
};

/** Checks what does not depend on the columns. Throws ConfigurationError. */
export function checkExtraField(name: string, options: ExtraFieldOptions): void {
  const path = pathOf(name);
  checkKnown(path, options, Object.keys(members), "member");
  checkLabel(`${path}.label`, options.label);
  const { type, autocomplete, required, maxLength, schema } = options;
  if (type !== undefined && !Object.hasOwn(readable, type)) {
    const kinds = knownNames(String(type), Object.keys(readable));
    throw new ConfigurationError(`${path}.type`, `there is no type ${JSON.stringify(type)}; ${kinds}`);
  }
  const refuse = (member: keyof ExtraFieldOptions, expected: string): never => {
    throw new ConfigurationError(`${path}.${member}`, expected);
  };
  if (autocomplete !== undefined && typeof autocomplete !== "string") refuse("autocomplete", "a text is expected");
  if (required !== undefined && typeof required !== "boolean") refuse("required", "true or false is expected");
  if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength > 0)) {
    refuse("maxLength", "a whole number, 1 or more, is expected");
  }
  if (schema !== undefined && typeof schema?.["~standard"]?.validate !== "function") {
    refuse("schema", "a Standard Schema is expected");
  }
}

/** The application's own fields, each for the column of its name where there is one. Throws ConfigurationError. */
export function extraFields(
  fields: Readonly<Record<string, ExtraFieldOptions>>,
  columns: FeatureKernel["ownColumns"],
): Readonly<Record<string, RegistrationField>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, options]) => [name, extraField(name, options, columns.get(name))]),
  );
}

/** Makes a field of the engine from the application's words; `column` is the one that its value is stored in. */
export function extraField(name: string, options: ExtraFieldOptions, column?: Column): RegistrationField {
  checkExtraField(name, options);
  const path = pathOf(name);
  const { schema, required = true, autocomplete } = options;
  const typed = column === undefined ? undefined : checkColumn(name, options, column);
  const look = typed === undefined || options.type !== undefined ? undefined : columnLook(typed);
  // A box without an answer is a no, which is not what the column's default is: it is asked for in words. A schema gets yes or no.
  const asked = look?.type === "checkbox" && schema === undefined ? "select" : look?.type;
  const type = options.type ?? asked ?? "text";
  const maxLength = options.maxLength ?? (typed === undefined ? 255 : longestOf(typed));
  const box = type === "checkbox";
  const asColumn = typed !== undefined && schema === undefined ? shownAs(typed, type) : {};

  const stored = (value: unknown): Parsed => {
    if (column === undefined || typed === undefined) return { value };
    if (value === "") return emptied(typed);
    return schema === undefined
      ? columnInput(typed, value, maxLength)
      : schemaValue(path, name, column, value, maxLength);
  };
  const checked = (input: unknown): Parsed => {
    const plain = box ? boxOf(input) : textOf(input, maxLength, typed?.type === "boolean");
    if ("fault" in plain) return plain;
    const missing: Parsed = { fault: { key: "FIELD_REQUIRED" } };
    if (required && plain.value === "") return missing;
    const unticked = required && plain.value === false;
    if (schema === undefined) return unticked ? missing : plain;
    const result = schema["~standard"].validate(plain.value);
    if (result instanceof Promise) throw new ConfigurationError(`${path}.schema`, "must answer synchronously");
    // It may say in its own words why a box must be ticked.
    if (result.issues !== undefined) return { fault: issuesFault(result.issues) };
    return unticked ? missing : { value: result.value };
  };
  return {
    label: { text: options.label },
    type,
    required,
    maxLength,
    echo: true,
    ...(autocomplete === undefined ? {} : { autocomplete }),
    ...asColumn,
    parse(input) {
      const own = checked(input);
      if ("fault" in own) return own;
      const kept = stored(own.value);
      return "fault" in kept ? kept : own;
    },
    stored,
  };
}

function pathOf(name: string): string {
  return `registration.fields.${name}`;
}

/** Refuses a field that nothing could be typed into which the column holds. */
function checkColumn(name: string, options: ExtraFieldOptions, column: Column): TypedColumn {
  const path = pathOf(name);
  if (!isTyped(column)) {
    throw new ConfigurationError(path, `a value of the column ${name} (${column.type}) can't be typed into a form`);
  }
  const { type, schema, required = true, maxLength } = options;
  const which = `the column ${name} (column.${column.type})`;
  if (schema === undefined && type !== undefined && !readable[type].includes(column.type)) {
    const fit = Object.entries(readable).flatMap(([kind, types]) => (types.includes(column.type) ? [kind] : []));
    throw new ConfigurationError(
      `${path}.type`,
      `what is typed into a field of the type "${type}" is no value of ${which}; leave the type out, take ${fit.map((kind) => `"${kind}"`).join(" or ")}, or convert it by a schema`,
    );
  }
  if (maxLength !== undefined && column.type === "string" && maxLength > longestOf(column)) {
    throw new ConfigurationError(`${path}.maxLength`, `${which} holds ${longestOf(column)} characters`);
  }
  if (!required && schema === undefined && needsValue(column) && !isText(column) && type !== "checkbox") {
    throw new ConfigurationError(
      `${path}.required`,
      `${which} needs a value, and the field may be left empty; say nullable: true or a default at the column`,
    );
  }
  return column;
}

function isText({ type }: Column): boolean {
  return type === "string" || type === "text";
}

/** Left empty, it has no value; a text that must not be null is an empty one. */
function emptied(column: TypedColumn): Parsed {
  const empty = columnInput(column, "");
  return "fault" in empty && isText(column) ? { value: "" } : empty;
}

/** What the form and the description of JSON owe to the column. */
function shownAs(column: TypedColumn, type: Field<unknown>["type"]): Partial<Field<unknown>> {
  const { schema, choices, hint, step } = columnLook(column);
  return {
    wrong: wrongInput(column),
    ...(isText(column) || schema === undefined ? {} : { schema }),
    ...(type === "select" ? { choices: choices ?? yesOrNo } : {}),
    ...(type === "datetime-local" && hint !== undefined && step !== undefined ? { hint, step } : {}),
  };
}

type Parsed = ReturnType<Field<unknown>["parse"]>;

function textOf(input: unknown, maxLength: number, takesFlags: boolean): Parsed {
  if (input === undefined || input === null) return { value: "" };
  const isPlain = typeof input === "string" || typeof input === "number" || (takesFlags && typeof input === "boolean");
  if (!isPlain) return { fault: { key: "FIELD_INVALID" } };
  const text = String(input).trim();
  if (text.length > maxLength) return { fault: { key: "INVALID_INPUT_LENGTH" } };
  return text.includes("\u0000") || !text.isWellFormed() ? { fault: { key: "FIELD_INVALID" } } : { value: text };
}

function boxOf(input: unknown): Parsed {
  const value = flagOf(input);
  return value === undefined ? { fault: { key: "FIELD_INVALID" } } : { value };
}
