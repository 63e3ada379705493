import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isScript, wantsJson } from "./negotiation.ts";

describe("wantsJson", () => {
  test.each([
    ["application/json", undefined, true],
    ["application/json; charset=utf-8", "text/html", true],
    ["application/scim+json", undefined, true],
    ["application/x-www-form-urlencoded", undefined, false],
    ["text/plain; application/json", undefined, false],
    [undefined, undefined, false],
    [undefined, "", false],
    [undefined, "*/*", false],
    [undefined, "application/json", true],
    [undefined, "application/problem+json", true],
    [undefined, "Application/JSON;q=0.9", true],
    [undefined, "application/json, text/plain, */*", true],
    [undefined, "application/json, text/javascript, */*; q=0.01", true],
    [undefined, "*/*, application/json", true],
    [undefined, "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", false],
    [undefined, "text/html, application/json", false],
    [undefined, "application/json;q=0.5, text/html", false],
    [undefined, "text/html;q=0.5, application/json;q=0.6", true],
    [undefined, "application/json;q=0", false],
    [undefined, "application/json;q=0, */*", false],
    [undefined, "application/*", false],
    [undefined, "text/html;q=2, application/json;q=0.1", true],
    [undefined, "application/json;q=nan", false],
    [undefined, ",,;=, /", false],
    ["application/x-www-form-urlencoded", "application/json", true],
  ])("Content-Type %s, Accept %s: %s", (contentType, accept, json) => {
    expect(wantsJson(contentType, accept)).toBe(json);
  });

  test.each<[string, Readonly<Record<string, string>>, boolean]>([
    ["fetch", { accept: "*/*", "sec-fetch-mode": "cors" }, true],
    ["fetch of the same origin", { accept: "*/*", "sec-fetch-mode": "same-origin" }, true],
    ["XMLHttpRequest of an older browser", { accept: "*/*", "x-requested-with": "XMLHttpRequest" }, true],
    ["one that says nothing", { "x-requested-with": "XMLHttpRequest" }, true],
    ["a script that asks for a page", { accept: "text/html, */*", "sec-fetch-mode": "cors" }, false],
    ["a page that is opened", { accept: "*/*", "sec-fetch-mode": "navigate" }, false],
    ["a page that is opened, whatever it adds", { "sec-fetch-mode": "navigate", "x-requested-with": "x" }, false],
    ["an image", { accept: "*/*", "sec-fetch-mode": "no-cors" }, false],
    ["curl", { accept: "*/*" }, false],
  ])("a script: %s", (_name, headers, script) => {
    expect(isScript((name) => headers[name])).toBe(script);
  });

  test("answers for any header", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => typeof wantsJson(a, b) === "boolean"));
  });
});
