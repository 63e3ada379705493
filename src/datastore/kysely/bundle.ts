import { type CompiledQuery, type RawBuilder, sql } from "kysely";
import { DatastoreError } from "../../model/errors.ts";
import type { Row, Schema, Table } from "../../model/schema.ts";
import { readWhere } from "../conditions.ts";
import type { SessionBundle, Where } from "../contract.ts";
import { columnOf, tableOf } from "../tables.ts";
import { RowCodec } from "./codec.ts";
import { tableId } from "./dialect.ts";
import type { RawRow, SqlCore, SqlOperations } from "./operations.ts";
import { comparisonShape, comparisonValues, whereClause } from "./plans.ts";

/** One table of a join: how its columns are named in the result, and how its rows are read. */
interface Joined {
  readonly table: Table;
  /** The columns as the select lists them. */
  readonly columns: RawBuilder<unknown>[];
  readonly codec: RowCodec;
}

/**
 * The rows of a reading query at once, each as the list of its values; undefined when the connection is not free.
 * Undefined too while the database is locked: whoever gets it asks again the long way.
 */
export type ReadNow = (text: string, parameters: readonly unknown[]) => readonly RawValues[] | undefined;

/** A row as the list of its values, in the order of the select. */
type RawValues = readonly unknown[];

/** How the three tables are read from lists of values, and the text that selects them. */
interface SessionPlan {
  readonly text: string;
  readonly session: RowCodec;
  readonly user: RowCodec;
  readonly role: RowCodec;
}

/** A user with the roles. */
export type UserBundle = Pick<SessionBundle, "roles"> & { readonly user: Row };

/** Reads users with their roles, and sessions with both, by one query each. */
export class BundleReader {
  readonly #core: SqlCore;
  readonly #session: Joined;
  readonly #user: Joined;
  readonly #role: Joined;
  #sessionPlan: SessionPlan | undefined;
  /** The select of a user by a field: the same whatever the value. */
  readonly #userTexts = new Map<string, string>();
  #userCodecs: readonly [RowCodec, RowCodec] | undefined;

  constructor(core: SqlCore) {
    this.#core = core;
    this.#session = joined(core.schema, "session", "s");
    this.#user = joined(core.schema, "user", "u");
    this.#role = joined(core.schema, "role", "r");
  }

  /** The same as `loadSession`, without a promise; undefined when it takes one. */
  loadSessionNow(readNow: ReadNow, idHash: string): { readonly bundle: SessionBundle | undefined } | undefined {
    this.#sessionPlan ??= this.#planSession(idHash);
    const { text, session, user, role } = this.#sessionPlan;
    const rows = readNow(text, [idHash]);
    if (rows === undefined) return undefined;
    const [first] = rows;
    if (first === undefined) return nothing;
    return {
      bundle: {
        session: session.decode(first),
        user: user.isAbsent(first) ? undefined : user.decode(first),
        roles: rolesOf(role, rows),
      },
    };
  }

  #planSession(idHash: string): SessionPlan {
    const { sql: text, parameters } =
      this.#query(this.#session, "session", "idHash", idHash, () => this.#joinUser()) ?? {};
    if (text === undefined || parameters?.length !== 1) throw new DatastoreError("a session is not found by one value");
    const [session, user, role] = listCodecs([
      ["session", this.#session],
      ["user", this.#user],
      ["role", this.#role],
    ]) as [RowCodec, RowCodec, RowCodec];
    return { text, session, user, role };
  }

  /** The same as `loadUser`, without a promise; undefined when it takes one. */
  loadUserNow(
    readNow: ReadNow,
    field: string,
    value: string | number,
  ): { readonly bundle: UserBundle | undefined } | undefined {
    const comparisons = readWhere("user", this.#user.table, { [field]: value });
    if (comparisons === undefined) return nothing;
    let text = this.#userTexts.get(field);
    if (text === undefined) {
      text = this.#query(this.#user, "user", field, value, () => sql``)?.sql ?? "";
      this.#userTexts.set(field, text);
    }
    const rows = readNow(text, comparisonValues(this.#core.dialect, comparisons));
    if (rows === undefined) return undefined;
    const [first] = rows;
    if (first === undefined) return nothing;
    const [user, role] = this.#listedUserCodecs();
    return { bundle: { user: user.decode(first), roles: rolesOf(role, rows) } };
  }

  #listedUserCodecs(): readonly [RowCodec, RowCodec] {
    this.#userCodecs ??= listCodecs([
      ["user", this.#user],
      ["role", this.#role],
    ]) as [RowCodec, RowCodec];
    return this.#userCodecs;
  }

  /** The same as `loadUsers`, without a promise; undefined when it takes one. */
  loadUsersNow(readNow: ReadNow, any: readonly Where[]): readonly UserBundle[] | undefined {
    const query = this.#usersQuery(any);
    if (query === undefined) return [];
    const rows = readNow(query.sql, query.parameters);
    if (rows === undefined) return undefined;
    const [user, role] = this.#listedUserCodecs();
    return bundlesOf(user, role, rows);
  }

  async loadUsers(operations: SqlOperations, any: readonly Where[]): Promise<readonly UserBundle[]> {
    const query = this.#usersQuery(any);
    if (query === undefined) return [];
    const { rows } = await operations.run("user", query);
    return bundlesOf(this.#user.codec, this.#role.codec, rows as RawRow[]);
  }

  async loadSession(operations: SqlOperations, idHash: string): Promise<SessionBundle | undefined> {
    const rows = await this.#load(operations, this.#session, "session", "idHash", idHash, () => this.#joinUser());
    const [first] = rows;
    if (first === undefined) return undefined;
    return {
      session: this.#session.codec.decode(first),
      user: this.#user.codec.isAbsent(first) ? undefined : this.#user.codec.decode(first),
      roles: rolesOf(this.#role.codec, rows),
    };
  }

  async loadUser(operations: SqlOperations, field: string, value: string | number): Promise<UserBundle | undefined> {
    const rows = await this.#load(operations, this.#user, "user", field, value, () => sql``);
    const [first] = rows;
    if (first === undefined) return undefined;
    return { user: this.#user.codec.decode(first), roles: rolesOf(this.#role.codec, rows) };
  }

  async #load(
    operations: SqlOperations,
    from: Joined,
    tableName: string,
    field: string,
    value: string | number,
    joinUser: () => RawBuilder<unknown>,
  ): Promise<readonly RawRow[]> {
    const query = this.#query(from, tableName, field, value, joinUser);
    return query === undefined ? [] : ((await operations.run(tableName, query)).rows as RawRow[]);
  }

  /** Undefined when no row can have that value. */
  #query(
    from: Joined,
    tableName: string,
    field: string,
    value: string | number,
    joinUser: () => RawBuilder<unknown>,
  ): CompiledQuery | undefined {
    const { dialect, plans } = this.#core;
    const comparisons = readWhere(tableName, from.table, { [field]: value });
    if (comparisons === undefined) return undefined;
    const shape = `bundle\n${tableName}\n${comparisonShape(comparisons)}`;
    return plans.query(shape, comparisonValues(dialect, comparisons), (slots) => {
      const tables = from === this.#user ? [this.#user, this.#role] : [from, this.#user, this.#role];
      const columns = sql.join(tables.flatMap((table) => table.columns));
      const alias = sql.raw(from === this.#user ? "u" : "s");
      // The condition is on one table alone, so it stands in a derived table and needs no prefixes.
      const where = whereClause(dialect, from.table.name, comparisons, slots);
      const narrowed = sql`(select * from ${tableId(dialect, from.table)}${where}) as ${alias}`;
      return sql`select ${columns} from ${narrowed}${joinUser()}${this.#joinRoles()}`;
    });
  }

  /** Undefined when no row can match. Each condition has a select of its own: `or` keeps some databases from using its index. */
  #usersQuery(any: readonly Where[]): CompiledQuery | undefined {
    const { dialect, plans } = this.#core;
    const { table } = this.#user;
    const alternatives = any.map((where) => readWhere("user", table, where)).filter((it) => it !== undefined);
    if (alternatives.length === 0) return undefined;
    const shape = `users\n${alternatives.map(comparisonShape).join("\nor\n")}`;
    const values = alternatives.flatMap((comparisons) => comparisonValues(dialect, comparisons));
    return plans.query(shape, values, (slots) => {
      const selects = alternatives.map(
        (comparisons) =>
          sql`select * from ${tableId(dialect, table)}${whereClause(dialect, table.name, comparisons, slots)}`,
      );
      const columns = sql.join([...this.#user.columns, ...this.#role.columns]);
      return sql`select ${columns} from (${sql.join(selects, sql` union all `)}) as u${this.#joinRoles()}`;
    });
  }

  #joinUser(): RawBuilder<unknown> {
    const { name: userId } = columnOf(this.#session.table, "session", "userId");
    const { name: id } = columnOf(this.#user.table, "user", "id");
    return sql` left join ${tableId(this.#core.dialect, this.#user.table)} as u on ${sql.id("u", id)} = ${sql.id("s", userId)}`;
  }

  #joinRoles(): RawBuilder<unknown> {
    const { schema } = this.#core;
    const link = tableOf(schema, "rolesUsers");
    const { name: userId } = columnOf(link, "rolesUsers", "userId");
    const { name: roleId } = columnOf(link, "rolesUsers", "roleId");
    const { name: user } = columnOf(this.#user.table, "user", "id");
    const { name: role } = columnOf(this.#role.table, "role", "id");
    return sql` left join ${tableId(this.#core.dialect, link)} as ru on ${sql.id("ru", userId)} = ${sql.id("u", user)} left join ${tableId(this.#core.dialect, this.#role.table)} as r on ${sql.id("r", role)} = ${sql.id("ru", roleId)}`;
  }
}

const nothing = Object.freeze({ bundle: undefined });

/** How the tables of a join are read from lists of values, one table's columns after the other's. */
function listCodecs(tables: readonly (readonly [name: string, from: Joined])[]): RowCodec[] {
  let before = 0;
  return tables.map(([name, { table, columns }]) => {
    const begin = before;
    before += columns.length;
    return new RowCodec(name, table, (_column, at) => begin + at);
  });
}

/** The rows of a join by their user, in the order in which users come first. */
function bundlesOf(user: RowCodec, role: RowCodec, rows: readonly (RawRow | RawValues)[]): UserBundle[] {
  const byUser = new Map<unknown, { readonly user: Row; readonly rows: (RawRow | RawValues)[] }>();
  for (const raw of rows) {
    const decoded = user.decode(raw);
    const known = byUser.get(decoded.id);
    if (known === undefined) byUser.set(decoded.id, { user: decoded, rows: [raw] });
    else known.rows.push(raw);
  }
  return [...byUser.values()].map((it) => ({ user: it.user, roles: rolesOf(role, it.rows) }));
}

/** The roles of the rows, each once: `roles_users` has no key that would keep a pair from standing there twice. */
function rolesOf(codec: RowCodec, rows: readonly (RawRow | RawValues)[]): Row[] {
  const roles: Row[] = [];
  for (const raw of rows) {
    if (codec.isAbsent(raw)) continue;
    const role = codec.decode(raw);
    if (!roles.some(({ id }) => id === role.id)) roles.push(role);
  }
  return roles;
}

function joined(schema: Schema, tableName: string, prefix: string): Joined {
  const table = tableOf(schema, tableName);
  const columns = Object.values(table.columns).map(
    (column, index) => sql`${sql.id(prefix, column.name)} as ${sql.id(`${prefix}_${index}`)}`,
  );
  const codec = new RowCodec(tableName, table, (_column, index) => `${prefix}_${index}`);
  return { table, columns, codec };
}
