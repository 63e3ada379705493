import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { english } from "./en/index.ts";
import type { Entry, MessageArguments, MessageCategory, MessageKey, MessageParameters, Texts } from "./message.ts";
import { type CompiledText, compileText, fillText, hasStrayBrace, placeholdersOf } from "./text.ts";

export type { MessageArguments, MessageCategory, MessageKey, MessageParameters, Texts } from "./message.ts";

/** The texts of one language. */
export interface Catalogue {
  /** BCP 47 tag. */
  readonly language: string;
  /** The text with its placeholders filled in; throws PortcullisError `message` when one has no value or the key is unknown. */
  text<K extends MessageKey>(key: K, ...params: MessageArguments<K>): string;
  /** How the message is shown; labels are "info". */
  category(key: MessageKey): MessageCategory;
}

/** Texts with the language they are in. */
export interface Layer {
  readonly language: string;
  readonly texts: Texts;
}

const entries: Readonly<Record<string, Entry>> = english;

/** All keys, for checks and tools. */
export const messageKeys: readonly MessageKey[] = Object.keys(english) as MessageKey[];

/** The English texts by key. */
export const englishTexts: Readonly<Record<MessageKey, string>> = Object.fromEntries(
  Object.entries(entries).map(([key, entry]) => [key, typeof entry === "string" ? entry : entry.text]),
) as Record<MessageKey, string>;

/**
 * The English catalogue with the application's own wording. Throws ConfigurationError `messages.KEY` for an unknown
 * key, a text that is not a string or no ICU message, and a placeholder that the original does not have.
 *
 * @example createCatalogue({ TITLE_LOGIN: "Welcome back" })
 */
export function createCatalogue(overrides: Texts = {}): Catalogue {
  checkTexts("messages", "en", overrides);
  return layeredCatalogue("en", [{ language: "en", texts: overrides }]);
}

/**
 * A catalogue whose texts come from the first of the layers that has them, at last from English. What a text needs is
 * worked out when it is first asked for.
 */
export function layeredCatalogue(language: string, layers: readonly Layer[]): Catalogue {
  const all: readonly Layer[] = [...layers, { language: "en", texts: englishTexts }];
  const compiled = new Map<string, CompiledText>();
  let format: Intl.NumberFormat | undefined;
  const numbers = (): Intl.NumberFormat => {
    format ??= new Intl.NumberFormat(language);
    return format;
  };
  const compile = (key: MessageKey): CompiledText => {
    for (const layer of all) {
      const text = Object.hasOwn(layer.texts, key) ? layer.texts[key] : undefined;
      if (text === undefined) continue;
      const ready = compileText(layer.language, text);
      compiled.set(key, ready);
      return ready;
    }
    throw new PortcullisError("message", `there is no message ${JSON.stringify(key)}`);
  };
  return {
    language,
    text(key: MessageKey, params?: MessageParameters): string {
      const ready = compiled.get(key) ?? compile(key);
      return typeof ready === "string" ? ready : fillText(key, ready, params, numbers);
    },
    category: categoryOf,
  };
}

function categoryOf(key: MessageKey): MessageCategory {
  const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
  return typeof entry === "object" ? entry.category : "info";
}

/** Checks texts of a language, written by an application. Throws ConfigurationError with the path of the first wrong one. */
export function checkTexts(path: string, language: string, texts: Readonly<Record<string, unknown>>): void {
  for (const [key, text] of Object.entries(texts)) {
    if (text !== undefined) checkText(`${path}.${key}`, language, key, text);
  }
}

function checkText(path: string, language: string, key: string, text: unknown): void {
  if (!Object.hasOwn(englishTexts, key)) throw new ConfigurationError(path, `unknown message${suggestion(key)}`);
  if (typeof text !== "string" || text.trim() === "") throw new ConfigurationError(path, "must be a text");
  const known = placeholdersOf(compileText("en", englishTexts[key as MessageKey]));
  const list = known.size === 0 ? "it has none" : `it has ${[...known].map((name) => `{${name}}`).join(", ")}`;
  let compiled: CompiledText;
  try {
    compiled = compileText(language, text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(path, `is no well-formed ICU message (${reason}); ${list}`);
  }
  for (const name of placeholdersOf(compiled)) {
    if (!known.has(name)) throw new ConfigurationError(path, `unknown placeholder {${name}}; ${list}`);
  }
  if (hasStrayBrace(compiled)) throw new ConfigurationError(path, `a brace that is not part of a placeholder; ${list}`);
}

/** The known keys of the same kind, since all of them would fill a screen. */
function suggestion(key: string): string {
  const kind = key.split("_", 1)[0] ?? "";
  const near = messageKeys.filter((known) => known.startsWith(kind));
  return near.length === 0 ? "" : `; near it are ${near.join(", ")}`;
}
