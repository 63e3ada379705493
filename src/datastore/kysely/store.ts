import { type RawBuilder, sql } from "kysely";
import type { Awaitable } from "../../model/awaitable.ts";
import type { Row, Schema } from "../../model/schema.ts";
import type { Change } from "../changes/log.ts";
import type {
  Datastore,
  DatastoreEnvironment,
  FindOptions,
  InvalidationBus,
  SessionBundle,
  Transaction,
  Where,
} from "../contract.ts";
import { type TransactionScope, type TransactionState, withinTransaction } from "../transaction-scope.ts";
import { BundleReader, type ReadNow, type UserBundle } from "./bundle.ts";
import type { Database, SqlDialect } from "./dialect.ts";
import { translated } from "./errors.ts";
import { empty, migrate, missing, unfitLines } from "./migration.ts";
import { type SqlCore, SqlOperations } from "./operations.ts";
import { Plans } from "./plans.ts";

/** What a store of one database is made of. */
export interface SqlStoreParts {
  readonly db: Database;
  readonly dialect: SqlDialect;
  readonly schema: Schema;
  readonly environment: DatastoreEnvironment;
  readonly bus: InvalidationBus | undefined;
  readonly scope: TransactionScope;
  /** How changes are announced to other processes with their transaction. */
  readonly announcer?: Announcer;
  /** For databases that answer without I/O of the event loop. */
  readonly readNow?: ReadNow;
  /** The same database without limits of time, for what takes long; left out: there are none. */
  readonly slow?: Database;
  /** Called when a migration has changed something. */
  readonly afterMigration?: () => Promise<void>;
  /** Removes what the store keeps for itself and does not need any more. */
  readonly purge?: () => Promise<void>;
  /** Called once, before the connections are closed. */
  readonly beforeClose?: () => Promise<void>;
}

/** Writes changes down with what they tell of. */
export interface Announcer {
  begin(userId: number | undefined): Change;
  /** The statement that writes it down; its place is what is later waited for. */
  statement(change: Change): RawBuilder<{ readonly place: string }>;
  /** Its transaction has committed. */
  committed(change: Change, place: string): void;
}

/** A change that a transaction has announced. */
interface Announced {
  readonly change: Change;
  readonly place: string;
}

/** The Datastore over Kysely; `SqlDialect` has what differs from one database to the next. */
export class SqlStore implements Datastore {
  readonly dialect: string;
  readonly bus: InvalidationBus | undefined;
  readonly now?: () => Promise<number>;
  readonly purge?: () => Promise<void>;
  readonly remove?: (table: string, where: Where) => Promise<number>;
  readonly #parts: SqlStoreParts;
  readonly #core: SqlCore;
  readonly #operations: SqlOperations;
  #bundles: BundleReader;
  #closing: Promise<void> | undefined;

  constructor(parts: SqlStoreParts) {
    this.#parts = parts;
    this.dialect = parts.dialect.name;
    this.bus = parts.bus;
    this.#core = {
      schema: parts.schema,
      dialect: parts.dialect,
      plans: new Plans(parts.db),
      now: parts.environment.now,
    };
    this.#operations = new SqlOperations(this.#core, parts.db, async (operation) => {
      parts.scope.refuseInside();
      return await operation();
    });
    this.#bundles = new BundleReader(this.#core);
    if (parts.dialect.clock !== undefined) this.now = () => this.#clock();
    const { purge, slow } = parts;
    if (slow !== undefined) {
      const unlimited = new SqlOperations(this.#core, slow, async (operation) => {
        parts.scope.refuseInside();
        return await operation();
      });
      this.remove = (table, where) => unlimited.delete(table, where);
    }
    if (purge !== undefined) this.purge = () => this.#administer(purge);
  }

  insert(table: string, row: Row): Promise<number | undefined> {
    return this.#operations.insert(table, row);
  }

  insertAll(table: string, rows: readonly Row[]): Promise<void> {
    return this.#operations.insertAll(table, rows);
  }

  insertIf(
    table: string,
    row: Row,
    holder: string,
    where: Where,
  ): Promise<{ readonly id: number | undefined } | undefined> {
    return this.#operations.insertIf(table, row, holder, where);
  }

  find(table: string, where: Where, options?: FindOptions): Promise<Row[]> {
    return this.#operations.find(table, where, options);
  }

  findOne(table: string, where: Where): Promise<Row | undefined> {
    return this.#operations.findOne(table, where);
  }

  update(table: string, where: Where, set: Row): Promise<number> {
    return this.#operations.update(table, where, set);
  }

  delete(table: string, where: Where): Promise<number> {
    return this.#operations.delete(table, where);
  }

  count(table: string, where: Where, atMost?: number): Promise<number> {
    return this.#operations.count(table, where, atMost);
  }

  loadSession(idHash: string): Awaitable<SessionBundle | undefined> {
    const { readNow, scope, dialect, schema } = this.#parts;
    if (readNow !== undefined && !scope.inside) {
      try {
        const found = this.#bundles.loadSessionNow(readNow, idHash);
        if (found !== undefined) return found.bundle;
      } catch (error) {
        return Promise.reject(translated(dialect, schema, "session", error));
      }
    }
    return this.#loadSession(idHash);
  }

  async #loadSession(idHash: string): Promise<SessionBundle | undefined> {
    this.#parts.scope.refuseInside();
    return await this.#bundles.loadSession(this.#operations, idHash);
  }

  loadUser(field: string, value: string | number): Awaitable<UserBundle | undefined> {
    const { readNow, scope, dialect, schema } = this.#parts;
    if (readNow !== undefined && !scope.inside) {
      try {
        const found = this.#bundles.loadUserNow(readNow, field, value);
        if (found !== undefined) return found.bundle;
      } catch (error) {
        return Promise.reject(translated(dialect, schema, "user", error));
      }
    }
    return this.#loadUser(field, value);
  }

  async #loadUser(field: string, value: string | number): Promise<UserBundle | undefined> {
    this.#parts.scope.refuseInside();
    return await this.#bundles.loadUser(this.#operations, field, value);
  }

  loadUsers(any: readonly Where[]): Awaitable<readonly UserBundle[]> {
    const { readNow, scope, dialect, schema } = this.#parts;
    if (readNow !== undefined && !scope.inside) {
      try {
        const found = this.#bundles.loadUsersNow(readNow, any);
        if (found !== undefined) return found;
      } catch (error) {
        return Promise.reject(translated(dialect, schema, "user", error));
      }
    }
    return this.#loadUsers(any);
  }

  async #loadUsers(any: readonly Where[]): Promise<readonly UserBundle[]> {
    this.#parts.scope.refuseInside();
    return await this.#bundles.loadUsers(this.#operations, any);
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { db, dialect, schema, scope } = this.#parts;
    scope.refuseInside();
    let failed: { readonly error: unknown } | undefined;
    let running: TransactionState | undefined;
    const announced: Announced[] = [];
    try {
      const result = await db.transaction().execute(async (native) => {
        try {
          return await scope.run(async (state) => {
            running = state;
            const operations = new SqlOperations(this.#core, native, (operation) =>
              withinTransaction(state, operation),
            );
            return await work(transactionOf(operations, native, { state, parts: this.#parts, announced }));
          });
        } catch (error) {
          failed = { error };
          throw error;
        }
      });
      for (const { change, place } of announced) this.#parts.announcer?.committed(change, place);
      for (const called of running?.committed ?? []) called();
      return result;
    } catch (error) {
      // Also when the commit has failed.
      if (running !== undefined) running.undone = true;
      // What `work` threw goes to the caller as it is, even when the rollback failed as well.
      if (failed !== undefined) throw failed.error;
      throw translated(dialect, schema, undefined, error);
    }
  }

  async #clock(): Promise<number> {
    return await this.#administer(async (db) => {
      const { rows } = await sql<{ at: unknown }>`select ${this.#parts.dialect.clock ?? sql`null`} as at`.execute(db);
      return Number(rows[0]?.at);
    });
  }

  check(): Promise<string[]> {
    return this.#administer(() => missing(this.#parts.dialect, this.#slow, this.#parts.schema));
  }

  unfit(): Promise<string[]> {
    return this.#administer((db) => unfitLines(this.#parts.dialect, db, this.#parts.schema));
  }

  isEmpty(): Promise<boolean> {
    return this.#administer(() => empty(this.#parts.dialect, this.#slow, this.#parts.schema));
  }

  async migrate(): Promise<string[]> {
    const { dialect, schema, environment } = this.#parts;
    return await this.#administer(async () => {
      const done = await migrate(dialect, this.#slow, schema, environment.now);
      if (done.length > 0) {
        await dialect.learn(this.#slow);
        this.#core.plans.clear();
        this.#bundles = new BundleReader(this.#core);
        await this.#parts.afterMigration?.();
      }
      return [...done];
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#administer(async (db) => {
      await this.#parts.beforeClose?.();
      await db.destroy();
    });
    return this.#closing;
  }

  get #slow(): Database {
    return this.#parts.slow ?? this.#parts.db;
  }

  async #administer<T>(work: (db: Database) => Promise<T>): Promise<T> {
    const { db, dialect, schema, scope } = this.#parts;
    scope.refuseInside();
    try {
      return await work(db);
    } catch (error) {
      throw translated(dialect, schema, undefined, error);
    }
  }
}

/** What a running transaction is part of. */
interface TransactionParts {
  readonly state: TransactionState;
  readonly parts: SqlStoreParts;
  /** What it has announced, with the places. */
  readonly announced: Announced[];
}

function transactionOf(
  operations: SqlOperations,
  native: Database,
  { state, parts: { dialect, announcer }, announced }: TransactionParts,
): Transaction {
  const { claim } = dialect;
  const announce = async (by: Announcer, userId: number | undefined): Promise<void> => {
    // One transaction tells of a user once.
    if (announced.some(({ change }) => change.userId === userId)) return;
    const change = by.begin(userId);
    const [row] = await operations.execute(by.statement(change));
    if (row !== undefined) announced.push({ change, place: row.place });
  };
  return {
    native,
    committed: (called) => void state.committed.push(called),
    ...(claim === undefined
      ? {}
      : { claim: async (text: string) => void (await operations.execute(claim(sql`${text}`))) }),
    ...(announcer === undefined ? {} : { announce: (userId: number | undefined) => announce(announcer, userId) }),
    insert: (table, row) => operations.insert(table, row),
    insertAll: (table, rows) => operations.insertAll(table, rows),
    insertIf: (table, row, holder, where) => operations.insertIf(table, row, holder, where),
    find: (table, where, options) => operations.find(table, where, options),
    findOne: (table, where) => operations.findOne(table, where),
    update: (table, where, set) => operations.update(table, where, set),
    delete: (table, where) => operations.delete(table, where),
    count: (table, where, atMost) => operations.count(table, where, atMost),
  };
}
