import type { Column } from "../model/schema.ts";
import { parseDate } from "./kysely/codec.ts";
import { dateFits, dayFits, numberFits, textProblem } from "./values.ts";

/** What an input should have been that is no value of a column. */
export type Expected = "text" | "storableText" | "boolean" | "integer" | "datetime" | "date";

/** What an input comes to: a value of the column, or what is expected and what is wrong, in words for operators. */
export type ReadInput = { readonly value: unknown } | { readonly expected: Expected; readonly problem: string };

/** A column whose values can be typed: of these types. */
export type TypedColumn = Column & { readonly type: "string" | "text" | "boolean" | "integer" | "datetime" | "date" };

const typed: ReadonlySet<string> = new Set(["string", "text", "boolean", "integer", "datetime", "date"]);

/** Whether what a person or a program types can be read as a value of the column. */
export function isTyped(column: Column): column is TypedColumn {
  return typed.has(column.type);
}

/**
 * Reads what a form, a JSON body, a file or a command holds for a column: the value itself, or the text that stands for it. The
 * one reader of these types, so that every way in takes the same. A moment without a zone is in UTC.
 */
export function readInput(column: TypedColumn, given: unknown): ReadInput {
  const { type }: Pick<TypedColumn, "type"> = column;
  switch (type) {
    case "string":
    case "text": {
      if (typeof given !== "string") return { expected: "text", problem: "a text is expected" };
      const problem = textProblem(column, given);
      return problem === undefined ? { value: given } : { expected: "storableText", problem };
    }
    case "boolean": {
      const value = flagIn(given);
      return value !== undefined ? { value } : { expected: "boolean", problem: "true or false is expected" };
    }
    case "integer": {
      const value = wholeNumberIn(given);
      return value !== undefined && numberFits(column, value)
        ? { value }
        : { expected: "integer", problem: "a whole number in range is expected" };
    }
    case "datetime": {
      const value = given instanceof Date ? given : typeof given === "string" ? momentOf(given) : undefined;
      return value !== undefined && dateFits(value)
        ? { value }
        : { expected: "datetime", problem: 'a time is expected, such as "2026-01-31T12:00:00Z"' };
    }
    case "date": {
      const value = given instanceof Date ? dayOf(given) : given;
      return typeof value === "string" && dayFits(value)
        ? { value }
        : { expected: "date", problem: 'a date is expected, such as "2026-01-31"' };
    }
  }
}

/** The whole number that an input is, or that its digits stand for. */
export function wholeNumberIn(given: unknown): number | undefined {
  const value = typeof given === "string" && /^-?\d{1,16}$/.test(given) ? Number(given) : given;
  // -0 is 0.
  return typeof value === "number" && Number.isSafeInteger(value) ? value + 0 : undefined;
}

/** Yes or no, or the word for it. */
function flagIn(given: unknown): boolean | undefined {
  const value = typeof given === "string" ? words.get(given.toLowerCase()) : given;
  return typeof value === "boolean" ? value : undefined;
}

/** As browsers, PostgreSQL, MySQL and people write them. */
const words: ReadonlyMap<string, boolean> = new Map([
  ...["true", "t", "yes", "y", "on", "1"].map((word) => [word, true] as const),
  ...["false", "f", "no", "n", "off", "0"].map((word) => [word, false] as const),
]);

function momentOf(text: string): Date | undefined {
  // The platform takes the 31st of February for the third of March.
  if (!dayFits(text.slice(0, 10))) return undefined;
  return parseDate(text.length === 10 ? `${text} 00:00` : text);
}

/** The day that begins at this moment in UTC, where one does. */
function dayOf(date: Date): string | undefined {
  const text = Number.isNaN(date.getTime()) ? "" : date.toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : undefined;
}
