import { expectTypeOf, test } from "vitest";
import { type Catalogue, createCatalogue, type MessageKey, type Texts } from "./catalogue.ts";
import type { PlaceholderOf } from "./message.ts";

test("the parameters of a known key are checked", () => {
  const catalogue: Catalogue = createCatalogue();
  expectTypeOf(catalogue.text("SERVER_BUSY", { seconds: 3 })).toBeString();
  expectTypeOf(catalogue.text("TITLE_LOGIN")).toBeString();
  // @ts-expect-error a value is missing
  catalogue.text("SERVER_BUSY");
  // @ts-expect-error the placeholder has another name
  catalogue.text("SERVER_BUSY", { second: 3 });
  // @ts-expect-error a plural needs a number
  catalogue.text("SERVER_BUSY", { seconds: "3" });
  // @ts-expect-error one of two values is missing
  catalogue.text("PASSWORD_INVALID_LENGTH", { length: 3 });
  // @ts-expect-error this text has no placeholder
  catalogue.text("TITLE_LOGIN", { name: "x" });
  // @ts-expect-error there is no such key
  catalogue.text("TITLE_LOGN");
});

test("a key known at run time only takes any parameters", () => {
  const catalogue: Catalogue = createCatalogue();
  const key = "LOGIN" as MessageKey;
  const params: Readonly<Record<string, string | number>> | undefined = undefined;
  expectTypeOf(catalogue.text(key, params)).toBeString();
  const fault = "PASSWORD_ILLEGAL" as "PASSWORD_ILLEGAL" | "PASSWORD_INVALID_LENGTH";
  expectTypeOf(catalogue.text(fault, { length: 3, maximum: 4 })).toBeString();
});

test("overrides are checked by key", () => {
  createCatalogue({ TITLE_LOGIN: "x" });
  // @ts-expect-error there is no such key
  createCatalogue({ TITLE_LOGN: "x" });
});

test("placeholders are found in ICU messages, and the words of their branches are none", () => {
  expectTypeOf<PlaceholderOf<"plain">>().toBeNever();
  expectTypeOf<PlaceholderOf<"a {b} c {d}">>().toEqualTypeOf<["b", ""] | ["d", ""]>();
  expectTypeOf<PlaceholderOf<"{n, plural, one {# code} other {# codes}} of {name}">>().toEqualTypeOf<
    ["n", "plural"] | ["name", ""]
  >();
  expectTypeOf<PlaceholderOf<"{g, select, male {his} other {their}} {n, number} {a}">>().toEqualTypeOf<
    ["g", "select"] | ["n", "number"] | ["a", ""]
  >();
  expectTypeOf<
    PlaceholderOf<"{n, plural, =0 {none} other {{n, plural, one {{who} #} other {#}} of {all}}}{z}">
  >().toEqualTypeOf<["n", "plural"] | ["who", ""] | ["all", ""] | ["z", ""]>();
});

test("a translation has known keys only, and may miss some", () => {
  expectTypeOf<{ LOGIN: string }>().toExtend<Texts>();
  const texts: Texts = {
    LOGIN: "x",
    // @ts-expect-error there is no such key
    LOGN: "x",
  };
  expectTypeOf(texts.LOGIN).toEqualTypeOf<string | undefined>();
});
