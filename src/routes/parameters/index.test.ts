import type { StandardSchemaV1 } from "@standard-schema/spec";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { ParsedBody } from "../../http/parameters.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { convert, converted, faults } from "./fixtures/sent.ts";
import { compileParameters } from "./index.ts";

describe("declarations", () => {
  test("describe() tells names, carriers, types", () => {
    const schema = z.object({
      sid: z.int(),
      tags: z.array(z.string()).optional(),
      kind: z.enum(["a", "b"]).default("a"),
      when: z.date().nullable(),
      ids: z.array(z.union([z.int(), z.literal("all")])),
      o: z.object({}).optional(),
      rest: z.string().optional(),
    });
    const compiled = compileParameters(schema, "/store/:sid/:rest?", "POST", "POST /store");
    expect(compiled.names).toEqual(["sid", "rest", "tags", "kind", "when", "ids", "o"]);
    expect(compiled.describe()).toEqual([
      { name: "sid", carrier: "path", required: true, type: "integer" },
      { name: "rest", carrier: "path", required: false, type: "string" },
      { name: "tags", carrier: "any", required: false, type: "string[]" },
      { name: "kind", carrier: "any", required: false, type: '"a" | "b"' },
      { name: "when", carrier: "any", required: true, type: "date | null" },
      { name: "ids", carrier: "any", required: true, type: '(integer | "all")[]' },
      { name: "o", carrier: "any", required: false, type: "object" },
    ]);
  });

  test("objects in other clothes", async () => {
    const refined = z.object({ a: z.int() }).refine(() => true);
    const choice = z.discriminatedUnion("k", [
      z.object({ k: z.literal("n"), v: z.int() }),
      z.object({ k: z.literal("s") }),
    ]);
    expect(await converted(refined, { query: "a=1" })).toEqual({ a: 1 });
    expect(
      await converted(
        refined.transform(({ a }) => ({ b: a + 1 })),
        { query: "a=1" },
      ),
    ).toEqual({ b: 2 });
    expect(await converted(z.object({ a: z.int() }).and(z.object({ b: z.int() })), { query: "a=1&b=2" })).toEqual({
      a: 1,
      b: 2,
    });
    expect(await converted(choice, { query: "k=n&v=5" })).toEqual({ k: "n", v: 5 });
    await expect(
      convert(
        refined.transform(() => 5),
        { query: "a=1" },
      ),
    ).rejects.toThrow("something else");
  });

  test("a schema that refers to itself", async () => {
    interface Tree {
      name: string;
      children: Tree[];
    }
    const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }));
    const json = { name: "a", children: [{ name: "b", children: [] }] };
    expect(await converted(tree, { json })).toEqual(json);
    expect(await faults(tree, { json: { name: "a", children: [{ name: 5, children: [] }] } })).toEqual([
      "children.0.name invalid",
    ]);
  });

  test.each<[string, unknown, string]>([
    ["a string schema", z.string(), "/"],
    ["an array schema", z.array(z.int()), "/"],
    ["valibot's string", v.string(), "/"],
    ["a union with text", z.union([z.object({}), z.string()]), "/"],
    ["a plain object", { a: "int" }, "/"],
    ["null", null, "/"],
    ["a schema that tells nothing", { "~standard": { version: 1, vendor: "x", validate: () => ({ value: {} }) } }, "/"],
    ["a parameter __proto__", z.object({ constructor: z.string() }), "/"],
    ["a parameter __proto__ in the path", undefined, "/:__proto__"],
    ["the same name twice", undefined, "/:a/:a"],
    ["a file by GET", z.object({ f: z.array(z.file()) }), "/"],
  ])("%s is refused, and the route named", (_name, schema, path) => {
    const compile = () => compileParameters(schema as StandardSchemaV1, path, "GET", "GET /store");
    expect(compile).toThrow(ConfigurationError);
    expect(compile).toThrow("GET /store");
  });
});

describe("properties", () => {
  const schema = z.object({
    i: z.int().optional(),
    l: z.array(z.int()).optional(),
    s: z.string().optional(),
    b: z.boolean().optional(),
    d: z.date().optional(),
    o: z.object({ a: z.int() }).optional(),
    p: z.string().optional(),
  });
  const compiled = compileParameters(schema, "/x/:p?", "POST", "POST /x/:p?");

  test("what URLSearchParams writes comes back", () => {
    const values = fc.record(
      {
        i: fc.maxSafeInteger().map((number) => number + 0),
        l: fc.array(
          fc.maxSafeInteger().map((number) => number + 0),
          { minLength: 1 },
        ),
        s: fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
        b: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(values, (sent) => {
        const query = new URLSearchParams();
        for (const [name, given] of Object.entries(sent)) {
          for (const one of Array.isArray(given) ? given : [given]) query.append(name, String(one));
        }
        expect(compiled.convert({ path: {}, query: query.toString(), body: undefined })).toEqual({
          ok: true,
          value: sent,
        });
        expect(compiled.convert({ path: {}, query: "", body: { kind: "json", value: sent } })).toEqual({
          ok: true,
          value: sent,
        });
      }),
    );
  });

  test("nothing crashes, and nothing crosses from one name to another", () => {
    const name = fc.oneof(fc.constantFrom("i", "l", "s", "b", "d", "o", "p", "__proto__", "csrf_token"), fc.string());
    const text = fc.oneof(fc.string(), fc.constantFrom("1", "true", '{"a":1}', "%zz", "\0", ""));
    const field = fc.tuple(name, text);
    const query = fc.oneof(
      fc.array(field, { maxLength: 6 }).map((fields) => fields.map((pair) => pair.join("=")).join("&")),
      fc.string(),
    );
    const body = fc.oneof(
      fc.constant(undefined),
      fc.array(field, { maxLength: 6 }).map((entries): ParsedBody => ({ kind: "form", entries })),
      fc.jsonValue().map((json): ParsedBody => ({ kind: "json", value: json })),
      fc.dictionary(name, fc.jsonValue()).map((json): ParsedBody => ({ kind: "json", value: json })),
    );
    const path = fc.dictionary(fc.constantFrom("p", "q"), text);
    fc.assert(
      fc.property(path, query, body, (inPath, inQuery, inBody) => {
        const result = compiled.convert({ path: inPath, query: inQuery, body: inBody });
        if (result instanceof Promise) throw new Error("asynchronous");
        if (!result.ok) {
          expect(result.faults.length).toBeGreaterThan(0);
          return;
        }
        for (const [key, one] of Object.entries(result.value)) {
          expect(compiled.names).toContain(key);
          if (key === "p") expect(one).toBe(inPath.p);
          if (key === "s" && inBody === undefined) {
            expect(new URLSearchParams(inQuery).getAll("s")).toEqual([one]);
          }
        }
        expect(Object.keys({}).length).toBe(0);
      }),
    );
  });
});
