import { type RawBuilder, sql } from "kysely";
import type { Pool } from "pg";
import type { Schema } from "../../model/schema.ts";
import { table } from "../../model/tables.ts";
import type { Change, ChangeLog, Look, LookRequest, NodeRow } from "../changes/log.ts";
import { discarding } from "./pool.ts";
import { sees } from "./snapshot.ts";

/** What was changed, and how far each process has read it. */
export const changeTables: Schema = {
  change: table("portcullis_change", ["node", "number"], {
    node: { type: "key", length: 64 },
    number: { type: "epochMs" },
    // The number of the transaction (xid8). Not the order: those commit as they like; a snapshot says which have.
    place: { type: "epochMs", index: true },
    kind: { type: "string", length: 20 },
    // No reference: it tells of users that are deleted as well.
    userId: { type: "integer", nullable: true },
    at: { type: "epochMs", index: true },
  }),
  node: table("portcullis_node", ["node"], {
    node: { type: "key", length: 64 },
    beat: { type: "epochMs" },
    lease: { type: "integer" },
    position: { type: "text", nullable: true },
    at: { type: "epochMs" },
  }),
};

/** Past so many changes at once, everything is forgotten instead. */
const mostChanges = 1000;

/** How long changes are kept, in milliseconds; who was away for longer than a minute does not ask for them. */
const keptFor = 3_600_000;

/** So many rows are deleted by one statement. */
const batch = 5000;

const clock = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** What the log needs to know of where it is. */
export interface ChangeLogPlace {
  readonly pool: Pool;
  /** The one connection of the looks: those of the pool may all be held by requests, for longer than a lease. */
  readonly lookPool: Pool;
  /** For what takes long. */
  readonly slowPool: Pool;
  /** The schema that has the tables; undefined: the first on the search path. */
  readonly schema: string | undefined;
  readonly channel: string;
  /** A look that is not answered after so many milliseconds is given up, and its connection with it. */
  readonly patience: number;
  /** What is to be told on this process's own channel with the next look; undefined: nothing. */
  readonly heartbeat: () => { readonly channel: string; readonly text: string; readonly sent: () => void } | undefined;
}

interface LookRow {
  readonly position: string;
  readonly before: number | null;
  readonly count: number;
  readonly changes: readonly (readonly [string, number, number | null])[] | null;
  readonly nodes: readonly (readonly [string, number, number, string | null])[] | null;
}

/** The change log in PostgreSQL's tables, with its purge. */
export interface PostgresChangeLog extends ChangeLog {
  /** Writes the change down in a transaction that is open; gives its place. */
  statement(change: Change): RawBuilder<{ readonly place: string }>;
  /** Removes changes that nobody asks for any more. */
  purge(): Promise<void>;
}

/**
 * The change log in PostgreSQL. The number of a transaction is its place, a snapshot (`pg_current_snapshot`) the position: what
 * a snapshot did not see and the next one does is new, in whatever order transactions commit. A look is one statement, so its
 * snapshot is that of all it tells.
 */
export function postgresChangeLog({
  pool,
  lookPool,
  slowPool,
  schema,
  channel,
  patience,
  heartbeat,
}: ChangeLogPlace): PostgresChangeLog {
  const name = (logical: "change" | "node"): string => {
    const own = `"${changeTables[logical]?.name}"`;
    return schema === undefined ? own : `"${schema.replaceAll('"', '""')}".${own}`;
  };
  const [changes, nodes] = [name("change"), name("node")];
  const columns = "node, number, place, kind, user_id, at";
  const values = ({ node, number, userId }: Change): readonly [string, number, string, number | null] => [
    node,
    number,
    userId === undefined ? "all" : "user",
    userId ?? null,
  ];
  const looking = discarding(lookPool);
  const askLook = async (text: string, values: unknown[]): Promise<LookRow | undefined> => {
    const began = performance.now();
    const client = await looking.connect();
    try {
      const left = patience - (performance.now() - began);
      // It was given up while there was no connection; the next one is not to wait for it.
      if (left <= 0) throw new Error("no connection in time");
      // The types of pg do not know the limit of one query.
      const limited = { text, values, query_timeout: Math.ceil(left) };
      return (await client.query(limited)).rows[0] as LookRow | undefined;
    } finally {
      client.release();
    }
  };
  const lookText = (writes: boolean, tells: boolean, list: boolean): string => {
    const own = `with own as (insert into ${nodes} as n (node, beat, lease, position, at)
      values ($3, $4, $5, $6, ${clock}) on conflict (node) do update set beat = excluded.beat, lease = excluded.lease,
      position = excluded.position, at = excluded.at where n.beat < excluded.beat) `;
    return `${writes ? own : ""}select pg_current_snapshot()::text as position,
      ${writes ? `(select beat from ${nodes} where node = $3)` : "null"} as before,
      (select count(*)::int from ${nodes}) as count,
      (select json_agg(json_build_array(c.node, c.number, c.user_id)) from (
        select node, number, user_id from ${changes}
        where place >= pg_snapshot_xmin($1::pg_snapshot)::text::bigint
          and place < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
          and not pg_visible_in_snapshot(place::text::xid8, $1::pg_snapshot) limit ${mostChanges + 1}) as c) as changes,
      case when $2::boolean then
        (select json_agg(json_build_array(node, beat, lease, position)) from ${nodes}) end as nodes
      ${tells ? ", pg_notify($7, $8)::text" : ", null"} as ${list ? "look" : "heartbeat"}`;
  };

  return {
    async look({ own, from, list }: LookRequest): Promise<Look> {
      const beat = own === undefined ? undefined : heartbeat();
      const asked: unknown[] = [from ?? null, list];
      if (own !== undefined) asked.push(own.node, own.beat, own.lease, own.position ?? null);
      if (beat !== undefined) asked.push(beat.channel, beat.text);
      const row = await askLook(lookText(own !== undefined, beat !== undefined, list), asked);
      if (row === undefined) throw new Error("PostgreSQL did not answer");
      beat?.sent();
      const found = row.changes ?? [];
      return {
        position: row.position,
        before: row.before ?? undefined,
        changes:
          found.length > mostChanges
            ? undefined
            : found.map(([node, number, userId]) => ({ node, number, userId: userId ?? undefined })),
        count: row.count,
        nodes: list
          ? (row.nodes ?? []).map(
              ([node, count, lease, position]): NodeRow => ({
                node,
                beat: count,
                lease,
                position: position ?? undefined,
              }),
            )
          : undefined,
      };
    },
    async write(change) {
      const { rows } = await pool.query<{ readonly place: string }>(
        `with written as (insert into ${changes} (${columns})
           values ($1, $2, pg_current_xact_id()::text::bigint, $3, $4, ${clock}) returning place, node)
         select place::text, pg_notify($5, node) from written`,
        [...values(change), channel],
      );
      const [row] = rows;
      if (row === undefined) throw new Error("PostgreSQL did not answer");
      return row.place;
    },
    statement(change) {
      const [node, number, kind, userId] = values(change);
      return sql`with written as (insert into ${sql.raw(changes)} (${sql.raw(columns)})
          values (${node}, ${number}, pg_current_xact_id()::text::bigint, ${kind}, ${userId}, ${sql.raw(clock)})
          returning place, node)
        select place::text, pg_notify(${channel}, node) from written`;
    },
    covers: sees,
    async remove(gone) {
      if (gone.length === 0) return;
      await pool.query(
        `delete from ${nodes} n using unnest($1::text[], $2::bigint[]) as gone(node, beat)
         where n.node = gone.node and n.beat <= gone.beat`,
        [gone.map(({ node }) => node), gone.map(({ beat }) => beat)],
      );
    },
    async purge() {
      for (let deleted = batch; deleted === batch; ) {
        const { rowCount } = await slowPool.query(
          `delete from ${changes} where (node, number) in (
             select node, number from ${changes} where at < ${clock} - ${keptFor}
               and place < all(select pg_snapshot_xmin(position::pg_snapshot)::text::bigint from ${nodes}
                 where position is not null) limit ${batch})`,
        );
        deleted = rowCount ?? 0;
      }
    },
  };
}
