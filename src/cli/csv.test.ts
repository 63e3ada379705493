import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cellValue, csvLine } from "../model/csv.ts";
import { type CsvRecord, readCsv } from "./csv.ts";

async function read(pieces: readonly string[], longest = 10_000): Promise<CsvRecord[]> {
  async function* source(): AsyncGenerator<string> {
    yield* pieces;
  }
  const records: CsvRecord[] = [];
  for await (const record of readCsv(source(), longest)) records.push(record);
  return records;
}

const cells = async (text: string): Promise<unknown[]> =>
  (await read([text])).map((record) => ("cells" in record ? record.cells : record.fault));

/** The text cut at any place between its characters. */
function cutAt(text: string, size: number): string[] {
  const chars = [...text];
  const pieces: string[] = [];
  for (let index = 0; index < chars.length; index += size) pieces.push(chars.slice(index, index + size).join(""));
  return pieces;
}

describe("CSV", () => {
  it("comes back as it was written, however it arrives", async () => {
    const char = fc.constantFrom("a", "é", "😀", ",", '"', "\n", "\r", "'", "=", "+", "-", "@", "\t", " ");
    const value = fc.string({ unit: char, maxLength: 12 });
    const rows = fc.array(fc.array(value, { minLength: 1, maxLength: 5 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 9 }), async (written, size) => {
        const records = await read(cutAt(written.map(csvLine).join(""), size));
        expect(records.map((record) => ("cells" in record ? record.cells.map(cellValue) : record.fault))).toEqual(
          written,
        );
      }),
    );
  });

  it("gives no spreadsheet a formula", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom("=", "+", "-", "@", "\t", "'", "x") })), (values) => {
        for (const cell of csvLine(values).trimEnd().split(",")) expect(cell).not.toMatch(/^"?[=+\-@\t]/);
      }),
    );
  });

  it.each<[string, unknown[]]>([
    [
      "a,b\nc,d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "a,b\r\nc,d\r\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "a,b\rc,d\r",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    ["a,,\n,\n\n \n", [["a", "", ""], ["", ""], [" "]]],
    ['"a ""b"", c","d\r\ne"', [['a "b", c', "d\r\ne"]]],
    ['""\n', [[""]]],
    ["", []],
  ])("%j", async (text, expected) => {
    expect(await cells(text)).toEqual(expected);
  });

  it("names the line of what can't be read, and goes on behind it", async () => {
    expect(await read(['a\n"two\nlines",b\nc"d,e\nf\n"g"h\ni'])).toEqual([
      { line: 1, cells: ["a"] },
      { line: 2, cells: ["two\nlines", "b"] },
      { line: 4, fault: "a quote stands where none may be" },
      { line: 5, cells: ["f"] },
      { line: 6, fault: "a quote stands where none may be" },
      { line: 7, cells: ["i"] },
    ]);
    expect(await read(['a\n"b\nc'])).toEqual([
      { line: 1, cells: ["a"] },
      { line: 2, fault: "a quote is not closed before the file's end" },
    ]);
  });

  it("keeps no more of a record than allowed", async () => {
    expect(await read([`a\n"${"x".repeat(200)}`, "y".repeat(200), '"\nb'], 100)).toEqual([
      { line: 1, cells: ["a"] },
      { line: 2, fault: "is longer than 100 characters" },
      { line: 3, cells: ["b"] },
    ]);
  });
});
