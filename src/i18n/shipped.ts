import type { Texts } from "./message.ts";

/** The languages that come with the package, by BCP 47 tag. */
export type ShippedLanguage = "en" | "de" | "fr" | "es" | "pt" | "it" | "nl" | "pl" | "ru" | "tr" | "ja" | "zh" | "ar";

/** The translations, loaded when a system offers their language. English is always there. */
const translations: Readonly<Record<Exclude<ShippedLanguage, "en">, () => Promise<Texts>>> = {
  de: async () => (await import("./languages/de.ts")).german,
  fr: async () => (await import("./languages/fr.ts")).french,
  es: async () => (await import("./languages/es.ts")).spanish,
  pt: async () => (await import("./languages/pt.ts")).portuguese,
  it: async () => (await import("./languages/it.ts")).italian,
  nl: async () => (await import("./languages/nl.ts")).dutch,
  pl: async () => (await import("./languages/pl.ts")).polish,
  ru: async () => (await import("./languages/ru.ts")).russian,
  tr: async () => (await import("./languages/tr.ts")).turkish,
  ja: async () => (await import("./languages/ja.ts")).japanese,
  zh: async () => (await import("./languages/zh.ts")).chinese,
  ar: async () => (await import("./languages/ar.ts")).arabic,
};

/** All of them, English first. */
export const shippedLanguages: readonly ShippedLanguage[] = [
  "en",
  ...(Object.keys(translations) as Exclude<ShippedLanguage, "en">[]),
];

/** The texts of a shipped language; none for English, whose texts are there anyway, and for any other tag. */
export async function loadTranslation(language: string): Promise<Texts> {
  const known = Object.hasOwn(translations, language);
  return known ? translations[language as Exclude<ShippedLanguage, "en">]() : {};
}
