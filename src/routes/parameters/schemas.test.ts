import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { converted, faults } from "./fixtures/sent.ts";
import { compileParameters } from "./index.ts";

describe("zod: text by the schema's type", () => {
  const day = new Date("2026-01-31T00:00:00Z");
  test.each<[string, z.ZodType, string, unknown]>([
    ["int", z.int(), "p=5", 5],
    ["number().int()", z.number().int().positive(), "p=5", 5],
    ["int32 in wrappers", z.int32().optional().nullable().readonly(), "p=-5", -5],
    ["number", z.number(), "p=1.5e3", 1500],
    ["coerce.number", z.coerce.number(), "p=7", 7],
    ["boolean", z.boolean(), "p=on", true],
    ["default", z.boolean().default(false), "p=no", false],
    ["bigint", z.bigint(), "p=9007199254740993", 9007199254740993n],
    ["int64", z.int64(), "p=-9", -9n],
    ["date", z.date(), "p=2026-01-31", day],
    ["coerce.date", z.coerce.date(), "p=2026-01-31T01:00:00%2B01:00", day],
    ["optional date", z.date().optional(), "p=2026-01-31", day],
    ["iso.date stays text", z.iso.date(), "p=2026-01-31", "2026-01-31"],
    ["string", z.string(), "p=5", "5"],
    ["empty string", z.string(), "p=", ""],
    ["no equals sign", z.string(), "p", ""],
    ["plus and percent", z.string(), "p=a+b%2Bc%C3%BC%26", "a b+cü&"],
    ["email", z.email(), "p=a%40b.test", "a@b.test"],
    ["enum", z.enum(["a", "b"]), "p=b", "b"],
    ["literal number", z.literal([1, 2]), "p=2", 2],
    ["literal boolean", z.literal(true), "p=on", true],
    ["literal text before number", z.literal(["1", 1]), "p=1", "1"],
    ["union", z.union([z.int(), z.string()]), "p=5", 5],
    ["union, text", z.union([z.string(), z.int()]), "p=5x", "5x"],
    ["union, literal", z.union([z.literal("all"), z.int()]), "p=all", "all"],
    ["list", z.array(z.int()), "p=1&p=2&p=1", [1, 2, 1]],
    ["list of one", z.array(z.string()), "p=a", ["a"]],
    ["list with default", z.array(z.int()).default([]), "p=1", [1]],
    ["one or more", z.union([z.string(), z.array(z.string())]), "p=a", "a"],
    ["one or more, several", z.union([z.string(), z.array(z.string())]), "p=a&p=b", ["a", "b"]],
    ["tuple", z.tuple([z.int(), z.string()]), "p=1&p=2", [1, "2"]],
    ["object", z.object({ a: z.int(), d: z.date() }), 'p={"a":1,"d":"2026-01-31"}', { a: 1, d: day }],
    ["list of objects", z.array(z.object({ a: z.int() })), 'p={"a":1}&p={"a":2}', [{ a: 1 }, { a: 2 }]],
    ["record", z.record(z.string(), z.int()), 'p={"a":1}', { a: 1 }],
    ["transform", z.string().transform((text) => text.length), "p=abc", 3],
    ["preprocess", z.preprocess((text) => String(text).split(","), z.array(z.string())), "p=a,b", ["a", "b"]],
    ["stringbool", z.stringbool(), "p=enabled", true],
    ["lazy", z.lazy(() => z.int()), "p=5", 5],
    ["branded", z.int().brand("Id"), "p=5", 5],
    ["any", z.any(), "p=5", "5"],
    ["codec", z.codec(z.string(), z.int(), { decode: Number, encode: String }), "p=5", 5],
  ])("%s", async (_name, schema, query, expected) => {
    expect(await converted(z.object({ p: schema }), { query })).toEqual({ p: expected });
    const form = query.split("&").map((field): [string, string] => {
      const [name = "", text = ""] = field.split("=");
      return [name, decodeURIComponent(text.replaceAll("+", " "))];
    });
    expect(await converted(z.object({ p: schema }), { form })).toEqual({ p: expected });
  });

  test.each<[string, z.ZodType, string]>([
    ["int", z.int(), "p=1e3"],
    ["empty int", z.int().optional(), "p="],
    ["coerce.number", z.coerce.number(), "p=0x1f"],
    ["coerce.date", z.coerce.date(), "p=1"],
    ["range", z.int().max(5), "p=6"],
    ["date", z.date(), "p=2099-99-99"],
    ["boolean", z.boolean(), "p=2"],
    ["enum in other case", z.enum(["a"]), "p=A"],
    ["literal boolean", z.literal(true), "p=off"],
    ["object", z.object({ a: z.int() }), "p=[1]"],
    ["object, not JSON", z.object({ a: z.int() }), "p={a:1}"],
    ["object, too deep", z.object({ a: z.any() }), `p={"a":${"[".repeat(40)}${"]".repeat(40)}}`],
    ["object, prototype", z.looseObject({}), 'p={"__proto__":{"a":1}}'],
    ["list item", z.array(z.int()), "p=1&p=x"],
    ["tuple", z.tuple([z.int()]), "p=1&p=2"],
    ["null", z.int().nullable(), "p=null"],
    ["file", z.file(), "p=x"],
    ["NUL", z.string(), "p=a%00b"],
    ["undecodable", z.string(), "p=%ff"],
    ["undecodable", z.string(), "p=%zz"],
  ])("refuses %s", async (_name, schema, query) => {
    expect(await faults(z.object({ p: schema }), { query })).toEqual(["p invalid"]);
  });
});

describe("valibot: text by the schema's type", () => {
  const day = new Date("2026-01-31T00:00:00Z");
  test.each<[string, v.GenericSchema, string, unknown]>([
    ["integer", v.pipe(v.number(), v.integer()), "p=5", 5],
    ["number", v.number(), "p=1.5", 1.5],
    ["boolean", v.boolean(), "p=yes", true],
    ["bigint", v.bigint(), "p=5", 5n],
    ["date", v.date(), "p=2026-01-31", day],
    ["instance of Date", v.instance(Date), "p=2026-01-31", day],
    ["string", v.pipe(v.string(), v.minLength(1)), "p=5", "5"],
    ["picklist", v.picklist(["a", "b"]), "p=b", "b"],
    ["enum", v.enum({ A: 1, B: 2 }), "p=2", 2],
    ["literal", v.literal(1), "p=1", 1],
    ["list", v.array(v.pipe(v.number(), v.integer())), "p=1&p=2", [1, 2]],
    ["optional", v.optional(v.number()), "p=5", 5],
    ["nullish", v.nullish(v.boolean()), "p=0", false],
    ["union", v.union([v.number(), v.string()]), "p=5", 5],
    ["object", v.object({ d: v.date() }), 'p={"d":"2026-01-31"}', { d: day }],
    [
      "transform",
      v.pipe(
        v.string(),
        v.transform((text) => text.length),
      ),
      "p=abc",
      3,
    ],
    ["lazy", v.lazy(() => v.number()), "p=5", 5],
    ["tuple", v.tuple([v.number(), v.string()]), "p=1&p=2", [1, "2"]],
    ["any", v.any(), "p=5", "5"],
  ])("%s", async (_name, schema, query, expected) => {
    expect(await converted(v.object({ p: schema }), { query })).toEqual({ p: expected });
  });

  test("defaults, fallbacks, missing and unexpected names", async () => {
    const schema = v.object({ a: v.optional(v.string(), "%"), b: v.fallback(v.number(), 5), c: v.number() });
    expect(await converted(schema, { query: "c=1" })).toEqual({ a: "%", b: 5, c: 1 });
    expect(await faults(schema, { query: "x=1" })).toEqual(["x unexpected", "c missing"]);
    expect(await faults(schema, { query: "c=1.0.0&a=%ff" })).toEqual(["c invalid", "a invalid"]);
    const described = compileParameters(schema, "/", "GET", "GET /").describe();
    expect(described.map((one) => [one.name, one.required, one.type])).toEqual([
      ["a", false, "string"],
      ["b", false, "number"],
      ["c", true, "number"],
    ]);
  });

  test("variants and intersections of objects", async () => {
    const kinds = v.variant("kind", [
      v.object({ kind: v.literal("n"), n: v.number() }),
      v.object({ kind: v.literal("s"), s: v.string() }),
    ]);
    expect(await converted(kinds, { query: "kind=n&n=5" })).toEqual({ kind: "n", n: 5 });
    const both = v.intersect([v.object({ a: v.number() }), v.object({ b: v.boolean() })]);
    expect(await converted(both, { query: "a=1&b=no" })).toEqual({ a: 1, b: false });
  });
});

describe("any library with Standard JSON Schema", () => {
  /** A library that only tells its JSON Schema, and hands back what it was given. */
  function described(document: Record<string, unknown>): StandardSchemaV1 {
    const standard = {
      version: 1,
      vendor: "other",
      validate: (given: unknown) => ({ value: given }),
      jsonSchema: { input: () => document, output: () => document },
    } as const;
    return { "~standard": standard };
  }

  test.each<[string, Record<string, unknown>, string, unknown]>([
    ["integer", { type: "integer" }, "p=5", 5],
    ["number", { type: "number" }, "p=0.5", 0.5],
    ["boolean", { type: "boolean" }, "p=1", true],
    ["string", { type: "string", format: "date-time" }, "p=5", "5"],
    ["nullable", { type: ["integer", "null"] }, "p=5", 5],
    ["anyOf", { anyOf: [{ type: "null" }, { type: "integer" }] }, "p=5", 5],
    ["enum", { enum: ["a", 1, true] }, "p=1", 1],
    ["const", { const: 5 }, "p=5", 5],
    ["array", { type: "array", items: { type: "integer" } }, "p=1&p=2", [1, 2]],
    ["prefixItems", { type: "array", prefixItems: [{ type: "integer" }, {}], items: false }, "p=1&p=2", [1, "2"]],
    ["object", { type: "object", properties: { a: { type: "integer" } } }, 'p={"a":1}', { a: 1 }],
    ["reference", { $ref: "#/$defs/n~1m" }, "p=5", 5],
    ["self reference", { $ref: "#/$defs/loop" }, "p=5", "5"],
    ["open", {}, "p=5", "5"],
    ["extension of arktype's", { "x-type": "date" }, "p=2026-01-31", new Date("2026-01-31")],
  ])("%s", async (_name, property, query, expected) => {
    const $defs = { "n/m": { type: "integer" }, loop: { $ref: "#/$defs/loop" } };
    const schema = described({ type: "object", properties: { p: property }, required: ["p"], $defs });
    expect(await converted(schema, { query })).toEqual({ p: expected });
  });

  test("allOf, additional properties, and a root that refers", async () => {
    const all = described({
      $ref: "#/$defs/root",
      $defs: {
        root: {
          allOf: [
            { type: "object", properties: { a: { type: "integer" } } },
            { type: "object", properties: { b: { type: "integer" } }, additionalProperties: { type: "boolean" } },
          ],
        },
      },
    });
    expect(await converted(all, { query: "a=1&b=2&c=on" })).toEqual({ a: 1, b: 2, c: true });
  });

  test("issues with path segments, asynchronous schemas", async () => {
    const document = { type: "object", properties: { a: { type: "integer" } } };
    const schema: StandardSchemaV1 = {
      "~standard": {
        version: 1,
        vendor: "other",
        validate: async () => ({ issues: [{ message: "no", path: [{ key: "a" }, 0, "b"] }] }),
        ...{ jsonSchema: { input: () => document, output: () => document } },
      },
    };
    expect(await faults(schema, { query: "a=1" })).toEqual(["a.0.b invalid"]);
    const compiled = compileParameters(schema, "/", "GET", "GET /");
    expect(compiled.convert({ path: {}, query: "a=1", body: undefined })).toBeInstanceOf(Promise);
  });
});
