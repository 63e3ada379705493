import { type RawBuilder, sql } from "kysely";
import type { Column, Schema, Table } from "../../model/schema.ts";
import { table } from "../../model/tables.ts";
import type { Database, KeptNumbers } from "../kysely/dialect.ts";

const name = "portcullis_numbers";

/** The highest number of each table whose row is gone: SQLite would give it to the next row. */
export const numberTables: Schema = {
  numbers: table(name, ["table"], {
    table: { type: "key", length: 255 },
    last: { type: "integer" },
  }),
};

const triggerOf = (of: Table): string => `${name}_${of.name}`;

/**
 * Numbers that were given are given to no other row, also in tables that are there already, which no AUTOINCREMENT can be added
 * to: a trigger notes what is deleted, by whomever, and rows of ours get a number above it.
 */
export const sqliteNumbers: KeptNumbers = {
  async unguarded(db: Database, tables: readonly Table[]): Promise<Table[]> {
    const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'trigger'`.execute(db);
    const known = new Set(rows.map((row) => row.name.toLowerCase()));
    return tables.filter((of) => !known.has(triggerOf(of).toLowerCase()));
  },

  guard(of: Table, key: Column, seen: readonly { table: Table; column: Column }[]): RawBuilder<unknown>[] {
    const numbers = seen.map(
      ({ table: in_, column }) => sql`select max(${sql.id(column.name)}) from ${sql.id(in_.name)}`,
    );
    const highest = sql.join(
      [sql`select max(${sql.id(key.name)}) as n from ${sql.id(of.name)}`, ...numbers],
      sql` union all `,
    );
    const raise = sql`on conflict (${sql.id("table")}) do update set last = max(last, excluded.last)`;
    return [
      // Users who were deleted before are still named elsewhere, such as in the audit trail.
      sql`insert into ${sql.id(name)} (${sql.id("table")}, last) select ${sql.lit(of.name)}, coalesce(max(n), 0) from (${highest}) where true ${raise}`,
      sql`create trigger ${sql.id(triggerOf(of))} after delete on ${sql.id(of.name)} begin insert into ${sql.id(name)} (${sql.id("table")}, last) values (${sql.lit(of.name)}, old.${sql.id(key.name)}) ${raise}; end`,
    ];
  },

  next(of: Table, key: Column): RawBuilder<unknown> {
    const here = sql`select max(${sql.id(key.name)}) from ${sql.id(of.name)}`;
    const gone = sql`select last from ${sql.id(name)} where ${sql.id("table")} = ${sql.lit(of.name)}`;
    return sql`(select max(coalesce((${here}), 0), coalesce((${gone}), 0)) + 1)`;
  },
};
