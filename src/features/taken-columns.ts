import { UniqueConflictError } from "../model/errors.ts";
import type { Label } from "../model/label.ts";
import type { FeatureKernel } from "./feature.ts";
import type { Fault } from "./fields.ts";

/** Says of a value that must be unique that another account has it: by what the field is called, and as it was typed. */
export function takenFault(label: Label, value: unknown): Fault {
  const text = value instanceof Date ? value.toISOString().replace(".000Z", "Z") : String(value);
  return { key: "IDENTITY_ALREADY_ASSOCIATED", params: { value: text }, labels: { attr: label } };
}

/**
 * Which of these values of the application's own columns must be unique and belong to another user: the columns' names.
 * Texts are compared exactly; what an index takes for the same beyond that (MariaDB: in another case, without accents) tells
 * `thrown`, what storing the values threw.
 */
export async function takenColumns(
  kernel: Pick<FeatureKernel, "ownColumns" | "datastore">,
  values: Readonly<Record<string, unknown>>,
  thrown?: unknown,
): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    if (kernel.ownColumns.get(name)?.unique !== true || !isComparable(value)) continue;
    if ((await kernel.datastore.count("user", { [name]: value })) > 0) taken.push(name);
  }
  const lost = lostColumn(kernel, values, thrown);
  return lost === undefined || taken.includes(lost) ? taken : [...taken, lost];
}

/** The column of the application's own, among these values, that a UniqueConflictError is about. */
export function lostColumn(
  { ownColumns }: Pick<FeatureKernel, "ownColumns">,
  values: Readonly<Record<string, unknown>>,
  thrown: unknown,
): string | undefined {
  if (!(thrown instanceof UniqueConflictError) || thrown.table !== "user" || thrown.field === undefined)
    return undefined;
  return ownColumns.has(thrown.field) && Object.hasOwn(values, thrown.field) ? thrown.field : undefined;
}

function isComparable(value: unknown): value is string | number | boolean | Date {
  return ["string", "number", "boolean"].includes(typeof value) || value instanceof Date;
}
