import type { MessageKey } from "../i18n/catalogue.ts";
import { english } from "../i18n/en/index.ts";
import type { Entry } from "../i18n/message.ts";
import { compileText, placeholdersOf } from "../i18n/text.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { RawSettings } from "./values.ts";

/** What the names of settings for wording begin with. */
export const messagePrefix = "MSG_";

/**
 * Translates `MSG_KEY: ["text", "category"]`: placeholders go from `%(name)s` to `{name}`. A key that there is not, a
 * category other than ours and a placeholder that our text does not have are refused. Undefined: no setting is for wording.
 */
export function translateMessages(
  settings: RawSettings,
  refuse: (name: string) => void,
): Partial<Record<MessageKey, string>> | undefined {
  const texts: Partial<Record<MessageKey, string>> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (!name.startsWith(messagePrefix) || value === undefined || value === null) continue;
    const [text, category] = pairOf(name, value);
    const key = name.slice(messagePrefix.length);
    const ours = messageOf(key);
    const braces = text.replace(/%\(([a-z_]+)\)[sd]/gi, "{$1}").replaceAll("%%", "%");
    if (
      ours === undefined ||
      ours.category !== category ||
      !bracedNames(braces).isSubsetOf(placeholdersOf(compileText("en", ours.text)))
    ) {
      refuse(name);
    } else {
      texts[key as MessageKey] = braces;
    }
  }
  return Object.keys(texts).length === 0 ? undefined : texts;
}

/** Labels have no settings for their wording. */
function messageOf(key: string): Exclude<Entry, string> | undefined {
  const entries: Readonly<Record<string, Entry>> = english;
  const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
  return typeof entry === "object" ? entry : undefined;
}

function pairOf(name: string, value: unknown): readonly [text: string, category: string] {
  if (Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string")) {
    return [value[0] as string, value[1] as string];
  }
  throw new ConfigurationError(name, 'a pair of text and category is expected, such as ["Wrong password", "error"]');
}

function bracedNames(text: string): Set<string> {
  return new Set([...text.matchAll(/\{([^}]*)\}/g)].map(([, inner]) => inner ?? ""));
}
