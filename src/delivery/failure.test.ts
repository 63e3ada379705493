import fc from "fast-check";
import { expect, it } from "vitest";
import { failureText } from "./failure.ts";

const token = "Zr8wV0nQk3JxT5mLb2yHcA-9uEoPdSf1";
const link = `https://acme.example/reset/${token}?next=/x`;

it.each([
  ["the link", link],
  ["the link without its scheme", `acme.example/reset/${token}?next=/x`],
  ["its path", `/reset/${token}`],
  ["the token", token],
  ["a part of the token", token.slice(4, 26)],
  ["the link, encoded", encodeURIComponent(link)],
  ["the token in base64", Buffer.from(link).toString("base64")],
  ["the link in capitals", link.toUpperCase()],
])("a server that repeats %s shows nothing of the token", (_what, repeated) => {
  const text = failureText(new Error(`451 4.7.1 deferred: URI host ${repeated} is listed`), [link]);
  expect(text).toMatch(/^451 4\.7\.1 deferred: URI host .* is listed$/);
  for (let at = 0; at + 8 <= token.length; at += 1) {
    expect(text.toLowerCase()).not.toContain(token.slice(at, at + 8).toLowerCase());
  }
  if (!repeated.startsWith("acme")) expect(text).not.toContain(repeated.slice(8, 24));
});

it("keeps what a server says for itself", () => {
  for (const said of [
    "550 5.7.1 Message rejected due to content restrictions",
    "421 4.3.2 mx1.mail-gateway.acme.example: try again later, too many connections",
    "connect ECONNREFUSED 127.0.0.1:25",
  ])
    expect(failureText(new Error(said), [link, "ann@acme.example"])).toBe(said);
});

it("a code of digits is taken out wherever it stands", () => {
  const between = fc.stringMatching(/^[ a-z.:]{0,12}$/);
  fc.assert(
    fc.property(between, between, (before, after) => {
      expect(failureText(`${before}493817${after}`, ["Your code is 493817."])).not.toContain("493817");
    }),
  );
});
