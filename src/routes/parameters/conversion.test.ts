import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { convert, converted, faults, type Sent } from "./fixtures/sent.ts";
import { compileParameters } from "./index.ts";

describe("one name, one value", () => {
  const schema = z.object({ sid: z.int(), tags: z.array(z.string()).optional(), name: z.string().optional() });
  const route = "/store/:sid";
  const path = { sid: "7" };

  test("values come from every carrier", async () => {
    const query = "tags=a";
    const expected = { sid: 7, tags: ["a"], name: "n" };
    expect(await converted(schema, { path, query, form: [["name", "n"]] }, route)).toEqual(expected);
    expect(await converted(schema, { path, query, json: { name: "n" } }, route)).toEqual(expected);
    expect(await converted(schema, { json: { sid: 7 } })).toEqual({ sid: 7 });
  });

  test.each<[string, Sent, string]>([
    ["path and query (OBJ-02)", { path, query: "sid=8" }, "sid"],
    ["path and form", { path, form: [["sid", "8"]] }, "sid"],
    ["path and JSON (MAS-06)", { path, json: { sid: 8 } }, "sid"],
    ["path and query, same value", { path, query: "sid=7" }, "sid"],
    ["query twice", { path, query: "name=a&name=a" }, "name"],
    ["query and form", { path, query: "name=a", form: [["name", "b"]] }, "name"],
    ["query and JSON", { path, query: "name=a", json: { name: "b" } }, "name"],
    ["lists of query and form", { path, query: "tags=a", form: [["tags", "b"]] }, "tags"],
    ["lists of query and JSON", { path, query: "tags=a", json: { tags: ["b"] } }, "tags"],
    [
      "form twice",
      {
        path,
        form: [
          ["name", "a"],
          ["name", "b"],
        ],
      },
      "name",
    ],
  ])("%s", async (_name, sent, name) => {
    expect(await faults(schema, sent, route)).toEqual([`${name} duplicate`]);
  });

  test("a path parameter comes from the path alone", async () => {
    const optional = z.object({ sid: z.int().optional() });
    expect(await converted(optional, {}, "/store/:sid?")).toEqual({});
    expect(await faults(optional, { query: "sid=5" }, "/store/:sid?")).toEqual(["sid unexpected"]);
    expect(await faults(undefined, { path, query: "sid=8" }, route)).toEqual(["sid duplicate"]);
  });

  test("unexpected names, but for csrf_token and those the caller ignores (MAS-01)", async () => {
    const plain = z.object({ a: z.int().optional() });
    expect(await faults(plain, { query: "a=1&roles=admin&roles=x" })).toEqual(["roles unexpected"]);
    expect(await faults(plain, { form: [["next", "/"]] })).toEqual(["next unexpected"]);
    expect(await faults(plain, { json: { a: 1, is_admin: true } })).toEqual(["is_admin unexpected"]);
    expect(await faults(plain, { query: "a[]=1&a[b]=2&a.b=3&A=1" })).toHaveLength(4);
    expect(await faults(undefined, { query: "x=1" })).toEqual(["x unexpected"]);
    expect(
      await converted(plain, {
        form: [
          ["csrf_token", "t"],
          ["csrf_token", "t"],
        ],
      }),
    ).toEqual({});
    expect(await converted(z.strictObject({ a: z.int() }), { query: "a=1", json: { csrf_token: [] } })).toEqual({
      a: 1,
    });
    const compiled = compileParameters(plain, "/", "GET", "GET /", { ignored: ["next"] });
    expect(compiled.convert({ path: {}, query: "next=%2F", body: undefined })).toEqual({ ok: true, value: {} });
  });

  test("a loose schema takes other names", async () => {
    const loose = z.looseObject({ a: z.int() });
    expect(await converted(loose, { query: "a=1&b=x" })).toEqual({ a: 1, b: "x" });
    expect(await faults(loose, { query: "a=1&b=x&b=y" })).toEqual(["b duplicate"]);
    expect(await converted(z.object({}).catchall(z.int()), { query: "b=5" })).toEqual({ b: 5 });
    expect(await converted(z.record(z.string(), z.array(z.int())), { query: "b=5&b=6&c=7" })).toEqual({
      b: [5, 6],
      c: [7],
    });
  });
});

describe("all faults at once", () => {
  test("what did not convert, what is missing, what the schema refuses", async () => {
    const schema = z.object({
      a: z.int(),
      b: z.int(),
      c: z.string().min(3),
      d: z.object({ e: z.array(z.int()) }),
      f: z.date(),
    });
    const sent = { query: "a=x&g=1&c=ab", json: { d: { e: [1, "2"] }, f: "tomorrow" } };
    expect((await faults(schema, sent)).sort()).toEqual([
      "a invalid",
      "b missing",
      "c invalid",
      "d.e.1 invalid",
      "f invalid",
      "g unexpected",
    ]);
  });

  test("a rule over several parameters", async () => {
    const schema = z.object({ a: z.int(), b: z.int() }).refine(({ a, b }) => a < b, { message: "a < b", path: ["b"] });
    expect(await convert(schema, { query: "a=2&b=1" })).toEqual({
      ok: false,
      faults: [{ name: "b", code: "invalid", message: "a < b", own: true }],
    });
  });

  test("an asynchronous rule", async () => {
    const schema = z.object({ a: z.string().refine(async (text) => text !== "taken", "is taken") });
    expect(await converted(schema, { query: "a=free" })).toEqual({ a: "free" });
    expect(await faults(schema, { query: "a=taken" })).toEqual(["a invalid"]);
    expect(await faults(schema, { query: "a=free&b=1" })).toEqual(["b unexpected"]);
  });

  test("is synchronous where the schema is", () => {
    const compiled = compileParameters(z.object({ a: z.int() }), "/", "GET", "GET /");
    expect(compiled.convert({ path: {}, query: "a=1", body: undefined })).toEqual({ ok: true, value: { a: 1 } });
  });

  test("the list does not grow with what somebody made up", async () => {
    const query = Array.from({ length: 5000 }, (_, index) => `n${index}`).join("&");
    expect((await faults(z.object({}), { query })).length).toBeLessThanOrEqual(201);
    const json = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`n${index}`, 1]));
    expect(await faults(z.object({}), { json })).toEqual([" invalid"]);
    const [fault] = await faults(z.object({}), { query: "x".repeat(5000) });
    expect(fault?.length).toBeLessThan(120);
  });
});

describe("JSON is strict (TYP-01, TYP-02, TYP-10)", () => {
  const schema = z.object({
    n: z.int().optional(),
    b: z.boolean().optional(),
    d: z.date().optional(),
    s: z.string().optional(),
    l: z.array(z.date()).optional(),
    big: z.bigint().optional(),
    x: z.union([z.string(), z.date()]).optional(),
    z: z.int().nullable().optional(),
  });

  test.each<[string, unknown]>([
    ["n", "5"],
    ["n", 1.5],
    ["n", null],
    ["n", [5]],
    ["n", { $gt: "" }],
    ["b", "true"],
    ["b", 1],
    ["d", 0],
    ["d", "2026-02-31"],
    ["s", 5],
    ["s", { $gt: "" }],
    ["s", ["a"]],
    ["s", true],
    ["s", "a\0"],
    ["s", "\ud800"],
    ["l", "2026-01-31"],
    ["big", 1.5],
    ["big", "1n"],
  ])("%s: %j", async (name, given) => {
    expect(await faults(schema, { json: { [name]: given } })).toEqual([`${name} invalid`]);
  });

  test("but for dates and bigints, which are strings there", async () => {
    const day = new Date("2026-01-31T00:00:00Z");
    const json = { n: 5, b: false, d: "2026-01-31", l: ["2026-01-31"], big: "12", x: "2026-01-31", z: null };
    expect(await converted(schema, { json })).toEqual({
      n: 5,
      b: false,
      d: day,
      l: [day],
      big: 12n,
      x: "2026-01-31",
      z: null,
    });
    expect(await converted(schema, { json: { big: 12 } })).toEqual({ big: 12n });
    const nested = z.object({ a: z.array(z.object({ d: z.date().nullable() })) });
    const list = { a: [{ d: "2026-01-31" }, { d: null }] };
    expect(await converted(nested, { json: list })).toEqual({ a: [{ d: day }, { d: null }] });
  });

  test.each([[[]], ["x"], [null], [5], [true]])("a body of %j is refused", async (json) => {
    expect(await faults(schema, { json })).toEqual([" invalid"]);
  });
});

describe("path parameters (OBJ-03, OBJ-08)", () => {
  const schema = z.object({ id: z.int() });
  test.each([
    "1abc",
    "01",
    "1.0",
    "1,2",
    "1/2",
    "1 ",
    "1\0",
    "%zz",
    "me",
    "null",
    "__proto__",
    "..",
    "*",
    "9".repeat(10_000),
  ])("%j is no integer", async (id) => {
    expect(await faults(schema, { path: { id } }, "/obj/:id")).toEqual(["id invalid"]);
  });

  test("are strings where nothing is declared, and refused where the schema does not name them", async () => {
    const path = { id: "7", name: "a/b" };
    const route = "/obj/:id/:name";
    expect(await converted(undefined, { path }, route)).toEqual(path);
    expect(await converted(z.looseObject({ id: z.int() }), { path }, route)).toEqual({ id: 7, name: "a/b" });
    for (const some of [schema, z.strictObject({ id: z.int() }), { id: z.int() }, { id: z.int() }]) {
      await expect(async () => converted(some as never, { path }, route)).rejects.toThrow(
        /the path has :name, which params does not declare/,
      );
    }
    expect(await faults(undefined, { path: { id: "a\0" } }, "/obj/:id")).toEqual(["id invalid"]);
  });

  test("sequences that do not decode", async () => {
    const route = "/obj/:id";
    for (const id of ["%zz", "%ff", "a%", "%C3x"]) {
      expect(await faults(undefined, { path: { id } }, route)).toEqual(["id invalid"]);
    }
    expect(await converted(undefined, { path: { id: "100%" }, rawPath: "/obj/100%25" }, route)).toEqual({ id: "100%" });
    expect(await faults(undefined, { path: { id: "%41" }, rawPath: "/obj/%%341" }, route)).toEqual(["id invalid"]);
    expect(await converted(undefined, { path: { id: "plain" }, rawPath: "/%zz/plain" }, route)).toEqual({
      id: "plain",
    });
  });
});

describe("names of every object (TYP-03)", () => {
  test.each(["__proto__", "constructor", "prototype", "__proto__[admin]", "constructor.prototype.admin"])(
    "%s pollutes nothing",
    async (name) => {
      const loose = name.includes("[") || name.includes(".") ? z.object({}) : z.looseObject({});
      const json: unknown = JSON.parse(`{${JSON.stringify(name)}:{"admin":true}}`);
      expect(await faults(loose, { query: `${encodeURIComponent(name)}=1` })).toEqual([`${name} unexpected`]);
      expect(await faults(loose, { form: [[name, "1"]] })).toEqual([`${name} unexpected`]);
      expect(await faults(loose, { json })).toEqual([`${name} unexpected`]);
      expect(Object.hasOwn(Object.prototype, "admin")).toBe(false);
    },
  );

  test("are not there unless they are sent", async () => {
    const schema = z.object({ toString: z.string().optional(), valueOf: z.string() });
    expect(await faults(schema, {})).toEqual(["valueOf missing"]);
    const given = await converted(schema, { query: "valueOf=1" });
    expect(Object.keys(given as object)).toEqual(["valueOf"]);
    expect(await faults(undefined, { query: "toString=1" })).toEqual(["toString unexpected"]);
  });
});

describe("forms", () => {
  const empty = new File([], "");
  test("a blank field of anything but text counts as not given", async () => {
    const schema = z.object({
      n: z.int().optional(),
      d: z.date().optional(),
      s: z.string().optional(),
      f: z.file().optional(),
      fs: z.array(z.file()).default([]),
      e: z.enum(["", "a"]).optional(),
      l: z.array(z.string()).optional(),
    });
    const names = ["n", "d", "s", "e"].map((name): [string, string] => [name, ""]);
    const form: [string, string | File][] = [...names, ["f", empty], ["fs", empty], ["l", "a"], ["l", ""]];
    expect(await converted(schema, { form })).toEqual({ s: "", e: "", fs: [], l: ["a", ""] });
    expect(await faults(z.object({ n: z.int() }), { form: [["n", ""]] })).toEqual(["n missing"]);
    expect(await faults(z.object({ n: z.int().optional() }), { query: "n=" })).toEqual(["n invalid"]);
    expect(
      await faults(z.object({ l: z.array(z.int()) }), {
        form: [
          ["l", "1"],
          ["l", ""],
        ],
      }),
    ).toEqual(["l invalid"]);
  });

  test("files", async () => {
    const file = new File(["x"], "x.txt");
    const schema = z.object({ f: z.file().max(5), more: z.array(z.instanceof(File)).optional() });
    expect(
      await converted(schema, {
        form: [
          ["f", file],
          ["more", file],
          ["more", file],
        ],
      }),
    ).toEqual({ f: file, more: [file, file] });
    expect(await faults(schema, { form: [["f", new File(["123456"], "x")]] })).toEqual(["f invalid"]);
    expect(await faults(schema, { form: [["f", "text"]] })).toEqual(["f invalid"]);
    expect(
      await faults(z.object({ s: z.coerce.string(), n: z.int() }), {
        form: [
          ["s", file],
          ["n", file],
        ],
      }),
    ).toEqual(["s invalid", "n invalid"]);
    expect(await converted(v.object({ f: v.file() }), { form: [["f", file]] })).toEqual({ f: file });
    expect(await converted(v.object({ f: v.instance(File) }), { form: [["f", file]] })).toEqual({ f: file });
  });
});
