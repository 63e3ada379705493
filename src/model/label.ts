import { ConfigurationError } from "./errors.ts";

/** What the application calls something of its own: one text for everybody, or a text for each language (BCP 47 tag). */
export type Label = string | Readonly<Record<string, string>>;

/** Throws ConfigurationError where it is neither. */
export function checkLabel(path: string, label: unknown): void {
  const texts =
    typeof label === "object" && label !== null && !Array.isArray(label) ? Object.entries(label) : undefined;
  if (typeof label === "string" ? label === "" : texts === undefined || texts.length === 0) {
    throw new ConfigurationError(path, 'must be a text, or texts by language: { en: "Company", de: "Firma" }');
  }
  for (const [language, text] of texts ?? []) {
    if (typeof text !== "string" || text === "") throw new ConfigurationError(`${path}.${language}`, "must be a text");
  }
}

/** The text for a reader of this language, else of the language without its region, else English, else the first one. */
export function labelIn(label: Label, language: string): string {
  if (typeof label === "string") return label;
  const wanted = [language, language.split("-", 1)[0] ?? "", "en"];
  const found = wanted.find((tag) => Object.hasOwn(label, tag));
  return (found === undefined ? Object.values(label)[0] : label[found]) ?? "";
}

/** What people read for a column: its label, else the words of its name. */
export function labelOfColumn(name: string, { label }: { readonly label?: Label | undefined }): Label {
  return label ?? wordsOfName(name);
}

/** A name in camelCase as words: "birthYear" is "Birth year". */
export function wordsOfName(name: string): string {
  const words = name.replace(/[A-Z]+(?![a-z])|[A-Z]/g, (part) => ` ${part.length > 1 ? part : part.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
