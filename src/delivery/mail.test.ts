import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { configuredMailbox, headerText, mailbox } from "./mail.ts";

describe("headerText", () => {
  test.each([
    ["Hello", "Hello"],
    ["a\r\nBcc: evil@evil.test", "a Bcc: evil@evil.test"],
    ["a\u2028b\u2029c\u0085d\u0000e", "a b c d e"],
    ["safe\u202etxt.exe", "safe txt.exe"],
    ["👩‍💻 at work", "👩‍💻 at work"],
    ["\ud800x", "\ufffdx"],
    ["   ", ""],
  ])("%j → %j", (text, line) => {
    expect(headerText(text)).toBe(line);
  });

  test("what is too long ends with an ellipsis, never with half a character", () => {
    expect(headerText("x".repeat(300))).toBe(`${"x".repeat(199)}…`);
    expect(headerText("👍".repeat(60), 100).isWellFormed()).toBe(true);
    expect(headerText("👍".repeat(60), 100).length).toBeLessThanOrEqual(100);
  });

  test("whatever comes in, one well-formed line comes out", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const line = headerText(text);
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(line.isWellFormed()).toBe(true);
        expect(line.length).toBeLessThanOrEqual(200);
        expect(headerText(line)).toBe(line);
      }),
    );
  });
});

describe("mailbox", () => {
  test.each([
    "v@x.test,evil@evil.test",
    "v@x.test;evil@evil.test",
    "v@x.test evil@evil.test",
    "<evil@evil.test>",
    '"evil@evil.test x"@x.test',
    "'evil@evil.test x'@x.test",
    "group:evil@evil.test;",
    "v@x.test\r\nBcc: evil@evil.test",
    "v@x.test\u2028RCPT TO:<evil@evil.test>",
    "v@[127.0.0.1]",
    "",
  ])("%j is no mailbox", (address) => {
    expect(mailbox({ address })).toBeUndefined();
  });

  test("the address is normalised, the name is one line", () => {
    expect(mailbox({ address: "Ann@Bücher.Example", name: "Ann\r\nBcc: b@x.test" })).toEqual({
      address: "ann@bücher.example",
      name: "Ann Bcc: b@x.test",
    });
    expect(mailbox({ address: "a@x.test", name: "\n" })).toEqual({ address: "a@x.test" });
  });
});

describe("configuredMailbox", () => {
  test("takes an address, also with a name", () => {
    expect(configuredMailbox("mail.from", "no-reply@acme.example")).toEqual({ address: "no-reply@acme.example" });
    const named = { name: "Acme", address: "no-reply@acme.example" };
    expect(configuredMailbox("mail.from", named)).toEqual(named);
  });

  test.each([
    ["Acme <no-reply@acme.example>", "mail.from"],
    ["localhost", "mail.from"],
    [undefined, "mail.from"],
    [{ name: "Acme" }, "mail.from"],
    [{ address: "a@x.test", name: "a\nb" }, "mail.from.name"],
    [{ address: "a@x.test", name: 5 }, "mail.from.name"],
  ])("%j is refused at %s", (value, path) => {
    expect(() => configuredMailbox("mail.from", value)).toThrow(expect.objectContaining({ path }));
    expect(() => configuredMailbox("mail.from", value)).toThrow(ConfigurationError);
  });
});
