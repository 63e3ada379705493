import { randomInt } from "node:crypto";
import type { Client, ClientConfig } from "pg";
import { DatastoreError } from "../../model/errors.ts";
import type { DatastoreEnvironment, InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";

/** How long the bus waits, in milliseconds. */
export interface BusTimes {
  /** Between two heartbeats on the listening connection. */
  readonly heartbeat: number;
  /** Without an answer for so long, nothing is believed any more and the connection is made anew. */
  readonly silence: number;
  /** After so long without the others' acknowledgements it is looked whether they are still there. */
  readonly patience: number;
  /** The longest pause between two attempts to connect. */
  readonly retry: number;
}

/** What the bus asks on connections other than its own. */
export interface BusQueries {
  notify(channel: string, payload: string): Promise<void>;
  /** The second keys of the advisory locks of this first key in this database: the processes that listen. */
  lockHolders(key: number): Promise<readonly number[]>;
}

/** The bus's parts that its owner needs. */
export interface PostgresBus extends InvalidationBus {
  close(): Promise<void>;
}

/**
 * Learns of changes by other processes through LISTEN/NOTIFY on a connection of its own. A notification carries the process
 * that sent it, a number, and the user's id.
 *
 * Each process that listens holds a shared advisory lock with its number, and acknowledges what it has heard on the
 * sender's own channel. Who publishes waits for all who held the lock before: a change is effective everywhere when it is
 * reported as done. Who takes the lock later has emptied its cache after that and reads the changed row.
 */
export async function listen(
  makeClient: (config: ClientConfig) => Client,
  config: ClientConfig,
  channel: string,
  queries: BusQueries,
  environment: DatastoreEnvironment,
  times: BusTimes,
): Promise<PostgresBus> {
  const bus = new ListeningBus(makeClient, config, channel, queries, environment, times);
  await bus.start();
  return bus;
}

/** How long closing waits for the server to say goodbye, in milliseconds. */
const closingPatience = 2000;

/** The first key of the advisory locks: "Port" in ASCII. */
const lockKey = 0x506f7274;

/** A change that the others were told of. */
interface Announcement {
  readonly heardBy: Set<number>;
  /** Ends the pause of who waits for acknowledgements. */
  wake: () => void;
}

/** The clock of liveness is monotonic: a corrected system time must not make a dead connection look alive. */
const elapsed = (): number => performance.now();

class ListeningBus implements PostgresBus {
  readonly #makeClient: (config: ClientConfig) => Client;
  readonly #config: ClientConfig;
  readonly #channel: string;
  readonly #queries: BusQueries;
  readonly #environment: DatastoreEnvironment;
  readonly #times: BusTimes;
  readonly #listeners = new Listeners();
  /** The number by which the others know this process. */
  readonly #member = randomInt(1, 2 ** 31);
  readonly #awaited = new Map<number, Announcement>();
  /** Who did not acknowledge for so long that it does not believe its own cache; until it is heard again. */
  readonly #silent = new Set<number>();
  #sequence = 0;
  #client: Client | undefined;
  #heardAt = 0;
  #asking = false;
  #failures = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    makeClient: (config: ClientConfig) => Client,
    config: ClientConfig,
    channel: string,
    queries: BusQueries,
    environment: DatastoreEnvironment,
    times: BusTimes,
  ) {
    this.#makeClient = makeClient;
    this.#config = config;
    this.#channel = channel;
    this.#queries = queries;
    this.#environment = environment;
    this.#times = times;
  }

  async start(): Promise<void> {
    await this.#connect();
    this.#heartbeat = setInterval(() => this.#beat(), this.#times.heartbeat);
    this.#heartbeat.unref();
  }

  current(): boolean {
    return this.#client !== undefined && elapsed() - this.#heardAt < this.#times.silence;
  }

  readonly reachesOthers = true;

  async publish(userId: number | undefined): Promise<void> {
    this.#listeners.tell(userId);
    this.#sequence += 1;
    const number = this.#sequence;
    const announcement: Announcement = { heardBy: new Set(), wake: () => {} };
    this.#awaited.set(number, announcement);
    try {
      // Asked first: who is not among them yet has not heard of it, and need not.
      const others = await this.#others();
      await this.#queries.notify(this.#channel, JSON.stringify({ member: this.#member, number, user: userId ?? null }));
      await this.#acknowledged(announcement, others);
    } catch (cause) {
      throw new DatastoreError("the other processes could not be told of a change", { cause });
    } finally {
      this.#awaited.delete(number);
    }
  }

  async #others(): Promise<Set<number>> {
    const members = new Set(await this.#queries.lockHolders(lockKey));
    members.delete(this.#member);
    return members;
  }

  /** Waits for the others, but not for those that are gone, nor longer than they would believe their own caches. */
  async #acknowledged(announcement: Announcement, others: ReadonlySet<number>): Promise<void> {
    const deadline = elapsed() + this.#times.silence;
    const missing = (): number[] =>
      [...others].filter((member) => !announcement.heardBy.has(member) && !this.#silent.has(member));
    let present: ReadonlySet<number> = others;
    // Without the own connection there are no acknowledgements to hear.
    while (this.#client !== undefined && missing().some((member) => present.has(member))) {
      if (elapsed() >= deadline) {
        for (const member of missing()) this.#silent.add(member);
        return;
      }
      await new Promise<void>((resolve) => {
        // Not unref'd: who awaits this promise must not see the process end instead.
        const timer = setTimeout(resolve, this.#times.patience);
        announcement.wake = () => {
          if (this.#client !== undefined && missing().length > 0) return;
          clearTimeout(timer);
          resolve();
        };
        // What arrived before there was somebody to wake.
        announcement.wake();
      });
      if (missing().length > 0) present = await this.#others();
    }
  }

  onInvalidate(listener: (userId: number | undefined) => void): void {
    this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#reconnect);
    const client = this.#client;
    this.#client = undefined;
    this.#wakeAll();
    if (client === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closingPatience);
    });
    await Promise.race([client.end().catch(() => {}), patience]);
    clearTimeout(timer);
  }

  async #connect(): Promise<void> {
    const client = this.#makeClient(this.#config);
    // Before connecting: an "error" without a listener ends the process.
    client.on("error", (error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, undefined));
    client.on("notification", ({ channel, payload }) => {
      if (channel === this.#channel) this.#received(client, payload ?? "");
      else this.#acknowledgement(payload ?? "");
    });
    try {
      await client.connect();
      for (const channel of [this.#channel, acknowledgements(this.#channel, this.#member)]) {
        await client.query(`listen ${client.escapeIdentifier(channel)}`);
      }
      // Who listens says so before the cache is emptied, which is before it is used.
      await client.query("select pg_try_advisory_lock_shared($1, $2)", [lockKey, this.#member]);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    if (this.#closed) {
      await client.end().catch(() => {});
      return;
    }
    // The listening connection alone does not keep the process alive; the types of pg do not know `unref`.
    if ("unref" in client && typeof client.unref === "function") client.unref();
    // What was announced while nobody listened is not known.
    this.#listeners.tell(undefined);
    this.#heardAt = elapsed();
    this.#asking = false;
    this.#client = client;
  }

  #received(client: Client, payload: string): void {
    this.#heardAt = elapsed();
    const message = parsePayload(payload);
    if (message?.member === this.#member) return;
    // What cannot be read may mean anybody.
    this.#listeners.tell(message?.user ?? undefined);
    if (message === undefined) return;
    client
      .query("select pg_notify($1, $2)", [
        acknowledgements(this.#channel, message.member),
        `${message.number}.${this.#member}`,
      ])
      .catch((error: unknown) => this.#lost(client, error));
  }

  #acknowledgement(payload: string): void {
    this.#heardAt = elapsed();
    const [number, member] = payload.split(".").map(Number);
    if (number === undefined || member === undefined) return;
    this.#silent.delete(member);
    const announcement = this.#awaited.get(number);
    announcement?.heardBy.add(member);
    announcement?.wake();
  }

  #wakeAll(): void {
    for (const { wake } of this.#awaited.values()) wake();
  }

  #beat(): void {
    const client = this.#client;
    if (client === undefined) return;
    if (elapsed() - this.#heardAt >= this.#times.silence) {
      this.#lost(client, new Error("no answer to the heartbeat"));
      return;
    }
    if (this.#asking) return;
    this.#asking = true;
    client.query("select 1").then(
      () => {
        this.#asking = false;
        if (client === this.#client) this.#heardAt = elapsed();
      },
      (error: unknown) => this.#lost(client, error),
    );
  }

  #lost(client: Client, error: unknown): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    this.#wakeAll();
    client.end().catch(() => {});
    if (this.#closed) return;
    this.#environment.log("the listening connection to PostgreSQL is lost; caches are not used until it is back", {
      reason: error instanceof Error ? error.message : "the server closed it",
    });
    this.#retry();
  }

  #retry(): void {
    if (this.#closed) return;
    const pause = Math.min(50 * 2 ** this.#failures, this.#times.retry) * (0.5 + Math.random() / 2);
    this.#reconnect = setTimeout(() => {
      this.#connect().then(
        () => {
          this.#failures = 0;
          if (!this.#closed) this.#environment.log("the listening connection to PostgreSQL is back");
        },
        () => {
          this.#failures += 1;
          this.#retry();
        },
      );
    }, pause);
    this.#reconnect.unref();
  }
}

/** The channel on which a process hears who has heard it. */
function acknowledgements(channel: string, member: number): string {
  return `${channel}_${member}`;
}

/** Undefined when it is not one of our notifications. */
function parsePayload(payload: string): { member: number; number: number; user: number | null } | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== "object" || value === null) return undefined;
    const { member, number, user } = value as Record<string, unknown>;
    if (typeof member !== "number" || typeof number !== "number") return undefined;
    return { member, number, user: typeof user === "number" ? user : null };
  } catch {
    return undefined;
  }
}
