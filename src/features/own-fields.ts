import { knownNames } from "../model/known-names.ts";
import { type Column, needsValue } from "../model/schema.ts";
import { columnField } from "./column-field.ts";
import type { Feature, FeatureKernel, RegistrationField } from "./feature.ts";
import type { Fault, Field } from "./fields.ts";

/** A form's fields for the columns that the application has added to the user. */
export function ownFields(kernel: Pick<FeatureKernel, "ownColumns">): Readonly<Record<string, Field<unknown>>> {
  return Object.fromEntries(
    [...kernel.ownColumns].flatMap(([name, column]) => {
      const field = columnField(name, column);
      return field === undefined ? [] : [[name, field]];
    }),
  );
}

/** The values of these fields, as the columns take them. What was left to the database is left out. */
export function ownValues(
  kernel: Pick<FeatureKernel, "ownColumns">,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    [...kernel.ownColumns.keys()].flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
  );
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
  const asked: Readonly<Record<string, RegistrationField>> = Object.assign(
    {},
    ...features.map(({ registrationFields }) => registrationFields?.(ownColumns) ?? {}),
  );
  const values: Record<string, unknown> = {};
  const faults: Record<string, readonly (Fault | string)[]> = {};
  for (const [name, text] of Object.entries(texts)) {
    const column = ownColumns.get(name);
    if (column === undefined) {
      const unknown = `there is no such column; ${knownNames(name, [...ownColumns.keys()])}`;
      faults[name] = [secretColumns.has(name) ? "is secret: security.users.create sets it" : unknown];
      continue;
    }
    const read = readOne(name, column, Object.hasOwn(asked, name) ? asked[name] : undefined, text);
    if ("fault" in read) faults[name] = [read.fault];
    else if (read.value !== undefined) values[name] = read.value;
  }
  for (const name of neededColumns({ ownColumns }, texts)) faults[name] = [{ key: "FIELD_REQUIRED" }];
  return { values, faults };
}

/** By the registration's field where there is one, and then as the column takes it. */
function readOne(
  name: string,
  column: Column,
  asked: RegistrationField | undefined,
  text: string,
): { readonly value: unknown } | { readonly fault: Fault | string } {
  const byType = columnField(name, column)?.parse(text) ?? { fault: "has a type that is not set by a text" };
  if (asked === undefined) return byType;
  const read = asked.parse(text);
  if ("value" in read) return asked.stored(read.value);
  // A schema speaks of its types; what is of none of the column's is said in words.
  return read.fault.text !== undefined && "fault" in byType ? byType : read;
}
