import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cookieName, cookieNames, parseCookie, serializeCookie } from "./cookies.ts";

describe("parseCookie", () => {
  test.each([
    ["sid=abc", "abc"],
    ["a=1; sid=abc; b=2", "abc"],
    ["a=1;sid=abc", "abc"],
    ["a=1;  \tsid=abc \t; b=2", "abc"],
    ["sid=", ""],
    ["sid=a=b=", "a=b="],
    ["xsid=1; sid=abc; sidx=2", "abc"],
    ["a=sid=x; sid=abc", "abc"],
    ["a=1 sid=x; sid=abc", "abc"],
    ["sid; sid=abc", "abc"],
  ])("finds it in %j", (header, value) => {
    expect(parseCookie(header, "sid")).toBe(value);
  });

  test.each([
    [""],
    ["a=1"],
    ["SID=abc"],
    ["sid"],
    ["sid =abc"],
    ["xsid=abc"],
    ["sid=abc; sid=abc"],
    ["sid=abc; a=1;sid="],
    ['sid="abc"'],
    ["sid=a b"],
    ["sid=a,b"],
    ["sid=a\\b"],
    ["sid=ü"],
    ["sid=a\u0000"],
    ["\u00a0sid=abc"],
    ["a=1;\u2003sid=abc"],
    ["a=1, sid=abc"],
  ])("answers nothing for %j", (header) => {
    expect(parseCookie(header, "sid")).toBeUndefined();
  });

  test("no header, and names of every object (TYP-03)", () => {
    expect(parseCookie(undefined, "sid")).toBeUndefined();
    expect(parseCookie(null, "sid")).toBeUndefined();
    expect(parseCookie("a=1", "__proto__")).toBeUndefined();
    expect(parseCookie("__proto__=x", "__proto__")).toBe("x");
  });

  test("reads what serializeCookie writes, among others", () => {
    const octets = fc.constantFrom(..."!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~".split(""));
    const attributes = { path: "/", httpOnly: true, secure: true, sameSite: "Lax" } as const;
    fc.assert(
      fc.property(fc.string({ unit: octets }), fc.string({ unit: octets }), (value, other) => {
        const [pair] = serializeCookie("__Host-sid", value, attributes).split(";");
        expect(parseCookie(`x=${other}; ${pair}; y=${other}`, "__Host-sid")).toBe(value);
      }),
    );
  });

  test("answers for any header", () => {
    const unit = fc.constantFrom("sid", "=", ";", " ", "a", '"');
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit })), (header) => {
        expect(parseCookie(header, "sid") ?? "").not.toMatch(/[\s;",\\]/);
      }),
    );
  });
});

describe("serializeCookie", () => {
  const safe = { path: "/", httpOnly: true, secure: true, sameSite: "Lax" } as const;
  test("writes the attributes", () => {
    expect(serializeCookie("__Host-sid", "abc", { ...safe, maxAge: 60 })).toBe(
      "__Host-sid=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
    );
    expect(serializeCookie("sid", "", { ...safe, maxAge: 0, secure: false, httpOnly: false, path: "/a" })).toBe(
      "sid=; Path=/a; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax",
    );
  });

  test.each([
    ["a b", "x", safe],
    ["a=b", "x", safe],
    ["", "x", safe],
    ["a", "x; Domain=evil.test", safe],
    ["a", "x\r\nSet-Cookie: b=1", safe],
    ["a", "ü", safe],
    ["a", "x", { ...safe, path: "/; Domain=evil.test" }],
    ["a", "x", { ...safe, path: "a" }],
    ["a", "x", { ...safe, maxAge: 1.5 }],
    ["a", "x", { ...safe, maxAge: -1 }],
    ["__Host-a", "x", { ...safe, secure: false }],
    ["__Host-a", "x", { ...safe, path: "/a" }],
    ["__secure-a", "x", { ...safe, secure: false }],
    ["a", "x", { ...safe, secure: false, sameSite: "None" as const }],
  ])("refuses %j=%j %j", (name, value, attributes) => {
    expect(() => serializeCookie(name, value, attributes)).toThrow("Cookie");
  });
});

test("cookieName binds to the host where it can", () => {
  expect([cookieName("sid", true), cookieName("sid", false)]).toEqual(["__Host-sid", "sid"]);
});

test.each([
  [undefined, []],
  ["", []],
  ["a=1; link=2", []],
  ["link-b=1; x=link-q; link-a=2; alink-c=3", ["link-b", "link-a"]],
  ["link-a=1; link-a=2", ["link-a"]],
  ["link-; link-é=1;link-ok=", ["link-ok"]],
  [" \tlink-a = 1", ["link-a"]],
])("cookieNames lists what begins so, in the order of the header: %j", (header, names) => {
  expect(cookieNames(header, "link-")).toEqual(names);
});
