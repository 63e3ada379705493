import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkboxField, emailField, type Field, identityField, passwordField } from "./fields.ts";
import { extraField } from "./registration/extra-fields.ts";

const all: readonly [string, Field<unknown>][] = [
  ["e-mail", emailField()],
  ["identity", identityField("email")],
  ["password", passwordField({ autocomplete: "current-password" })],
  ["checkbox", checkboxField("LABEL_REMEMBER")],
  ["own text", extraField("company", { label: "Company" })],
  ["own box", extraField("terms", { label: "Terms", type: "checkbox" })],
];

const fault = (key: string): unknown => ({ fault: { key } });

describe.each(all)("the field %s", (_name, field) => {
  it("answers whatever it is given, with a value of its type or a fault", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withDate: true }), (input) => {
        const parsed = field.parse(input);
        if ("fault" in parsed) expect(parsed.fault.key).toMatch(/^[A-Z_]+$/);
        else expect(["string", "boolean", "undefined"]).toContain(typeof parsed.value);
      }),
    );
  });

  it("refuses lists and objects, also those that turn into text", () => {
    for (const input of [[], ["x"], {}, { toString: () => "on" }, Object("on")]) {
      expect(field.parse(input)).toEqual(fault("FIELD_INVALID"));
    }
  });
});

describe("texts", () => {
  it("have a longest length, and neither NUL nor half characters", () => {
    for (const [name, field] of all) {
      if (field.type === "checkbox" || name === "password") continue;
      expect(field.parse("x".repeat(256))).toEqual(fault("INVALID_INPUT_LENGTH"));
      for (const bad of ["a\u0000", "a\ud800"]) expect(field.parse(bad)).toEqual(fault("FIELD_INVALID"));
    }
    expect(passwordField({ autocomplete: "new-password" }).parse("x".repeat(1025))).toEqual(
      fault("INVALID_INPUT_LENGTH"),
    );
    expect(passwordField({ autocomplete: "new-password" }).parse(" x ")).toEqual({ value: " x " });
  });

  it("that are left out are told apart from those that are wrong", () => {
    expect(emailField().parse(" ")).toEqual(fault("EMAIL_NOT_PROVIDED"));
    expect(emailField().parse("x")).toEqual(fault("INVALID_EMAIL_ADDRESS"));
    expect(identityField("email").parse(" ")).toEqual({ value: undefined });
    expect(passwordField({ autocomplete: "new-password" }).parse("")).toEqual(fault("PASSWORD_NOT_PROVIDED"));
    expect(extraField("a", { label: "A" }).parse(" ")).toEqual(fault("FIELD_REQUIRED"));
    expect(extraField("a", { label: "A", required: false }).parse(undefined)).toEqual({ value: "" });
  });
});

describe("boxes", () => {
  it("are ticked by what forms and JSON say, and by nothing else", () => {
    const field = checkboxField("LABEL_REMEMBER");
    for (const yes of [true, "true", "on", "yes", "y", "1"]) expect(field.parse(yes)).toEqual({ value: true });
    for (const no of [undefined, null, false, "false", "off", "no", "n", "0", ""])
      expect(field.parse(no)).toEqual({ value: false });
    for (const odd of [1, 0, 2, "TRUE", "ja", "2", Number.NaN])
      expect(field.parse(odd)).toEqual(fault("FIELD_INVALID"));
  });

  it("that must be ticked are", () => {
    const terms = extraField("terms", { label: "Terms", type: "checkbox" });
    expect(terms.parse(undefined)).toEqual(fault("FIELD_REQUIRED"));
    expect(terms.parse("on")).toEqual({ value: true });
  });
});
