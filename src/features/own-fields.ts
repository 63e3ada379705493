import { knownNames } from "../model/known-names.ts";
import { labelOfColumn } from "../model/label.ts";
import { type Column, needsValue } from "../model/schema.ts";
import type { Feature, FeatureKernel } from "./feature.ts";
import { checkboxField, type Fault, type Field, flagOf } from "./fields.ts";

/** A form's fields for the columns that the application has added to the user. */
export function ownFields(kernel: Pick<FeatureKernel, "ownColumns">): Readonly<Record<string, Field<unknown>>> {
  return Object.fromEntries([...kernel.ownColumns].map(([name, column]) => [name, fieldOf(name, column)]));
}

/** The values of these fields, as the columns take them. */
export function ownValues(
  kernel: Pick<FeatureKernel, "ownColumns">,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries([...kernel.ownColumns.keys()].map((name) => [name, values[name]]));
}

/** The columns that every new user must be given a value for and that this one is given none for. */
export function neededColumns(
  { ownColumns }: Pick<FeatureKernel, "ownColumns">,
  given: Readonly<Record<string, unknown>>,
): readonly string[] {
  return [...ownColumns].flatMap(([name, column]) => (needsValue(column) && given[name] === undefined ? [name] : []));
}

/** What texts come to as values of a new user's own columns. */
export interface ReadOwnValues {
  readonly values: Readonly<Record<string, unknown>>;
  readonly faults: Readonly<Record<string, readonly (Fault | string)[]>>;
}

/**
 * Reads texts as the registration's form reads them where it has a field for the column, else by the column's type; columns
 * that need a value and get none are faults.
 */
export function readOwnValues(
  { ownColumns, secretColumns }: Pick<FeatureKernel, "ownColumns" | "secretColumns">,
  features: readonly Feature[],
  texts: Readonly<Record<string, string>>,
): ReadOwnValues {
  const asked = Object.assign({}, ...features.map(({ registrationFields }) => registrationFields?.() ?? {}));
  const values: Record<string, unknown> = {};
  const faults: Record<string, readonly (Fault | string)[]> = {};
  for (const [name, text] of Object.entries(texts)) {
    const column = ownColumns.get(name);
    if (column === undefined) {
      const unknown = `there is no such column; ${knownNames(name, [...ownColumns.keys()])}`;
      faults[name] = [secretColumns.has(name) ? "is secret: security.users.create sets it" : unknown];
      continue;
    }
    const field: Field<unknown> = Object.hasOwn(asked, name) ? asked[name] : fieldOf(name, column);
    const read = field.parse(text);
    if ("fault" in read) faults[name] = [read.fault];
    else values[name] = read.value === "" && column.nullable ? null : read.value;
  }
  for (const name of neededColumns({ ownColumns }, texts)) faults[name] = [{ key: "FIELD_REQUIRED" }];
  return { values, faults };
}

const longest = 255;
const longestText = 4_000;

function fieldOf(name: string, column: Column): Field<unknown> {
  if (column.type === "boolean" && !column.nullable)
    return { ...checkboxField("ADMIN_YES"), label: { text: labelOfColumn(name, column) } };
  const maxLength = column.type === "text" ? longestText : (column.length ?? longest);
  const required = needsValue(column);
  const type = column.type === "integer" ? "number" : column.type === "datetime" ? "date" : "text";
  return {
    label: { text: labelOfColumn(name, column) },
    type,
    required,
    autocomplete: "off",
    maxLength,
    echo: true,
    parse(input) {
      const given = typeof input === "number" || typeof input === "boolean" ? String(input) : input;
      if (given === undefined || given === null || (typeof given === "string" && given.trim() === "")) {
        if (required) return { fault: { key: "FIELD_REQUIRED" } };
        // Left empty, it has no value: two of them must not be the same.
        return { value: column.nullable ? null : column.default };
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
