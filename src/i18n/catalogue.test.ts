import { describe, expect, test } from "vitest";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { createCatalogue, type MessageKey, messageKeys } from "./catalogue.ts";
import { labels } from "./labels.ts";
import { type Message, messages } from "./messages.ts";

describe("English texts", () => {
  const all: Record<string, string> = { ...labels };
  for (const [key, message] of Object.entries<Message>(messages)) all[key] = message.text;

  test("no key is both a message and a label", () => {
    expect(Object.keys(all).length).toBe(Object.keys(messages).length + Object.keys(labels).length);
    expect(new Set(messageKeys).size).toBe(messageKeys.length);
  });

  test.each(Object.entries(all))("%s is a tidy text with well-formed placeholders", (key, text) => {
    expect(key).toMatch(/^[A-Z][A-Z_]*$/);
    expect(text.trim()).toBe(text);
    expect(text.length).toBeGreaterThan(2);
    expect(text.replace(/\{[a-z][A-Za-z]*\}/g, "")).not.toMatch(/[{}<>]/);
  });

  test("every key gives its text once its placeholders have values", () => {
    const catalogue = createCatalogue();
    const params = {
      attr: "a",
      email: "e",
      id: "i",
      length: 8,
      max: 9,
      maximum: 9,
      min: 1,
      name: "n",
      seconds: 3,
      site: "s",
      username: "u",
      value: "v",
    };
    for (const key of messageKeys) expect(catalogue.text(key, params)).not.toMatch(/[{}]|undefined/);
  });
});

describe("createCatalogue", () => {
  test("gives language, text and category", () => {
    const catalogue = createCatalogue();
    expect(catalogue.language).toBe("en");
    expect(catalogue.text("TITLE_LOGIN")).toBe("Sign in");
    expect(catalogue.category("UNAUTHENTICATED")).toBe("error");
    expect(catalogue.category("LOGIN")).toBe("info");
    expect(catalogue.category("TITLE_LOGIN")).toBe("info");
  });

  test("fills placeholders with what is given, literally", () => {
    const catalogue = createCatalogue();
    expect(catalogue.text("SERVER_BUSY", { seconds: 7 })).toContain("7 s.");
    expect(catalogue.text("UNEXPECTED_FIELD", { name: "$& {name} <b>" })).toContain("“$& {name} <b>”");
    expect(catalogue.text("PASSWORD_INVALID_LENGTH", { length: 0, maximum: 128 })).toContain("0 to 128");
  });

  test("a missing value and an unknown key are errors", () => {
    const catalogue = createCatalogue();
    const key: MessageKey = "SERVER_BUSY" as MessageKey;
    expect(() => catalogue.text(key)).toThrow("SERVER_BUSY needs a value for {seconds}");
    expect(() => catalogue.text(key, { toString: "x" })).toThrow(PortcullisError);
    expect(() => catalogue.text("NOPE" as MessageKey)).toThrow('no message "NOPE"');
    expect(() => catalogue.text("constructor" as MessageKey)).toThrow(PortcullisError);
  });

  test("an override replaces the text and may leave placeholders out or repeat them", () => {
    const catalogue = createCatalogue({
      TITLE_LOGIN: "Welcome back",
      SERVER_BUSY: "Later, please.",
      PASSWORD_INVALID_LENGTH: "{length}, {length}!",
    });
    expect(catalogue.text("TITLE_LOGIN")).toBe("Welcome back");
    expect(catalogue.text("SERVER_BUSY", { seconds: 1 })).toBe("Later, please.");
    expect(catalogue.text("PASSWORD_INVALID_LENGTH", { length: 3, maximum: 4 })).toBe("3, 3!");
    expect(createCatalogue().text("TITLE_LOGIN")).toBe("Sign in");
  });

  test.each([
    [{ TITLE_LOGN: "x" }, "messages.TITLE_LOGN", "unknown message; near it are TITLE_LOGIN"],
    [{ constructor: "x" }, "messages.constructor", "unknown message"],
    [{ TITLE_LOGIN: "" }, "messages.TITLE_LOGIN", "must be a text"],
    [{ TITLE_LOGIN: 7 }, "messages.TITLE_LOGIN", "must be a text"],
    [{ TITLE_LOGIN: "Hi {name}" }, "messages.TITLE_LOGIN", "unknown placeholder {name}; it has none"],
    [{ SERVER_BUSY: "{second} s" }, "messages.SERVER_BUSY", "unknown placeholder {second}; it has {seconds}"],
    [{ SERVER_BUSY: "{ seconds } s" }, "messages.SERVER_BUSY", "a brace that is not part of a placeholder"],
  ])("%o is refused", (overrides, path, message) => {
    const build = () => createCatalogue(overrides as Record<string, string>);
    expect(build).toThrow(ConfigurationError);
    expect(build).toThrow(`${path}: ${message}`);
  });
});
