import type { Row, Table } from "../../model/schema.ts";

/** The values that are taken in one list of rows, so that an insert need not look at every row. */
export class TakenValues {
  readonly #constraints: readonly { readonly fields: readonly string[]; readonly taken: Set<unknown> }[];

  constructor(table: Table, rows: readonly Row[]) {
    const columns = Object.entries(table.columns).flatMap(([field, column]) =>
      column.unique === true ? [[field]] : [],
    );
    const constraints = table.primaryKey.length === 0 ? columns : [table.primaryKey, ...columns];
    this.#constraints = constraints.map((fields) => ({ fields, taken: new Set() }));
    for (const row of rows) this.add(row);
  }

  /** The first field of a key or unique column that another row has the same value of. */
  conflict(row: Row): string | undefined {
    return this.#constraints.find(({ fields, taken }) => taken.has(keyOf(row, fields)))?.fields[0];
  }

  add(row: Row): void {
    for (const { fields, taken } of this.#constraints) {
      // Null is no value that could be taken.
      if (fields.every((field) => row[field] !== null)) taken.add(keyOf(row, fields));
    }
  }
}

function keyOf(row: Row, fields: readonly string[]): unknown {
  const [field] = fields;
  if (fields.length === 1 && field !== undefined) return comparable(row[field]);
  return JSON.stringify(fields.map((it) => comparable(row[it])));
}

/** Values that are the same have one that is `===`. */
function comparable(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}
