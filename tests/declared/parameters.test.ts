// What a route's parameters may be: each kind by name, by every carrier, in the three schema libraries.
import { type } from "arktype";
import { portcullis } from "portcullis";
import { cast, jsonText, prefixed, rest } from "portcullis/params";
import * as v from "valibot";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { basics, call, form, type Sent } from "./system.ts";

declare global {
  /** How arktype is told of metadata that are not its own. */
  interface ArkEnv {
    meta(): { textFormat?: "prefixed" | "json" };
  }
}

/** A class of the application's own. */
class House {
  readonly name: string;
  constructor(name: string) {
    if (!/^[a-z]+$/.test(name)) throw new RangeError("no such house");
    this.name = name;
  }
}

class Money {
  readonly cents: number;
  constructor(cents: number) {
    this.cents = cents;
  }
}

const security = await portcullis({
  ...basics(),
  casts: [
    cast(House, (value) => (typeof value === "string" ? new House(value) : undefined)),
    cast(Money, (value) => {
      const amount = typeof value === "string" ? Number.parseFloat(value) : value;
      return typeof amount === "number" && amount >= 0 ? new Money(Math.round(amount * 100)) : undefined;
    }),
  ],
});
afterAll(() => security.close());

const libraries = {
  zod: z.object({
    int: z.int().optional(),
    any: z.int().meta(prefixed).optional(),
    big: z.bigint().meta(prefixed).optional(),
    day: z.date().optional(),
    time: z.iso.time().optional(),
    uuid: z.uuid().optional(),
    json: z.json().optional(),
    ids: z.array(z.int()).meta(jsonText).optional(),
    list: z.array(z.int()).optional(),
    nested: z.object({ a: z.object({ b: z.int(), when: z.date().optional() }) }).optional(),
    house: z.instanceof(House).optional(),
    price: z.instanceof(Money).optional(),
  }),
  valibot: v.object({
    int: v.optional(v.pipe(v.number(), v.integer())),
    any: v.optional(v.pipe(v.number(), v.integer(), v.metadata(prefixed))),
    big: v.optional(v.pipe(v.bigint(), v.metadata(prefixed))),
    day: v.optional(v.date()),
    time: v.optional(v.pipe(v.string(), v.isoTime())),
    uuid: v.optional(v.pipe(v.string(), v.uuid())),
    json: v.optional(v.pipe(v.unknown(), v.metadata(jsonText))),
    ids: v.optional(v.pipe(v.array(v.pipe(v.number(), v.integer())), v.metadata(jsonText))),
    list: v.optional(v.array(v.pipe(v.number(), v.integer()))),
    nested: v.optional(v.object({ a: v.object({ b: v.pipe(v.number(), v.integer()), when: v.optional(v.date()) }) })),
    house: v.optional(v.instance(House)),
    price: v.optional(v.instance(Money)),
  }),
  arktype: type({
    "int?": "number.integer",
    "any?": type("number.integer").configure(prefixed),
    "big?": type("bigint").configure(prefixed),
    "day?": "Date",
    "time?": /^\d\d:\d\d$/,
    "uuid?": "string.uuid",
    "json?": type("unknown").configure(jsonText),
    "ids?": type("number.integer[]").configure(jsonText),
    "list?": "number.integer[]",
    "nested?": { a: { b: "number.integer", "when?": "Date" } },
    "house?": type.instanceOf(House),
    "price?": type.instanceOf(Money),
  }),
} as const;

const app = security.app();
app.on(["GET", "POST"], "/zod", { authz: "OPEN", params: libraries.zod }, (c, p) => c.text(shown(p)));
app.on(["GET", "POST"], "/valibot", { authz: "OPEN", params: libraries.valibot }, (c, p) => c.text(shown(p)));
app.on(["GET", "POST"], "/arktype", { authz: "OPEN", params: libraries.arktype }, (c, p) => c.text(shown(p)));

/** JSON, with what JSON can't say. */
function shown(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one === "bigint") return `${one}n`;
    if (one instanceof House) return `House ${one.name}`;
    if (one instanceof Money) return `${one.cents} cents`;
    return one;
  });
}

const asJson = (body: unknown): Sent => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

async function values(path: string, sent?: Sent): Promise<unknown> {
  const answer = await call(app, path, sent);
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text);
}

async function faults(path: string, sent?: Sent): Promise<string[]> {
  const answer = await call(app, path, sent);
  expect(answer.status, answer.text).toBe(400);
  const { code, parameters } = JSON.parse(answer.text);
  expect(code).toBe("invalid_parameters");
  return parameters.map((fault: { name: string; code: string }) => `${fault.name} ${fault.code}`);
}

const uuid = "0b6d4b3e-8a55-4c1e-9f61-1c5a3b8f2d10";

describe.each(Object.keys(libraries))("%s", (library) => {
  const path = `/${library}`;

  it.each<[string, string, string, unknown]>([
    ["an integer in decimal", "int", "17", 17],
    ["an integer in base 16 where the schema says so", "any", "0x11", 17],
    ["an integer in base 8", "any", "0o21", 17],
    ["an integer in base 2", "any", "0b10001", 17],
    ["a negative one", "any", "-0xff", -255],
    ["still in decimal", "any", "17", 17],
    ["nought", "any", "-0x0", 0],
    ["a bigint in base 16", "big", "0xffffffffffffffffff", "4722366482869645213695n"],
    ["a date", "day", "2026-01-31", "2026-01-31T00:00:00.000Z"],
    ["a date-time", "day", "2026-01-31T12:30:00+01:00", "2026-01-31T11:30:00.000Z"],
    ["a time", "time", "12:30", "12:30"],
    ["a UUID", "uuid", uuid, uuid],
    ["JSON: an object", "json", '{"a":[1,null,"x"]}', { a: [1, null, "x"] }],
    ["JSON: a list", "json", "[1,2]", [1, 2]],
    ["JSON: a number", "json", "5", 5],
    ["JSON: a text", "json", '"5"', "5"],
    ["a list as one JSON text", "ids", "[1,2]", [1, 2]],
    ["a nested object", "nested", '{"a":{"b":1}}', { a: { b: 1 } }],
    [
      "a date in a nested object",
      "nested",
      '{"a":{"b":1,"when":"2026-01-31"}}',
      { a: { b: 1, when: "2026-01-31T00:00:00.000Z" } },
    ],
    ["a class of the application's own", "house", "stark", "House stark"],
    ["another one", "price", "12.5", "1250 cents"],
  ])("%s", async (_what, name, text, expected) => {
    expect(await values(`${path}?${new URLSearchParams({ [name]: text })}`)).toEqual({ [name]: expected });
    expect(await values(path, form({ [name]: text }))).toEqual({ [name]: expected });
  });

  it("lists by repetition", async () => {
    expect(await values(`${path}?list=1&list=2`)).toEqual({ list: [1, 2] });
    expect(await values(`${path}?list=1`)).toEqual({ list: [1] });
  });

  it("the same in JSON, where values have types already", async () => {
    const sent = {
      int: 17,
      day: "2026-01-31",
      uuid,
      json: { a: 1 },
      list: [1, 2],
      nested: { a: { b: 1 } },
      house: "stark",
    };
    expect(await values(path, asJson(sent))).toEqual({
      ...sent,
      day: "2026-01-31T00:00:00.000Z",
      house: "House stark",
    });
    expect(await values(path, asJson({ price: 3, big: "9007199254740993", ids: [1] }))).toEqual({
      price: "300 cents",
      big: "9007199254740993n",
      ids: [1],
    });
  });

  it.each<[string, string, string]>([
    ["another base where the schema says nothing", "int", "0x11"],
    ["digits that the base does not have", "any", "0b12"],
    ["a prefix in capitals", "any", "0X11"],
    ["a prefix alone", "any", "0x"],
    ["an octal of old", "any", "017"],
    ["beyond the safe integers", "any", "0x20000000000000"],
    ["a fraction", "any", "0x1.8"],
    ["a date that is none", "day", "2026-02-30"],
    ["a time that is none", "time", "noon"],
    ["a UUID that is none", "uuid", uuid.slice(1)],
    ["JSON that is none", "json", "{a:1}"],
    ["JSON with a name twice", "json", '{"a":1,"a":2}'],
    ["JSON that reaches for a prototype", "json", '{"__proto__":{"admin":true}}'],
    ["JSON that is too deep", "json", `${"[".repeat(40)}${"]".repeat(40)}`],
    ["a list that is no list", "ids", "1"],
    ["a nested object of another type", "nested", '{"a":{"b":"1"}}'],
    ["what the class does not take", "house", "123"],
    ["what the conversion answers undefined to", "price", "-1"],
    ["NUL for a class", "price", "5\u0000"],
  ])("is a fault: %s", async (_what, name, text) => {
    const query = await faults(`${path}?${new URLSearchParams({ [name]: text })}`);
    expect(query).toHaveLength(1);
    expect(query[0]).toMatch(new RegExp(`^${name}(?:\\.\\S+)? invalid$`));
  });

  it("a class in JSON is made by its conversion or refused", async () => {
    expect(await faults(path, asJson({ house: 5 }))).toEqual(["house invalid"]);
    expect(await faults(path, asJson({ house: { name: "stark" } }))).toEqual(["house invalid"]);
  });
});

describe("files", () => {
  const limits = {
    "/file/zod": z.object({ doc: z.file().max(10).mime(["text/plain", "image/png"]), note: z.string().optional() }),
    "/file/valibot": v.object({
      doc: v.pipe(v.file(), v.maxSize(10), v.mimeType(["text/plain", "image/png"])),
      note: v.optional(v.string()),
    }),
  };
  app.post("/file/zod", { authz: "OPEN", params: limits["/file/zod"] }, async (c, { doc }) => c.text(await doc.text()));
  app.post("/file/valibot", { authz: "OPEN", params: limits["/file/valibot"] }, async (c, { doc }) =>
    c.text(await doc.text()),
  );
  app.post("/file/arktype", { authz: "OPEN", params: type({ doc: "File" }) }, async (c, { doc }) =>
    c.text(await doc.text()),
  );

  const upload = async (path: string, content: string, mediaType = "text/plain"): Promise<[number, string]> => {
    const body = new FormData();
    body.append("doc", new File([content], "a.txt", { type: mediaType }));
    const response = await app.request(path, { method: "POST", body, headers: { accept: "application/json" } });
    return [response.status, await response.text()];
  };

  it.each(Object.keys(limits))("%s: within the size and of the media type", async (path) => {
    expect(await upload(path, "0123456789")).toEqual([200, "0123456789"]);
    for (const [status, text] of [await upload(path, "01234567890"), await upload(path, "x", "text/html")]) {
      expect(status).toBe(400);
      expect(JSON.parse(text).parameters).toMatchObject([{ name: "doc", code: "invalid" }]);
    }
  });

  it("by arktype, and text is no file", async () => {
    expect(await upload("/file/arktype", "x".repeat(50))).toEqual([200, "x".repeat(50)]);
    expect(await faults("/file/arktype", form({ doc: "x" }))).toEqual(["doc invalid"]);
    expect(await faults("/file/zod", asJson({ doc: "x" }))).toEqual(["doc invalid"]);
  });

  it("refuses to start where no body is, and where none could be large enough", async () => {
    const small = await portcullis({ ...basics(), body: { multipartBytes: 1000 } });
    const declare = (params: z.ZodType<object>) => () =>
      small.app().post("/", { authz: "OPEN", params }, (c) => c.text(""));
    expect(declare(z.object({ doc: z.file().max(1001) }))).toThrow(/doc may be larger than body.multipartBytes/);
    expect(declare(z.object({ doc: z.file().max(1000) }))).not.toThrow();
    expect(() =>
      small.app().get("/", { authz: "OPEN", params: z.object({ doc: z.instanceof(File) }) }, (c) => c.text("")),
    ).toThrow(/doc is a file/);
    await small.close();
  });
});

describe("what is left out, null and defaults", () => {
  const all = {
    needed: z.int(),
    optional: z.int().optional(),
    nullable: z.int().nullable(),
    nullish: z.int().nullish(),
    dflt: z.int().default(7),
  };
  app.on(["GET", "POST"], "/left", { authz: "OPEN", params: z.object(all) }, (c, p) => c.json(p));
  app.on(["GET", "POST"], "/left/record", { authz: "OPEN", params: all }, (c, p) => c.json(p));

  it.each(["/left", "/left/record"])("%s", async (path) => {
    expect(await values(path, asJson({ needed: 1, nullable: null }))).toEqual({ needed: 1, nullable: null, dflt: 7 });
    expect(await values(path, asJson({ needed: 1, nullable: 2, optional: 3, nullish: null, dflt: 4 }))).toEqual({
      ...{ needed: 1, nullable: 2, optional: 3, nullish: null, dflt: 4 },
    });
    // Left out is not null, and null is not left out.
    expect(await faults(path, asJson({ needed: 1 }))).toEqual(["nullable missing"]);
    expect(await faults(path, asJson({ needed: 1, nullable: 1, optional: null }))).toEqual(["optional invalid"]);
    expect(await faults(path, asJson({ needed: 1, nullable: 1, dflt: null }))).toEqual(["dflt invalid"]);
    expect((await faults(path, asJson({ nullable: 1, needed: null }))).sort()).toEqual(["needed invalid"]);
    // No text says null; a blank field of a form is left out.
    expect(await faults(`${path}?needed=1&nullable=null`)).toEqual(["nullable invalid"]);
    expect(await faults(path, form({ needed: "1", nullable: "" }))).toEqual(["nullable missing"]);
    expect(await values(path, form({ needed: "1", nullable: "2", optional: "", dflt: "" }))).toEqual({
      ...{ needed: 1, nullable: 2, dflt: 7 },
    });
  });

  it("are in the access matrix", () => {
    const line = app.accessMatrix().find(({ path, method }) => path === "/left/record" && method === "GET");
    expect(line?.parameters).toEqual([
      ...["needed: integer", "optional?: integer", "nullable: integer | null"],
      ...["nullish?: integer | null", "dflt?: integer"],
    ]);
  });
});

describe("a record with a schema for each name", () => {
  app.on(
    ["GET", "POST"],
    "/record/:sid",
    {
      authz: "OPEN",
      params: {
        sid: z.int(),
        count: v.pipe(v.number(), v.integer(), v.minValue(1)),
        unit: type("'kg'|'m'"),
        house: cast(House, (value) => new House(String(value))),
        free: z
          .string()
          .refine(async (text) => text !== "taken", "is taken")
          .optional(),
      },
    },
    (c, p) => c.text(shown(p)),
  );

  it("takes schemas of several libraries", async () => {
    expect(await values("/record/7?count=2&unit=kg&house=stark")).toEqual({
      ...{ sid: 7, count: 2, unit: "kg", house: "House stark" },
    });
    expect(await values("/record/7?count=2&house=stark", asJson({ unit: "m", free: "x" }))).toEqual({
      ...{ sid: 7, count: 2, unit: "m", house: "House stark", free: "x" },
    });
  });

  it("lists all faults at once", async () => {
    expect((await faults("/record/x?count=0&unit=s&house=1&more=1&free=taken")).sort()).toEqual([
      ...["count invalid", "free invalid", "house invalid", "more unexpected", "sid invalid", "unit invalid"],
    ]);
    expect((await faults("/record/1")).sort()).toEqual(["count missing", "house missing", "unit missing"]);
    expect(await faults("/record/1?count=1&count=1&unit=m&house=a")).toEqual(["count duplicate"]);
  });
});

describe("the rest", () => {
  app.on(["GET", "POST"], "/rest", { authz: "OPEN", params: { a: z.int(), others: rest(z.int().max(9)) } }, (c, p) =>
    c.json(p),
  );
  app.on(["GET", "POST"], "/rest/any", { authz: "OPEN", params: { a: z.int().optional(), all: rest() } }, (c, p) =>
    c.json(p),
  );
  app.get("/rest/loose", { authz: "OPEN", params: z.object({ a: z.int() }).catchall(z.array(z.string())) }, (c, p) =>
    c.json(p),
  );

  it("takes what no other parameter takes, each by its schema", async () => {
    expect(await values("/rest?a=1&b=2&class=3")).toEqual({ a: 1, others: { b: 2, class: 3 } });
    expect(await values("/rest?a=1")).toEqual({ a: 1, others: {} });
    expect(await values("/rest", asJson({ a: 1, b: 2 }))).toEqual({ a: 1, others: { b: 2 } });
    expect(await values("/rest?others=2&a=1")).toEqual({ a: 1, others: { others: 2 } });
    expect(await faults("/rest?a=1&b=x")).toEqual(["b invalid"]);
    expect(await faults("/rest?a=1&b=10")).toEqual(["b invalid"]);
    expect(await faults("/rest?a=1&b=1&b=2")).toEqual(["b duplicate"]);
    expect(await faults("/rest?a=1&b=1", asJson({ b: 1 }))).toEqual(["b duplicate"]);
  });

  it("takes them as they came without a schema", async () => {
    expect(await values("/rest/any?b=2")).toEqual({ all: { b: "2" } });
    expect(await values("/rest/any", asJson({ b: [2, { c: null }] }))).toEqual({ all: { b: [2, { c: null }] } });
  });

  it("is the business of the schema where one has all parameters", async () => {
    expect(await values("/rest/loose?a=1&b=x&b=y")).toEqual({ a: 1, b: ["x", "y"] });
  });

  it("takes no name that reaches for a prototype", async () => {
    expect(await faults("/rest/any?__proto__=1&constructor=2&prototype=3")).toEqual([
      ...["__proto__ unexpected", "constructor unexpected", "prototype unexpected"],
    ]);
  });
});

describe("names", () => {
  const words = [
    ...["await", "break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do", "else"],
    ...["enum", "export", "extends", "false", "finally", "for", "function", "if", "implements", "import", "in"],
    ...[
      "instanceof",
      "interface",
      "let",
      "new",
      "null",
      "package",
      "private",
      "protected",
      "public",
      "return",
      "static",
    ],
    ...[
      "super",
      "switch",
      "this",
      "throw",
      "true",
      "try",
      "typeof",
      "var",
      "void",
      "while",
      "with",
      "yield",
      "arguments",
    ],
    ...["then", "toString", "valueOf", "hasOwnProperty", "isPrototypeOf", "length", "name", "get", "async", "of"],
  ];
  const schema = z.object(Object.fromEntries(words.map((word) => [word, z.int()])));
  const record = Object.fromEntries(words.map((word) => [word, z.int()]));
  app.on(["GET", "POST"], "/words", { authz: "OPEN", params: schema }, (c, p) => c.json(p));
  app.on(["GET", "POST"], "/words/record", { authz: "OPEN", params: record }, (c, p) => c.json(p));
  app.get(
    "/words/:class",
    { authz: "OPEN", params: { class: z.string(), new: z.string() } },
    (c, { class: where, new: what }) => c.json([where, what]),
  );

  it.each(["/words", "/words/record"])("may be reserved words: %s", async (path) => {
    const expected = Object.fromEntries(words.map((word, index) => [word, index]));
    const texts = Object.fromEntries(words.map((word, index) => [word, String(index)]));
    expect(await values(`${path}?${new URLSearchParams(texts)}`)).toEqual(expected);
    expect(await values(path, form(texts))).toEqual(expected);
    expect(await values(path, asJson(expected))).toEqual(expected);
    expect((await faults(path)).sort()).toEqual(words.map((word) => `${word} missing`).sort());
  });

  it("may be reserved words in the path too", async () => {
    expect(await values("/words/x?new=y")).toEqual(["x", "y"]);
  });

  it("may not be those that mean something to every object", () => {
    for (const name of ["__proto__", "constructor", "prototype"]) {
      const params = Object.defineProperty({}, name, { value: z.int(), enumerable: true });
      expect(() =>
        security.app().get("/x", { authz: "OPEN", params: params as { a: z.ZodInt } }, (c) => c.text("")),
      ).toThrow(`a parameter cannot be called ${name}`);
    }
  });
});

describe("conversions in the path", () => {
  app.get("/path/int/:id{int}", { authz: "OPEN" }, (c, { id }) => c.json({ id }));
  app.get("/path/number/:x{number}/:y{number}", { authz: "OPEN" }, (c, p) => c.json(p));
  app.get("/path/uuid/:id{uuid}", { authz: "OPEN" }, (c, p) => c.json(p));
  app.get("/path/date/:day{date}", { authz: "OPEN" }, (c, { day }) => c.json(day.getTime()));
  app.get("/path/path/:file{path}", { authz: "OPEN" }, (c, p) => c.json(p));
  app.get("/path/own/:id{[0-9]+}", { authz: "OPEN" }, (c, p) => c.json(p));
  app.get("/path/schema/:id{int}", { authz: "OPEN", params: z.object({ id: z.int().max(9) }) }, (c, p) => c.json(p));
  app.get("/path/maybe/:id{int}?", { authz: "OPEN" }, (c, p) => c.json(p));
  app.basePath("/path/base/:bid{int}").get("/:id{int}", { authz: "OPEN" }, (c, p) => c.json(p));
  app.route(
    "/path/mounted/:mid{int}",
    security.app().get("/:id{int}", { authz: "OPEN" }, (c, p) => c.json(p)),
  );

  it.each<[string, unknown]>([
    ["/path/int/17", { id: 17 }],
    ["/path/int/-5", { id: -5 }],
    ["/path/int/0", { id: 0 }],
    ["/path/number/1.5/-2", { x: 1.5, y: -2 }],
    [`/path/uuid/${uuid}`, { id: uuid }],
    ["/path/date/2026-01-31", Date.UTC(2026, 0, 31)],
    ["/path/path/a/b/c.txt", { file: "a/b/c.txt" }],
    ["/path/own/17", { id: "17" }],
    ["/path/schema/9", { id: 9 }],
    ["/path/maybe/3", { id: 3 }],
    ["/path/maybe", {}],
    ["/path/base/1/2", { bid: 1, id: 2 }],
    ["/path/mounted/1/2", { mid: "1", id: 2 }],
  ])("%s", async (path, expected) => {
    expect(await values(path)).toEqual(expected);
  });

  it.each([
    ...["/path/int/x", "/path/int/01", "/path/int/+1", "/path/int/1.0", "/path/int/0x1", "/path/int/", "/path/int/-0"],
    ...["/path/number/1e3/2", `/path/uuid/${uuid}0`, "/path/uuid/x", "/path/date/2026-1-1", "/path/own/x"],
    ...["/path/schema/x", "/path/base/x/2", "/path/mounted/x/2", "/path/int/1%00", "/path/int/1%2f"],
  ])("%s is another path", async (path) => {
    expect((await call(app, path)).status).toBe(404);
  });

  it("what looks right and is not is a fault", async () => {
    expect(await faults("/path/date/2026-02-30")).toEqual(["day invalid"]);
    expect(await faults("/path/int/9007199254740993")).toEqual(["id invalid"]);
    expect(await faults("/path/schema/10")).toEqual(["id invalid"]);
  });

  it("middleware stands before the same requests", async () => {
    const guarded = security.app();
    guarded.use("/m/:id{int}", async (c, _next) => c.text("stopped", 418));
    guarded.get("/m/:id{int}", { authz: "OPEN" }, (c) => c.text("reached"));
    expect((await call(guarded, "/m/5")).status).toBe(418);
  });

  it("a word that is no conversion, and one path under two names, refuse to start", () => {
    const declared = (path: string) => () => security.app().get(path, { authz: "OPEN" }, (c) => c.text(""));
    expect(declared("/x/:id{integer}")).toThrow(/no conversion "integer" for id; known: int, number, uuid, date, path/);
    expect(declared("/x/:id{uid}")).toThrow(/no conversion "uid" for id; did you mean "uuid"\? known: int, /);
    const twice = security.app().get("/x/:id{int}", { authz: "OPEN" }, (c) => c.text(""));
    expect(() => twice.get("/x/:other{int}", { authz: "OPEN" }, (c) => c.text(""))).toThrow(/declared twice/);
  });

  it("the access matrix tells them", () => {
    const line = app.accessMatrix().find(({ path }) => path === "/path/int/:id{int}");
    expect(line?.parameters).toEqual(["id: integer"]);
  });
});

describe("a class without a conversion, and conversions that are none", () => {
  class Other {}

  it("refuses to start", async () => {
    const declare = (params: z.ZodType<object>) => () =>
      security.app().get("/x", { authz: "OPEN", params }, (c) => c.text(""));
    expect(declare(z.object({ o: z.instanceof(Other) }))).toThrow(/no conversion for the class Other; add cast\(Other/);
    expect(declare(z.object({ o: z.int().meta({ textFormat: "typo" }) }))).toThrow(/textFormat "typo" is not known/);
    expect(declare(z.object({ o: z.string().meta(prefixed) }))).toThrow(/for integers and bigints/);
    await expect(portcullis({ ...basics(), casts: [{} as never] })).rejects.toThrow(/^casts\[0\]: cast\(Class/);
    const twice = cast(House, () => undefined);
    await expect(portcullis({ ...basics(), casts: [twice, twice] })).rejects.toThrow(
      /^casts\[1\]: there is a conversion/,
    );
  });

  it("a conversion that makes something else is the application's fault: 500, and the handler is not called", async () => {
    const wrong = security.app();
    let called = false;
    const params = { o: cast(Other, () => new House("stark") as never) };
    wrong.get("/x", { authz: "OPEN", params }, (c) => {
      called = true;
      return c.text("");
    });
    wrong.onError((error, c) => c.text(error.message, 500));
    const answer = await call(wrong, "/x?o=1");
    expect([answer.status, answer.text, called]).toEqual([500, "the conversion for Other made something else", false]);
  });
});
