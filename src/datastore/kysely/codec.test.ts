import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DatastoreError } from "../../model/errors.ts";
import { table } from "../../model/tables.ts";
import { microsecondText, parseDate, RowCodec, secondText } from "./codec.ts";

describe("dates", () => {
  it("come back from their text", () => {
    const dates = fc.date({
      min: new Date("0000-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        expect(parseDate(microsecondText(date))).toEqual(date);
        expect(microsecondText(date)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
        expect(parseDate(secondText(date))?.getTime()).toBe(Math.floor(date.getTime() / 1000) * 1000);
      }),
    );
  });

  it("of our own form are read as the platform reads them, whatever the numbers", () => {
    const two = (max: number) => fc.integer({ min: 0, max }).map((number) => String(number).padStart(2, "0"));
    const year = fc.integer({ min: 0, max: 9999 }).map((number) => String(number).padStart(4, "0"));
    fc.assert(
      fc.property(year, two(14), two(33), two(25), two(61), two(61), (...[y, month, day, hour, minute, second]) => {
        const platform = new Date(`${y}-${month}-${day}T${hour}:${minute}:${second}.987Z`);
        const ours = parseDate(`${y}-${month}-${day} ${hour}:${minute}:${second}.987654`);
        expect(ours?.getTime()).toBe(Number.isNaN(platform.getTime()) ? undefined : platform.getTime());
      }),
    );
  });

  it.each([
    ["2024-05-06 07:08:09", "2024-05-06T07:08:09.000Z"],
    ["2024-05-06 07:08:09.1", "2024-05-06T07:08:09.100Z"],
    ["2024-05-06 07:08:09.123987", "2024-05-06T07:08:09.123Z"],
    ["2024-05-06T07:08:09Z", "2024-05-06T07:08:09.000Z"],
    ["2024-05-06 07:08", "2024-05-06T07:08:00.000Z"],
    ["2024-05-06 07:08:09+02", "2024-05-06T05:08:09.000Z"],
    ["2024-05-06 07:08:09.5-0330", "2024-05-06T10:38:09.500Z"],
    ["2024-05-06 07:08:09+05:30", "2024-05-06T01:38:09.000Z"],
  ])("reads %s", (text, iso) => {
    expect(parseDate(text)?.toISOString()).toBe(iso);
  });

  it.each(["", "infinity", "0000-00-00 00:00:00", "2024-13-01 00:00:00", "2024-05-06", "yesterday"])(
    "refuses %s",
    (text) => {
      expect(parseDate(text)).toBe(undefined);
    },
  );
});

describe("rows", () => {
  const codec = (type: Parameters<typeof table>[2][string]["type"]): RowCodec =>
    new RowCodec("thing", table("thing", [], { value: { type, nullable: true } }), (column) => column.name);

  it("refuses what a column's type cannot mean, and names the field without the value", () => {
    const wrong = [
      ["integer", "abc"],
      ["integer", 1.5],
      ["boolean", "yes"],
      ["datetime", "0000-00-00 00:00:00"],
      ["datetime", new Date(Number.NaN)],
      ["string", 5],
      ["json", "{secret"],
      ["bytes", "text"],
    ] as const;
    for (const [type, value] of wrong) {
      const decode = (): unknown => codec(type).decode({ value });
      expect(decode).toThrow(DatastoreError);
      expect(decode).toThrow(/^thing\.value: (?!.*secret)/);
    }
    expect(() => codec("string").decode({})).toThrow("thing.value");
  });

  it("reads what other programs wrote", () => {
    expect(codec("list").decode({ value: " read, write,,x " })).toEqual({ value: ["read", "write", "x"] });
    expect(codec("list").decode({ value: "" })).toEqual({ value: [] });
    expect(codec("list").decode({ value: null })).toEqual({ value: [] });
    expect(codec("epochMs").decode({ value: "1700000000000" })).toEqual({ value: 1_700_000_000_000 });
    expect(codec("json").decode({ value: { parsed: true } })).toEqual({ value: { parsed: true } });
  });
});
