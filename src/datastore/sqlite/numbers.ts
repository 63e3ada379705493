import type { DatabaseSync } from "node:sqlite";
import { type RawBuilder, sql } from "kysely";
import type { Column, Schema, Table } from "../../model/schema.ts";
import { table } from "../../model/tables.ts";
import type { Database, KeptNumbers } from "../kysely/dialect.ts";

const name = "portcullis_numbers";

/** The highest number of each table that was given and whose row is gone: SQLite would give it to the next row. */
export const numberTables: Schema = {
  numbers: table(name, ["table"], {
    table: { type: "key", length: 255 },
    last: { type: "integer" },
  }),
};

/** What takes a number from a row, and the trigger that notes it. */
const triggers = [
  { event: "delete", nameOf: (of: Table): string => `${name}_${of.name}` },
  { event: "update", nameOf: (of: Table): string => `${name}_moved_${of.name}` },
] as const;

/** The SQL function that gives numbers. */
const giving = "portcullis_next";

/**
 * The numbers that one connection gives: the first of `count` above the last one that was taken, and above whatever it has
 * given before. A rollback takes rows and notes back, but whoever has seen their numbers still knows them: what was undone is
 * noted before the lock is given up, for the other processes and the next start.
 */
export class GivenNumbers {
  readonly #db: DatabaseSync;
  readonly #given = new Map<string, number>();
  /** The keys of the tables that the present transaction has given numbers of. */
  readonly #unnoted = new Map<string, string>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    db.function(giving, { directOnly: true }, (table, key, taken, count) => {
      const before = Math.max(this.#given.get(String(table)) ?? 0, Number(taken));
      this.#given.set(String(table), before + Number(count));
      this.#unnoted.set(String(table), String(key));
      return before + 1;
    });
  }

  /** A transaction begins: nobody has learned of a number that a single statement gave and that is in no row. */
  begin(): void {
    this.#unnoted.clear();
  }

  /** Whether the present transaction has given a number. */
  get some(): boolean {
    return this.#unnoted.size > 0;
  }

  /** Notes, before a transaction is committed, what it has given and no row has (any more). */
  note(): void {
    for (const [of, key] of this.#unnoted) {
      this.#db
        .prepare(
          `insert into ${name} ("table", last) select ?1, ?2 where coalesce((select max(${quoted(key)}) from ${quoted(of)}), 0) < ?2
           on conflict ("table") do update set last = max(last, excluded.last)`,
        )
        .run(of, this.#given.get(of) ?? 0);
    }
    this.#unnoted.clear();
  }
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/**
 * Numbers that were given are given to no other row, also in tables that are there already, which no AUTOINCREMENT can be added
 * to: triggers note what is deleted or gets another number, by whomever, and rows of ours get a number above it.
 */
export const sqliteNumbers: KeptNumbers = {
  async unguarded(db: Database, tables: readonly Table[]): Promise<Table[]> {
    const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'trigger'`.execute(db);
    const known = new Set(rows.map((row) => row.name.toLowerCase()));
    return tables.filter((of) => !triggers.every(({ nameOf }) => known.has(nameOf(of).toLowerCase())));
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
      ...triggers.map(({ event, nameOf }) => {
        const id = sql.id(key.name);
        const when = event === "delete" ? sql`delete` : sql`update of ${id}`;
        const moved = event === "delete" ? sql`` : sql` when old.${id} <> new.${id}`;
        return sql`create trigger if not exists ${sql.id(nameOf(of))} after ${when} on ${sql.id(of.name)}${moved} begin insert into ${sql.id(name)} (${sql.id("table")}, last) values (${sql.lit(of.name)}, old.${id}) ${raise}; end`;
      }),
    ];
  },

  next(of: Table, key: Column, count: number): RawBuilder<unknown> {
    const here = sql`select max(${sql.id(key.name)}) from ${sql.id(of.name)}`;
    const gone = sql`select last from ${sql.id(name)} where ${sql.id("table")} = ${sql.lit(of.name)}`;
    const taken = sql`max(coalesce((${here}), 0), coalesce((${gone}), 0))`;
    return sql`(select ${sql.id(giving)}(${sql.lit(of.name)}, ${sql.lit(key.name)}, ${taken}, ${sql.lit(count)}))`;
  },
};
