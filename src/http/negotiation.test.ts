import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wantsJson } from "./negotiation.ts";

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

  test("answers for any header", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => typeof wantsJson(a, b) === "boolean"));
  });
});
