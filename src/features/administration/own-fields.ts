import { wordsOfName } from "../../model/label.ts";
import type { Column } from "../../model/schema.ts";
import type { Kernel } from "../feature.ts";
import { checkboxField, type Field, flagOf } from "../fields.ts";

/** A form's fields for the columns that the application has added to the user. */
export function ownFields(kernel: Kernel): Readonly<Record<string, Field<unknown>>> {
  return Object.fromEntries([...kernel.ownColumns].map(([name, column]) => [name, fieldOf(name, column)]));
}

/** The values of these fields, as the columns take them. */
export function ownValues(kernel: Kernel, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries([...kernel.ownColumns.keys()].map((name) => [name, values[name]]));
}

const longest = 255;
const longestText = 4_000;

function fieldOf(name: string, column: Column): Field<unknown> {
  if (column.type === "boolean" && !column.nullable)
    return { ...checkboxField("ADMIN_YES"), label: { text: column.label ?? wordsOfName(name) } };
  const maxLength = column.type === "text" ? longestText : (column.length ?? longest);
  const type = column.type === "integer" ? "number" : column.type === "datetime" ? "date" : "text";
  return {
    label: { text: column.label ?? wordsOfName(name) },
    type,
    // A column that must have a value may still have an empty text.
    required: !column.nullable && column.type !== "string" && column.type !== "text",
    autocomplete: "off",
    maxLength,
    echo: true,
    parse(input) {
      const given = typeof input === "number" || typeof input === "boolean" ? String(input) : input;
      if (given === undefined || given === null || given === "") {
        if (column.nullable) return { value: null };
        return column.type === "string" || column.type === "text"
          ? { value: "" }
          : { fault: { key: "FIELD_REQUIRED" } };
      }
      if (typeof given !== "string" || given.includes("\u0000") || !given.isWellFormed()) {
        return { fault: { key: "FIELD_INVALID" } };
      }
      if (given.length > maxLength) return { fault: { key: "INVALID_INPUT_LENGTH" } };
      const value = columnValue(column, given.trim());
      return value === undefined ? { fault: { key: "FIELD_INVALID" } } : { value };
    },
  };
}

/** The value that a text stands for in a column; undefined: none. */
function columnValue(column: Column, text: string): unknown {
  switch (column.type) {
    case "string":
    case "text":
      return text;
    case "integer": {
      const value = Number(text);
      return /^-?\d{1,10}$/.test(text) && value >= -(2 ** 31) && value < 2 ** 31 ? value + 0 : undefined;
    }
    case "boolean":
      return flagOf(text);
    case "datetime": {
      const date = new Date(`${text}T00:00:00Z`);
      const real = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(date.getTime());
      return real && date.toISOString().startsWith(text) ? date : undefined;
    }
    default:
      return undefined;
  }
}
