import type { Awaitable } from "../model/awaitable.ts";
import type { Row, Schema } from "../model/schema.ts";

/** A condition on one field: a value (equality; null means "is null"), or an operator. */
export type Condition =
  | string
  | number
  | boolean
  | null
  | Date
  | Uint8Array
  | { readonly in: readonly (string | number)[] }
  /** The complement of equality: a row whose field is null differs from every value. */
  | { readonly not: string | number | boolean | null }
  | { readonly lt: number | string | Date }
  | { readonly lte: number | string | Date }
  | { readonly gt: number | string | Date }
  | { readonly gte: number | string | Date }
  /** Equal without regard to case, as `lower()` of the database sees it; the domain layer compares again in JavaScript. */
  | { readonly equalsIgnoringCase: string }
  /** Equal to one of these in that way. */
  | { readonly inIgnoringCase: readonly string[] }
  /**
   * Begins so, without regard to case, and lies between two texts (both included) in the order of `ignoreCase`: for pages of a
   * search, by the index of an `ignoreCase` column.
   */
  | { readonly startsWith: string; readonly from?: string; readonly upTo?: string };

/** All conditions must hold. */
export type Where = Readonly<Record<string, Condition>>;

/** Order and bound of a `find`. Lists are paged by key (`gt`), never by offset. */
export interface FindOptions {
  readonly orderBy?: readonly {
    readonly field: string;
    readonly direction?: "asc" | "desc";
    /** Text in the order that `startsWith` pages go by. */
    readonly ignoreCase?: boolean;
  }[];
  readonly limit?: number;
  /**
   * Only the first row, by `by`, of those that have the same value in `of`: what stands behind another one is left out, whatever
   * the conditions say of that other one.
   */
  readonly first?: { readonly of: string; readonly by: string };
  /**
   * In a transaction: the rows are held until its end, and those that another transaction holds are left out. Stores whose writing
   * transactions wait for each other need do nothing for it.
   */
  readonly skipHeld?: boolean;
}

/** The operations on rows, the same inside and outside of a transaction. Tables and fields go by their logical names. */
export interface Operations {
  /**
   * Inserts one row. Returns its integer id when the table's key is made by the database, else undefined. Throws UniqueConflictError,
   * MissingReferenceError where it refers to a row that is not there.
   */
  insert(table: string, row: Row): Promise<number | undefined>;
  /**
   * Inserts several rows, all with the same fields, where the store can do so at once; else the domain layer inserts each. In
   * a transaction all of them or none. Throws UniqueConflictError.
   */
  insertAll?(table: string, rows: readonly Row[]): Promise<void>;
  /**
   * Inserts one row where one of another table matches, and in a transaction holds that one until its end, all by one
   * statement. Undefined: none matches, and nothing was inserted. Left out where the store cannot do so at once: then the
   * domain layer holds the other row by an update before it inserts.
   */
  insertIf?(
    table: string,
    row: Row,
    holder: string,
    where: Where,
  ): Promise<{ readonly id: number | undefined } | undefined>;
  find(table: string, where: Where, options?: FindOptions): Promise<Row[]>;
  findOne(table: string, where: Where): Promise<Row | undefined>;
  /** Sets the listed fields of all rows that match, and returns how many matched: the compare-and-set of everything single-use. */
  update(table: string, where: Where, set: Row): Promise<number>;
  /** Returns how many rows it deleted. */
  delete(table: string, where: Where): Promise<number>;
  /** With `atMost`, no more than so many rows are looked at. */
  count(table: string, where: Where, atMost?: number): Promise<number>;
}

/** What an account-changing operation may do within one transaction, with the application's own queries beside it. */
export interface Transaction extends Operations {
  /** The store's own handle inside this transaction (a Kysely transaction for the built-in SQL stores; undefined in memory). */
  readonly native: unknown;
  /**
   * Waits until no other transaction that has claimed this text is at work: for what must be looked up before it is written and
   * no unique index sees. Left out where transactions that write wait for each other anyway.
   */
  claim?(text: string): Promise<void>;
  /**
   * Writes down with the change that what hangs on this user (or, with undefined, on anybody) is otherwise from now on: the
   * other processes are told when this commits, also where this one ends before it could tell them. `InvalidationBus.publish`
   * (with `announced`) then waits for them. Left out where each process sees what was committed by itself.
   */
  announce?(userId: number | undefined): Promise<void>;
  /** Calls this once the transaction has committed, and never where it is rolled back. It must not throw and takes no time. */
  committed(work: () => void): void;
}

/** A user with their roles, and a session: what one cold request needs, by one query. */
export interface SessionBundle {
  readonly session: Row;
  readonly user: Row | undefined;
  readonly roles: readonly Row[];
}

/** Tells that something changed elsewhere. See DESIGN: "Sessions are rows". */
export interface InvalidationBus {
  /**
   * Called before each cache read. True: nothing changed elsewhere since the last call that is not already told through `onInvalidate`;
   * false: this process cannot be sure, the caller must read the database.
   */
  current(): boolean;
  /** True: `publish` reaches the other processes. Left out: they learn of what was committed alone. */
  readonly reachesOthers?: boolean;
  /** Whether what other processes tell arrives at once; left out where nothing is listened to. */
  hears?(): boolean;
  /**
   * Tells the other processes that what hangs on this user (or, with undefined, on anybody) changed, and resolves once that
   * counts in all of them. `announced`: the transaction that changed it announced it already (`Transaction.announce`).
   */
  publish(userId: number | undefined, announced?: boolean): Awaitable<void>;
  /** Registers the cache: called with the user whose entries must go, or undefined for all. */
  onInvalidate(listener: (userId: number | undefined) => void): void;
}

/** What an adapter implements. A conformance suite in `portcullis/testing` proves it. */
export interface Datastore extends Operations {
  /** For messages: "sqlite", "postgres" … */
  readonly dialect: string;
  /** Runs `work` in one transaction; rolls back when it throws. Inside, only `tx` may be used. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * The session with its user and roles in one query; no promise where the store can answer at once. Where it is missing,
   * the domain layer makes it of three.
   */
  loadSession?(idHash: string): Awaitable<SessionBundle | undefined>;
  /** The user found by one field with equality, with roles, in one query; no promise where the store can answer at once. */
  loadUser?(field: string, value: string | number): Awaitable<{ user: Row; roles: readonly Row[] } | undefined>;
  /**
   * The users that match one of these conditions, each once and with roles, in one query that uses an index for each condition;
   * no promise where the store can answer at once. Where it is missing, the domain layer asks for one after the other.
   */
  loadUsers?(any: readonly Where[]): Awaitable<readonly { readonly user: Row; readonly roles: readonly Row[] }[]>;
  /** Undefined: no way to learn of changes by other processes, so nothing is served from the cache. */
  readonly bus: InvalidationBus | undefined;
  /** Removes what the store keeps for itself and does not need any more. */
  purge?(): Promise<void>;
  /** `delete` for rows that are over, without the limits of time of requests; left out where there are none. */
  remove?(table: string, where: Where): Promise<number>;
  /** The database server's clock, in epoch milliseconds; left out by stores that have none but this process's. */
  now?(): Promise<number>;
  /** Compares the database with the schema; each string names one missing table or column in words. */
  check(): Promise<string[]>;
  /** Those lines of `check` that `migrate` does not mend, and because of which it changes nothing. Left out: there are none. */
  unfit?(): Promise<string[]>;
  /** True when none of the schema's tables exists. */
  isEmpty(): Promise<boolean>;
  /** Adds what is missing (tables, columns, indexes), under a lock; safe to run in several processes at once. Returns what it did, in words. */
  migrate(): Promise<string[]>;
  close(): Promise<void>;
}

/** What `sqlite("acme.db")` and its like return: opened by `portcullis()` once the schema is known. */
export interface DatastoreProvider {
  readonly dialect: string;
  open(schema: Schema, environment: DatastoreEnvironment): Promise<Datastore>;
}

/** What a store needs from the system. */
export interface DatastoreEnvironment {
  /** Epoch milliseconds; everything that looks at the time goes through this one clock. */
  readonly now: () => number;
  /** For what must not fail a request, such as a lost listening connection. */
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}
