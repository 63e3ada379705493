import type { Datastore, DatastoreEnvironment } from "../../datastore/contract.ts";
import { DatastoreError } from "../../model/errors.ts";
import type { Row, Schema, Table } from "../../model/schema.ts";
import { coreTables, table } from "../../model/tables.ts";

/** What the suite needs of a test runner: vitest and jest have it; for `node:test` give `before` and `after`. */
export interface ConformanceRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
  beforeAll(body: () => Promise<void>): unknown;
  afterAll(body: () => Promise<void>): unknown;
}

/** Opens the store under test. */
export type OpenDatastore = (schema: Schema, environment: DatastoreEnvironment) => Promise<Datastore>;

/** What lets the suite prove more. */
export interface ConformanceExtras {
  /** Opens the database of the given store once more, as another process would. */
  readonly another?: (store: Datastore, schema: Schema, environment: DatastoreEnvironment) => Promise<Datastore>;
  /** Drops a table, or a column of it, by their names in the database. */
  readonly drop?: (store: Datastore, table: string, column?: string) => Promise<void>;
  /**
   * Asks the database how it would find a user by e-mail without regard to case. Resolves to undefined when it is by an
   * index, else to the plan, for the message.
   */
  readonly scanByEmail?: (store: Datastore, email: string) => Promise<string | undefined>;
}

/** The core's tables, and one that has a column of each type. */
export const conformanceSchema: Schema = {
  ...coreTables,
  user: withColumns(coreTables.user, {
    nickname: { type: "string", length: 40, default: "nobody" },
    karma: { type: "integer", nullable: true, index: true },
  }),
  sample: table("conformance_sample", ["id"], {
    id: { type: "id" },
    code: { type: "key", length: 20, unique: true },
    integer: { type: "integer", nullable: true },
    string: { type: "string", length: 30, nullable: true },
    text: { type: "text", nullable: true },
    boolean: { type: "boolean", nullable: true },
    datetime: { type: "datetime", nullable: true },
    date: { type: "date", nullable: true },
    epochMs: { type: "epochMs", nullable: true },
    list: { type: "list", nullable: true },
    json: { type: "json", nullable: true },
    bytes: { type: "bytes", length: 64, nullable: true, unique: true },
    filledDate: { type: "datetime", default: "now" },
    filledFlag: { type: "boolean", default: true },
    filledList: { type: "list", default: "a,b" },
  }),
};

function withColumns(base: Table | undefined, columns: Parameters<typeof table>[2]): Table {
  if (base === undefined) throw new Error("the core has no such table");
  return { ...base, columns: { ...base.columns, ...table("", [], columns).columns } };
}

/** The environment that stores under test get: a clock that stands, and a silent log. */
export const conformanceEnvironment: DatastoreEnvironment = {
  now: () => Date.UTC(2026, 1, 3, 4, 5, 6),
  log: () => {},
};

/** A row of `user` with what must be given. */
export function userRow(name: string, more: Row = {}): Row {
  return { email: `${name}@example.com`, active: true, fsUniquifier: `uniquifier-${name}`, ...more };
}

/** A check for `assert.rejects`: a DatastoreError whose message has the text. */
export function failure(text: string): (error: unknown) => boolean {
  return (error) => error instanceof DatastoreError && error.message.includes(text);
}

/** A session with some content. */
export function sessionRow(idHash: string, userId: number | null): Row {
  const times = { createdAt: 1, lastSeenAt: 2, expiresAt: 3 };
  return { idHash, userId, ...times, methods: ["password"], data: { cart: [1, 2] }, version: 0 };
}

/** A remember credential. */
export function rememberRow(id: string, userId: number): Row {
  const times = { rotatedAt: 1, createdAt: 1, expiresAt: 3 };
  return { id, userId, uniquifier: "u", secretHash: "h", methods: [], ...times };
}

/** A ticket that nobody has consumed. */
export function ticketRow(id: string, userId: number | null): Row {
  return { id, purpose: "reset", userId, secretHash: "h", payload: {}, attemptsLeft: 3, createdAt: 1, expiresAt: 2 };
}
