import { type CompiledQuery, type RawBuilder, sql } from "kysely";
import { DatastoreError } from "../../model/errors.ts";
import type { Row } from "../../model/schema.ts";
import { generatedKey, tableOf } from "../tables.ts";
import { completeRow } from "../values.ts";
import { encode } from "./codec.ts";
import { tableId } from "./dialect.ts";
import type { SqlCore } from "./operations.ts";

/** Values of one statement: below the bounds of SQLite (32,766) and PostgreSQL (65,535). */
const mostValues = 16_000;

/** The statements that insert these rows, as many rows in each as a statement takes. All rows must have the same fields. */
export function bulkInserts(
  { schema, dialect, plans, now }: SqlCore,
  table: string,
  rows: readonly Row[],
): readonly CompiledQuery[] {
  const target = tableOf(schema, table);
  const complete = rows.map((row) => completeRow(table, target, row, now));
  const fields = [...(complete[0]?.keys() ?? [])];
  const same = complete.every((row) => row.size === fields.length && fields.every((field) => row.has(field)));
  if (!same) throw new DatastoreError(`rows that are inserted into "${table}" at once must have the same fields`);
  const columns = fields.flatMap((field) => {
    const column = target.columns[field];
    if (column === undefined) return [];
    const own = {
      name: column.name,
      read: (row: ReadonlyMap<string, unknown>) => encode(dialect, column, row.get(field)),
    };
    const { folding } = dialect;
    if (folding === undefined || column.ignoreCase !== true) return [own];
    return [
      own,
      { name: folding.name(column), read: (row: ReadonlyMap<string, unknown>) => folding.value(own.read(row)) },
    ];
  });
  const size = Math.max(1, Math.floor(mostValues / Math.max(1, columns.length)));
  const queries: CompiledQuery[] = [];
  for (let from = 0; from < complete.length; from += size) {
    const part = complete.slice(from, from + size);
    const values = part.flatMap((row) => columns.map(({ read }) => read(row)));
    const names = columns.map(({ name }) => name);
    const shape = `insertAll\n${table}\n${part.length}\n${names.join("\n")}`;
    queries.push(
      plans.query(shape, values, (slots) => {
        const key = target.columns[generatedKey(target) ?? ""];
        const next =
          key === undefined || names.includes(key.name) ? undefined : dialect.numbers?.next(target, key, part.length);
        const row = (at: number): RawBuilder<unknown> => {
          const own = names.map(() => slots.take());
          return sql`(${sql.join(next === undefined ? own : [sql.lit(at), ...own])})`;
        };
        const placed = part.map((_, at) => row(at));
        const list = sql.join(names.map((name) => sql.id(name)));
        if (next !== undefined && key !== undefined) {
          // The first number is asked for once, and the others follow it.
          const others = sql.join(names.map((_, at) => sql.id(`column${at + 2}`)));
          return sql`insert into ${tableId(dialect, target)} (${sql.id(key.name)}, ${list}) select ${next} + column1, ${others} from (values ${sql.join(placed)})`;
        }
        return sql`insert into ${tableId(dialect, target)} (${list}) values ${sql.join(placed)}`;
      }),
    );
  }
  return queries;
}
