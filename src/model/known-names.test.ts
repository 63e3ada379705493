import { describe, expect, it } from "vitest";
import { ConfigurationError } from "./errors.ts";
import { checkKnown, unknownName } from "./known-names.ts";

describe("names of options", () => {
  const known = ["origins", "secretKeys", "datastore", "id"];

  it("are refused with the path, what was probably meant, and what is known", () => {
    const faults = [
      ["", { orgins: 1 }, 'orgins: unknown option; did you mean "origins"? known: origins, secretKeys, datastore, id'],
      ["a.b", { secretkey: 1 }, 'a.b.secretkey: unknown option; did you mean "secretKeys"?'],
      ["a", { ID: 1 }, 'a.ID: unknown option; did you mean "id"?'],
      ["a", { colour: 1 }, "a.colour: unknown option; known: origins"],
      ["a", { constructor: 1 }, "a.constructor: unknown option; known: origins"],
      ["a", null, "a: an object is expected"],
      ["a", ["origins"], "a: an object is expected"],
      ["a", "origins", "a: an object is expected"],
    ] as const;
    for (const [path, given, message] of faults) {
      expect(() => checkKnown(path, given, known)).toThrow(ConfigurationError);
      expect(() => checkKnown(path, given, known)).toThrow(message);
    }
    expect(() => checkKnown("a", { id: undefined, origins: [] }, known)).not.toThrow();
  });

  it("say so where there are none", () => {
    expect(unknownName("page", "x", [])).toBe("unknown page; there are none");
  });
});
