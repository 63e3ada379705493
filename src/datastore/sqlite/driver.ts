import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { LRUCache } from "lru-cache";
import { microsecondText } from "../kysely/codec.ts";
import type { GivenNumbers } from "./numbers.ts";

/** Kysely's dialect over one `node:sqlite` connection. */
export class NodeSqliteDialect implements Dialect {
  readonly #driver: NodeSqliteDriver;

  constructor(driver: NodeSqliteDriver) {
    this.#driver = driver;
  }

  createDriver(): Driver {
    return this.#driver;
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}

/** SQLite's DDL is transactional; Kysely's adapter does not say so. */
class TransactionalAdapter extends SqliteAdapter {
  /** The driver queues by itself: Kysely's own mutex would wait before the driver can refuse what would wait for ever. */
  override get supportsMultipleConnections(): boolean {
    return true;
  }

  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** What the driver of one file works with. */
export interface NodeSqliteParts {
  readonly db: DatabaseSync;
  /** In milliseconds. */
  readonly lockTimeout: number;
  /** Throws when asked for the connection from where waiting for it would never end. */
  readonly admit: () => void;
  /** A second connection to the same file, which only reads. */
  readonly reader: DatabaseSync | undefined;
  readonly numbers: GivenNumbers;
}

/** All that a transaction does stands behind this point: undone to there, it still has the lock. */
const beginning = "portcullis_beginning";

/** One connection, handed out to one query or transaction at a time, in the order of asking. */
export class NodeSqliteDriver implements Driver {
  readonly #db: DatabaseSync;
  readonly #connection: NodeSqliteConnection;
  readonly #reader: NodeSqliteConnection | undefined;
  readonly #admit: () => void;
  readonly #numbers: GivenNumbers;
  readonly #turn = new Turn();
  #taken = false;
  readonly #waiting: (() => void)[] = [];

  constructor({ db, lockTimeout, admit, reader, numbers }: NodeSqliteParts) {
    this.#db = db;
    this.#connection = new NodeSqliteConnection(db, lockTimeout);
    this.#admit = admit;
    this.#reader = reader && new NodeSqliteConnection(reader, 0);
    this.#numbers = numbers;
  }

  async init(): Promise<void> {}

  /**
   * The rows of a reading query, each as the list of its values, without waiting for anything: reading a local file does
   * no I/O that the event loop could do meanwhile. While a transaction has the connection, a second one reads what was
   * committed before (https://sqlite.org/wal.html 2.2). Undefined when the file has no other connection, is closed or locked.
   */
  readNow(text: string, parameters: readonly unknown[]): readonly (readonly unknown[])[] | undefined {
    if (!this.#db.isOpen) return undefined;
    const values = parameters as SQLInputValue[];
    if (!this.#taken) return this.#connection.readNow(text, values);
    try {
      return this.#reader?.readNow(text, values);
    } catch {
      // The first connection says what is wrong, if it fails too.
      return undefined;
    }
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    this.#admit();
    while (!this.#taken && this.#turn.isLong()) await nextTurn();
    if (this.#taken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#taken = true;
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    const next = this.#waiting.shift();
    // Handed over without becoming free in between, so that nobody overtakes.
    if (next === undefined) this.#taken = false;
    else if (this.#turn.isLong()) setImmediate(next);
    else next();
  }

  /** `immediate`: a transaction that reads first and writes later could not get the write lock when another process has written. */
  async beginTransaction(): Promise<void> {
    await this.#connection.execute(`begin immediate; savepoint ${beginning}`);
    this.#numbers.begin();
    this.#connection.tookBack = false;
  }

  async commitTransaction(): Promise<void> {
    if (this.#connection.tookBack) this.#numbers.note();
    await this.#connection.execute("commit");
  }

  async rollbackTransaction(): Promise<void> {
    // Some errors (a full disk) have rolled back already.
    if (!this.#db.isTransaction) return;
    if (this.#numbers.some) {
      try {
        // The lock is kept meanwhile: no other process gives the same numbers in between.
        await this.#connection.execute(`rollback to ${beginning}`);
        this.#numbers.note();
        await this.#connection.execute("commit");
        return;
      } catch {
        // Nothing can be written, or the table of the numbers was made in this very transaction.
      }
    }
    if (this.#db.isTransaction) await this.#connection.execute("rollback");
  }

  async destroy(): Promise<void> {
    this.#reader?.close();
    this.#connection.close();
  }
}

/** Milliseconds that one turn of the event loop may spend before somebody else gets theirs. */
const longTurn = 0.25;

/**
 * The present turn of the event loop. No query of SQLite's waits for I/O, so a chain of them is one turn, however many `await`
 * stand in it: without a pause nobody else is served until it ends.
 */
class Turn {
  #began: number | undefined;

  /** Called before each use of the connection. */
  isLong(): boolean {
    if (this.#began === undefined) {
      this.#began = performance.now();
      setImmediate(() => {
        this.#began = undefined;
      });
      return false;
    }
    return performance.now() - this.#began > longTurn;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
  readonly takesBack: boolean;
}

class NodeSqliteConnection implements DatabaseConnection {
  /** A statement of the application's own may have undone a part of the transaction, such as to a savepoint. */
  tookBack = false;
  readonly #db: DatabaseSync;
  readonly #lockTimeout: number;
  readonly #statements = new LRUCache<string, Prepared>({ max: 500 });
  readonly #readers = new LRUCache<string, StatementSync>({ max: 10 });

  constructor(db: DatabaseSync, lockTimeout: number) {
    this.#db = db;
    this.#lockTimeout = lockTimeout;
  }

  readNow(text: string, parameters: readonly SQLInputValue[]): readonly (readonly unknown[])[] | undefined {
    let statement = this.#readers.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text);
      // Rows as objects would cost more than finding them.
      statement.setReturnArrays(true);
      this.#readers.set(text, statement);
    }
    try {
      return statement.all(...parameters) as unknown as unknown[][];
    } catch (error) {
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const parameters = query.parameters.map(bound);
    return await whenUnlocked(this.#lockTimeout, () => {
      const { statement, returnsRows, takesBack } = this.#prepare(query.sql);
      if (takesBack) this.tookBack = true;
      if (returnsRows) return { rows: statement.all(...parameters) as R[] };
      const { changes, lastInsertRowid } = statement.run(...parameters);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    });
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    // A statement of its own: a cached one may be run again before this is read to its end.
    const statement = this.#db.prepare(query.sql);
    for (const row of statement.iterate(...query.parameters.map(bound))) yield { rows: [row as R] };
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  async execute(command: string): Promise<void> {
    await whenUnlocked(this.#lockTimeout, () => this.#db.exec(command));
  }

  #prepare(text: string): Prepared {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(text);
    const prepared = { statement, returnsRows: statement.columns().length > 0, takesBack: /\brollback\b/i.test(text) };
    this.#statements.set(text, prepared);
    return prepared;
  }
}

/**
 * Tries until no other connection holds the lock. SQLite's own busy timeout would stop the whole event loop meanwhile, and
 * with it another connection of this process that may hold that lock.
 */
export async function whenUnlocked<T>(timeout: number, attempt: () => T): Promise<T> {
  const deadline = performance.now() + timeout;
  for (let pause = 1; ; pause = Math.min(pause * 2, 25)) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
  }
}

/** SQLITE_BUSY (5) and its extended codes. */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error && "errcode" in error && typeof error.errcode === "number" && (error.errcode & 255) === 5
  );
}

function bound(value: unknown): SQLInputValue {
  if (value === undefined) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Date) return microsecondText(value);
  return value as SQLInputValue;
}
