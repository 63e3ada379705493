import type { DatabaseSync } from "node:sqlite";
import { type RawBuilder, sql } from "kysely";
import type { Column, Table } from "../../model/schema.ts";
import { fold } from "../identity-conflict.ts";
import type { Database, KeptFolding } from "../kysely/dialect.ts";

const prefix = "portcullis_folded";

/** The SQL function that folds; no index and no trigger calls it, as other programs that open the file do not have it. */
const folding = "portcullis_fold";

/** What a form begins with that is not folded yet. */
const [mark, behindMark] = [sql`char(1)`, sql`char(2)`];

/** Lets a connection fold texts as `fold` does: SQLite's own `lower()` knows no letters but those of ASCII. */
export function foldTexts(db: DatabaseSync): void {
  db.function(folding, { deterministic: true, directOnly: true }, (text) =>
    typeof text === "string" ? fold(text) : text,
  );
}

const columnOf = ({ name }: Column): string => `${prefix}_${name}`;
const indexOf = (of: Table, column: Column): string => `ix_${of.name}_${columnOf(column)}`;
const triggerOf = (of: Table, column: Column, event: string): string => `${prefix}_${event}_${of.name}_${column.name}`;
const events = ["insert", "update"] as const;

/** The text, or a value of the query, folded. */
export function foldedValue(value: unknown): RawBuilder<unknown> {
  return sql`${sql.raw(folding)}(${value})`;
}

/** The folded form beside a column. */
export function folded(column: Column): RawBuilder<unknown> {
  return sql.id(columnOf(column));
}

const isMarked = (column: Column): RawBuilder<unknown> =>
  sql`(${folded(column)} >= ${mark} and ${folded(column)} < ${behindMark})`;

/**
 * Beside each column that is compared without regard to case stands its folded form. Our writes bring theirs; of what other
 * programs write, triggers fold what SQLite can, and mark the rest with the text itself behind a sign: it is found by folding
 * all that is marked, and folded by the next list or migration.
 */
export const sqliteFolding: KeptFolding = {
  name: columnOf,
  value: (value) => (typeof value === "string" ? fold(value) : null),

  async unkept(db: Database, tables: readonly Table[]) {
    const { rows } = await sql<{
      name: string;
    }>`select name from sqlite_master where type in ('trigger', 'index')`.execute(db);
    const known = new Set(rows.map((row) => row.name.toLowerCase()));
    const has = (name: string): boolean => known.has(name.toLowerCase());
    return tables.flatMap((table) =>
      Object.values(table.columns).flatMap((column) => {
        const kept = has(indexOf(table, column)) && events.every((event) => has(triggerOf(table, column, event)));
        return column.ignoreCase !== true || kept ? [] : [{ table, column }];
      }),
    );
  },

  async keep(db: Database, of: Table, column: Column): Promise<readonly RawBuilder<unknown>[]> {
    const { rows } = await sql<{ name: string }>`select name from pragma_table_info(${of.name})`.execute(db);
    const there = rows.some(({ name }) => name.toLowerCase() === columnOf(column).toLowerCase());
    const [table, own, beside] = [sql.id(of.name), sql.id(column.name), folded(column)];
    const beyond = sql`new.${own} glob '*[^ -~]*'`;
    const ascii = sql`case when ${beyond} then ${mark} || new.${own} else lower(new.${own}) end`;
    // A row that is copied under another name brings the form of the first one.
    const copied = sql`(not ${beyond} and new.${beside} is not lower(new.${own}))`;
    const [inserted, updated] = events.map((event) => sql.id(triggerOf(of, column, event)));
    const note = sql`begin update ${table} set ${beside} = ${ascii} where rowid = new.rowid; end`;
    return [
      ...(there ? [] : [sql`alter table ${table} add column ${beside} VARCHAR(${sql.lit(column.length ?? 255)})`]),
      sql`update ${table} set ${beside} = ${foldedValue(own)} where ${beside} is not ${foldedValue(own)}`,
      sql`create index if not exists ${sql.id(indexOf(of, column))} on ${table} (${beside})`,
      sql`create trigger if not exists ${inserted} after insert on ${table} when new.${own} is not null and (new.${beside} is null or ${copied}) ${note}`,
      sql`create trigger if not exists ${updated} after update of ${own} on ${table} when new.${own} is not old.${own} and (new.${beside} is old.${beside} or ${copied}) ${note}`,
    ];
  },

  orMarked: (found, column, values) =>
    sql`(${found} or (${isMarked(column)} and ${foldedValue(sql.id(column.name))} in (${sql.join(values.map(foldedValue))})))`,

  marked: (of, column) => sql`select 1 as one from ${sql.id(of.name)} where ${isMarked(column)} limit 1`,
  mend: (of, column) =>
    sql`update ${sql.id(of.name)} set ${folded(column)} = ${foldedValue(sql.id(column.name))} where ${isMarked(column)}`,
};
