import type { MessageKey } from "../../i18n/catalogue.ts";
import { type Fault, type Field, textField } from "../fields.ts";

const most = 100;
const longest = 4_000;

/** Names of permissions, separated by commas; the hint says which there are. */
export function permissionsField(label: MessageKey, declared: ReadonlySet<string>): Field<readonly string[]> {
  return {
    ...textField({ label, autocomplete: "off", required: false }),
    hint: { key: "ADMIN_PERMISSIONS_HINT", params: { names: [...declared].sort().join(", ") } },
    maxLength: longest,
    parse(input) {
      if (input === undefined || input === null) return { fault: { key: "FIELD_REQUIRED" } };
      if (typeof input !== "string") return { fault: { key: "FIELD_INVALID" } };
      if (input.length > longest) return { fault: { key: "INVALID_INPUT_LENGTH" } };
      const list = input
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "");
      return list.length > most ? { fault: { key: "FIELD_INVALID" } } : { value: [...new Set(list)] };
    },
  };
}

/** The first that the application does not declare and that was not there before; undefined: all are known. */
export function unknownPermission(
  wanted: readonly string[],
  declared: ReadonlySet<string>,
  before: ReadonlySet<string>,
): Fault | undefined {
  const name = wanted.find((permission) => !declared.has(permission) && !before.has(permission));
  return name === undefined ? undefined : { key: "ADMIN_PERMISSION_UNKNOWN", params: { name: name.slice(0, 80) } };
}
