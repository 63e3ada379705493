import { expectTypeOf, test } from "vitest";
import { column, type OwnColumn } from "./column.ts";

test("a column's options are those that there are, of its own type", () => {
  // @ts-expect-error misspelt
  column.string({ nulable: true });
  // @ts-expect-error misspelt, beside one that is right
  column.integer({ nullable: true, uniqe: true });
  // @ts-expect-error of texts alone
  column.text({ length: 9 });
  // @ts-expect-error a member of ours
  column.string({ ignoreCase: true });
  // @ts-expect-error a default of another type
  column.integer({ default: "1" });
  // @ts-expect-error a moment has none that is written down
  column.datetime({ default: "2026-01-31" });
  // @ts-expect-error neither yes nor no
  column.date({ nullable: "yes" });
});

test("a column's type is that of its values", () => {
  expectTypeOf(column.date()).toEqualTypeOf<OwnColumn<string>>();
  expectTypeOf(column.date({ nullable: true, label: "Born" })).toEqualTypeOf<OwnColumn<string | null>>();
  expectTypeOf(column.datetime({ default: "now" })).toEqualTypeOf<OwnColumn<Date>>();
  expectTypeOf(column.string({ length: 9, unique: true })).toEqualTypeOf<OwnColumn<string>>();
});
