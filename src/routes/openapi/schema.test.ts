import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { cast, cookie, currentUser, header, rest } from "../params.ts";
import { pathTemplates } from "./paths.ts";
import { describeInput } from "./schema.ts";

class House {}

function of(params: StandardSchemaV1, path = "/x", own?: Parameters<typeof describeInput>[2]) {
  const { parameters, ...others } = describeInput({ params, path, label: `POST ${path}` }, "op", own);
  return { ...others, parameters: Object.fromEntries(parameters.map(({ name, ...one }) => [name, one])) };
}

describe("describeInput", () => {
  it("says of zod's schemas what they demand", () => {
    const { parameters, others } = of(
      z.object({
        sid: z.int(),
        name: z.string().min(1).max(80).describe("As people call it."),
        size: z.enum(["s", "m"]).default("m"),
        when: z.date().optional(),
        count: z.bigint(),
        tags: z.array(z.iso.date()).optional(),
      }),
      "/store/:sid",
    );
    expect(parameters).toMatchObject({
      sid: { carrier: "path", required: true, schema: { type: "integer" } },
      name: { carrier: "any", required: true, schema: { type: "string", minLength: 1, maxLength: 80 } },
      size: { required: false, schema: { enum: ["s", "m"], default: "m" } },
      when: { required: false, schema: { type: "string", format: "date-time" } },
      count: { required: true, schema: { type: "string", pattern: "^-?[0-9]+$" } },
      tags: { schema: { type: "array", items: { type: "string", format: "date" } } },
    });
    expect(parameters["name"]?.schema["description"]).toBe("As people call it.");
    expect(others).toBe(false);
  });

  it("says of a schema that cannot tell more at least its types", () => {
    const { parameters } = of(
      v.object({
        id: v.pipe(v.number(), v.integer()),
        at: v.optional(v.date()),
        of: v.picklist(["a", "b"]),
        list: v.array(v.boolean()),
      }),
    );
    expect(parameters).toEqual({
      id: { carrier: "any", required: true, schema: { type: "integer" } },
      at: { carrier: "any", required: false, schema: { type: "string", format: "date-time" } },
      of: { carrier: "any", required: true, schema: { enum: ["a", "b"] } },
      list: { carrier: "any", required: true, schema: { type: "array", items: { type: "boolean" } } },
    });
  });

  it("takes what the application's own function says", () => {
    const own = () => ({ type: "object", properties: { id: { type: "integer", minimum: 7 } } });
    expect(of(v.object({ id: v.number(), other: v.string() }), "/x", own).parameters).toMatchObject({
      id: { schema: { type: "integer", minimum: 7 } },
      other: { schema: { type: "string" } },
    });
  });

  it("keeps a schema that refers to itself, with references that hold in the document", () => {
    const Folder = z.object({
      name: z.string(),
      get inside() {
        return z.array(Folder);
      },
    });
    const { parameters, definitions } = of(z.object({ folder: Folder }));
    const reference = String(parameters["folder"]?.schema["$ref"]);
    expect(reference).toMatch(/^#\/components\/schemas\/op\./);
    expect(JSON.stringify(definitions)).not.toContain('"#/$defs');
    let at: unknown = { components: { schemas: definitions } };
    for (const part of reference.slice(2).split("/")) at = (at as Record<string, unknown>)[part];
    expect(at).toMatchObject({ properties: { name: { type: "string" } } });
  });

  it("takes names and values for what they are, whatever they are called", () => {
    const { parameters } = of(
      z.object({
        inner: z.object({ $schema: z.string(), $ref: z.string(), "x-type": z.int() }),
        list: z.array(z.string()).default(["#/x"]),
        any: z.json().default({ $ref: "#/x" }),
      }),
    );
    expect(Object.keys(parameters["inner"]?.schema["properties"] as object)).toEqual(["$schema", "$ref", "x-type"]);
    expect(parameters["any"]?.schema["default"]).toEqual({ $ref: "#/x" });
  });

  it("knows files, other names, and choices between objects", () => {
    expect(of(z.object({ scan: z.file(), more: z.array(z.file()).optional() })).parameters).toMatchObject({
      scan: { file: true, schema: { type: "string", format: "binary" } },
      more: { file: true, schema: { type: "array", items: { type: "string", format: "binary" } } },
    });
    expect(of(z.looseObject({ id: z.int() })).others).toEqual({});
    expect(of(z.object({ id: z.int() }).catchall(z.number())).others).toEqual({ type: "number" });
    const choice = z.union([z.object({ a: z.string() }), z.object({ b: z.int() })]);
    expect(of(choice).whole).toMatchObject({ anyOf: [{ required: ["a"] }, { required: ["b"] }] });
    expect(of(choice, "/:a")).toMatchObject({ parameters: { a: { carrier: "path" }, b: { required: false } } });
    expect(of(choice, "/:a").whole).toBeUndefined();
  });
});

describe("a record of parameters", () => {
  const params = {
    sid: z.int(),
    count: z.int().min(1).optional(),
    depth: header("x-depth", z.int().max(9).optional()),
    theme: cookie("theme", z.enum(["light", "dark"])),
    house: cast(House, () => new House()),
    user: currentUser(),
    others: rest(z.boolean()),
  };

  it("has each schema, headers and cookies by their names, and nothing of what nobody sends", () => {
    const { parameters, others } = describeInput(
      { params, path: "/:sid{int}/:day{date}/:page", label: "GET /" },
      "op",
      undefined,
    );
    expect(parameters).toEqual([
      { name: "sid", carrier: "path", required: true, schema: expect.objectContaining({ type: "integer" }) },
      { name: "day", carrier: "path", required: true, schema: { type: "string", format: "date-time" } },
      { name: "page", carrier: "path", required: true, schema: { type: "string" } },
      {
        name: "count",
        carrier: "any",
        required: false,
        schema: expect.objectContaining({ type: "integer", minimum: 1 }),
      },
      { name: "house", carrier: "any", required: true, schema: {} },
      {
        name: "depth",
        carrier: "header",
        sentAs: "x-depth",
        required: false,
        schema: expect.objectContaining({ maximum: 9 }),
      },
      {
        name: "theme",
        carrier: "cookie",
        sentAs: "theme",
        required: true,
        schema: { type: "string", enum: ["light", "dark"] },
      },
    ]);
    expect(others).toEqual({ type: "boolean" });
  });

  it("in a document, with the patterns of conversions in the path", () => {
    expect(pathTemplates("/a/:id{uuid}")[0]?.parameters[0]?.pattern).toMatch(/^\[0-9a-fA-F\]/);
    expect(pathTemplates("/a/:id{[a-z]+}")[0]?.parameters[0]?.pattern).toBe("[a-z]+");
  });
});
