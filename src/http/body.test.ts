import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseBody, readBody } from "./body.ts";
import { BODY_LIMITS, BodyError, type BodyLimits } from "./body-limits.ts";

const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";
const utf8 = new TextEncoder();

function parse(body: string | Uint8Array, type: string | undefined, limits: Partial<BodyLimits> = {}) {
  return parseBody(typeof body === "string" ? utf8.encode(body) : body, type, { ...BODY_LIMITS, ...limits });
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BodyError)) throw new Error(`expected a BodyError, got ${error}`);
  return `${error.status} ${error.code}`;
}

function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  const request = new Request("https://app.test/", { method: "POST", body, duplex: "half", headers } as RequestInit);
  if (!("content-type" in headers)) request.headers.delete("content-type");
  return request;
}

function streamOf(chunks: readonly string[]): { stream: ReadableStream<Uint8Array>; cancelled: Promise<unknown> } {
  let cancel: (reason: unknown) => void = () => undefined;
  const cancelled = new Promise<unknown>((resolve) => {
    cancel = resolve;
  });
  const rest = [...chunks];
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = rest.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(utf8.encode(next));
    },
    cancel,
  });
  return { stream, cancelled };
}

const BOUNDARY = "XX";
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`;
function part(name: string, value: string, more = ""): string {
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
}
const END = `--${BOUNDARY}--\r\n`;

describe("media types", () => {
  test("reads each kind by its declared type", async () => {
    expect(await parse('{"a":[1,"ü"]}', JSON_TYPE)).toEqual({ kind: "json", value: { a: [1, "ü"] } });
    expect(await parse("3", "application/scim+json; charset=UTF-8")).toEqual({ kind: "json", value: 3 });
    expect(await parse("a=1&b=%C3%BC+x&a=2&&c", "Application/X-WWW-Form-Urlencoded")).toEqual({
      kind: "form",
      entries: [
        ["a", "1"],
        ["b", "ü x"],
        ["a", "2"],
        ["c", ""],
      ],
    });
    expect(await parse(part("a", "ü") + END, MULTIPART)).toEqual({ kind: "form", entries: [["a", "ü"]] });
    expect(await parse("", undefined)).toEqual({ kind: "none" });
    expect(await parse("", FORM)).toEqual({ kind: "form", entries: [] });
    for (const type of [JSON_TYPE, "application/vnd.api+json"])
      expect(await parse("", type)).toEqual({ kind: "json", value: {} });
  });

  test.each([
    "text/plain",
    "text/plain; application/json",
    "application/json, text/plain",
    "application/xml",
    "text/json",
    "",
    "*/*",
  ])("refuses JSON declared as %j (CSR-05, CSR-06)", async (type) => {
    expect(await refusal(parse('{"a":1}', type))).toBe("415 unsupported_media_type");
  });

  test("refuses a body without Content-Type and never reads one kind as another", async () => {
    expect(await refusal(parse('{"a":1}', undefined))).toBe("415 unsupported_media_type");
    expect(await parse('{"a":1}', FORM)).toEqual({ kind: "form", entries: [['{"a":1}', ""]] });
    expect(await refusal(parse('{"a":1}', MULTIPART))).toBe("400 malformed_multipart");
    expect(await refusal(parse("a=1", JSON_TYPE))).toBe("400 malformed_json");
  });

  test.each([JSON_TYPE, FORM, "multipart/form-data;boundary=x"])("refuses %s in another charset", async (type) => {
    expect(await refusal(parse("a", `${type};charset=utf-16`))).toBe("415 unsupported_charset");
    expect(await refusal(parse("a", `${type};charset=json`))).toBe("415 unsupported_charset");
  });
});

describe("malformed content (TYP-05)", () => {
  test.each([
    ["truncated", '{"a":'],
    ["byte order mark", "\ufeff{}"],
    ["NaN", "NaN"],
    ["trailing comma", "[1,]"],
    ["white space", " \n"],
    ["__proto__", '{"__proto__":{}}'],
  ])("JSON: %s", async (_name, text) => {
    expect(await refusal(parse(text, JSON_TYPE))).toBe("400 malformed_json");
  });

  test("UTF-16 and invalid UTF-8", async () => {
    expect(await refusal(parse(new Uint8Array([0xff, 0xfe, 0x7b, 0]), JSON_TYPE))).toBe("400 malformed_text");
    expect(await refusal(parse(new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), JSON_TYPE))).toBe("400 malformed_text");
    expect(await refusal(parse(new Uint8Array([0x61, 0x3d, 0xff]), FORM))).toBe("400 malformed_text");
    const head = utf8.encode(`--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n`);
    const bad = new Uint8Array([...head, 0xff, ...utf8.encode(`\r\n${END}`)]);
    expect(await refusal(parse(bad, MULTIPART))).toBe("400 malformed_text");
    expect(await parse(part("a", "\uFFFD") + END, MULTIPART)).toEqual({ kind: "form", entries: [["a", "\uFFFD"]] });
  });

  test.each(["a=%zz", "%ff=1", "a=%", "a=%c0%af"])("form: %s", async (text) => {
    expect(await refusal(parse(text, FORM))).toBe("400 malformed_form");
  });

  test.each([
    ["no boundary", "multipart/form-data", part("a", "1") + END],
    ["bad boundary", 'multipart/form-data; boundary="a\\"b"', part("a", "1") + END],
    ["other boundary", "multipart/form-data; boundary=YY", part("a", "1") + END],
    ["no end", MULTIPART, part("a", "1")],
    ["no name", MULTIPART, `--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n${END}`],
    ["empty", MULTIPART, ""],
  ])("multipart: %s", async (_name, type, text) => {
    expect(await refusal(parse(text, type))).toBe("400 malformed_multipart");
  });
});

describe("limits (TYP-04)", () => {
  test("bytes, by media type", async () => {
    expect(await refusal(parse('"12345678"', JSON_TYPE, { bytes: 9 }))).toBe("413 body_too_large");
    expect(await parse('"1234567"', JSON_TYPE, { bytes: 9 })).toEqual({ kind: "json", value: "1234567" });
    const text = part("a", "1") + END;
    expect(await refusal(parse(text, MULTIPART, { multipartBytes: text.length - 1 }))).toBe("413 body_too_large");
    expect((await parse(text, MULTIPART, { bytes: 1 })).kind).toBe("form");
  });

  test("depth, fields, names", async () => {
    expect(await refusal(parse("[".repeat(200_000), JSON_TYPE))).toBe("400 body_too_deep");
    expect(await refusal(parse(Array(201).fill("a=1").join("&"), FORM))).toBe("413 too_many_fields");
    expect(await refusal(parse("&".repeat(5000), FORM))).toBe("413 too_many_fields");
    expect((await parse(Array(200).fill("a=1").join("&"), FORM)).kind).toBe("form");
    expect(await refusal(parse(`${"n".repeat(201)}=1`, FORM))).toBe("400 field_name_too_long");
    expect(await refusal(parse(`${"é".repeat(101)}=1`, FORM))).toBe("400 field_name_too_long");
    expect(await refusal(parse(part("a", "1").repeat(201) + END, MULTIPART))).toBe("413 too_many_fields");
    expect((await parse(part("a", "1").repeat(200) + END, MULTIPART)).kind).toBe("form");
    expect(await refusal(parse(part("n".repeat(201), "1") + END, MULTIPART))).toBe("400 field_name_too_long");
  });
});

describe("readBody", () => {
  test("reads with and without Content-Length", async () => {
    const text = '{"a":1}';
    const headers = { "content-type": JSON_TYPE, "content-length": `${text.length}` };
    expect(await readBody(post(text, headers), BODY_LIMITS)).toEqual({ kind: "json", value: { a: 1 } });
    const { stream } = streamOf(['{"a"', ":1}"]);
    expect(await readBody(post(stream, { "content-type": JSON_TYPE }), BODY_LIMITS)).toEqual({
      kind: "json",
      value: { a: 1 },
    });
    expect(await readBody(post(null), BODY_LIMITS)).toEqual({ kind: "none" });
    expect(await readBody(new Request("https://app.test/"), BODY_LIMITS)).toEqual({ kind: "none" });
  });

  test("reads what a browser sends as FormData", async () => {
    const form = new FormData();
    form.append("name", "Zoë");
    form.append("file", new File(["content"], "a.txt", { type: "text/plain" }));
    const body = await readBody(new Request("https://app.test/", { method: "POST", body: form }), BODY_LIMITS);
    if (body.kind !== "form") throw new Error(body.kind);
    const file = body.entries[1]?.[1];
    expect(body.entries[0]).toEqual(["name", "Zoë"]);
    expect(file instanceof File && [file.name, file.type, await file.text()]).toEqual([
      "a.txt",
      "text/plain",
      "content",
    ]);
  });

  test("refuses by Content-Length before it reads", async () => {
    const { stream } = streamOf(['"x"']);
    const request = post(stream, { "content-type": JSON_TYPE, "content-length": "2000000" });
    expect(await refusal(readBody(request, BODY_LIMITS))).toBe("413 body_too_large");
    expect(request.bodyUsed).toBe(false);
    const odd = post("1", { "content-type": JSON_TYPE, "content-length": "0x1" });
    expect(await refusal(readBody(odd, BODY_LIMITS))).toBe("400 incomplete_body");
  });

  test("counts a stream, and lets go of one that is too long", async () => {
    const { stream, cancelled } = streamOf(Array(1000).fill("x".repeat(1000)));
    const request = post(stream, { "content-type": FORM });
    expect(await refusal(readBody(request, { ...BODY_LIMITS, bytes: 2500 }))).toBe("413 body_too_large");
    await cancelled;
  });

  test("does not believe a Content-Length that is too small", async () => {
    const request = post(`"${"x".repeat(100)}"`, { "content-type": JSON_TYPE, "content-length": "3" });
    expect(await refusal(readBody(request, { ...BODY_LIMITS, bytes: 50 }))).toBe("413 body_too_large");
  });

  test("refuses the type before it reads", async () => {
    const { stream } = streamOf(["x"]);
    const request = post(stream, { "content-type": "text/plain" });
    expect(await refusal(readBody(request, BODY_LIMITS))).toBe("415 unsupported_media_type");
    expect(request.bodyUsed).toBe(false);
    expect(await refusal(readBody(post("x"), BODY_LIMITS))).toBe("415 unsupported_media_type");
    const gzip = post("x", { "content-type": JSON_TYPE, "content-encoding": "gzip" });
    expect(await refusal(readBody(gzip, BODY_LIMITS))).toBe("415 unsupported_encoding");
  });

  test("a body that breaks off is the client's fault", async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("aborted"));
      },
    });
    const request = post(stream, { "content-type": JSON_TYPE });
    expect(await refusal(readBody(request, BODY_LIMITS))).toBe("400 incomplete_body");
  });
});

test("any bytes of any type are read or refused, never a crash", async () => {
  const types = fc.constantFrom(JSON_TYPE, FORM, MULTIPART, undefined, "text/plain");
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .string({ unit: fc.constantFrom("{", "}", "[", '"', "a", ":", "%", "=", "&", "\r\n", "--XX", ";") })
      .map((text) => utf8.encode(text)),
  );
  await fc.assert(
    fc.asyncProperty(bytes, types, async (body, type) => {
      const outcome = await parse(body, type).catch((error: unknown) => error);
      expect(
        outcome instanceof BodyError || (typeof outcome === "object" && outcome !== null && "kind" in outcome),
      ).toBe(true);
    }),
  );
});

test("urlencoded forms survive the round trip", async () => {
  const name = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 10 })
    .filter((text) => encodeURIComponent(text).length <= BODY_LIMITS.fieldNameBytes);
  const field = fc.tuple(name, fc.string({ unit: "grapheme" }));
  await fc.assert(
    fc.asyncProperty(fc.array(field, { maxLength: 20 }), async (fields) => {
      const text = new URLSearchParams(fields).toString();
      expect(await parse(text, FORM)).toEqual({ kind: "form", entries: fields });
    }),
  );
});
