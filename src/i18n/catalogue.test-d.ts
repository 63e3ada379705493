import { expectTypeOf, test } from "vitest";
import { type Catalogue, createCatalogue, type MessageKey } from "./catalogue.ts";

test("the parameters of a known key are checked", () => {
  const catalogue: Catalogue = createCatalogue();
  expectTypeOf(catalogue.text("SERVER_BUSY", { seconds: 3 })).toBeString();
  expectTypeOf(catalogue.text("TITLE_LOGIN")).toBeString();
  // @ts-expect-error a value is missing
  catalogue.text("SERVER_BUSY");
  // @ts-expect-error the placeholder has another name
  catalogue.text("SERVER_BUSY", { second: 3 });
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
