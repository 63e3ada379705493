import { randomBytes } from "node:crypto";
import type { Client, ClientConfig, Pool } from "pg";
import { systemClock } from "../changes/clock.ts";
import { ChangeNode } from "../changes/node.ts";
import type { DatastoreEnvironment, InvalidationBus } from "../contract.ts";
import type { Announcer } from "../kysely/store.ts";
import { type PostgresChangeLog, postgresChangeLog } from "./change-log.ts";
import { Listener } from "./listener.ts";

/** How a process takes part. */
export interface BusOptions {
  readonly pool: Pool;
  /** One connection, for looks at the changes. */
  readonly lookPool: Pool;
  /** For what takes long. */
  readonly slowPool: Pool;
  readonly makeClient: (config: ClientConfig) => Client;
  /** The schema that has the tables; undefined: the first on the search path. */
  readonly schema: string | undefined;
  /** Where it listens; "poll": nowhere, changes are looked for; undefined: it keeps nothing that it would have to drop. */
  readonly listener: ClientConfig | "poll" | undefined;
  /** Milliseconds. */
  readonly lease: number;
  readonly environment: DatastoreEnvironment;
}

/** The bus's parts that its owner needs. */
export interface PostgresBus {
  readonly bus: InvalidationBus;
  readonly announcer: Announcer;
  /** Resolves when what is kept is trusted, or cannot be yet. */
  begun(): Promise<void>;
  purge(): Promise<void>;
  close(): Promise<void>;
}

const channel = "portcullis_changes";

/** How long a start waits for the first looks, in milliseconds; without them the caches are not used yet. */
const startPatience = 1000;

const unread =
  "changes of other processes cannot be read from PostgreSQL; what is cached is not used, and each request asks the database";

/** Joins the processes that share this database. */
export async function postgresBus(options: BusOptions): Promise<PostgresBus> {
  const { pool, lookPool, slowPool, makeClient, schema, listener: place, lease, environment } = options;
  const node = randomBytes(12).toString("hex");
  const trusts = place !== undefined;
  let listener: Listener | undefined;
  const log: PostgresChangeLog = postgresChangeLog({
    pool,
    lookPool,
    slowPool,
    schema,
    channel,
    patience: lease,
    heartbeat: () => listener?.heartbeat(),
  });
  let failing = false;
  let ever = false;
  const report = (failure: { readonly error: unknown } | undefined): void => {
    ever ||= failure === undefined;
    if (failure === undefined) {
      if (failing) environment.log("changes of other processes can be read from PostgreSQL again");
      failing = false;
      return;
    }
    // Before the first migration there is nothing to read, and the start says so.
    if (failing || member.current() || (!ever && isMissing(failure.error))) return;
    failing = true;
    environment.log(unread, { reason: failure.error instanceof Error ? failure.error.message : String(failure.error) });
  };
  const member = new ChangeNode({ log, clock: systemClock, node, lease, trusts, report });
  if (typeof place === "object") {
    const parts = { makeClient, config: place, channel, node, environment, clock: systemClock, patience: lease };
    listener = new Listener({ ...parts, wake: () => member.wake() });
    await listener.start();
  }
  await atMost(startPatience, member.start());
  const hears = listener === undefined ? {} : { hears: () => listener.hears };
  const bus: InvalidationBus = {
    current: () => member.current(),
    reachesOthers: true,
    ...hears,
    publish: (userId, announced) => member.publish(userId, announced),
    onInvalidate: (heard) => member.onInvalidate(heard),
  };
  return {
    bus,
    announcer: {
      begin: (userId) => member.begin(userId),
      statement: (change) => log.statement(change),
      committed: (change, at) => member.committed(change, at),
    },
    begun: async () => atMost(startPatience, member.start()),
    purge: () => log.purge(),
    async close() {
      await Promise.all([listener?.close(), member.close().catch(() => {})]);
      await lookPool.end();
    },
  };
}

/** The table is not there (42P01), nor is its schema (3F000). */
function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "42P01" || error.code === "3F000");
}

/** Waits for this, but no longer. */
async function atMost(patience: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}
