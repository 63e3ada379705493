import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigurationError } from "../../model/errors.ts";
import { knownNames } from "../../model/known-names.ts";
import type { Column } from "../../model/schema.ts";
import { columnField, longestText, schemaValue } from "../column-field.ts";
import { bodyFor } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { type Field, issuesFault } from "../fields.ts";
import type { ManagementSettings } from "./options.ts";

/** The bytes that the body of an endpoint takes which sets a profile. */
export function profileBytes(kernel: Kernel, { profile }: ManagementSettings): number {
  return bodyFor(kernel, Object.keys(profile).length * longestText);
}

/** The profile's fields by name, each with the type of its column. Throws ConfigurationError for one that is no such column. */
export function profileFields(kernel: Kernel, settings: ManagementSettings): Readonly<Record<string, Field<unknown>>> {
  const fields: Record<string, Field<unknown>> = {};
  for (const [name, schema] of Object.entries(settings.profile)) {
    const path = `userManagement.profile.${name}`;
    if (kernel.secretColumns.has(name)) throw new ConfigurationError(path, "the column is secret: nobody is shown it");
    const column = kernel.ownColumns.get(name);
    if (column === undefined) {
      const known = knownNames(name, [...kernel.ownColumns.keys()]);
      throw new ConfigurationError(path, `there is no such column in the option columns; ${known}`);
    }
    const standard = schema === true ? undefined : schema;
    if (standard !== undefined && typeof standard?.["~standard"]?.validate !== "function") {
      throw new ConfigurationError(path, "true or a Standard Schema is expected");
    }
    fields[name] = profileField(path, name, column, standard);
  }
  return fields;
}

function profileField(
  path: string,
  name: string,
  column: Column,
  schema: StandardSchemaV1 | undefined,
): Field<unknown> {
  const field = columnField(name, column);
  if (field === undefined) {
    throw new ConfigurationError(path, `a column of the type ${column.type} can't be part of a profile`);
  }
  return {
    ...field,
    required: false,
    parse(input) {
      if (input === null && !column.nullable) return { fault: { key: "FIELD_REQUIRED" } };
      const parsed = field.parse(input);
      if ("fault" in parsed || schema === undefined || parsed.value === null) return parsed;
      const result = schema["~standard"].validate(parsed.value);
      if (result instanceof Promise) throw new ConfigurationError(path, "the schema must answer synchronously");
      return result.issues === undefined
        ? schemaValue(path, name, column, result.value)
        : { fault: issuesFault(result.issues) };
    },
  };
}
