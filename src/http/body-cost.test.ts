/** What bodies may cost before anybody is known: counted work, and that limits change nothing of what they let through. */
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { parseBody } from "./body.ts";
import { accountLimits, BODY_LIMITS, BodyError, type BodyLimits } from "./body-limits.ts";
import { JsonError, parseJson } from "./json.ts";

const JSON_TYPE = "application/json";
const MULTIPART = "multipart/form-data; boundary=XX";
const END = "--XX--\r\n";
const disposition = (name: string): string => `Content-Disposition: form-data; name="${name}"`;
const part = (name: string, value: string, head = ""): string =>
  `--XX\r\n${disposition(name)}${head}\r\n\r\n${value}\r\n`;

const parse = (body: string | Uint8Array, type: string, limits: Partial<BodyLimits> = {}) =>
  parseBody(Buffer.from(body), type, { ...BODY_LIMITS, ...limits });

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BodyError)) throw new Error(`expected a BodyError, got ${error}`);
  return `${error.status} ${error.code}`;
}

/** Counts what makes objects of bytes. */
function parsers(): { readonly made: (body: string) => number } {
  const json = vi.spyOn(JSON, "parse");
  const form = vi.spyOn(Response.prototype, "formData");
  onTestFinished(() => {
    json.mockRestore();
    form.mockRestore();
  });
  return { made: (body) => json.mock.calls.filter(([text]) => text === body).length + form.mock.calls.length };
}

const members = (count: number): string =>
  `{${Array.from({ length: count }, (_, index) => `"m${index}":1`).join(",")}}`;

describe("bodies that cost too much", () => {
  test.each<[string, string, string, string]>([
    ["90,000 members", JSON_TYPE, members(90_000), "413 too_many_members"],
    ["300,000 elements", JSON_TYPE, `[${Array(300_000).fill("[]").join(",")}]`, "413 too_many_members"],
    ["members without commas", JSON_TYPE, `{${'"a":'.repeat(90_000)}`, "413 too_many_members"],
    [
      "1.2 million headers in a part",
      MULTIPART,
      part("a", "1", `\r\n${"a:\r\n".repeat(1_200_000)}`) + END,
      "413 part_head_too_large",
    ],
    ["many short headers", MULTIPART, part("a", "1", "\r\na:".repeat(16)) + END, "413 part_head_too_large"],
    ["one long header", MULTIPART, part("a", "1", `\r\nx: ${"x".repeat(5_000)}`) + END, "413 part_head_too_large"],
    ["a head that has no end", MULTIPART, `--XX\r\n${"a:\r\n".repeat(1_200_000)}`, "413 part_head_too_large"],
    [
      "headers in the last part",
      MULTIPART,
      `${part("a", "1")}--XX\r\n${"a:\r\n".repeat(9_000)}`,
      "413 part_head_too_large",
    ],
    ["201 parts", MULTIPART, part("a", "1").repeat(201) + END, "413 too_many_fields"],
    [
      "heads that never end, 200 times",
      MULTIPART,
      `--XX\r\n${"x".repeat(5_000)}`.repeat(200) + END,
      "413 part_head_too_large",
    ],
  ])("%s are refused before anything is made of them", async (_name, type, body, code) => {
    const { made } = parsers();
    expect(await refusal(parse(body, type))).toBe(code);
    expect(made(body)).toBe(0);
  });

  test("16 KiB hold for an account endpoint's JSON and forms alike, before anything is made of them", async () => {
    const { made } = parsers();
    const limits = accountLimits(BODY_LIMITS, 16 * 1024);
    for (const [type, body] of [
      [JSON_TYPE, `"${"x".repeat(16 * 1024)}"`],
      ["application/x-www-form-urlencoded", `a=${"x".repeat(16 * 1024)}`],
      [MULTIPART, part("a", "\uFFFD".repeat(6_000)) + END],
    ] as const) {
      expect(await refusal(parse(body, type, limits))).toBe("413 body_too_large");
      expect(made(body)).toBe(0);
    }
    expect((await parse(part("a", "x".repeat(16_000)) + END, MULTIPART, limits)).kind).toBe("form");
  });

  test("replacement characters that were sent are looked for, not counted", async () => {
    const value = "\uFFFD".repeat(1_000_000);
    expect(await parse(part("a", value) + END, MULTIPART)).toEqual({ kind: "form", entries: [["a", value]] });
  });
});

describe("what is within the limits reads the same", () => {
  /** As the scanner counts: a container, and what follows each comma. */
  const things = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return 0;
    const inner = Object.values(value);
    return inner.reduce<number>((sum, one) => sum + things(one), 1 + Math.max(0, inner.length - 1));
  };
  const named = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return 0;
    const own = Array.isArray(value) ? 0 : Object.keys(value).length;
    return Object.values(value).reduce<number>((sum, one) => sum + named(one), own);
  };
  const text = fc.string({ unit: fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "\\", "a", "é", "\n") });
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 6 }),
      fc.dictionary(text, tie("value"), { maxKeys: 6 }),
    ),
  })).value;

  test("JSON, up to the very limit", () => {
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, "\t"), (sent, space) => {
        const most = Math.max(things(sent), named(sent));
        const json = JSON.stringify(sent, null, space);
        expect(parseJson(json, { depth: 32, members: most })).toEqual(JSON.parse(json));
        if (most === 0) return;
        expect(() => parseJson(json, { depth: 32, members: most - 1 })).toThrow(
          expect.objectContaining({ reason: "members" }),
        );
      }),
    );
    expect(() => parseJson("[", { depth: 32, members: 9 })).toThrow(JsonError);
  });

  /** The reader as it was before parts and heads were limited. */
  async function before(bytes: Buffer): Promise<readonly (readonly [string, string | File])[] | undefined> {
    const sent = bytes.toString("latin1").split("\xef\xbf\xbd").length - 1;
    let form: FormData;
    try {
      form = await new Response(new Uint8Array(bytes), { headers: { "content-type": MULTIPART } }).formData();
    } catch {
      return undefined;
    }
    const entries = [...form] as (readonly [string, string | File])[];
    const replaced = entries
      .flatMap(([name, one]) => (typeof one === "string" ? [name, one] : [name]))
      .reduce((sum, one) => sum + one.split("\uFFFD").length - 1, 0);
    return replaced > sent ? undefined : entries;
  }
  const written = (entries: readonly (readonly [string, string | File])[] | undefined) =>
    entries &&
    Promise.all(
      entries.map(async ([name, one]) =>
        typeof one === "string"
          ? [name, one]
          : [name, one.name, one.type, Buffer.from(await one.arrayBuffer()).toString("hex")],
      ),
    );
  const agree = async (bytes: Buffer): Promise<void> => {
    const old = await before(bytes);
    const now = await parse(bytes, MULTIPART).then(
      (body) => (body.kind === "form" ? body.entries : undefined),
      (error: unknown) => {
        if (error instanceof BodyError) return undefined;
        throw error;
      },
    );
    expect(await written(now)).toEqual(await written(old));
  };

  const content = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes));
  const words = fc.string({
    unit: fc.constantFrom("a", "-", "--X", "\r\n", "\r", "\n", "é", "\uFFFD", ":", '"', "XX"),
  });
  test("multipart forms", async () => {
    const one = fc.oneof(
      fc
        .tuple(fc.constantFrom("a", "é", "b c", "\uFFFD"), words)
        .map(([name, value]) => Buffer.from(part(name, value))),
      fc
        .tuple(fc.constantFrom("f", "é"), content, fc.constantFrom("", "\r\nContent-Type: image/png", "\r\nX-A: b"))
        .map(([name, bytes, more]) =>
          Buffer.concat([
            Buffer.from(`--XX\r\n${disposition(name)}; filename="a.png"${more}\r\n\r\n`),
            bytes,
            Buffer.from("\r\n"),
          ]),
        ),
      // Bytes that are no UTF-8 in a field of text.
      content.map((bytes) =>
        Buffer.concat([Buffer.from(`--XX\r\n${disposition("a")}\r\n\r\n`), bytes, Buffer.from("\r\n")]),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 5 }), async (parts) =>
        agree(Buffer.concat([...parts, Buffer.from(END)])),
      ),
      { numRuns: 300 },
    );
  });

  test("and what is no multipart form is none", async () => {
    const piece = fc.constantFrom(
      "--XX",
      "--",
      "\r\n",
      "\r\n\r\n",
      disposition("a"),
      "; filename=x",
      "XX",
      "a",
      ":",
      END,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 14 }), async (pieces) => agree(Buffer.from(pieces.join("")))),
      { numRuns: 500 },
    );
  });
});
