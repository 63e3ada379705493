import type { Shape } from "./shape.ts";

/** What is wrong with a schema as one of parameters; the caller says of which route. */
export class ShapeError extends Error {}

/**
 * As metadata of an integer or bigint in a schema: text may also spell it in base 16, 8 or 2 (`0x1f`, `0o17`, `0b101`,
 * each with an optional minus). `z.int().meta(prefixed)`, `v.metadata(prefixed)`, arktype's `.configure(prefixed)`.
 */
export const prefixed: { readonly textFormat: "prefixed" } = Object.freeze({ textFormat: "prefixed" });

/**
 * As metadata of any schema: its text is one JSON text (RFC 8259), lists too, which otherwise come by repetition.
 * `z.array(z.int()).meta(jsonText)`, `v.metadata(jsonText)`, arktype's `.configure(jsonText)`.
 */
export const jsonText: { readonly textFormat: "json" } = Object.freeze({ textFormat: "json" });

/** The shape with what its metadata say of its text. Throws {@link ShapeError} for what they cannot say. */
export function inTextFormat(shape: Shape, format: unknown): Shape {
  if (format === undefined) return shape;
  if (format === "json") return { kind: "json", value: shape };
  if (format !== "prefixed") {
    throw new ShapeError(
      `the textFormat ${JSON.stringify(format) ?? String(format)} is not known; known: prefixed, json`,
    );
  }
  if (shape.kind !== "integer" && shape.kind !== "bigint") {
    throw new ShapeError("the textFormat prefixed is for integers and bigints");
  }
  return { ...shape, prefixed: true };
}
