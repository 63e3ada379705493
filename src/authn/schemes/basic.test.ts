import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBasic } from "./basic.ts";

const encode = (text: string): string => `Basic ${Buffer.from(text, "utf8").toString("base64")}`;

describe("parseBasic", () => {
  it.each([
    // RFC 7617 2 and 2.1.
    ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", { user: "Aladdin", password: "open sesame" }],
    ["Basic dGVzdDoxMjPCow==", { user: "test", password: "123£" }],
    ["basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", { user: "Aladdin", password: "open sesame" }],
    [encode("joe@lp.com:with:colons"), { user: "joe@lp.com", password: "with:colons" }],
    [encode("joe@lp.com:"), { user: "joe@lp.com", password: "" }],
  ])("takes %s apart", (header, credentials) => {
    expect(parseBasic(header)).toEqual(credentials);
  });

  it.each([
    "",
    "Basic",
    "Basic ",
    "Basic !!!",
    "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==",
    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, Basic dGVzdDoxMjPCow==",
    "Basic\tQWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    encode("nocolon"),
    encode(":password"),
    encode("joe\u0000:password"),
    encode("joe:pass\r\nword"),
    `Basic ${Buffer.from([0xff, 0x3a, 0x61]).toString("base64")}`,
  ])("refuses %j", (header) => {
    expect(parseBasic(header)).toBeUndefined();
  });

  it("gives back what was encoded, for any text without control characters", () => {
    const text = fc.string({ unit: "grapheme" }).filter((value) => !/\p{Cc}/u.test(value));
    const user = text.filter((value) => value !== "" && !value.includes(":"));
    fc.assert(
      fc.property(user, text, (name, password) => {
        expect(parseBasic(encode(`${name}:${password}`))).toEqual({ user: name, password });
      }),
    );
  });
});
