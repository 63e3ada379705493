// Whatever is sent: nothing crashes, nothing crosses from one carrier or name to another, and what is taken is of its type.
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import type { ConvertedParameters, ParsedBody } from "../../http/parameters.ts";
import { cast, classShapes } from "./cast.ts";
import { compileParameters } from "./index.ts";
import { cookie, header, rest } from "./special.ts";
import { jsonText, prefixed } from "./text-format.ts";

class Even {
  readonly value: number;
  constructor(value: number) {
    if (value % 2 !== 0) throw new RangeError("odd");
    this.value = value;
  }
}

const isText = (value: unknown): boolean => typeof value === "string";
const isInteger = (value: unknown): boolean => Number.isSafeInteger(value) && !Object.is(value, -0);
const plain = {
  text: z.string(),
  int: z.int(),
  any: z.int().meta(prefixed),
  big: z.bigint().meta(prefixed),
  num: z.number(),
  flag: z.boolean(),
  day: z.date(),
  json: z.json(),
  ints: z.array(z.int()),
  asText: z.array(z.int()).meta(jsonText),
  inner: z.object({ a: z.int(), when: z.date().optional() }),
  even: z.instanceof(Even),
  choice: z.enum(["a", "b"]),
  maybe: z.int().nullish(),
};
const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: isText,
  int: isInteger,
  any: isInteger,
  big: (value) => typeof value === "bigint",
  num: (value) => Number.isFinite(value),
  flag: (value) => typeof value === "boolean",
  day: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  json: (value) => value !== undefined,
  ints: (value) => Array.isArray(value) && value.every(isInteger),
  asText: (value) => Array.isArray(value) && value.every(isInteger),
  inner: (value) => typeof value === "object" && isInteger((value as { a: unknown }).a),
  even: (value) => value instanceof Even,
  choice: (value) => value === "a" || value === "b",
  maybe: (value) => value === null || isInteger(value),
  inHeader: isInteger,
  inCookie: isText,
  inPath: isInteger,
};
const optional = Object.fromEntries(Object.entries(plain).map(([key, schema]) => [key, schema.optional()]));
const declared = compileParameters(
  {
    ...optional,
    inHeader: header("x-in", z.int().optional()),
    inCookie: cookie("in", z.string().optional()),
    inPath: z.int(),
  },
  "/x/:inPath",
  "POST",
  "POST /x",
  { classes: classShapes([cast(Even, (value) => new Even(Number(value)))]) },
);
const withRest = compileParameters({ int: z.int().optional(), others: rest() }, "/x", "POST", "POST /x");

const names = Object.keys(kinds);
const name = fc.oneof(
  fc.constantFrom(...names, "others", "x-in", "in"),
  fc.constantFrom("__proto__", "constructor", "prototype", "toString", "then", "", "csrf_token"),
  fc.string({ maxLength: 6, unit: "binary" }),
);
const spelt = fc.oneof(
  fc.constantFrom(
    "0",
    "-0",
    "1",
    "01",
    "1e3",
    "0x1f",
    "0b1",
    "0o7",
    "-0x1",
    "1.5",
    "true",
    "on",
    "null",
    "undefined",
    "NaN",
  ),
  fc.constantFrom(
    "2026-01-31",
    "2026-02-30",
    "a",
    '{"a":1}',
    '{"a":1,"a":2}',
    '{"__proto__":{"x":1}}',
    "[1,2]",
    "[",
    '"x"',
  ),
  fc.integer().map(String),
  fc.double().map(String),
  fc.bigInt().map(String),
  fc.json(),
  fc.string({ maxLength: 20, unit: "binary" }),
);
/** Texts that are right, so that whole requests are. */
const right: Readonly<Record<string, readonly string[]>> = {
  text: ["", "x", "é"],
  int: ["0", "-7"],
  any: ["0x1f", "-0b1", "12"],
  big: ["0xffffffffffffffffffff", "-1"],
  num: ["1e3", "-0.5"],
  flag: ["on", "0"],
  day: ["2026-01-31", "2026-01-31T00:00:00+02:00"],
  json: ["null", "[1,{}]", '"x"'],
  ints: ["1", "2"],
  asText: ["[]", "[1,2]"],
  inner: ['{"a":1}', '{"a":1,"when":"2026-01-31"}'],
  even: ["2", "-4"],
  choice: ["a", "b"],
  maybe: ["5"],
};
const rightField = fc
  .constantFrom(...Object.keys(right))
  .chain((key) => fc.tuple(fc.constant(key), fc.constantFrom(...(right[key] ?? []))));
const field = fc.oneof({ weight: 8, arbitrary: rightField }, { weight: 1, arbitrary: fc.tuple(name, spelt) });
const query = fc.oneof(
  fc.array(field, { maxLength: 6 }).map((fields) => {
    return fields.map(([key, value]) => `${escaped(key)}=${escaped(value)}`).join("&");
  }),
  fc.string({ maxLength: 40, unit: "binary" }),
);
const body: fc.Arbitrary<ParsedBody | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant(undefined),
  fc.array(field, { maxLength: 6 }).map((entries): ParsedBody => ({ kind: "form", entries })),
  fc.jsonValue().map((value): ParsedBody => ({ kind: "json", value })),
  fc
    .dictionary(
      fc.oneof(fc.constantFrom(...names), name),
      fc.oneof(fc.jsonValue(), spelt, fc.integer(), fc.boolean()),
      {
        maxKeys: 6,
      },
    )
    .map((value): ParsedBody => ({ kind: "json", value })),
);
const sentInHead = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(undefined, "3") }, { weight: 1, arbitrary: spelt });
const head = fc.record({ "x-in": sentInHead, in: sentInHead });
const segment = fc.oneof({ weight: 4, arbitrary: fc.integer().map(String) }, { weight: 1, arbitrary: spelt });

function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

const faultCodes = new Set(["missing", "unexpected", "duplicate", "invalid"]);

/** The values, or undefined where there are faults, each with a name, a known code and a text. */
function checked(
  result: ConvertedParameters | Promise<ConvertedParameters>,
): Readonly<Record<string, unknown>> | undefined {
  if (result instanceof Promise) throw new Error("it waits");
  if (result.ok) return result.value;
  expect(result.faults.length).toBeGreaterThan(0);
  for (const fault of result.faults) {
    if (!faultCodes.has(fault.code) || fault.message === "" || fault.name.length > 250)
      throw new Error(JSON.stringify(fault));
  }
  return undefined;
}

test("nothing crashes, and what is taken is of its declared type", () => {
  const taken = new Set<string>();
  fc.assert(
    fc.property(query, body, head, segment, (sent, content, fields, inPath) => {
      const values = checked(
        declared.convert({
          path: { inPath },
          query: sent,
          body: content,
          head: { header: (key) => fields[key as "x-in"], cookie: (key) => fields[key as "in"] },
        }),
      );
      for (const [key, value] of Object.entries(values ?? {})) {
        taken.add(key);
        if (kinds[key]?.(value) !== true) throw new Error(`${key} is ${String(value)}`);
      }
      expect(Object.getPrototypeOf({})).toBe(Object.prototype);
      expect("x" in {}).toBe(false);
    }),
    { numRuns: 3000 },
  );
  // Each kind was taken at least once, so that the property says something of it.
  expect([...taken].sort()).toEqual(names.toSorted());
});

test("nothing crosses: what a parameter gets was sent under its name, by its carrier", () => {
  fc.assert(
    fc.property(query, body, head, fc.integer({ min: 1, max: 9 }), (sent, content, fields, inPath) => {
      const values = checked(
        declared.convert({
          path: { inPath: String(inPath) },
          query: sent,
          body: content,
          head: { header: (key) => fields[key as "x-in"], cookie: (key) => fields[key as "in"] },
        }),
      );
      if (values === undefined) return;
      const search = new URLSearchParams(sent);
      const members = content?.kind === "json" && typeof content.value === "object" ? (content.value ?? {}) : {};
      const inForm = content?.kind === "form" ? content.entries.map(([key]) => key) : [];
      for (const key of Object.keys(values)) {
        if (key === "inPath") expect(values[key]).toBe(inPath);
        else if (key === "inHeader") expect(values[key]).toBe(Number(fields["x-in"]));
        else if (key === "inCookie") expect(fields.in).not.toBe(undefined);
        else if (!search.has(key) && !Object.hasOwn(members, key) && !inForm.includes(key))
          throw new Error(`${key} was not sent`);
      }
      for (const key of ["inHeader", "inCookie", "inPath"]) {
        // Whoever sends one of these elsewhere is told, and not heard.
        if (search.has(key) || Object.hasOwn(members, key) || inForm.includes(key)) throw new Error(`${key} was taken`);
      }
    }),
    { numRuns: 3000 },
  );
});

test("the rest takes every name but those that reach for a prototype", () => {
  fc.assert(
    fc.property(query, body, (sent, content) => {
      const values = checked(withRest.convert({ path: {}, query: sent, body: content }));
      if (values === undefined) return;
      expect(Object.keys(values).filter((key) => key !== "int")).toEqual(["others"]);
      const others = values["others"] as object;
      expect(Object.getPrototypeOf(others)).toBe(null);
      for (const key of Object.keys(others)) {
        if (["__proto__", "constructor", "prototype", "int", "csrf_token"].includes(key))
          throw new Error(`took ${key}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a number has one value in each of its bases, and its text in any other spelling has none", () => {
  const one = compileParameters({ n: z.int().meta(prefixed) }, "/", "GET", "GET /");
  const read = (text: string): unknown => {
    const result = one.convert({ path: {}, query: `n=${encodeURIComponent(text)}`, body: undefined });
    return result instanceof Promise ? result : result.ok ? result.value["n"] : undefined;
  };
  fc.assert(
    fc.property(fc.maxSafeInteger(), (number) => {
      const sign = number < 0 ? "-" : "";
      const size = Math.abs(number);
      for (const text of [`0x${size.toString(16)}`, `0o${size.toString(8)}`, `0b${size.toString(2)}`, String(size)]) {
        const expected = number === 0 ? 0 : number;
        expect(read(text === "0" ? text : sign + text)).toBe(expected);
        for (const wrong of [
          `+${text}`,
          ` ${text}`,
          `${text} `,
          `${text}n`,
          `${text}.0`,
          `${text}_`,
          `--${text}`,
          `0${text}`,
        ]) {
          expect(read(wrong)).toBe(undefined);
        }
      }
    }),
  );
});
