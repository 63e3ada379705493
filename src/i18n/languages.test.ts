import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { createCatalogues, type LanguageOptions, type LanguageRequest, type MessageOptions } from "./languages.ts";
import { shippedLanguages } from "./shipped.ts";

interface Asked extends LanguageRequest {
  readonly mine?: string | undefined;
}

function asking(accept?: string, mine?: string): Asked {
  return { header: (name) => (name === "accept-language" ? accept : undefined), mine };
}

const logs: string[] = [];

function make(languages: LanguageOptions<Asked> = {}, messages: MessageOptions = {}) {
  return createCatalogues<Asked>(languages, messages, (message) => logs.push(message));
}

describe("createCatalogues", () => {
  test("offers all shipped languages, English by default", async () => {
    const catalogues = await make();
    expect(catalogues.offered).toEqual(shippedLanguages);
    expect(catalogues.default.language).toBe("en");
    expect(catalogues.default).toBe(catalogues.for(asking()));
    for (const language of shippedLanguages) {
      expect(catalogues.for(asking(language)).language).toBe(language);
    }
    expect(catalogues.for(asking("de-AT,de;q=0.9,en;q=0.8")).text("TITLE_LOGIN")).toBe("Anmelden");
    expect(catalogues.get("zh-Hans-CN")?.text("TITLE_LOGIN")).toBe("登录");
    expect(catalogues.get("sv")).toBeUndefined();
  });

  test("the default is first of those offered, else English, else the first", async () => {
    expect((await make({ default: "de" })).offered.slice(0, 2)).toEqual(["de", "en"]);
    expect((await make({ default: "de" })).for(asking("sv")).language).toBe("de");
    expect((await make({ offered: ["fr", "en"] })).default.language).toBe("en");
    const french = await make({ offered: ["fr", "it"] });
    expect(french.default.language).toBe("fr");
    expect(french.for(asking("en,it;q=0.1")).language).toBe("it");
    expect(french.for(asking("en")).language).toBe("fr");
  });

  test("a region takes the texts of its language and is found without it too", async () => {
    const catalogues = await make({ offered: ["en-gb", "pt-BR"] });
    expect(catalogues.offered).toEqual(["en-GB", "pt-BR"]);
    const portuguese = catalogues.for(asking("pt"));
    expect(portuguese.language).toBe("pt-BR");
    expect(portuguese.text("TITLE_LOGIN")).toBe("Entrar");
    expect(catalogues.for(asking("pt-PT")).language).toBe("pt-BR");
    expect(catalogues.for(asking("en-US")).language).toBe("en-GB");
  });

  test("the application's choice is the first word; what is not offered is left to the browser", async () => {
    const catalogues = await make({ choose: (rq) => rq.mine });
    expect(catalogues.for(asking("de", "fr-CA")).language).toBe("fr");
    expect(catalogues.for(asking("de", "sv")).language).toBe("de");
    expect(catalogues.for(asking("de", undefined)).language).toBe("de");
    expect(catalogues.for(asking(undefined, "")).language).toBe("en");
  });

  test("a choice that throws is logged, and the caller still gets an answer", async () => {
    logs.length = 0;
    const catalogues = await make({
      choose: () => {
        throw new Error("no");
      },
    });
    expect(catalogues.for(asking("de")).language).toBe("de");
    expect(logs).toEqual(["languages.choose failed"]);
    const odd = await make({ choose: (() => 7) as unknown as () => string });
    expect(odd.for(asking("it")).language).toBe("it");
  });

  test("a language of the application's own: what is missing there is English, or the language without region", async () => {
    const own = { sv: { TITLE_LOGIN: "Logga in" }, "de-CH": { TITLE_LOGIN: "Grüezi" } };
    const catalogues = await make({ own, default: "sv" });
    expect(catalogues.offered[0]).toBe("sv");
    expect(catalogues.default.text("TITLE_LOGIN")).toBe("Logga in");
    expect(catalogues.default.text("TITLE_LOGOUT")).toBe("Sign out");
    const swiss = catalogues.for(asking("de-CH"));
    expect([swiss.language, swiss.text("TITLE_LOGIN"), swiss.text("TITLE_LOGOUT")]).toEqual([
      "de-CH",
      "Grüezi",
      "Abmelden",
    ]);
    expect(catalogues.for(asking("de")).text("TITLE_LOGIN")).toBe("Anmelden");
  });

  test("wording by key is the default language's, by language that language's", async () => {
    const messages: MessageOptions = { TITLE_LOGIN: "Welcome", de: { TITLE_LOGIN: "Hallo" } };
    const catalogues = await make({}, messages);
    expect(catalogues.default.text("TITLE_LOGIN")).toBe("Welcome");
    expect(catalogues.for(asking("de-AT")).text("TITLE_LOGIN")).toBe("Hallo");
    expect(catalogues.for(asking("fr")).text("TITLE_LOGIN")).toBe("Connexion");
    const german = await make({ default: "de" }, { ...messages, SUBMIT_LOGIN: "Los" });
    expect(german.default.text("TITLE_LOGIN")).toBe("Welcome");
    expect(german.default.text("SUBMIT_LOGIN")).toBe("Los");
    expect(german.for(asking("en")).text("TITLE_LOGIN")).toBe("Sign in");
    const swiss = await make({ offered: ["de-CH"] }, { de: { TITLE_LOGIN: "Hallo" } });
    expect(swiss.default.text("TITLE_LOGIN")).toBe("Hallo");
  });

  test.each([
    [{ offered: [] }, {}, "languages.offered", "a list of languages is expected"],
    [{ offered: ["en", "sv"] }, {}, "languages.offered[1]", 'there are no texts for "sv"; known: en, de,'],
    [{ offered: ["en", "en"] }, {}, "languages.offered[1]", '"en" is there twice'],
    [{ offered: ["english please"] }, {}, "languages.offered[0]", "must be a BCP 47 tag"],
    [{ offered: [7] }, {}, "languages.offered[0]", "must be a BCP 47 tag"],
    [{ default: "sv" }, {}, "languages.default", '"sv" is not offered; offered: en, de,'],
    [{ offered: ["de"], default: "en" }, {}, "languages.default", '"en" is not offered; offered: de'],
    [{ own: { de: {} } }, {}, "languages.own.de", "is shipped; put your wording into messages.de"],
    [{ own: { sv: "x" } }, {}, "languages.own.sv", "an object of texts by message key is expected"],
    [{ own: { sv: { LOGN: "x" } } }, {}, "languages.own.sv.LOGN", "unknown message"],
    [{ own: { sv: { LOGIN: "{x}" } } }, {}, "languages.own.sv.LOGIN", "unknown placeholder {x}"],
    [{ own: { "no such": {} } }, {}, "languages.own.no such", "must be a BCP 47 tag"],
    [{ own: { "pt-br": {}, "pt-BR": {} } }, {}, "languages.own.pt-BR", "is there twice"],
    [{}, { de: "x" }, "messages.de", "an object of texts by message key is expected"],
    [{}, { sv: {} }, "messages.sv", 'there are no texts for "sv"'],
    [{}, { de: { LOGN: "x" } }, "messages.de.LOGN", "unknown message"],
    [{}, { de: { SERVER_BUSY: "{seconds, plural, one {x}}" } }, "messages.de.SERVER_BUSY", "is no well-formed ICU"],
    [{}, { LOGN: "x" }, "messages.LOGN", "unknown message"],
    [{}, { LOGIN: 7 }, "messages.LOGIN", "must be a text"],
  ])("%j, %j is refused", async (languages, messages, path, message) => {
    const error = await make(languages as LanguageOptions<Asked>, messages as MessageOptions).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).toContain(`${path}: ${message}`);
  });
});
