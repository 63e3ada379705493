import { wholeNumberIn } from "../datastore/column-input.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import { normalizeUsername } from "../model/username.ts";
import type { Json } from "../routes/openapi/json.ts";
import { fieldSchema, readField } from "./field-schema.ts";
import { type Fault, type Field, integerFault, textField } from "./fields.ts";

type Parsed<T> = { readonly value: T } | { readonly fault: Fault };

const wrong: { readonly fault: Fault } = { fault: { key: "FIELD_INVALID" } };

/** A field of a JSON body, or of a query: no page shows it. */
export function jsonField<T>(
  parse: (input: unknown) => Parsed<T>,
  options: { readonly required?: boolean; readonly type?: Field<T>["type"]; readonly schema?: Json } = {},
): Field<T> {
  const { required = false, type = "text", schema } = options;
  return {
    label: { text: "" },
    type,
    required,
    maxLength: 255,
    echo: false,
    ...(schema === undefined ? {} : { schema }),
    parse: (input) => (required && input === undefined ? { fault: { key: "FIELD_REQUIRED" } } : parse(input)),
  };
}

/** A field that may be left out: undefined then. */
export function maybe<T>(field: Field<T>): Field<T | undefined> {
  return {
    ...field,
    required: false,
    parse: (input) => (input === undefined ? { value: undefined } : field.parse(input)),
  };
}

/** True or false; in a query by words. */
export function booleanField(): Field<boolean> {
  return jsonField(
    (input) => {
      if (input === true || input === "true") return { value: true };
      return input === false || input === "false" ? { value: false } : { fault: { key: "FIELD_BOOLEAN" } };
    },
    { required: true, type: "checkbox" },
  );
}

/** A whole number in a range; in a query in digits. */
export function integerField(least: number, most: number): Field<number> {
  const fault = integerFault(least, most);
  const field = jsonField(
    (input) => {
      const value = wholeNumberIn(input);
      return value !== undefined && value >= least && value <= most ? { value } : { fault };
    },
    { required: true, type: "number", schema: { type: "integer", minimum: least, maximum: most } },
  );
  return { ...field, wrong: fault };
}

/** A text of at most that many UTF-16 units, without control characters. */
export function plainTextField(maxLength: number): Field<string> {
  return jsonField(
    (input) => {
      if (typeof input !== "string") return wrong;
      if (input.length > maxLength) return { fault: { key: "INVALID_INPUT_LENGTH" } };
      return /\p{Cc}/u.test(input) || !input.isWellFormed() ? wrong : { value: input };
    },
    { required: true, schema: { type: "string", maxLength } },
  );
}

/** A list of words, each once; with `known`, of those only. */
export function wordsField(known?: ReadonlySet<string>): Field<readonly string[]> {
  return jsonField(
    (input) => {
      if (!Array.isArray(input) || input.length > 200) return wrong;
      for (const word of input as readonly unknown[]) {
        if (typeof word !== "string" || word === "" || word.length > 80 || /[,\s]/.test(word)) return wrong;
        if (known !== undefined && !known.has(word)) return wrong;
      }
      return { value: [...new Set(input as readonly string[])] };
    },
    {
      required: true,
      schema: {
        type: "array",
        maxItems: 200,
        items: wordSchema(known),
      },
    },
  );
}

function wordSchema(known: ReadonlySet<string> | undefined): Json | false {
  if (known === undefined) return { type: "string", minLength: 1, maxLength: 80 };
  // JSON Schema has no enumeration of nothing.
  return known.size === 0 ? false : { enum: [...known] };
}

/** The answer names the object's field; the application's own words say which member they are about. */
function ofMember(name: string, fault: Fault): Fault {
  const { text } = fault;
  if (text === undefined) return fault;
  const said = (words: string): string => `${name}: ${words}`;
  if (typeof text === "string") return { ...fault, text: said(text) };
  return { ...fault, text: Object.fromEntries(Object.entries(text).map(([tag, words]) => [tag, said(words)])) };
}

/** An object with these members and no others. */
export function objectField(
  members: Readonly<Record<string, Field<unknown>>>,
): Field<Readonly<Record<string, unknown>>> {
  return jsonField(
    (input) => {
      if (typeof input !== "object" || input === null || Array.isArray(input)) return wrong;
      const value: Record<string, unknown> = {};
      for (const [name, given] of Object.entries(input)) {
        const field = Object.hasOwn(members, name) ? members[name] : undefined;
        if (field === undefined) return { fault: { key: "UNEXPECTED_FIELD", params: { name: name.slice(0, 64) } } };
        const parsed = readField(field, given, "json");
        if ("fault" in parsed) return { fault: ofMember(name, parsed.fault) };
        value[name] = parsed.value;
      }
      return { value };
    },
    {
      required: true,
      schema: {
        type: "object",
        properties: Object.fromEntries(Object.entries(members).map(([name, field]) => [name, fieldSchema(field)])),
        additionalProperties: false,
      },
    },
  );
}

/** A username where no feature has rules for them; null or "": none. */
export function anyUsernameField(): Field<string | undefined> {
  const text = textField({ label: "LABEL_USERNAME", required: false });
  return {
    ...text,
    parse(input) {
      const parsed = text.parse(input);
      if ("fault" in parsed) return parsed;
      if (parsed.value.trim() === "") return { value: undefined };
      const value = normalizeUsername(parsed.value);
      return value === undefined ? { fault: { key: "USERNAME_ILLEGAL_CHARACTERS" as MessageKey } } : { value };
    },
  };
}
