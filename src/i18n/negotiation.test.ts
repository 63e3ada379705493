import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accepted, lookUp } from "./negotiation.ts";

const tags = ["en", "de", "pt", "zh", "zh-hant", "fr"];
const offered: ReadonlyMap<string, string> = new Map(tags.map((tag) => [tag, tag]));

describe("accepted", () => {
  test.each([
    [undefined, undefined],
    ["", undefined],
    ["de", "de"],
    ["DE-at", "de"],
    ["pt-BR,pt;q=0.9", "pt"],
    ["zh-Hans-CN", "zh"],
    ["zh-CN", "zh"],
    ["zh-Hant-TW", "zh-hant"],
    ["sv, fr;q=0.5", "fr"],
    ["fr;q=0.5, de;q=0.9", "de"],
    ["fr;q=0.5, de;q=0.5", "fr"],
    ["fr ; q=0.4,\tde ;q=0.51", "de"],
    ["de;Q=0.2, fr;q=0.1", "de"],
    ["de;q=0, fr;q=0.1", "fr"],
    ["de-AT, de;q=0", undefined],
    ["*", undefined],
    ["*, fr;q=0.1", "fr"],
    ["sv", undefined],
    // What is no language range or no quality counts as not sent.
    ["de;q=2, fr;q=0.1", "fr"],
    ["de;q=0.1234, fr;q=0.1", "fr"],
    ["de;level=1, fr;q=0.1", "fr"],
    ["de;q=1;q=1, fr;q=0.1", "fr"],
    ["toolonglanguage, fr;q=0.1", "fr"],
    ["de_AT, fr;q=0.1", "fr"],
    [",,de,,", "de"],
    [`${"sv,".repeat(340)}de`, "de"],
    [`${"sv,".repeat(350)}de`, undefined],
  ])("%j gives %j", (header, language) => {
    expect(accepted(header, offered)).toBe(language);
  });

  test("property: any text gives something offered or nothing; what was said of an offered language is kept to", () => {
    const range = fc.constantFrom(...tags, "de-AT", "zh-Hans", "sv", "*", "x-y", "");
    const weight = fc.constantFrom("", ";q=1", ";q=0.5", "; q=0.001", ";q=0", ";q=7", ";x");
    const item = fc.tuple(range, weight).map((parts) => parts.join(""));
    const header = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.array(item, { maxLength: 8 }).map((items) => items.join(",")),
    );
    fc.assert(
      fc.property(header, (text) => {
        const found = accepted(text, offered);
        if (found === undefined) return;
        expect(tags).toContain(found);
        const said = text.toLowerCase();
        expect(said).toContain(found.split("-", 1)[0]);
        expect(said.split(",")).not.toContain(`${found};q=0`);
      }),
    );
  });
});

describe("lookUp", () => {
  test.each([
    ["zh-Hant-CN-x-private1-private2", "zh-hant"],
    ["de-x-private", "de"],
    ["de-", "de"],
    ["-de", undefined],
    ["x", undefined],
    ["", undefined],
    ["-".repeat(1_000), undefined],
    [`de${"-x".repeat(600)}`, undefined],
  ])("%j finds %j", (tag, language) => {
    expect(lookUp(offered, tag)).toBe(language);
  });
});
