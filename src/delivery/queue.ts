import { type Duration, milliseconds } from "../model/duration.ts";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { DeliveryError } from "./mail.ts";

/** How much may wait, how often and how long is tried. */
export interface DeliveryOptions {
  /**
   * Where it waits: in the database (default), so that it is sent whatever becomes of this process, or in the memory of the
   * process, which loses it when it is killed. Without the option `datastore` it is always the memory.
   */
  readonly store?: "database" | "memory";
  /** In the database: what could not be sent for so long is given up; default "3d". A mail with a link never outlives the link. */
  readonly keep?: Duration;
  /** In memory: how many may wait to be sent; default 1,000. What comes past it is dropped and reported. */
  readonly limit?: number;
  /** How many this process sends at once; default 4. */
  readonly concurrency?: number;
  /**
   * Milliseconds to wait before each further attempt; default 1 s, 5 s, 30 s, 2 min, and in the database 10 min, 30 min, 1 h.
   * There the last one is repeated for as long as `keep` says; in memory none follows it. An empty list: one attempt.
   */
  readonly retryAfter?: readonly number[];
  /** Milliseconds that one attempt may take; default 30 s. */
  readonly timeout?: number;
  /** Milliseconds that `security.close()` waits for what is under way; default 5 s. */
  readonly drain?: number;
}

/** Why something was given up. */
export type DeliveryFailure = "queue full" | "closed" | "refused" | "not reached" | "unreadable" | "dropped";

/** One thing to be delivered. */
export interface DeliveryJob {
  /** Makes it ready, once; what it throws is no use to try again. */
  readonly attempt: () => Promise<void>;
  /** Told once, when it was given up. */
  readonly failed: (failure: DeliveryFailure, error: unknown, attempts: number) => void;
}

/** Delivers off the request path: takes, tries, tries again, gives up. */
export interface DeliveryQueue {
  /** Never throws, never waits. */
  add(job: DeliveryJob): void;
  /** Resolves when nothing waits or is under way any more. */
  idle(): Promise<void>;
  /** Takes no more; what waits gets one last attempt at once, and at most the time of `drain`. */
  close(): Promise<void>;
  stats(): { readonly running: number; readonly waiting: number };
}

/** Calls `work` after so many milliseconds; the function it returns takes that back. */
export type Timer = (milliseconds: number, work: () => void) => () => void;

/** The options with their defaults; lengths of time in milliseconds. */
export type DeliverySettings = Required<Omit<DeliveryOptions, "keep">> & { readonly keep: number };

const defaults: DeliverySettings = {
  store: "database",
  keep: 3 * 86_400_000,
  limit: 1_000,
  concurrency: 4,
  retryAfter: [1_000, 5_000, 30_000, 120_000],
  timeout: 30_000,
  drain: 5_000,
};

/**
 * Nothing is even rendered before this time is over: by then the answer is away, and how long it took tells nobody whether
 * there was something to send.
 */
export const settling = 20;

/** Pauses for what may wait longer than this process lives. */
const longPauses: readonly number[] = [...defaults.retryAfter, 600_000, 1_800_000, 3_600_000];

/** The timers of the system. */
export const systemTimer: Timer = (milliseconds, work) => {
  const timer = setTimeout(work, milliseconds);
  return () => clearTimeout(timer);
};

/**
 * The options with their defaults. Refuses unknown, wrong and contradictory values with the option's path.
 *
 * @param stores whether there is a database that messages can wait in
 */
export function deliverySettings(path: string, options?: DeliveryOptions, stores = true): DeliverySettings {
  checkKnown(path, options ?? {}, Object.keys(defaults));
  const given = Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined));
  const { store, keep, ...numbers } = given as { readonly store?: unknown; readonly keep?: Duration };
  if (store !== undefined && store !== "database" && store !== "memory") {
    throw new ConfigurationError(`${path}.store`, 'must be "database" or "memory"');
  }
  if (store === "database" && !stores) {
    throw new ConfigurationError(`${path}.store`, 'needs the option datastore; without one say "memory"');
  }
  const where = stores ? (store ?? defaults.store) : "memory";
  for (const [name, value] of Object.entries(numbers)) {
    const least = name === "limit" || name === "concurrency" || name === "timeout" ? 1 : 0;
    const good = (part: unknown): boolean =>
      Number.isSafeInteger(part) && (part as number) >= least && (part as number) <= 86_400_000;
    if (name === "retryAfter" ? !(Array.isArray(value) && value.length <= 20 && value.every(good)) : !good(value)) {
      const expected = name === "retryAfter" ? "a list of at most 20 times in milliseconds" : "a whole number";
      throw new ConfigurationError(`${path}.${name}`, `${expected} is expected, each from ${least} to 86,400,000`);
    }
  }
  if (where === "database" && "limit" in numbers) {
    throw new ConfigurationError(`${path}.limit`, 'is for what waits in memory; leave it out, or say store: "memory"');
  }
  const kept = keep === undefined ? {} : { keep: milliseconds(`${path}.keep`, keep) };
  if (where === "memory" && keep !== undefined) {
    throw new ConfigurationError(`${path}.keep`, 'is for what waits in the database; leave it or store: "memory" out');
  }
  const retryAfter = where === "memory" ? defaults.retryAfter : longPauses;
  return { ...defaults, retryAfter, ...given, ...kept, store: where } as DeliverySettings;
}

/** One attempt, which must not take longer than `timeout` milliseconds. */
export async function limited(attempt: () => Promise<void>, timeout: number, timer: Timer): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const cancel = timer(timeout, () => reject(new DeliveryError(`no answer within ${timeout} ms`)));
  try {
    await Promise.race([attempt(), promise]);
  } finally {
    cancel();
  }
}

/** A pause, spread by a fifth: what failed together does not come back together. */
export function spread(pause: number): number {
  return Math.round(pause * (0.9 + Math.random() / 5));
}

interface Waiting {
  readonly job: DeliveryJob;
  attempts: number;
  cancel: (() => void) | undefined;
}

/** What the queue in memory goes by. */
export type QueueSettings = Pick<DeliverySettings, "limit" | "concurrency" | "retryAfter" | "timeout" | "drain">;

/** Makes a queue in memory. `timer` is for tests. */
export function createDeliveryQueue(options: Partial<QueueSettings> = {}, timer: Timer = systemTimer): DeliveryQueue {
  const { limit, concurrency, retryAfter, timeout, drain } = { ...defaults, ...options };
  /** Waits for its time. */
  const later = new Set<Waiting>();
  /** Waits for its turn. */
  const due: Waiting[] = [];
  const watchers: (() => void)[] = [];
  let running = 0;
  let closed = false;

  const empty = (): boolean => running === 0 && due.length === 0 && later.size === 0;
  const settle = (): void => {
    if (empty()) for (const done of watchers.splice(0)) done();
  };
  const idle = (): Promise<void> => (empty() ? Promise.resolve() : new Promise((resolve) => watchers.push(resolve)));

  /** After so long, or, while the queue closes, at once. */
  const postpone = (entry: Waiting, milliseconds: number): void => {
    later.add(entry);
    entry.cancel = timer(milliseconds, () => {
      later.delete(entry);
      due.push(entry);
      work();
    });
  };

  const giveUp = (entry: Waiting, failure: DeliveryFailure, error: unknown): void => {
    try {
      entry.job.failed(failure, error, entry.attempts);
    } catch {
      // Who is told of a failure cannot make one.
    }
  };

  const run = async (entry: Waiting): Promise<void> => {
    try {
      entry.attempts += 1;
      await limited(entry.job.attempt, timeout, timer);
    } catch (error) {
      const permanent = error instanceof DeliveryError && error.permanent;
      const pause = closed ? undefined : retryAfter[entry.attempts - 1];
      if (permanent) giveUp(entry, "refused", error);
      else if (pause === undefined) giveUp(entry, "not reached", error);
      else postpone(entry, spread(pause));
    }
    running -= 1;
    work();
    settle();
  };

  const work = (): void => {
    while (running < concurrency) {
      const entry = due.shift();
      if (entry === undefined) return;
      running += 1;
      void run(entry);
    }
  };

  return {
    add(job) {
      const entry: Waiting = { job, attempts: 0, cancel: undefined };
      if (closed) return giveUp(entry, "closed", undefined);
      if (running + due.length + later.size >= limit) return giveUp(entry, "queue full", undefined);
      postpone(entry, settling);
    },
    idle,
    async close() {
      closed = true;
      for (const entry of later) {
        entry.cancel?.();
        due.push(entry);
      }
      later.clear();
      work();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, drain);
      await Promise.race([idle(), promise]);
      clearTimeout(timer);
      for (const entry of due.splice(0)) giveUp(entry, "closed", undefined);
    },
    stats: () => ({ running, waiting: due.length + later.size }),
  };
}
