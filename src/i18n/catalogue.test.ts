import { describe, expect, test } from "vitest";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { createCatalogue, englishTexts, layeredCatalogue, type MessageKey, messageKeys } from "./catalogue.ts";
import { groups } from "./en/index.ts";

describe("English texts", () => {
  test("no key is in two groups", () => {
    const keys = groups.flatMap((group) => Object.keys(group));
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    expect(keys.toSorted()).toEqual(messageKeys.toSorted());
  });

  test("keys are written as Flask-Security writes them", () => {
    expect(messageKeys.filter((key) => !/^[A-Z][A-Z0-9_]*$/.test(key))).toEqual([]);
    expect(messageKeys.length).toBeGreaterThan(80);
    expect(Object.keys(englishTexts)).toEqual(messageKeys);
  });
});

describe("createCatalogue", () => {
  test("gives language, text and category", () => {
    const catalogue = createCatalogue();
    expect(catalogue.language).toBe("en");
    expect(catalogue.text("TITLE_LOGIN")).toBe("Sign in");
    expect(catalogue.category("INVALID_PASSWORD")).toBe("error");
    // Nobody did anything wrong who has not signed in yet.
    expect(catalogue.category("UNAUTHENTICATED")).toBe("info");
    expect(catalogue.category("LOGIN")).toBe("info");
    expect(catalogue.category("TITLE_LOGIN")).toBe("info");
  });

  test("fills placeholders with what is given, literally", () => {
    const catalogue = createCatalogue();
    expect(catalogue.text("SERVER_BUSY", { seconds: 7 })).toContain("in 7 seconds.");
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
      TOO_MANY_ATTEMPTS: "Wait {seconds}",
      PASSWORD_INVALID_LENGTH: "{length}, {length}!",
    });
    expect(catalogue.text("TITLE_LOGIN")).toBe("Welcome back");
    expect(catalogue.text("SERVER_BUSY", { seconds: 1 })).toBe("Later, please.");
    expect(catalogue.text("TOO_MANY_ATTEMPTS", { seconds: 1_234 })).toBe("Wait 1,234");
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
    [{ SERVER_BUSY: "{seconds, plural, one {#}}" }, "messages.SERVER_BUSY", "is no well-formed ICU message"],
    [{ SERVER_BUSY: "{seconds, plural, other {{name}}}" }, "messages.SERVER_BUSY", "unknown placeholder {name}"],
    [{ SERVER_BUSY: "{second, number}" }, "messages.SERVER_BUSY", "unknown placeholder {second}; it has {seconds}"],
  ])("%o is refused", (overrides, path, message) => {
    const build = () => createCatalogue(overrides as Record<string, string>);
    expect(build).toThrow(ConfigurationError);
    expect(build).toThrow(`${path}: ${message}`);
  });
});

describe("ICU messages", () => {
  test.each([
    ["en", 1, "in 1 second."],
    ["en", 2, "in 2 seconds."],
    ["en", 1_500, "in 1,500 seconds."],
  ])("%s has its form for %d", (_language, seconds, end) => {
    expect(createCatalogue().text("SERVER_BUSY", { seconds })).toMatch(new RegExp(`${end}$`));
  });

  test("tags are text, values are put in as they are, apostrophes quote braces only", () => {
    const text = "l'air <b>{name, select, a {A} other {{name}}}</b>, '{name}' ''";
    const catalogue = createCatalogue({ UNEXPECTED_FIELD: text });
    expect(catalogue.text("UNEXPECTED_FIELD", { name: "<i>{x}" })).toBe("l'air <b><i>{x}</b>, {name} '");
  });
});

describe("layeredCatalogue", () => {
  test("takes a text from the first layer that has it, with the plural rules of that layer's language", () => {
    const few = { SERVER_BUSY: "{seconds, plural, one {jedna} few {kilka} other {wiele}}" };
    const layers = [
      { language: "pl-PL", texts: { LOGIN: "A" } },
      { language: "pl", texts: { LOGIN: "B", ...few } },
    ];
    const catalogue = layeredCatalogue("pl-PL", layers);
    expect(catalogue.language).toBe("pl-PL");
    expect(catalogue.text("LOGIN")).toBe("A");
    expect(catalogue.text("SERVER_BUSY", { seconds: 3 })).toBe("kilka");
    // Nobody has it but English, whose rules are its own.
    expect(catalogue.text("TOO_MANY_ATTEMPTS", { seconds: 3 })).toMatch(/in 3 seconds\.$/);
    expect(() => catalogue.text("NOPE" as MessageKey)).toThrow(PortcullisError);
  });

  test("numbers are written as in the language", () => {
    const texts = { PASSWORD_INVALID_LENGTH: "{length}–{maximum}" };
    const catalogue = layeredCatalogue("de", [{ language: "de", texts }]);
    expect(catalogue.text("PASSWORD_INVALID_LENGTH", { length: "1000", maximum: 1024 })).toBe("1000–1.024");
  });
});
