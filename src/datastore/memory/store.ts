import { DatastoreError, UniqueConflictError } from "../../model/errors.ts";
import type { Row, Schema, Table } from "../../model/schema.ts";
import { readBound, readOptions, readWhere } from "../conditions.ts";
import type {
  Datastore,
  FindOptions,
  InvalidationBus,
  Operations,
  SessionBundle,
  Transaction,
  Where,
} from "../contract.ts";
import { localBus } from "../listeners.ts";
import { generatedKey, tableOf } from "../tables.ts";
import { TransactionScope, type TransactionState, withinTransaction } from "../transaction-scope.ts";
import { changes, completeRow } from "../values.ts";
import { arranged, copied, firstOnes, matches, same } from "./rows.ts";
import { TakenValues } from "./unique.ts";

/** The rows of one table. Stored rows are never changed, only replaced: a copy of the list is a snapshot. */
interface Content {
  rows: Row[];
  nextKey: number;
  /** What is taken in this very list; one of another list, of before a change or a rollback, says nothing. */
  unique?: { readonly rows: readonly Row[]; readonly taken: TakenValues };
}

/** The whole content; its tables come into being by `migrate()`. */
type Contents = Map<string, Content>;

/** The Datastore in memory. Everything waits for a running transaction, as on SQLite's one connection. */
export class MemoryStore implements Datastore {
  readonly dialect = "memory" as const;
  readonly bus: InvalidationBus = localBus();
  readonly #schema: Schema;
  readonly #now: () => number;
  readonly #scope = new TransactionScope();
  #contents: Contents = new Map();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(schema: Schema, now: () => number) {
    this.#schema = schema;
    this.#now = now;
  }

  insert(table: string, row: Row): Promise<number | undefined> {
    return this.#alone(() => this.#operations().insert(table, row));
  }

  insertIf(
    table: string,
    row: Row,
    holder: string,
    where: Where,
  ): Promise<{ readonly id: number | undefined } | undefined> {
    return this.#alone(() => this.#operations().insertIf(table, row, holder, where));
  }

  find(table: string, where: Where, options?: FindOptions): Promise<Row[]> {
    return this.#alone(() => this.#operations().find(table, where, options));
  }

  findOne(table: string, where: Where): Promise<Row | undefined> {
    return this.#alone(() => this.#operations().findOne(table, where));
  }

  update(table: string, where: Where, set: Row): Promise<number> {
    return this.#alone(() => this.#operations().update(table, where, set));
  }

  delete(table: string, where: Where): Promise<number> {
    return this.#alone(() => this.#operations().delete(table, where));
  }

  count(table: string, where: Where, atMost?: number): Promise<number> {
    return this.#alone(() => this.#operations().count(table, where, atMost));
  }

  loadSession(idHash: string): Promise<SessionBundle | undefined> {
    return this.#alone(async () => {
      const operations = this.#operations();
      const session = await operations.findOne("session", { idHash });
      if (session === undefined) return undefined;
      const userId = session.userId;
      const user = typeof userId === "number" ? await operations.findOne("user", { id: userId }) : undefined;
      return { session, user, roles: user === undefined ? [] : await this.#rolesOf(operations, user) };
    });
  }

  loadUser(field: string, value: string | number): Promise<{ user: Row; roles: readonly Row[] } | undefined> {
    return this.#alone(async () => {
      const operations = this.#operations();
      const user = await operations.findOne("user", { [field]: value });
      return user === undefined ? undefined : { user, roles: await this.#rolesOf(operations, user) };
    });
  }

  loadUsers(any: readonly Where[]): Promise<readonly { user: Row; roles: readonly Row[] }[]> {
    return this.#alone(async () => {
      const operations = this.#operations();
      const found = new Map<unknown, Row>();
      for (const where of any) for (const user of await operations.find("user", where)) found.set(user.id, user);
      const bundles: { user: Row; roles: readonly Row[] }[] = [];
      for (const user of found.values()) bundles.push({ user, roles: await this.#rolesOf(operations, user) });
      return bundles;
    });
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#alone(async () => {
      const before: Contents = new Map(
        [...this.#contents].map(([name, content]) => [name, { ...content, rows: [...content.rows] }]),
      );
      let committed: TransactionState["committed"] = [];
      try {
        const result = await this.#scope.run(async (state) => {
          ({ committed } = state);
          const inside = this.#operations();
          return await work({
            native: undefined,
            committed: (called) => void state.committed.push(called),
            insert: (table, row) => withinTransaction(state, () => inside.insert(table, row)),
            insertIf: (table, row, holder, where) =>
              withinTransaction(state, () => inside.insertIf(table, row, holder, where)),
            find: (table, where, options) => withinTransaction(state, () => inside.find(table, where, options)),
            findOne: (table, where) => withinTransaction(state, () => inside.findOne(table, where)),
            update: (table, where, set) => withinTransaction(state, () => inside.update(table, where, set)),
            delete: (table, where) => withinTransaction(state, () => inside.delete(table, where)),
            count: (table, where, atMost) => withinTransaction(state, () => inside.count(table, where, atMost)),
          });
        });
        for (const called of committed) called();
        return result;
      } catch (error) {
        // Whoever has seen a number that is rolled back still knows it: no other row gets it.
        for (const [name, content] of before) content.nextKey = this.#contents.get(name)?.nextKey ?? content.nextKey;
        this.#contents = before;
        throw error;
      }
    });
  }

  check(): Promise<string[]> {
    return this.#alone(async () =>
      Object.entries(this.#schema)
        .filter(([logical]) => !this.#contents.has(logical))
        .map(([, table]) => `table "${table.name}" is missing`),
    );
  }

  isEmpty(): Promise<boolean> {
    return this.#alone(async () => this.#contents.size === 0);
  }

  migrate(): Promise<string[]> {
    return this.#alone(async () => {
      const done: string[] = [];
      for (const [logical, table] of Object.entries(this.#schema)) {
        if (this.#contents.has(logical)) continue;
        this.#contents.set(logical, { rows: [], nextKey: 1 });
        done.push(`create table "${table.name}"`);
      }
      return done;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#contents = new Map();
  }

  async #rolesOf(operations: Operations, user: Row): Promise<Row[]> {
    const userId = user.id;
    if (typeof userId !== "number") return [];
    const links = await operations.find("rolesUsers", { userId });
    const ids = links.map((link) => link.roleId).filter((id) => typeof id === "number");
    return await operations.find("role", { id: { in: ids } });
  }

  /** Runs when all that was asked before has ended. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    try {
      this.#scope.refuseInside();
    } catch (error) {
      return Promise.reject(error);
    }
    const run = this.#last.then(() => {
      if (this.#closed) throw new DatastoreError("the store is closed");
      return work();
    });
    this.#last = run.catch(() => {});
    return run;
  }

  #operations(): MemoryOperations {
    return new MemoryOperations(this.#schema, this.#contents, this.#now);
  }
}

/** The operations on one state of the contents. */
class MemoryOperations implements Operations {
  readonly #schema: Schema;
  readonly #contents: Contents;
  readonly #now: () => number;

  constructor(schema: Schema, contents: Contents, now: () => number) {
    this.#schema = schema;
    this.#contents = contents;
    this.#now = now;
  }

  async insert(table: string, row: Row): Promise<number | undefined> {
    const target = tableOf(this.#schema, table);
    const values = Object.fromEntries(completeRow(table, target, row, this.#now));
    const content = this.#content(table, target);
    const key = generatedKey(target);
    if (key !== undefined && values[key] === undefined) {
      values[key] = content.nextKey;
      content.nextKey += 1;
    }
    const { rows } = content;
    if (content.unique?.rows !== rows) content.unique = { rows, taken: new TakenValues(target, rows) };
    const conflict = content.unique.taken.conflict(values);
    if (conflict !== undefined) throw new UniqueConflictError(table, conflict);
    this.#checkReferences(table, target, values);
    rows.push(values);
    content.unique.taken.add(values);
    if (key === undefined) return undefined;
    const made = values[key] as number;
    content.nextKey = Math.max(content.nextKey, made + 1);
    return made;
  }

  async insertIf(
    table: string,
    row: Row,
    holder: string,
    where: Where,
  ): Promise<{ readonly id: number | undefined } | undefined> {
    if ((await this.count(holder, where)) === 0) return undefined;
    return { id: await this.insert(table, row) };
  }

  async find(table: string, where: Where, options?: FindOptions): Promise<Row[]> {
    const target = tableOf(this.#schema, table);
    const read = readOptions(table, target, options);
    const matching = this.#matching(table, target, where);
    const rows =
      read.first === undefined ? matching : firstOnes(matching, this.#content(table, target).rows, read.first);
    return arranged(rows, read).map((row) => copied(target.columns, row));
  }

  async findOne(table: string, where: Where): Promise<Row | undefined> {
    return (await this.find(table, where, { limit: 1 }))[0];
  }

  async update(table: string, where: Where, set: Row): Promise<number> {
    const target = tableOf(this.#schema, table);
    const values = Object.fromEntries(changes(table, target, set));
    const matching = new Set(this.#matching(table, target, where));
    if (matching.size === 0) return 0;
    const content = this.#content(table, target);
    const result = [...content.rows];
    for (const [index, row] of content.rows.entries()) {
      if (!matching.has(row)) continue;
      const changed = { ...row, ...values };
      const others = result.filter((_, other) => other !== index);
      this.#checkUnique(table, target, changed, others, Object.keys(values));
      this.#checkReferences(table, target, changed);
      result[index] = changed;
    }
    content.rows = result;
    return matching.size;
  }

  async delete(table: string, where: Where): Promise<number> {
    const target = tableOf(this.#schema, table);
    const doomed = new Map<string, Set<Row>>();
    const matching = this.#matching(table, target, where);
    this.#doom(table, matching, doomed);
    this.#checkOrphans(doomed);
    for (const [logical, rows] of doomed) {
      const content = this.#content(logical, tableOf(this.#schema, logical));
      content.rows = content.rows.filter((row) => !rows.has(row));
    }
    return matching.length;
  }

  async count(table: string, where: Where, atMost?: number): Promise<number> {
    const found = this.#matching(table, tableOf(this.#schema, table), where).length;
    return Math.min(found, readBound(table, atMost) ?? found);
  }

  #content(logical: string, table: Table): Content {
    const content = this.#contents.get(logical);
    if (content === undefined) throw new DatastoreError(`memory failed on "${logical}": no such table: ${table.name}`);
    return content;
  }

  #matching(table: string, target: Table, where: Where): Row[] {
    const comparisons = readWhere(table, target, where);
    const { rows } = this.#content(table, target);
    return comparisons === undefined ? [] : rows.filter((row) => matches(row, comparisons));
  }

  #checkUnique(table: string, target: Table, row: Row, others: readonly Row[], fields: readonly string[]): void {
    const conflict = (keys: readonly string[]): boolean =>
      keys.every((key) => row[key] !== null) && others.some((it) => keys.every((key) => same(it[key], row[key])));
    const { primaryKey } = target;
    if (primaryKey.length > 0 && conflict(primaryKey)) throw new UniqueConflictError(table, primaryKey[0]);
    for (const field of fields) {
      if (target.columns[field]?.unique === true && conflict([field])) throw new UniqueConflictError(table, field);
    }
  }

  #checkReferences(table: string, target: Table, row: Row): void {
    for (const [field, column] of Object.entries(target.columns)) {
      const to = column.references;
      if (to === undefined || row[field] === null) continue;
      const there = this.#content(to.table, tableOf(this.#schema, to.table)).rows;
      if (!there.some((it) => same(it[to.column], row[field]))) {
        throw new DatastoreError(`memory failed on "${table}": ${field} refers to a ${to.table} that does not exist`);
      }
    }
  }

  /** Collects the rows and, by `onDelete: "cascade"`, those that hang on them. */
  #doom(table: string, rows: readonly Row[], doomed: Map<string, Set<Row>>): void {
    const gone = doomed.get(table) ?? new Set<Row>();
    doomed.set(table, gone);
    const fresh = rows.filter((row) => !gone.has(row));
    for (const row of fresh) gone.add(row);
    if (fresh.length === 0) return;
    for (const { logical, field, column, cascade } of this.#referrers(table)) {
      if (!cascade) continue;
      const hanging = this.#content(logical, tableOf(this.#schema, logical)).rows.filter(
        (it) => it[field] !== null && fresh.some((row) => same(row[column], it[field])),
      );
      this.#doom(logical, hanging, doomed);
    }
  }

  #checkOrphans(doomed: ReadonlyMap<string, ReadonlySet<Row>>): void {
    for (const [table, gone] of doomed) {
      for (const { logical, field, column } of this.#referrers(table)) {
        const left = this.#content(logical, tableOf(this.#schema, logical)).rows.filter(
          (row) => row[field] !== null && doomed.get(logical)?.has(row) !== true,
        );
        if (left.some((row) => [...gone].some((it) => same(it[column], row[field])))) {
          throw new DatastoreError(`memory failed on "${table}": rows of "${logical}" refer to it`);
        }
      }
    }
  }

  #referrers(table: string): { logical: string; field: string; column: string; cascade: boolean }[] {
    return Object.entries(this.#schema).flatMap(([logical, it]) =>
      this.#contents.has(logical)
        ? Object.entries(it.columns).flatMap(([field, { references }]) =>
            references?.table === table
              ? [{ logical, field, column: references.column, cascade: references.onDelete === "cascade" }]
              : [],
          )
        : [],
    );
  }
}
