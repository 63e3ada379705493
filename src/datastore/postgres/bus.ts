import { randomUUID } from "node:crypto";
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
  /** For the own notification to come back. */
  readonly echo: number;
  /** The longest pause between two attempts to connect. */
  readonly retry: number;
}

/** The bus's parts that its owner needs. */
export interface PostgresBus extends InvalidationBus {
  close(): Promise<void>;
}

/**
 * Learns of changes by other processes through LISTEN/NOTIFY on a connection of its own. A notification carries the process
 * that sent it, a number, and the user's id. PostgreSQL delivers notifications in the order of commits, so a process that
 * has received its own one knows that all others were sent theirs.
 */
export async function listen(
  makeClient: (config: ClientConfig) => Client,
  config: ClientConfig,
  channel: string,
  notify: (payload: string) => Promise<void>,
  environment: DatastoreEnvironment,
  times: BusTimes,
): Promise<PostgresBus> {
  const bus = new ListeningBus(makeClient, config, channel, notify, environment, times);
  await bus.start();
  return bus;
}

/** The clock of liveness is monotonic: a corrected system time must not make a dead connection look alive. */
const elapsed = (): number => performance.now();

class ListeningBus implements PostgresBus {
  readonly #makeClient: (config: ClientConfig) => Client;
  readonly #config: ClientConfig;
  readonly #channel: string;
  readonly #notify: (payload: string) => Promise<void>;
  readonly #environment: DatastoreEnvironment;
  readonly #times: BusTimes;
  readonly #listeners = new Listeners();
  readonly #origin = randomUUID();
  readonly #awaited = new Map<number, () => void>();
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
    notify: (payload: string) => Promise<void>,
    environment: DatastoreEnvironment,
    times: BusTimes,
  ) {
    this.#makeClient = makeClient;
    this.#config = config;
    this.#channel = channel;
    this.#notify = notify;
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

  async publish(userId: number | undefined): Promise<void> {
    this.#listeners.tell(userId);
    this.#sequence += 1;
    const number = this.#sequence;
    const echo = Promise.withResolvers<void>();
    this.#awaited.set(number, echo.resolve);
    // Not unref'd: who awaits this promise must not see the process end instead.
    const timer = setTimeout(echo.resolve, this.#times.echo);
    try {
      await this.#notify(JSON.stringify({ origin: this.#origin, number, user: userId ?? null }));
      if (this.#client !== undefined) await echo.promise;
    } catch (cause) {
      throw new DatastoreError("the other processes could not be told of a change", { cause });
    } finally {
      clearTimeout(timer);
      this.#awaited.delete(number);
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
    for (const resolve of this.#awaited.values()) resolve();
    if (client === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#times.echo);
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
      if (channel === this.#channel) this.#received(payload ?? "");
    });
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(this.#channel)}`);
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

  #received(payload: string): void {
    this.#heardAt = elapsed();
    const message = parsePayload(payload);
    if (message?.origin === this.#origin) {
      this.#awaited.get(message.number)?.();
      return;
    }
    // What cannot be read may mean anybody.
    this.#listeners.tell(message?.user ?? undefined);
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
    for (const resolve of this.#awaited.values()) resolve();
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

/** Undefined when it is not one of our notifications. */
function parsePayload(payload: string): { origin: string; number: number; user: number | null } | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== "object" || value === null) return undefined;
    const { origin, number, user } = value as Record<string, unknown>;
    if (typeof origin !== "string" || typeof number !== "number") return undefined;
    return { origin, number, user: typeof user === "number" ? user : null };
  } catch {
    return undefined;
  }
}
