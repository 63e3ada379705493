import type { Client, ClientConfig } from "pg";
import { type Clock, type Moment, moment, since } from "../changes/clock.ts";
import type { DatastoreEnvironment } from "../contract.ts";

/** What a listener is made of. */
export interface ListenerParts {
  readonly makeClient: (config: ClientConfig) => Client;
  readonly config: ClientConfig;
  readonly channel: string;
  /** By which the others know this process. */
  readonly node: string;
  readonly environment: DatastoreEnvironment;
  readonly clock: Clock;
  /** How long a notification may be on its way, in milliseconds. */
  readonly patience: number;
  /** There are changes, or there may be. */
  readonly wake: () => void;
}

/** Between two heartbeats that prove that notifications arrive, in milliseconds. */
const heartbeatEvery = 5000;

/** The longest pause between two attempts to connect, in milliseconds. */
const longestPause = 5000;

/** How long closing waits for the server to say goodbye, in milliseconds. */
const closingPatience = 2000;

const lostConnection =
  "the listening connection to PostgreSQL is lost; until it is back, changes of other processes are looked for several times a " +
  "second, and a revocation takes as long to be acknowledged";
const unheard =
  "notifications of PostgreSQL do not arrive, so changes of other processes are looked for several times a second, and a " +
  "revocation takes as long to be acknowledged: a pooler in transaction mode does not carry LISTEN, or the listening " +
  "connection ends at another server than the queries; give postgres(...) a direct connection as listenUrl, or say " +
  'listen: "poll"';

/**
 * Hears by LISTEN that there are changes, which makes looks come earlier and proves nothing: behind a pooler, or beside a server
 * that took over, the connection is answered and hears of nothing. A heartbeat that goes the way of notifications, over the
 * connections for queries, finds that out.
 */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #own: string;
  #client: Client | undefined;
  #hears = false;
  #beats = 0;
  #beat: { readonly number: number; sent: Moment | undefined } | undefined;
  #proven: Moment | undefined;
  /** The connection that was asked whether it is there, as it did not hear a heartbeat. */
  #asked: Client | undefined;
  /** What the log says last of why this process hears nothing; undefined: it hears. */
  #said: string | undefined;
  #failures = 0;
  #cancel: () => void = () => {};
  #closed = false;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#own = `${parts.channel}_${parts.node}`;
  }

  /** Throws when there is no connection to be had at all. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** Whether notifications arrive, as far as is known. */
  get hears(): boolean {
    return this.#client !== undefined && this.#hears;
  }

  /** What is to be told with the next look; asked before each. */
  heartbeat(): { readonly channel: string; readonly text: string; readonly sent: () => void } | undefined {
    const { clock, patience } = this.#parts;
    const client = this.#client;
    if (client === undefined) return undefined;
    const waiting = this.#beat;
    if (waiting !== undefined) {
      if (waiting.sent !== undefined && since(clock, waiting.sent) > patience) this.#deaf(client);
      if (waiting.sent !== undefined) return undefined;
    } else if (this.#proven !== undefined && since(clock, this.#proven) < heartbeatEvery) return undefined;
    this.#beats += 1;
    const beat: { readonly number: number; sent: Moment | undefined } = { number: this.#beats, sent: undefined };
    this.#beat = beat;
    return {
      channel: this.#own,
      text: String(beat.number),
      sent: () => {
        beat.sent = moment(clock);
      },
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closingPatience);
    });
    await Promise.race([client.end().catch(() => {}), over]);
    clearTimeout(timer);
  }

  async #connect(): Promise<void> {
    const { makeClient, config, channel, node, wake } = this.#parts;
    const client = makeClient(config);
    // Before connecting: an "error" without a listener ends the process.
    client.on("error", (error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, undefined));
    client.on("notification", ({ channel: on, payload }) => {
      if (on === this.#own) this.#heard(client, Number(payload));
      else if (payload !== node) wake();
    });
    try {
      await client.connect();
      for (const name of [channel, this.#own]) await client.query(`listen ${client.escapeIdentifier(name)}`);
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
    this.#client = client;
    this.#hears = false;
    this.#beat = undefined;
    this.#proven = undefined;
    wake();
  }

  #heard(client: Client, number: number): void {
    if (client !== this.#client || this.#beat?.number !== number) return;
    this.#beat = undefined;
    this.#proven = moment(this.#parts.clock);
    this.#hears = true;
    this.#failures = 0;
    if (this.#said === undefined) return;
    this.#said = undefined;
    this.#parts.environment.log("the listening connection to PostgreSQL is back");
  }

  /** A heartbeat was sent and did not arrive: is the connection dead, or does it carry no notifications? */
  #deaf(client: Client): void {
    if (this.#asked === client) return;
    this.#asked = client;
    this.#hears = false;
    const { clock, patience } = this.#parts;
    const cancel = clock.after(patience, () => this.#lost(client, new Error("no answer to the heartbeat")));
    client.query("select 1").then(
      () => {
        cancel();
        if (client !== this.#client) return;
        this.#say(unheard);
        this.#lost(client, undefined, unheard);
      },
      (error: unknown) => {
        cancel();
        this.#lost(client, error);
      },
    );
  }

  #lost(client: Client, error: unknown, why: string = lostConnection): void {
    if (client !== this.#client) return;
    this.#client = undefined;
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
    this.#parts.environment.log(message, details);
  }

  #retry(): void {
    if (this.#closed) return;
    const pause = Math.min(50 * 2 ** this.#failures, longestPause) * (0.5 + Math.random() / 2);
    this.#cancel = this.#parts.clock.after(pause, () => {
      this.#failures += 1;
      this.#connect().catch(() => this.#retry());
    });
  }
}
