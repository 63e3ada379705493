import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createOriginCheck } from "./origin.ts";

const check = createOriginCheck(["https://app.test", "https://api.test:8443"]);
type Headers = Readonly<Record<string, string>>;
const post = (headers: Headers, method = "POST"): boolean => check(method, (name) => headers[name]);

describe("passes", () => {
  test.each<[string, Headers]>([
    ["no browser", {}],
    ["same origin", { origin: "https://app.test", "sec-fetch-site": "same-origin" }],
    ["Origin alone", { origin: "https://app.test" }],
    ["Sec-Fetch-Site alone", { "sec-fetch-site": "same-origin" }],
    ["started by the user", { "sec-fetch-site": "none" }],
    ["another configured origin", { origin: "https://api.test:8443", "sec-fetch-site": "cross-site" }],
    ["a configured sibling", { origin: "https://api.test:8443", "sec-fetch-site": "same-site" }],
    ["null from our own page without referrers", { origin: "null", "sec-fetch-site": "same-origin" }],
    ["Referer alone", { referer: "https://app.test/form?x" }],
    ["all three", { origin: "https://app.test", "sec-fetch-site": "same-origin", referer: "https://app.test/" }],
  ])("%s", (_name, headers) => {
    expect(post(headers)).toBe(true);
  });

  test.each(["GET", "HEAD", "OPTIONS"])("%s, from anywhere", (method) => {
    expect(post({ origin: "https://evil.test", "sec-fetch-site": "cross-site" }, method)).toBe(true);
  });
});

describe("refuses (CSR-01, CSR-04, CSR-14)", () => {
  test.each<[string, Headers]>([
    ["a foreign Origin", { origin: "https://evil.test" }],
    ["null", { origin: "null" }],
    ["an empty Origin", { origin: "" }],
    ["a longer host", { origin: "https://app.test.evil.test" }],
    ["another scheme", { origin: "http://app.test" }],
    ["another port", { origin: "https://app.test:8443" }],
    ["upper case", { origin: "https://APP.test" }],
    ["a list of origins", { origin: "https://app.test, https://evil.test" }],
    ["a good Origin and a foreign one", { origin: "https://evil.test, https://app.test" }],
    ["cross-site without Origin", { "sec-fetch-site": "cross-site" }],
    ["same-site without Origin", { "sec-fetch-site": "same-site" }],
    ["a foreign Origin that says same-origin", { origin: "https://evil.test", "sec-fetch-site": "same-origin" }],
    ["null from a sandboxed frame", { origin: "null", "sec-fetch-site": "cross-site" }],
    ["null from a sibling", { origin: "null", "sec-fetch-site": "same-site" }],
    [
      "null of our own with a foreign Referer",
      { origin: "null", "sec-fetch-site": "same-origin", referer: "https://evil.test/" },
    ],
    ["null from the user's own hand", { origin: "null", "sec-fetch-site": "none" }],
    ["an unknown site", { origin: "https://app.test", "sec-fetch-site": "friendly" }],
    ["an empty site", { "sec-fetch-site": "" }],
    ["a foreign Referer", { referer: "https://evil.test/app.test" }],
    ["a foreign Referer with user name", { referer: "https://app.test@evil.test/" }],
    ["a malformed Referer", { referer: "app.test" }],
    ["an empty Referer", { referer: "" }],
    ["same-origin with a foreign Referer", { "sec-fetch-site": "same-origin", referer: "https://evil.test/" }],
  ])("%s", (_name, headers) => {
    expect(post(headers)).toBe(false);
  });

  test.each(["PUT", "PATCH", "DELETE", "get", "TRACE", "PROPFIND", "QUERY"])("%s as POST", (method) => {
    expect(post({ origin: "https://evil.test" }, method)).toBe(false);
  });
});

test("a request with any foreign header is refused, whatever else it says", () => {
  const foreign = fc.constantFrom("https://evil.test", "null", "http://app.test", "https://app.test.evil.test");
  const site = fc.constantFrom("same-origin", "same-site", "cross-site", "none", undefined);
  const referer = fc.constantFrom("https://app.test/", undefined);
  fc.assert(
    fc.property(foreign, site, referer, (origin, fetchSite, from) => {
      fc.pre(origin !== "null" || fetchSite !== "same-origin");
      const headers: Record<string, string | undefined> = { origin, "sec-fetch-site": fetchSite, referer: from };
      expect(check("POST", (name) => headers[name])).toBe(false);
    }),
  );
});

test("the origin list is checked at start", () => {
  expect(() => createOriginCheck(["https://app.test/"])).toThrow("origins[0]");
});
