import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isJson, parseMediaType } from "./media-type.ts";

describe("parseMediaType", () => {
  test.each([
    ["application/json", "application/json", {}],
    ["Application/X-WWW-Form-Urlencoded", "application/x-www-form-urlencoded", {}],
    ["application/json  ", "application/json", {}],
    ["application/json; charset=utf-8", "application/json", { charset: "utf-8" }],
    ["application/json;charset=UTF-8", "application/json", { charset: "UTF-8" }],
    ["text/plain ; Charset=utf-8\t", "text/plain", { charset: "utf-8" }],
    ["multipart/form-data;boundary=x;charset=json", "multipart/form-data", { boundary: "x", charset: "json" }],
    ['multipart/form-data; boundary="a b;,\\"c"', "multipart/form-data", { boundary: 'a b;,"c' }],
    ["text/html;", "text/html", {}],
    ["application/problem+json; ; q=0.5", "application/problem+json", { q: "0.5" }],
  ])("reads %j", (header, essence, parameters) => {
    const type = parseMediaType(header);
    expect(type?.essence).toBe(essence);
    expect(Object.fromEntries(type?.parameters ?? [])).toEqual(parameters);
  });

  test.each([
    "",
    "json",
    "application/",
    "/json",
    "text/plain; application/json",
    "application/json, text/plain",
    "application/json text/plain",
    "application/json; charset",
    "application/json; charset = utf-8",
    "application/json; charset=utf-8; charset=utf-16",
    'application/json; charset="utf-8',
    "application/json\n",
    "application/json\u00a0",
    "application/json\u0000",
    "applicatıon/json",
    `text/plain; a=${"x".repeat(600)}`,
  ])("refuses %j (CSR-06)", (header) => {
    expect(parseMediaType(header)).toBeUndefined();
  });

  test("answers for any text, in time that does not grow out of bounds", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "/", ";", "=", '"', "\\", " ", ",", "+") }), (text) => {
        const essence = parseMediaType(text)?.essence;
        expect(essence === undefined || /^[a+]+\/[a+]+$/.test(essence)).toBe(true);
      }),
    );
    expect(parseMediaType(`a/b${"; ".repeat(250)}x`)).toBeUndefined();
  });
});

test("isJson knows application/json and the +json suffix only", () => {
  expect(["application/json", "application/problem+json", "model/gltf+json"].every(isJson)).toBe(true);
  expect(
    ["text/json", "application/jsonp", "application/+json", "application/json-seq", "text/plain"].some(isJson),
  ).toBe(false);
});
