import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { sampleOf } from "./sample.ts";

describe("sampleOf", () => {
  it.each([
    z.int(),
    z.int().min(7),
    z.int().positive(),
    z.int().max(-3),
    z.number().multipleOf(5).min(12),
    z.number().gt(3).lt(5),
    z.string(),
    z.string().min(12),
    z
      .string()
      .regex(/^[0-9]{3}$/)
      .min(3),
    z.email(),
    z.uuid(),
    z.iso.date(),
    z.iso.datetime(),
    z.enum(["a", "b"]),
    z.literal(7),
    z.boolean(),
    z.null(),
    z.union([z.int(), z.string()]),
    z.array(z.string()).min(2),
    z.object({ a: z.string(), b: z.int().optional(), c: z.object({ d: z.boolean() }) }),
    z.string().default("x"),
  ])("fits %#", (schema) => {
    const json = z.toJSONSchema(schema, { io: "input" });
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const sample = sampleOf(json);
    expect([sample, ajv.validate(json, sample)]).toEqual([sample, true]);
  });

  it("is some text for a schema that says nothing", () => {
    for (const schema of [true, {}, undefined]) expect(sampleOf(schema)).toBe("x");
  });
});
