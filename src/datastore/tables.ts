import { ConfigurationError, DatastoreError } from "../model/errors.ts";
import type { Column, Schema, Table } from "../model/schema.ts";

/** The table of that logical name. Throws DatastoreError for a name that the schema does not have. */
export function tableOf(schema: Schema, name: string): Table {
  const table = Object.hasOwn(schema, name) ? schema[name] : undefined;
  if (table === undefined) throw new DatastoreError(`the schema has no table "${name}"`);
  return table;
}

/** The column of that field. Throws DatastoreError for a field that the table does not have. */
export function columnOf(table: Table, tableName: string, field: string): Column {
  const column = Object.hasOwn(table.columns, field) ? table.columns[field] : undefined;
  if (column === undefined) throw new DatastoreError(`table "${tableName}" has no field "${field}"`);
  return column;
}

/** The field whose integer is made by the database, if the table has one. */
export function generatedKey(table: Table): string | undefined {
  const [field] = table.primaryKey;
  if (field === undefined || table.primaryKey.length !== 1) return undefined;
  return table.columns[field]?.type === "id" ? field : undefined;
}

/** The table and column that a reference means; both go by logical names, so that renamed tables stay connected. */
export function referenced(schema: Schema, path: string, column: Column): { table: Table; column: Column } | undefined {
  if (column.references === undefined) return undefined;
  const { table: tableName, column: field } = column.references;
  const table = Object.hasOwn(schema, tableName) ? schema[tableName] : undefined;
  const target = table !== undefined && Object.hasOwn(table.columns, field) ? table.columns[field] : undefined;
  if (table === undefined || target === undefined) {
    throw new ConfigurationError(`schema.${path}`, `references ${tableName}.${field}, which the schema does not have`);
  }
  return { table, column: target };
}

/** Refuses a schema that no database could hold: two tables or two columns of one name, wrong keys or references. */
export function checkSchema(schema: Schema): void {
  const tables = new Map<string, string>();
  for (const [logical, table] of Object.entries(schema)) {
    checkName(`schema.${logical}.name`, table.name);
    const other = tables.get(table.name.toLowerCase());
    if (other !== undefined) {
      throw new ConfigurationError(`schema.${logical}`, `has the name "${table.name}" of table "${other}"`);
    }
    tables.set(table.name.toLowerCase(), logical);
    const columns = new Map<string, string>();
    for (const [field, column] of Object.entries(table.columns)) {
      const path = `${logical}.${field}`;
      checkName(`schema.${path}.name`, column.name);
      const twin = columns.get(column.name.toLowerCase());
      if (twin !== undefined) {
        throw new ConfigurationError(`schema.${path}`, `has the column name "${column.name}" of "${twin}"`);
      }
      columns.set(column.name.toLowerCase(), field);
      referenced(schema, path, column);
    }
    for (const field of (table.indexes ?? []).flat()) {
      if (!Object.hasOwn(table.columns, field)) {
        throw new ConfigurationError(`schema.${logical}.indexes`, `names "${field}", which the table does not have`);
      }
    }
    for (const field of table.primaryKey) {
      if (!Object.hasOwn(table.columns, field)) {
        throw new ConfigurationError(`schema.${logical}.primaryKey`, `names "${field}", which the table does not have`);
      }
    }
  }
}

/** 63 bytes is PostgreSQL's bound, 64 MySQL's; a longer name would be cut silently. */
function checkName(path: string, name: string): void {
  if (name === "" || Buffer.byteLength(name) > 63 || name.includes("\0") || !name.isWellFormed()) {
    throw new ConfigurationError(path, "must be a name of 1 to 63 bytes");
  }
}
