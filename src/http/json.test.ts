import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonError, parseJson } from "./json.ts";

function reason(text: string, depth = 32): string | undefined {
  try {
    parseJson(text, { depth, members: 1_000 });
    return undefined;
  } catch (error) {
    if (error instanceof JsonError) return error.reason;
    throw error;
  }
}

describe("parseJson", () => {
  test("reads what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/__proto__|constructor/.test(text));
        expect(parseJson(text, { depth: 32, members: 1_000 })).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each(["", "{", '{"a":1,}', "NaN", "\ufeff{}", "{'a':1}", "[1]]", '"\n"', "undefined"])("refuses %j", (text) => {
    expect(reason(text)).toBe("syntax");
  });

  test("limits nesting before it parses, and counts no brackets in strings", () => {
    expect(reason("[".repeat(32) + "]".repeat(32))).toBeUndefined();
    expect(reason("[".repeat(33) + "]".repeat(33))).toBe("depth");
    expect(reason('{"a":'.repeat(200_000))).toBe("depth");
    expect(reason(`["${"[{".repeat(100)}", "\\"${"[".repeat(100)}"]`)).toBeUndefined();
    expect(reason(`[${Array(100).fill("[]").join(",")}]`, 2)).toBeUndefined();
  });

  test.each([
    '{"__proto__":{"admin":true}}',
    '{"a":[{"__proto__":1}]}',
    '{"\\u005f_proto__":1}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"c\\u006fnstructor":{"prototype":1}}',
  ])("refuses %j (TYP-03)", (text) => {
    expect(reason(text)).toBe("key");
  });

  test.each(['{"a":1,"a":2}', '{"b":{"a":1,"a":1}}', '[{"a":1,"\\u0061":2}]', '{"a":{},"a":{"x":1}}'])(
    "refuses %j, which names a member twice [ASVS 1.5.3]",
    (text) => {
      expect(reason(text)).toBe("duplicate");
    },
  );

  test("takes colons in texts, and one name in several objects", () => {
    expect(reason('{"a":"x:y","b":":\\":","c:d":{"a":{"a":[{"a":1},{"a":2}]}}}')).toBeUndefined();
  });

  test("takes the same words as values", () => {
    expect(reason('{"a":"__proto__","constructor":"builder","prototype":1}')).toBeUndefined();
  });
});
