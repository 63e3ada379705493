import { expect, test } from "vitest";
import { consistsOfWords, wordsOfIdentities, wordsOfSite } from "./words.ts";

const words = ["acme", "Kumquat Shop", "Kumquat", "Shop", "café", "acme.example"];

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
  "acmeexample1",
  "acme.example!1",
  "acme12345678",
  "acme1234567",
  "87654321acme!!!!!!!!",
  "kumquat1111111111",
  "acme7890123",
])("%s says nothing but words of the site", (password) => {
  expect(consistsOfWords(password, words)).toBe(true);
});

test.each(["acme20240101x", "acme1928374", "my acme password", "acm", "12345678", "battery staple", "", "   "])(
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

test("the words of identities are themselves, the local part of an address, and what they consist of", () => {
  expect(wordsOfIdentities(["Jane.van-Doe@example.com", "jd", "+491511234567", "\u00c9lodie"])).toEqual([
    "Jane.van-Doe@example.com",
    "+491511234567",
    "\u00c9lodie",
    "Jane.van-Doe",
    "Jane",
    "van",
    "Doe",
  ]);
  expect(wordsOfIdentities(["", "@", "@example.com"])).toEqual(["@example.com", "example", "com"]);
});
