import { type RawBuilder, sql } from "kysely";
import type { Row, Schema, Table } from "../../model/schema.ts";
import { readWhere } from "../conditions.ts";
import type { SessionBundle } from "../contract.ts";
import { columnOf, tableOf } from "../tables.ts";
import { RowCodec } from "./codec.ts";
import type { RawRow, SqlCore, SqlOperations } from "./operations.ts";
import { comparisonShape, comparisonValues, whereClause } from "./plans.ts";

/** One table of a join: how its columns are named in the result, and how its rows are read. */
interface Joined {
  readonly table: Table;
  /** The columns as the select lists them. */
  readonly columns: RawBuilder<unknown>[];
  readonly codec: RowCodec;
}

/** Reads users with their roles, and sessions with both, by one query each. */
export class BundleReader {
  readonly #core: SqlCore;
  readonly #session: Joined;
  readonly #user: Joined;
  readonly #role: Joined;

  constructor(core: SqlCore) {
    this.#core = core;
    this.#session = joined(core.schema, "session", "s");
    this.#user = joined(core.schema, "user", "u");
    this.#role = joined(core.schema, "role", "r");
  }

  async loadSession(operations: SqlOperations, idHash: string): Promise<SessionBundle | undefined> {
    const rows = await this.#load(operations, this.#session, "session", "idHash", idHash, () => {
      const { schema } = this.#core;
      const { name: userId } = columnOf(tableOf(schema, "session"), "session", "userId");
      const { name: id } = columnOf(this.#user.table, "user", "id");
      return sql` left join ${sql.id(this.#user.table.name)} as u on ${sql.id("u", id)} = ${sql.id("s", userId)}`;
    });
    const [first] = rows;
    if (first === undefined) return undefined;
    return {
      session: this.#session.codec.decode(first),
      user: this.#user.codec.isAbsent(first) ? undefined : this.#user.codec.decode(first),
      roles: this.#roles(rows),
    };
  }

  async loadUser(
    operations: SqlOperations,
    field: string,
    value: string | number,
  ): Promise<{ user: Row; roles: readonly Row[] } | undefined> {
    const rows = await this.#load(operations, this.#user, "user", field, value, () => sql``);
    const [first] = rows;
    if (first === undefined) return undefined;
    return { user: this.#user.codec.decode(first), roles: this.#roles(rows) };
  }

  async #load(
    operations: SqlOperations,
    from: Joined,
    tableName: string,
    field: string,
    value: string | number,
    joinUser: () => RawBuilder<unknown>,
  ): Promise<readonly RawRow[]> {
    const { dialect, plans } = this.#core;
    const comparisons = readWhere(tableName, from.table, { [field]: value });
    if (comparisons === undefined) return [];
    const shape = `bundle\n${tableName}\n${comparisonShape(comparisons)}`;
    const query = plans.query(shape, comparisonValues(dialect, comparisons), (slots) => {
      const tables = from === this.#user ? [this.#user, this.#role] : [from, this.#user, this.#role];
      const columns = sql.join(tables.flatMap((table) => table.columns));
      const alias = sql.raw(from === this.#user ? "u" : "s");
      // The condition is on one table alone, so it stands in a derived table and needs no prefixes.
      const where = whereClause(dialect, from.table.name, comparisons, slots);
      const narrowed = sql`(select * from ${sql.id(from.table.name)}${where}) as ${alias}`;
      return sql`select ${columns} from ${narrowed}${joinUser()}${this.#joinRoles()}`;
    });
    return (await operations.run(tableName, query)).rows as RawRow[];
  }

  #joinRoles(): RawBuilder<unknown> {
    const { schema } = this.#core;
    const link = tableOf(schema, "rolesUsers");
    const { name: userId } = columnOf(link, "rolesUsers", "userId");
    const { name: roleId } = columnOf(link, "rolesUsers", "roleId");
    const { name: user } = columnOf(this.#user.table, "user", "id");
    const { name: role } = columnOf(this.#role.table, "role", "id");
    return sql` left join ${sql.id(link.name)} as ru on ${sql.id("ru", userId)} = ${sql.id("u", user)} left join ${sql.id(this.#role.table.name)} as r on ${sql.id("r", role)} = ${sql.id("ru", roleId)}`;
  }

  /** The roles of the rows, each once: `roles_users` has no key that would keep a pair from standing there twice. */
  #roles(rows: readonly RawRow[]): Row[] {
    const roles = new Map<unknown, Row>();
    for (const raw of rows) {
      if (this.#role.codec.isAbsent(raw)) continue;
      const role = this.#role.codec.decode(raw);
      roles.set(role.id, role);
    }
    return [...roles.values()];
  }
}

function joined(schema: Schema, tableName: string, prefix: string): Joined {
  const table = tableOf(schema, tableName);
  const columns = Object.values(table.columns).map(
    (column, index) => sql`${sql.id(prefix, column.name)} as ${sql.id(`${prefix}_${index}`)}`,
  );
  const codec = new RowCodec(tableName, table, (_column, index) => `${prefix}_${index}`);
  return { table, columns, codec };
}
