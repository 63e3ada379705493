import { namedColumns, type OwnColumns } from "./column.ts";
import { ConfigurationError } from "./errors.ts";
import { checkKnown } from "./known-names.ts";
import { checkLabel } from "./label.ts";
import { columnMembers, type Schema } from "./schema.ts";
import { coreTables } from "./tables.ts";

/** The option `columns` adds to the user what it has not, under names that can be fields; else throws ConfigurationError. */
export function checkColumns(columns: OwnColumns): void {
  for (const [field, definition] of Object.entries(columns)) {
    const path = `columns.${field}`;
    if (typeof definition?.definition?.type !== "string") {
      throw new ConfigurationError(path, "a column is expected, such as column.string({ nullable: true })");
    }
    checkKnown(path, definition.definition, Object.keys(columnMembers));
    const { secret } = definition.definition;
    if (secret !== undefined && typeof secret !== "boolean") {
      throw new ConfigurationError(`${path}.secret`, "true or false is expected");
    }
    if (definition.definition.label !== undefined) checkLabel(`${path}.label`, definition.definition.label);
    if (!/^[a-z][A-Za-z0-9]{0,40}$/.test(field)) throw new ConfigurationError(path, "a name in camelCase is expected");
    if (
      Object.hasOwn(coreTables.user?.columns ?? {}, field) ||
      ["roles", "permissions", "ownPermissions", "hasRole", "hasPermission", "securityPayload", "toJSON"].includes(
        field,
      )
    ) {
      throw new ConfigurationError(path, "the user has this already");
    }
  }
  namedColumns(columns);
}

/** The option `tables` renames tables that there are; else throws ConfigurationError. */
export function checkTables(renamed: Readonly<Record<string, string>>, tables: Schema): void {
  checkKnown("tables", renamed, Object.keys(tables), "table");
  for (const [table, name] of Object.entries(renamed)) {
    if (typeof name !== "string" || !/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name))
      throw new ConfigurationError(`tables.${table}`, "is no name for a table");
  }
}
