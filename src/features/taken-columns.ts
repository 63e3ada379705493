import type { Label } from "../model/label.ts";
import type { FeatureKernel } from "./feature.ts";
import type { Fault } from "./fields.ts";

/** Says of a value that must be unique that another account has it: by what the field is called, and as it was typed. */
export function takenFault(label: Label, value: unknown): Fault {
  const text = value instanceof Date ? value.toISOString().replace(".000Z", "Z") : String(value);
  return { key: "IDENTITY_ALREADY_ASSOCIATED", params: { value: text }, labels: { attr: label } };
}

/** Which of these values of the application's own columns must be unique and belong to another user: the columns' names. */
export async function takenColumns(
  kernel: Pick<FeatureKernel, "ownColumns" | "datastore">,
  values: Readonly<Record<string, unknown>>,
): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    if (kernel.ownColumns.get(name)?.unique !== true || !isComparable(value)) continue;
    if ((await kernel.datastore.count("user", { [name]: value })) > 0) taken.push(name);
  }
  return taken;
}

function isComparable(value: unknown): value is string | number | boolean | Date {
  return ["string", "number", "boolean"].includes(typeof value) || value instanceof Date;
}
