/**
 * What a sign-in asks of the database, counted at the driver: begin and commit are counted, and what follows the answer. Not
 * counted is the trail, which stores entries of many requests at once. A change that makes a sign-in dearer shows here.
 */
import { DatabaseSync, StatementSync } from "node:sqlite";
import pg from "pg";
import { type DatastoreProvider, outbox, portcullis } from "portcullis";
import { type Feature, notices, passwords, recovery, refresh, tracking, unlock } from "portcullis/features";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";

const origin = "http://localhost:3000";
const email = "ann@acme.example";
const password = "battery staple";
const json = { headers: { accept: "application/json" } };

/** Statements by the connection that ran them: what a transaction is made of stands together. */
const ran = new Map<object, string[]>();

function note(connection: object, text: unknown): void {
  const statement = typeof text === "string" ? text : (text as { readonly text?: string } | undefined)?.text;
  // How SQLite learns of other processes' changes, and what proves PostgreSQL's listening connection: no table is read.
  if (statement === undefined || statement.startsWith("PRAGMA") || statement.endsWith("as heartbeat")) return;
  ran.set(connection, [...(ran.get(connection) ?? []), statement]);
}

/** Follows a method of the driver; returns what puts it back. */
function follow<T extends object>(on: T, name: keyof T & string, textOf: (self: object, first: unknown) => unknown) {
  const original = on[name] as (...args: unknown[]) => unknown;
  const followed = function (this: object, ...args: unknown[]): unknown {
    // All of SQLite is one connection.
    note(this instanceof pg.Client ? this : DatabaseSync, textOf(this, args[0]));
    return Reflect.apply(original, this, args);
  };
  on[name] = followed as never;
  return () => {
    on[name] = original as never;
  };
}

/** Transactions and single statements, without those of the trail. */
function units(): string[][] {
  const all: string[][] = [];
  for (const statements of ran.values()) {
    let open: string[] | undefined;
    for (const statement of statements) {
      if (/^begin\b/i.test(statement)) open = [];
      if (open === undefined) all.push([statement]);
      else open.push(statement);
      if (open !== undefined && /^(?:commit|rollback)\b/i.test(statement)) {
        all.push(open);
        open = undefined;
      }
    }
  }
  return all.filter((unit) => !unit.some((statement) => /portcullis_audit/.test(statement)));
}

const minimal = (): readonly Feature[] => [passwords()];
const full = (): readonly Feature[] => [passwords(), refresh({ carrier: "body" }), tracking(), notices(), unlock()];

/** Statements with begin and commit, and transactions, until nothing goes on any more. */
type Budget = readonly [statements: number, transactions: number];

interface Flow {
  readonly features: () => readonly Feature[];
  readonly budget: Readonly<Record<"sqlite" | "postgres", Budget>>;
  /** Without one, no limit counts by it. */
  readonly address?: false;
  run(client: TestClient): Promise<number>;
}

const both = (...budget: Budget): Flow["budget"] => ({ sqlite: budget, postgres: budget });
const signIn =
  (body: object, path = "/login") =>
  async (client: TestClient): Promise<number> =>
    (await client.post(path, { json: { email, password, ...body } })).status;
const withToken = "/login?include_auth_token";

const asksReset =
  (address: string) =>
  async (client: TestClient): Promise<number> =>
    (await client.post("/reset", { json: { email: address } })).status;
const mailing = (): readonly Feature[] => [passwords(), recovery()];

/**
 * Each ceiling is what the flow took before credentials were made from the account as it was proved, and names were counted
 * apart from accounts: neither may cost more. PostgreSQL tells other processes by statements of its own.
 */
const flows: Readonly<Record<string, Flow>> = {
  "a sign-in by password alone": { features: minimal, budget: both(15, 3), run: signIn({}) },
  "a sign-in by password alone, without an address": {
    features: minimal,
    budget: both(7, 1),
    address: false,
    run: signIn({}),
  },
  "a sign-in with a remember credential": { features: minimal, budget: both(16, 3), run: signIn({ remember: true }) },
  "a sign-in with an auth token": { features: minimal, budget: both(15, 3), run: signIn({}, withToken) },
  "a sign-in with a refresh token": {
    features: () => [passwords(), refresh({ carrier: "body" })],
    budget: both(16, 3),
    run: signIn({}, withToken),
  },
  "a sign-in with all that notes sign-ins": {
    features: full,
    budget: { sqlite: [21, 3], postgres: [22, 3] },
    run: signIn({}),
  },
  "a sign-in with all that notes sign-ins, remembered, with tokens": {
    features: full,
    budget: { sqlite: [23, 3], postgres: [24, 3] },
    run: signIn({ remember: true }, withToken),
  },
};

/** What mails a link: before the answer, and then the claim, the sending and the end of it. */
const mailFlows: Readonly<Record<string, Flow>> = Object.fromEntries(
  [email, "nobody@acme.example"].map((address) => [
    `a reset for ${address}`,
    // Six for the request, five for the mail, two each for the budget of the mailbox.
    { features: mailing, budget: both(6 + 5 + 4, 3), address: false, run: asksReset(address) },
  ]),
);

function counts(create: () => Promise<Database>, provider: (connection: string) => DatastoreProvider): void {
  let database: Database;
  const undo: (() => void)[] = [];
  beforeAll(async () => {
    database = await create();
    for (const name of ["all", "run", "get", "iterate"] as const) {
      undo.push(follow(StatementSync.prototype, name, (self) => (self as StatementSync).sourceSQL));
    }
    undo.push(follow(DatabaseSync.prototype, "exec", (_self, first) => first));
    undo.push(follow(pg.Client.prototype, "query", (_self, first) => first));
  });
  afterAll(async () => {
    for (const each of undo) each();
    await database?.remove();
  });

  const all = { ...flows, ...mailFlows };
  it.each(Object.keys(all))("%s", async (name) => {
    const { features, budget, address, run } = all[name] as Flow;
    const [most, mostTransactions] = budget[database.dialect as keyof typeof budget];
    const security = await portcullis({
      secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
      origins: [origin],
      datastore: provider(database.connection),
      features: features(),
      mail: { sender: outbox() },
      passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
      migrate: "always",
      log: () => {},
    } as unknown as Parameters<typeof portcullis>[0]);
    try {
      const served = security.app();
      const env = address === false ? {} : { incoming: { socket: { remoteAddress: "192.0.2.7" } } };
      const app: Parameters<typeof testClient>[0] = { request: (request) => served.fetch(request, env) };
      if ((await security.users.find("email", email)) === undefined) {
        await security.users.create({ email, password });
      }
      const settled = async (): Promise<void> => {
        for (let round = 0; round < 3; round += 1) {
          await new Promise((resolve) => setTimeout(resolve, 40));
          await security.delivery.idle();
          await security.audit.flush();
        }
      };
      // What is made once: the first device, the head of the trail, prepared statements.
      for (let round = 0; round < 2; round += 1) expect(await run(testClient(app, origin))).toBe(200);
      const client = testClient(app, origin);
      await client.get("/login", json);
      await settled();
      ran.clear();
      expect(await run(client)).toBe(200);
      await settled();
      const found = units();
      const transactions = found.filter((unit) => unit.length > 1).length;
      const text = found.map((unit) => unit.join("\n  ")).join("\n");
      expect(transactions, "what is counted").toBeGreaterThan(0);
      expect(found.flat().length, `statements:\n${text}`).toBeLessThanOrEqual(most);
      // What other processes are told is written with what it is about.
      const apart = found.filter(
        (unit) => unit.length === 1 && /^with written\b.*portcullis_change/is.test(unit[0] ?? ""),
      );
      expect(apart).toEqual([]);
      expect(transactions, `transactions:\n${text}`).toBeLessThanOrEqual(mostTransactions);
    } finally {
      await security.close();
    }
  });
}

describe("statements of a sign-in on SQLite", () => counts(sqliteFile, sqlite));
describeService("postgres", "statements of a sign-in on PostgreSQL", (url) =>
  counts(
    () => postgresDatabase(url),
    (connection) => postgres(connection),
  ),
);
