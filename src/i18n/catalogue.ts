import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { labels } from "./labels.ts";
import { type MessageCategory, messages } from "./messages.ts";

type Messages = typeof messages;
type Labels = typeof labels;

/** The key of a message or of a label. */
export type MessageKey = keyof Messages | keyof Labels;

/** Values for the placeholders of a text. They are put in as they are: a page escapes the result as a whole. */
export type MessageParameters = Readonly<Record<string, string | number>>;

type Source<K extends MessageKey> = K extends keyof Messages
  ? Messages[K]["text"]
  : K extends keyof Labels
    ? Labels[K]
    : never;
type Placeholder<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;
type IsUnion<T, U = T> = [T] extends [never] ? false : T extends unknown ? ([U] extends [T] ? false : true) : never;

/**
 * What `text` wants after the key: nothing for a text without placeholders, a value for each placeholder of a key
 * known to the compiler, any record where only the run time knows the key.
 */
export type MessageArguments<K extends MessageKey> =
  IsUnion<K> extends false
    ? [Placeholder<Source<K>>] extends [never]
      ? [params?: undefined]
      : [params: Readonly<Record<Placeholder<Source<K>>, string | number>>]
    : [params?: MessageParameters | undefined];

/** The texts of one language. */
export interface Catalogue {
  /** BCP 47 tag. */
  readonly language: string;
  /** The text with its placeholders filled in; throws PortcullisError `message` when one has no value or the key is unknown. */
  text<K extends MessageKey>(key: K, ...params: MessageArguments<K>): string;
  /** How the message is shown; labels are "info". */
  category(key: MessageKey): MessageCategory;
}

/** Alternately literal text and the name of a placeholder, beginning and ending with text. */
type Template = readonly string[];

const placeholder = /\{([A-Za-z][A-Za-z0-9_]*)\}/;
const categories: ReadonlyMap<string, MessageCategory> = new Map(
  Object.entries(messages).map(([key, message]) => [key, message.category]),
);
const english: ReadonlyMap<string, string> = new Map([
  ...Object.entries(messages).map(([key, message]): [string, string] => [key, message.text]),
  ...Object.entries(labels),
]);

/** All keys, for checks and tools. */
export const messageKeys: readonly MessageKey[] = [...english.keys()] as MessageKey[];

/**
 * The English catalogue with the application's own wording. Throws ConfigurationError `messages.KEY` for an unknown
 * key, a text that is not a string, and a placeholder that the original does not have; a brace that belongs to no
 * placeholder is taken for a misspelt one.
 *
 * @example createCatalogue({ TITLE_LOGIN: "Welcome back" })
 */
export function createCatalogue(overrides: Partial<Record<MessageKey, string>> = {}): Catalogue {
  const compiled = new Map<string, string | Template>();
  for (const [key, text] of english) compiled.set(key, compile(text));
  for (const [key, text] of Object.entries(overrides)) {
    if (text === undefined) continue;
    compiled.set(key, compileOverride(key, text));
  }
  return {
    language: "en",
    text(key: MessageKey, params?: MessageParameters): string {
      const template = compiled.get(key);
      if (typeof template === "string") return template;
      if (template === undefined) throw new PortcullisError("message", `there is no message ${JSON.stringify(key)}`);
      return fill(key, template, params);
    },
    category: (key) => categories.get(key) ?? "info",
  };
}

function compile(text: string): string | Template {
  const parts = text.split(placeholder);
  return parts.length === 1 ? text : parts;
}

function compileOverride(key: string, text: unknown): string | Template {
  const path = `messages.${key}`;
  const original = english.get(key);
  if (original === undefined) throw new ConfigurationError(path, `unknown message${suggestion(key)}`);
  if (typeof text !== "string" || text.trim() === "") throw new ConfigurationError(path, "must be a text");
  const known = namesOf(compile(original));
  const list = known.length === 0 ? "it has none" : `it has ${known.map((name) => `{${name}}`).join(", ")}`;
  const template = compile(text);
  for (const name of namesOf(template)) {
    if (!known.includes(name)) throw new ConfigurationError(path, `unknown placeholder {${name}}; ${list}`);
  }
  const literals = typeof template === "string" ? [template] : template.filter((_, index) => index % 2 === 0);
  if (literals.some((literal) => /[{}]/.test(literal))) {
    throw new ConfigurationError(path, `a brace that is not part of a placeholder; ${list}`);
  }
  return template;
}

function namesOf(template: string | Template): readonly string[] {
  return typeof template === "string" ? [] : template.filter((_, index) => index % 2 === 1);
}

/** The known keys of the same kind, since all of them would fill a screen. */
function suggestion(key: string): string {
  const kind = key.split("_", 1)[0] ?? "";
  const near = messageKeys.filter((known) => known.startsWith(kind));
  return near.length === 0 ? "" : `; near it are ${near.join(", ")}`;
}

function fill(key: string, template: Template, params: MessageParameters | undefined): string {
  let text = "";
  for (const [index, part] of template.entries()) {
    if (index % 2 === 0) {
      text += part;
      continue;
    }
    const value = params !== undefined && Object.hasOwn(params, part) ? params[part] : undefined;
    if (value === undefined) throw new PortcullisError("message", `the message ${key} needs a value for {${part}}`);
    text += value;
  }
  return text;
}
