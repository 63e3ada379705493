import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { createRedirects } from "./redirect.ts";

const ORIGIN = "https://app.test";
const { safe } = createRedirects([ORIGIN]);
const BASES = ["https://app.test/login", "http://app.test/login"] as const;

/** What must hold for whatever is answered, by the browser's own parser (oracle O3). */
function expectSafe(answer: string | undefined): void {
  if (answer === undefined) return;
  expect(answer).toMatch(/^[\x21-\x7e]+$/);
  expect(answer).not.toContain("\\");
  expect(answer.length).toBeLessThanOrEqual(2048);
  for (const base of BASES) {
    const { origin } = new URL(answer, base);
    expect(answer.startsWith("/") ? [new URL(base).origin] : [ORIGIN]).toContain(origin);
  }
  expect(safe(answer)).toBe(answer);
}

describe("what stays", () => {
  test.each([
    ["/", "/"],
    ["/ok?x=1#f", "/ok?x=1#f"],
    ["/ok?next=//evil.test", "/ok?next=//evil.test"],
    ["/a b/ü?q=ü", "/a%20b/%C3%BC?q=%C3%BC"],
    ["/a/../b", "/b"],
    ["/;@evil.test", "/;@evil.test"],
    ["/ok?q=a%0Ab", "/ok?q=a%0Ab"],
    ["https://app.test/x?y#z", "https://app.test/x?y#z"],
    ["https://app.test", "https://app.test/"],
    ["https://APP.TEST/x", "https://app.test/x"],
    ["https://app.test:443/x", "https://app.test/x"],
    ["/\ufe68evil.test", "/%EF%B9%A8evil.test"],
  ])("%j becomes %j", (target, rebuilt) => {
    expect(safe(target)).toBe(rebuilt);
    expectSafe(safe(target));
  });

  test("every configured origin, with its scheme and port", () => {
    const two = createRedirects(["https://app.test", "http://localhost:3000"]);
    expect(two.safe("http://localhost:3000/a")).toBe("http://localhost:3000/a");
    expect(two.safe("http://localhost:3001/a")).toBeUndefined();
    expect(two.safe("http://app.test/a")).toBeUndefined();
    expect(createRedirects([]).safe("https://app.test/")).toBeUndefined();
    expect(createRedirects([]).safe("/a")).toBe("/a");
  });
});

/** The payload table of the attack catalogue. */
const PAYLOADS: readonly string[] = [
  "//evil.test",
  "///evil.test",
  "////evil.test",
  "/\\evil.test",
  "\\\\evil.test",
  "\\/evil.test",
  "/\\/evil.test",
  "https:evil.test",
  "https:/evil.test",
  "https:///evil.test",
  "http:evil.test",
  "http:\\\\evil.test",
  "/\t/evil.test",
  "/\n/evil.test",
  "/\r\n/evil.test",
  "\t//evil.test",
  " //evil.test",
  "\u0000//evil.test",
  "\u001f//evil.test",
  "\u00a0//evil.test",
  "\u3000//evil.test",
  "https://app.test@evil.test",
  "https://app.test:x@evil.test/",
  "https://evil.test\\@app.test",
  "https://evil.test#@app.test",
  "https://evil.test?@app.test",
  "https://evil.test/app.test",
  "https://app.test.evil.test",
  "https://app.testevil.test",
  "https://evilapp.test",
  "https://app.test%2eevil.test",
  "https://app.test%00.evil.test",
  "https://app.test.",
  "https://.app.test",
  "https://sub.app.test/",
  "https://app.test:444/",
  "http://app.test/",
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "java\tscript:alert(1)",
  "\u0001javascript:alert(1)",
  "data:text/html,x",
  "vbscript:x",
  "?next=//evil.test",
  "#//evil.test",
  "/ok\r\nSet-Cookie: a=b",
  "/ok%0d%0aSet-Cookie:%20x=1",
  "@evil.test",
  ".evil.test",
  ":443@evil.test",
  "\uff0f\uff0fevil.test",
  "http://[::ffff:7f00:1]/",
  "https://evil.test\u2028.app.test",
  "//app.test/ok",
  "/.//evil.test",
  "/%2e//evil.test",
  "/a/..//evil.test",
  "/%2e%2e//evil.test",
  "/./%2e/\u0085/evil.test",
  "https://user@app.test/",
  "https://@app.test/",
  "https://:@app.test/",
  "https://app.test//evil.test\\",
  "https://app.test/\t",
  "blob:https://app.test/x",
  "ftp://app.test/",
  "/a ",
  "/a\u2029",
  "/\ud800",
  "/%5cevil.test",
  "/%09/evil.test",
  "login",
  "",
];

describe("what leaves, or might (RED-01 to RED-07, RED-13)", () => {
  test.each(PAYLOADS)("%j", (payload) => {
    expect(safe(payload)).toBeUndefined();
  });

  // These stay for the browser's parser; they are answered in the form that it makes of them.
  test.each(["https://app\u3002test", "https://\uff41\uff50\uff50.test", "/\uff3cevil.test"])("%j", (payload) => {
    expect(safe(payload)).toBeDefined();
    expectSafe(safe(payload));
  });

  test("no target, other types, too long", () => {
    expect(safe(undefined)).toBeUndefined();
    expect(safe(null)).toBeUndefined();
    expect(safe(["/a"] as unknown as string)).toBeUndefined();
    expect(safe(`/${"a".repeat(2047)}`)).toHaveLength(2048);
    expect(safe(`/${"a".repeat(2048)}`)).toBeUndefined();
    expect(safe(`/${"ü".repeat(1000)}`)).toBeUndefined();
  });
});

test("whatever is answered stays on the server or a configured origin", () => {
  const pieces = fc.constantFrom(
    ..."/\\:@?#.%\t\r\n ;&=".split(""),
    ...["//", "https:", "http://", "app.test", "evil.test", "%2e", "%2f", "%5c", "%0d", "..", "javascript:", "[::1]"],
    ...["\u0000", "\u007f", "\u0085", "\u00a0", "\u2028", "\u3002", "\uff0f", "\uff3c", "\ufeff", "\ud800", "ü", "a"],
  );
  const hostile = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
  const led = fc
    .tuple(fc.constantFrom("/", "//", "https://", "https://app.test", "/a/"), hostile)
    .map(([start, rest]) => start + rest);
  fc.assert(
    fc.property(fc.oneof(hostile, led, led, fc.string({ unit: "binary" })), (target) => expectSafe(safe(target))),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 1000 },
  );
});

test.each(["app.test", "https://app.test/", "https://app.test/x", "ftp://app.test", "https://APP.test", "*", ""])(
  "the origin %j is refused at start",
  (origin) => {
    expect(() => createRedirects(["https://ok.test", origin])).toThrow(ConfigurationError);
    expect(() => createRedirects(["https://ok.test", origin])).toThrow("origins[1]");
  },
);
