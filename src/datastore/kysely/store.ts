import { type RawBuilder, sql } from "kysely";
import type { Awaitable } from "../../model/awaitable.ts";
import type { Row, Schema } from "../../model/schema.ts";
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
import { empty, migrate, missing } from "./migration.ts";
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
  /** The statement that tells the other processes of a user, when its transaction commits. */
  readonly announce?: (userId: number | undefined) => RawBuilder<unknown>;
  /** For databases that answer without I/O of the event loop. */
  readonly readNow?: ReadNow;
  /** Called once, before the connections are closed. */
  readonly beforeClose?: () => Promise<void>;
}

/** The Datastore over Kysely; `SqlDialect` has what differs from one database to the next. */
export class SqlStore implements Datastore {
  readonly dialect: string;
  readonly bus: InvalidationBus | undefined;
  readonly now?: () => Promise<number>;
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
    try {
      const result = await db.transaction().execute(async (native) => {
        try {
          return await scope.run(async (state) => {
            running = state;
            const operations = new SqlOperations(this.#core, native, (operation) =>
              withinTransaction(state, operation),
            );
            return await work(transactionOf(operations, native, state, this.#parts));
          });
        } catch (error) {
          failed = { error };
          throw error;
        }
      });
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
    return this.#administer((db) => missing(this.#parts.dialect, db, this.#parts.schema));
  }

  isEmpty(): Promise<boolean> {
    return this.#administer((db) => empty(this.#parts.dialect, db, this.#parts.schema));
  }

  async migrate(): Promise<string[]> {
    const { dialect, schema, environment } = this.#parts;
    return await this.#administer(async (db) => {
      const done = await migrate(dialect, db, schema, environment.now);
      if (done.length > 0) {
        await dialect.learn(db);
        this.#core.plans.clear();
        this.#bundles = new BundleReader(this.#core);
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

function transactionOf(
  operations: SqlOperations,
  native: Database,
  { committed }: TransactionState,
  { dialect, announce }: SqlStoreParts,
): Transaction {
  const { claim } = dialect;
  return {
    native,
    committed: (called) => void committed.push(called),
    ...(claim === undefined ? {} : { claim: (text: string) => operations.execute(claim(sql`${text}`)) }),
    ...(announce === undefined
      ? {}
      : { announce: (userId: number | undefined) => operations.execute(announce(userId)) }),
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
