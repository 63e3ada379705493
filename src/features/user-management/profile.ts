import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigurationError } from "../../model/errors.ts";
import type { Column } from "../../model/schema.ts";
import { bodyFor } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { type Field, issuesFault } from "../fields.ts";
import { booleanField, integerField, jsonField, plainTextField } from "../json-fields.ts";
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
    if (column === undefined) throw new ConfigurationError(path, "there is no such column in the option columns");
    const standard = schema === true ? undefined : schema;
    if (standard !== undefined && typeof standard?.["~standard"]?.validate !== "function") {
      throw new ConfigurationError(path, "true or a Standard Schema is expected");
    }
    fields[name] = columnField(path, column, standard);
  }
  return fields;
}

function columnField(path: string, column: Column, schema: StandardSchemaV1 | undefined): Field<unknown> {
  const typed = typedField(path, column);
  return {
    ...typed,
    required: false,
    parse(input) {
      // Empty text has no value, as in a form: two of them must not be the same.
      if (input === null || (input === "" && column.nullable))
        return column.nullable ? { value: null } : { fault: { key: "FIELD_REQUIRED" } };
      const parsed = typed.parse(input);
      if ("fault" in parsed || schema === undefined) return parsed;
      const result = schema["~standard"].validate(parsed.value);
      if (result instanceof Promise) throw new ConfigurationError(path, "the schema must answer synchronously");
      return result.issues === undefined ? { value: result.value } : { fault: issuesFault(result.issues) };
    },
  };
}

/** Longest text that a profile holds, in UTF-16 units. */
const longestText = 10_000;
const largest = 2_147_483_647;

function typedField(path: string, column: Column): Field<unknown> {
  switch (column.type) {
    case "string":
      return plainTextField(column.length ?? 255);
    case "text":
      return jsonField((input) => {
        if (typeof input !== "string" || !input.isWellFormed() || input.includes("\u0000")) {
          return { fault: { key: "FIELD_INVALID" } };
        }
        return input.length > longestText ? { fault: { key: "INVALID_INPUT_LENGTH" } } : { value: input };
      });
    case "integer":
      return integerField(-largest - 1, largest);
    case "boolean":
      return booleanField();
    case "datetime":
      return jsonField((input) => {
        const at = typeof input === "string" && isoTime.test(input) ? Date.parse(input) : Number.NaN;
        return Number.isNaN(at) ? { fault: { key: "FIELD_INVALID" } } : { value: new Date(at) };
      });
    default:
      throw new ConfigurationError(path, `a column of the type ${column.type} can't be part of a profile`);
  }
}

/** RFC 3339, the year from 1000 on; a date alone is midnight in UTC. */
const isoTime = /^[1-9]\d{3}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;
