import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigurationError } from "../../model/errors.ts";
import { checkLabel, type Label } from "../../model/label.ts";
import type { FieldView } from "../../views/contract.ts";
import { type Field, flagOf, issuesFault } from "../fields.ts";

/** One field of the application's own in the registration form. */
export interface ExtraFieldOptions {
  /** A text, or texts by language: `{ en: "Company", de: "Firma" }`. */
  readonly label: Label;
  /** Default "text". */
  readonly type?: Extract<FieldView["type"], "text" | "tel" | "number" | "date" | "checkbox">;
  /** The HTML autocomplete token, such as "organization". */
  readonly autocomplete?: string;
  /** Default true: must be filled in. */
  readonly required?: boolean;
  /** In characters; default 255. */
  readonly maxLength?: number;
  /**
   * Checks and converts the value: any Standard Schema that answers synchronously. Gets text from forms (a boolean for a box).
   * The messages of its issues are shown at the field.
   */
  readonly schema?: StandardSchemaV1;
}

/** The values of the application's own fields: as their schemas say, else text, true/false for boxes. */
export type ExtraValues<Extra extends Readonly<Record<string, ExtraFieldOptions>>> = {
  readonly [K in keyof Extra]: Extra[K] extends { readonly schema: infer S extends StandardSchemaV1 }
    ? StandardSchemaV1.InferOutput<S>
    : Extra[K] extends { readonly type: "checkbox" }
      ? boolean
      : string;
};

/** Makes a field of the engine from the application's words. */
export function extraField(name: string, options: ExtraFieldOptions): Field<unknown> {
  const path = `registration.fields.${name}`;
  checkLabel(`${path}.label`, options.label);
  const type = options.type ?? "text";
  const required = options.required ?? true;
  const maxLength = options.maxLength ?? 255;
  const box = type === "checkbox";
  return {
    label: { text: options.label },
    type,
    required,
    maxLength,
    echo: true,
    ...(options.autocomplete === undefined ? {} : { autocomplete: options.autocomplete }),
    parse(input) {
      const plain = box ? boxOf(input) : textOf(input, maxLength);
      if ("fault" in plain) return plain;
      if (required && (plain.value === "" || plain.value === false)) return { fault: { key: "FIELD_REQUIRED" } };
      if (options.schema === undefined) return plain;
      const result = options.schema["~standard"].validate(plain.value);
      if (result instanceof Promise) throw new ConfigurationError(`${path}.schema`, "must answer synchronously");
      return result.issues === undefined ? { value: result.value } : { fault: issuesFault(result.issues) };
    },
  };
}

type Parsed = ReturnType<Field<unknown>["parse"]>;

function textOf(input: unknown, maxLength: number): Parsed {
  if (input === undefined || input === null) return { value: "" };
  if (typeof input !== "string" && typeof input !== "number") return { fault: { key: "FIELD_INVALID" } };
  const text = String(input).trim();
  if (text.length > maxLength) return { fault: { key: "INVALID_INPUT_LENGTH" } };
  return text.includes("\u0000") || !text.isWellFormed() ? { fault: { key: "FIELD_INVALID" } } : { value: text };
}

function boxOf(input: unknown): Parsed {
  const value = flagOf(input);
  return value === undefined ? { fault: { key: "FIELD_INVALID" } } : { value };
}
