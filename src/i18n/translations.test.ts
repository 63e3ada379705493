import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { englishTexts, layeredCatalogue, type MessageKey, messageKeys } from "./catalogue.ts";
import { loadTranslation, shippedLanguages } from "./shipped.ts";
import { compileText, hasStrayBrace, placeholdersOf } from "./text.ts";

const untranslated: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(new URL("./fixtures/untranslated.json", import.meta.url), "utf8"),
);

/** A value for each placeholder there is. */
const values: Readonly<Record<string, string | number>> = Object.fromEntries(
  messageKeys.flatMap((key) =>
    [...placeholdersOf(compileText("en", englishTexts[key]))].map((name) => [
      name,
      new RegExp(`\\{${name}, (?:plural|selectordinal|number)`).test(englishTexts[key]) ? 3 : name,
    ]),
  ),
);

describe.each(shippedLanguages)("%s", async (language) => {
  const texts: Readonly<Record<string, string>> = language === "en" ? englishTexts : await loadTranslation(language);

  // Until they are translated they show English; one that is missing and not noted fails, and so does one that is noted in vain.
  test("has every key but those that are noted as still to be translated", () => {
    expect(messageKeys.filter((key) => !Object.hasOwn(texts, key))).toEqual(untranslated[language] ?? []);
  });

  test.each(Object.entries(texts))("%s is tidy, with the placeholders of the English text", (key, text) => {
    expect(text.trim()).toBe(text);
    expect(text.length).toBeGreaterThan(1);
    // A straight apostrophe quotes braces in ICU messages; ’ is the right one in all these languages.
    expect(text).not.toMatch(/[<>'\t\n]| {2}/);
    const compiled = compileText(language, text);
    expect(hasStrayBrace(compiled)).toBe(false);
    expect([...placeholdersOf(compiled)].toSorted()).toEqual(
      [...placeholdersOf(compileText("en", englishTexts[key as MessageKey]))].toSorted(),
    );
  });

  test("every plural has the forms that whole numbers take in the language", () => {
    const rules = new Intl.PluralRules(language);
    const taken = new Set(Array.from({ length: 1_000 }, (_, number) => rules.select(number)));
    for (const [key, text] of Object.entries(texts)) {
      for (const [, branches = ""] of text.matchAll(/\{\w+, plural, ((?:[a-z]+ \{[^{}]*\} ?)+)\}/g)) {
        const forms = new Set([...branches.matchAll(/([a-z]+) \{/g)].map(([, form]) => form));
        // A form that is as the one of "other" may be left to it.
        const left = [...taken].filter((form) => !forms.has(form));
        expect([key, left.filter((form) => !leftToOther[language]?.includes(form))]).toEqual([key, []]);
      }
    }
  });

  test("every text can be filled in", () => {
    const catalogue = layeredCatalogue(language, [{ language, texts }]);
    for (const key of messageKeys) expect(catalogue.text(key, values)).not.toMatch(/[{}]|undefined/);
  });
});

/** Polish and Russian have the genitive after "from … to" and "at least": one for 1, 21 …, one for all others. */
const leftToOther: Readonly<Record<string, readonly string[]>> = {
  pl: ["few", "many"],
  ru: ["few", "many"],
  // No nouns change after a number.
  tr: ["one"],
};

test.each([
  ["de", 1, "1 Sekunde"],
  ["de", 2_000, "2.000 Sekunden"],
  ["fr", 0, "0 seconde"],
  ["fr", 2, "2 secondes"],
  ["pl", 1, "1 sekundę"],
  ["pl", 2, "2 sekundy"],
  ["pl", 5, "5 sekund"],
  ["pl", 12, "12 sekund"],
  ["pl", 22, "22 sekundy"],
  ["ru", 1, "1 секунду"],
  ["ru", 3, "3 секунды"],
  ["ru", 11, "11 секунд"],
  ["ru", 21, "21 секунду"],
  ["ar", 1, "ثانية واحدة"],
  ["ar", 2, "ثانيتين"],
  ["ar", 3, "3 ثوانٍ"],
  ["ar", 11, "11 ثانية"],
  ["ar", 100, "100 ثانية"],
  ["ja", 5, "5秒"],
  ["zh", 1, "1 秒"],
  ["tr", 1, "1 saniye"],
] as const)("%s says %d seconds as %s", async (language, seconds, expected) => {
  const texts = await loadTranslation(language);
  expect(layeredCatalogue(language, [{ language, texts }]).text("SERVER_BUSY", { seconds })).toContain(expected);
});
