import { expect, it } from "vitest";
import { checkLabel, labelIn, wordsOfName } from "./label.ts";

it.each([
  ["company", "Company"],
  ["birthYear", "Birth year"],
  ["taxID", "Tax ID"],
  ["a", "A"],
])("%s is %s in words", (name, words) => {
  expect(wordsOfName(name)).toBe(words);
});

it("a label is in the reader's language, else without the region, else English, else what there is", () => {
  const label = { de: "Firma", en: "Company", "pt-BR": "Empresa" };
  expect(["de", "de-AT", "pt-BR", "pt", "ja"].map((language) => labelIn(label, language))).toEqual([
    ...["Firma", "Firma", "Empresa", "Company", "Company"],
  ]);
  expect([labelIn("Company", "de"), labelIn({ nl: "Bedrijf" }, "de"), labelIn(label, "constructor")]).toEqual([
    ...["Company", "Bedrijf", "Company"],
  ]);
});

it.each([
  ["", /^x: must be a text/],
  [{}, /^x: must be a text/],
  [7, /^x: must be a text/],
  [["Company"], /^x: must be a text/],
  [{ de: "" }, /^x\.de: must be a text/],
])("%j is no label", (label, message) => {
  expect(() => checkLabel("x", label)).toThrow(message);
});
