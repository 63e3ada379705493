import type { Catalogue, MessageKey, MessageParameters } from "../i18n/catalogue.ts";
import { normalizeEmail } from "../model/email.ts";
import { type Label, labelIn } from "../model/label.ts";
import type { Json } from "../routes/openapi/json.ts";
import type { FieldView } from "../views/contract.ts";

/** What is wrong with one field or with the form: the key of a message and its parameters. */
export interface Fault {
  readonly key: MessageKey;
  readonly params?: MessageParameters;
  /** Values that are what the application calls something, in the reader's language. */
  readonly labels?: Readonly<Record<string, Label>>;
  /** Shown instead: the words of the application's own check. */
  readonly text?: Label;
}

/** One field of an endpoint's form and JSON body. */
export interface Field<T> {
  readonly label: MessageKey | { readonly text: Label };
  readonly type: FieldView["type"];
  readonly autocomplete?: string;
  readonly inputMode?: string;
  readonly required: boolean;
  readonly hint?: Fault;
  /** What there is to choose from, of a `select`; the text "" stands for nothing chosen. */
  readonly choices?: readonly { readonly value: string; readonly text: MessageKey | "" }[];
  /** The HTML attribute: how far two values of it are apart. */
  readonly step?: string;
  /** What is said of JSON of another type; default FIELD_INVALID. */
  readonly wrong?: Fault;
  /** Said above it on the page, where another way to fill in the form begins with it. */
  readonly lead?: MessageKey;
  /** In UTF-16 units; longer input is refused before any work. */
  readonly maxLength: number;
  /** Never shown: a button of the page brings it. */
  readonly hidden?: boolean;
  /** What it takes, as JSON Schema; default: by its type and length. */
  readonly schema?: Json;
  /** What was typed may be shown again. Never for passwords. */
  readonly echo: boolean;
  /** `undefined`: not sent. Text from forms, and what JSON holds otherwise. */
  parse(input: unknown): { readonly value: T } | { readonly fault: Fault };
}

/** What is said where a whole number of this range is expected. */
export function integerFault(least: number, most: number): Fault {
  return { key: "FIELD_INTEGER", params: { least, most } };
}

/** What an application's own check says (Standard Schema), in its words where it has any. */
export function issuesFault(issues: readonly { readonly message: string }[]): Fault {
  const text = issues.map(({ message }) => message).join(" ");
  return { key: "FIELD_INVALID", ...(text.trim() === "" ? {} : { text }) };
}

/** What is wrong, for a reader of this catalogue. */
export function faultText({ key, params, labels, text }: Fault, catalogue: Catalogue): string {
  if (text !== undefined) return labelIn(text, catalogue.language);
  const named = Object.entries(labels ?? {}).map(([name, label]) => [name, labelIn(label, catalogue.language)]);
  return catalogue.text(key as MessageKey, labels === undefined ? params : { ...params, ...Object.fromEntries(named) });
}

/** The values of fields. */
export type FieldValues<Fields extends Readonly<Record<string, Field<unknown>>>> = {
  readonly [K in keyof Fields]: Fields[K] extends Field<infer T> ? T : never;
};

/** What a field is called, for a reader of this catalogue. */
export function labelOf({ label }: Pick<Field<unknown>, "label">, catalogue: Catalogue): string {
  return typeof label === "string" ? catalogue.text(label as "LABEL_EMAIL") : labelIn(label.text, catalogue.language);
}

const maxText = 255;
// The hasher refuses more than 1,024 bytes after normalisation; this is the bound before it.
const maxPassword = 1_024;

/** A text that may be left out. */
function textOf(input: unknown, maxLength: number): { readonly value: string } | { readonly fault: Fault } {
  if (input === undefined || input === null) return { value: "" };
  if (typeof input !== "string") return { fault: { key: "FIELD_INVALID" } };
  if (input.length > maxLength) return { fault: { key: "INVALID_INPUT_LENGTH" } };
  if (input.includes("\u0000") || !input.isWellFormed()) return { fault: { key: "FIELD_INVALID" } };
  return { value: input };
}

/**
 * An e-mail address, normalised; with `optional` it may be left out, and is "" then. With `reaches` one that mail can't be sent to is
 * refused: only where the address becomes an account's, as elsewhere the answer must not depend on it.
 */
export function emailField(
  options: {
    readonly label?: MessageKey;
    readonly optional?: boolean;
    readonly reaches?: (address: string) => boolean;
  } = {},
): Field<string> {
  return {
    label: options.label ?? "LABEL_EMAIL",
    type: "email",
    autocomplete: "email",
    required: options.optional !== true,
    maxLength: maxText,
    echo: true,
    parse(input) {
      const text = textOf(input, maxText);
      if ("fault" in text) return text;
      if (text.value.trim() === "") {
        return options.optional === true ? { value: "" } : { fault: { key: "EMAIL_NOT_PROVIDED" } };
      }
      const value = normalizeEmail(text.value);
      if (value === undefined) return { fault: { key: "INVALID_EMAIL_ADDRESS" } };
      const fault = options.reaches && addressFault(options.reaches, value);
      return fault === undefined ? { value } : { fault };
    },
  };
}

/** What is wrong with an address that an account is to get; the one that it has may stay. */
export function addressFault(
  reaches: (address: string) => boolean,
  address: string,
  before?: string,
): Fault | undefined {
  return address === before || reaches(address) ? undefined : { key: "EMAIL_NOT_DELIVERABLE" };
}

/** What somebody says to identify themselves; checked no further, so that the answer does not depend on it. */
export function identityField(attribute: string, label?: string): Field<string | undefined> {
  const email = attribute === "email";
  return {
    label:
      label !== undefined
        ? { text: label }
        : email
          ? "LABEL_EMAIL"
          : attribute === "username"
            ? "LABEL_USERNAME"
            : { text: attribute },
    type: email ? "email" : "text",
    autocomplete: "username",
    required: false,
    maxLength: maxText,
    echo: true,
    parse(input) {
      const text = textOf(input, maxText);
      if ("fault" in text) return text;
      const value = text.value.trim();
      return { value: value === "" ? undefined : value };
    },
  };
}

/** A line of text, as typed. */
export function textField(options: {
  readonly label: MessageKey;
  readonly autocomplete?: string;
  readonly required: boolean;
}): Field<string> {
  const { label, autocomplete, required } = options;
  return {
    label,
    type: "text",
    ...(autocomplete === undefined ? {} : { autocomplete }),
    required,
    maxLength: maxText,
    echo: true,
    parse(input) {
      const text = textOf(input, maxText);
      if ("fault" in text || !required || text.value.trim() !== "") return text;
      return { fault: { key: "FIELD_REQUIRED" } };
    },
  };
}

/** What a page's own button carries along, such as the id of a row; shown nowhere. */
export function hiddenField(
  maxLength: number = maxText,
  options: { /** It may be left out: the value is "" then. */ readonly optional?: boolean } = {},
): Field<string> {
  const required = options.optional !== true;
  return {
    label: { text: "" },
    type: "text",
    required,
    hidden: true,
    maxLength,
    echo: false,
    parse(input) {
      const text = textOf(input, maxLength);
      return required && "value" in text && text.value === "" ? { fault: { key: "FIELD_REQUIRED" } } : text;
    },
  };
}

/** A password, exactly as typed: normalised where it is hashed, never trimmed. */
export function passwordField(options: {
  readonly label?: MessageKey;
  readonly autocomplete: "current-password" | "new-password";
  readonly hint?: Fault;
  /** See Field. */
  readonly lead?: MessageKey;
  /** It may be left out: the value is "" then. */
  readonly optional?: boolean;
}): Field<string> {
  return {
    label: options.label ?? "LABEL_PASSWORD",
    type: "password",
    autocomplete: options.autocomplete,
    required: options.optional !== true,
    maxLength: maxPassword,
    echo: false,
    ...(options.hint === undefined ? {} : { hint: options.hint }),
    ...(options.lead === undefined ? {} : { lead: options.lead }),
    parse(input) {
      // What a password may hold is for the policy to say: nothing but its type and size is checked here.
      if (input === undefined || input === null || input === "") {
        return options.optional === true ? { value: "" } : { fault: { key: "PASSWORD_NOT_PROVIDED" } };
      }
      if (typeof input !== "string") return { fault: { key: "FIELD_INVALID" } };
      return input.length > maxPassword ? { fault: { key: "INVALID_INPUT_LENGTH" } } : { value: input };
    },
  };
}

const yes: ReadonlySet<unknown> = new Set([true, "true", "on", "yes", "y", "1"]);
const no: ReadonlySet<unknown> = new Set([undefined, null, false, "false", "off", "no", "n", "0", ""]);

/**
 * Reads yes or no as forms may say it: a ticked box sends "on", as ours do, unless its page says otherwise. Of JSON only true
 * and false get here. Undefined: neither.
 */
export function flagOf(input: unknown): boolean | undefined {
  if (yes.has(input)) return true;
  return no.has(input) ? false : undefined;
}

/** A box to tick. */
export function checkboxField(label: MessageKey): Field<boolean> {
  return {
    label,
    type: "checkbox",
    required: false,
    maxLength: 5,
    echo: true,
    parse(input) {
      const value = flagOf(input);
      return value === undefined ? { fault: { key: "FIELD_INVALID" } } : { value };
    },
  };
}
