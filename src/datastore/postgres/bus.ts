import type { Client, ClientConfig } from "pg";
import type { DatastoreEnvironment, InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";
import { type Announced, newMember, ownChannel, parseAnnounced, untold } from "./announcements.ts";
import { type Moment, moment, since } from "./moment.ts";

/** How long the bus waits, in milliseconds. */
export interface BusTimes {
  /** Between two heartbeats. */
  readonly heartbeat: number;
  /** So long after the last heartbeat that came back was sent, nothing is believed any more. */
  readonly silence: number;
  /** After so long without the others' acknowledgements it is looked whether they are still there. */
  readonly patience: number;
  /** The longest pause between two attempts to connect. */
  readonly retry: number;
}

/** What the bus asks on connections other than its own. */
export interface BusQueries {
  notify(channel: string, payload: string): Promise<void>;
  /** The same for a heartbeat; gives up, and its connection with it, after so many milliseconds. */
  beat(channel: string, payload: string, patience: number): Promise<void>;
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
 * That connection alone proves nothing: behind a pooler, or beside a server that took over, it is answered and hears of
 * nothing. So each heartbeat goes the way of a change, sent over the connections for queries and heard on this one, and what
 * is cached is believed for a time from when the last one that came back was sent.
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

const beatPrefix = "beat ";

const lostConnection = "the listening connection to PostgreSQL is lost; caches are not used until it is back";
const unheard =
  "notifications of PostgreSQL do not arrive, so caches are not used: a pooler in transaction mode does not carry LISTEN, or " +
  "the listening connection ends at another server than the queries; give postgres(...) a direct connection as listenUrl, or " +
  "say listen: false";

/** For pauses that this process makes itself: a wall clock that is set forward must not end them early. */
const monotonic = (): number => performance.now();

/** Waits for this, but no longer. */
async function atMost(patience: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}

/** How long a start waits for the first heartbeat; without it the caches are not used yet. */
const startPatience = 1000;

class ListeningBus implements PostgresBus {
  readonly #makeClient: (config: ClientConfig) => Client;
  readonly #config: ClientConfig;
  readonly #channel: string;
  readonly #queries: BusQueries;
  readonly #environment: DatastoreEnvironment;
  readonly #times: BusTimes;
  readonly #listeners = new Listeners();
  /** The number by which the others know this process. */
  readonly #member = newMember();
  readonly #awaited = new Map<number, Announcement>();
  /** Who did not acknowledge for so long that it does not believe its own cache; until it is heard again. */
  readonly #silent = new Set<number>();
  readonly #unacknowledged: { readonly to: string; readonly text: string }[] = [];
  /** The connection on which acknowledgements are being sent. */
  #acknowledging: Client | undefined;
  #sequence = 0;
  #client: Client | undefined;
  /** When the last heartbeat that this connection heard was sent. */
  #proven: Moment | undefined;
  /** The heartbeat that is on its way. */
  #beating: { readonly number: number; readonly sent: Moment; written: boolean } | undefined;
  #beats = 0;
  /** The connection that was asked whether it is there, as it did not hear a heartbeat. */
  #asked: Client | undefined;
  /** What the log says last of why this process hears nothing; undefined: it hears. */
  #said: string | undefined;
  #firstProof: () => void = () => {};
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
    const proven = new Promise<void>((resolve) => {
      this.#firstProof = resolve;
    });
    await this.#connect();
    this.#heartbeat = setInterval(() => this.#beat(), this.#times.heartbeat);
    this.#heartbeat.unref();
    await atMost(startPatience, proven);
  }

  current(): boolean {
    return this.#client !== undefined && this.#proven !== undefined && since(this.#proven) < this.#times.silence;
  }

  readonly reachesOthers = true;
  readonly listens = true;

  async publish(userId: number | undefined): Promise<void> {
    this.#listeners.tell(userId);
    this.#sequence += 1;
    const number = this.#sequence;
    const announcement: Announcement = { heardBy: new Set(), wake: () => {} };
    this.#awaited.set(number, announcement);
    try {
      // Asked first: who is not among them yet has not heard of it, and need not.
      const others = await this.#others();
      const announced: Announced = { member: this.#member, number, user: userId ?? null };
      const payload = JSON.stringify(announced);
      const tell = (): Promise<void> => this.#queries.notify(this.#channel, payload);
      await tell();
      await this.#acknowledged(announcement, others, tell);
    } catch (cause) {
      throw untold(cause);
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
  async #acknowledged(
    announcement: Announcement,
    others: ReadonlySet<number>,
    tellAgain: () => Promise<void>,
  ): Promise<void> {
    const deadline = monotonic() + this.#times.silence;
    const missing = (): number[] =>
      [...others].filter((member) => !announcement.heardBy.has(member) && !this.#silent.has(member));
    let present: ReadonlySet<number> = others;
    while (!this.#closed && missing().some((member) => present.has(member))) {
      if (monotonic() >= deadline) {
        // While the own connection is down, nobody can be heard.
        if (this.current()) for (const member of missing()) this.#silent.add(member);
        return;
      }
      await new Promise<void>((resolve) => {
        // Not unref'd: who awaits this promise must not see the process end instead.
        const timer = setTimeout(resolve, this.#times.patience);
        announcement.wake = () => {
          if (!this.#closed && missing().length > 0) return;
          clearTimeout(timer);
          resolve();
        };
        // What arrived before there was somebody to wake.
        announcement.wake();
      });
      if (missing().length === 0) return;
      present = await this.#others();
      // An acknowledgement is lost while the own connection is.
      await tellAgain();
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
    await atMost(
      closingPatience,
      client.end().catch(() => {}),
    );
  }

  async #connect(): Promise<void> {
    const client = this.#makeClient(this.#config);
    // Before connecting: an "error" without a listener ends the process.
    client.on("error", (error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, undefined));
    client.on("notification", ({ channel, payload }) => {
      if (channel === this.#channel) this.#received(client, payload ?? "");
      else if (payload?.startsWith(beatPrefix) === true) this.#heard(client, Number(payload.slice(beatPrefix.length)));
      else this.#acknowledgement(payload ?? "");
    });
    try {
      await client.connect();
      for (const channel of [this.#channel, ownChannel(this.#channel, this.#member)]) {
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
    this.#proven = undefined;
    this.#beating = undefined;
    this.#unacknowledged.length = 0;
    this.#client = client;
    this.#beat();
  }

  #received(client: Client, payload: string): void {
    const message = parseAnnounced(payload);
    if (message?.member === this.#member) return;
    // What cannot be read may mean anybody.
    this.#listeners.tell(message?.user ?? undefined);
    if (message === undefined || message.number === 0) return;
    this.#unacknowledged.push({
      to: ownChannel(this.#channel, message.member),
      text: `${message.number}.${this.#member}`,
    });
    if (this.#acknowledging !== client) this.#acknowledge(client).catch((error: unknown) => this.#lost(client, error));
  }

  /** All that came while the last ones were sent go by one statement: a connection does one thing at a time. */
  async #acknowledge(client: Client): Promise<void> {
    this.#acknowledging = client;
    try {
      while (client === this.#client && this.#unacknowledged.length > 0) {
        const sent = this.#unacknowledged.splice(0);
        await client.query(
          "select pg_notify(to_, text_) from unnest($1::text[], $2::text[]) as acknowledged(to_, text_)",
          [sent.map(({ to }) => to), sent.map(({ text }) => text)],
        );
      }
    } finally {
      if (this.#acknowledging === client) this.#acknowledging = undefined;
    }
  }

  #acknowledgement(payload: string): void {
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
    if (client === undefined || this.#closed) return;
    const pending = this.#beating;
    if (pending !== undefined) {
      if (since(pending.sent) < this.#times.silence) return;
      // Sent and never heard; one that could not be sent says nothing about this connection.
      if (pending.written) {
        this.#deaf(client);
        return;
      }
    }
    this.#beats += 1;
    const beat = { number: this.#beats, sent: moment(), written: false };
    this.#beating = beat;
    const own = ownChannel(this.#channel, this.#member);
    this.#queries.beat(own, `${beatPrefix}${beat.number}`, this.#times.silence).then(
      () => {
        beat.written = true;
      },
      // Queries fail as well now; the next heartbeat tries again, and nothing is believed meanwhile.
      () => {
        if (this.#beating === beat) this.#beating = undefined;
      },
    );
  }

  /** One's own heartbeat came back: nothing that was announced before it was sent is still on its way. */
  #heard(client: Client, number: number): void {
    if (client !== this.#client || this.#beating?.number !== number) return;
    this.#proven = this.#beating.sent;
    this.#beating = undefined;
    this.#failures = 0;
    this.#firstProof();
    if (this.#said === undefined) return;
    this.#said = undefined;
    this.#environment.log("the listening connection to PostgreSQL is back");
  }

  /** A heartbeat was sent and did not arrive: is the connection dead, or does it carry no notifications? */
  #deaf(client: Client): void {
    if (this.#asked === client) return;
    this.#asked = client;
    const silent = setTimeout(() => this.#lost(client, new Error("no answer to the heartbeat")), this.#times.heartbeat);
    client.query("select 1").then(
      () => {
        clearTimeout(silent);
        if (client !== this.#client) return;
        this.#say(unheard);
        this.#lost(client, undefined, unheard);
      },
      (error: unknown) => {
        clearTimeout(silent);
        this.#lost(client, error);
      },
    );
  }

  #lost(client: Client, error: unknown, why: string = lostConnection): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    this.#wakeAll();
    client.end().catch(() => {});
    if (this.#closed) return;
    if (why === lostConnection) {
      this.#say(why, { reason: error instanceof Error ? error.message : "the server closed it" });
    }
    this.#retry();
  }

  /** Once, not at each attempt; another reason is said as well. */
  #say(message: string, details?: Record<string, unknown>): void {
    if (this.#said === message) return;
    this.#said = message;
    this.#environment.log(message, details);
  }

  #retry(): void {
    if (this.#closed) return;
    const pause = Math.min(50 * 2 ** this.#failures, this.#times.retry) * (0.5 + Math.random() / 2);
    this.#reconnect = setTimeout(() => {
      this.#failures += 1;
      this.#connect().catch(() => this.#retry());
    }, pause);
    this.#reconnect.unref();
  }
}
