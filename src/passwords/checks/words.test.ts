import { expect, test } from "vitest";
import { consistsOfWords, wordsOfSite } from "./words.ts";

const words = ["acme", "Kumquat Shop", "Kumquat", "Shop", "café"];

test.each([
  "acmeacme",
  "Acme2024",
  "ACME!!!!",
  "acm3acm3",
  "@cme@cme",
  "acme acme acme",
  "kumquatshop",
  "Kumquat-Shop1",
  "cafe1234",
  "CAFÉ1234",
  "2024acme!!",
  "acmecafe",
  "ａｃｍｅ１２３４",
])("%s says nothing but words of the site", (password) => {
  expect(consistsOfWords(password, words)).toBe(true);
});

test.each(["acme20240101x", "acme1234567", "my acme password", "acm", "12345678", "battery staple", "", "   "])(
  "%j says more, or something else",
  (password) => {
    expect(consistsOfWords(password, words)).toBe(false);
  },
);

test("words that are too short count for nothing", () => {
  expect(consistsOfWords("ab123456", ["ab", "", "  "])).toBe(false);
});

test("the words of a site are its name, the parts of that, and the labels of its hosts", () => {
  expect(
    wordsOfSite("The Bank", ["https://www.my-acme.example", "http://localhost:3000", "https://xn--caf-dma.example"]),
  ).toEqual(["The Bank", "The", "Bank", "www.my-acme.example", "my-acme", "acme", "localhost", "café.example", "café"]);
  expect(wordsOfSite("", ["http://127.0.0.1:8080"])).toEqual([]);
});

test("a thousand characters are looked through in no time", () => {
  const begin = performance.now();
  expect(
    consistsOfWords(
      "a".repeat(1024),
      Array.from({ length: 50 }, (_, index) => "a".repeat(3 + index)),
    ),
  ).toBe(true);
  expect(performance.now() - begin).toBeLessThan(2000);
});
