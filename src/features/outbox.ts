import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Datastore, Operations } from "../datastore/contract.ts";
import { DeliveryError } from "../delivery/mail.ts";
import { type DeliverySettings, limited, settling, spread, systemTimer } from "../delivery/queue.ts";
import type { Row } from "../model/schema.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { randomId } from "../secrets/random.ts";
import { openParcel, rowMaker, unreadableParcel, type WaitingMessage } from "./outbox-rows.ts";
import { type Channel, onceCommitted, type Postbox } from "./postbox.ts";

/** What waits in the database is made of. */
export interface OutboxContext {
  readonly channel: Channel;
  readonly settings: DeliverySettings;
  readonly datastore: Datastore;
  readonly ring: KeyRing;
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

/** What waits in the database, with what can be done about it. */
export interface Outbox extends Postbox {
  /** Tries it now, once what waits for the same recipient before it is away. False: it does not wait any more. */
  retry(id: string): Promise<boolean>;
  /** Puts right what a clock that jumped has put off. */
  purge(): Promise<void>;
}

/** How often a process looks for what others have left, in milliseconds. */
const pollEvery = 10_000;
/** So many messages of its own a process remembers, to look for what stands behind them. */
const mostRemembered = 1_000;
/** Milliseconds between two attempts to remove what was sent. */
const removalPauses: readonly number[] = [250, 1_000];

/**
 * Messages are rows, written in the transaction of what they are about, and sent by whichever process claims them. A claim runs
 * out: what a killed process was sending is sent again. Of one recipient's messages the first one alone can be claimed, so they go
 * out in the order in which they were written.
 */
export function createOutbox({ channel, settings, datastore, ring, now, log }: OutboxContext): Outbox {
  const { concurrency, retryAfter, timeout, drain, keep } = settings;
  /** A claim is good for so long: an attempt has ended by then. */
  const lease = 2 * timeout;
  // What is sent belongs to no request, and to no transaction.
  const outside = AsyncLocalStorage.snapshot();
  /** What this process has written and not seen off, with its recipient. */
  const own = new Map<string, string>();
  const watchers: (() => void)[] = [];
  const sent: { readonly id: string; readonly done: () => void }[] = [];
  let running = 0;
  let claiming: Promise<void> | undefined;
  let again = false;
  let more = false;
  let soon: (() => void) | undefined;
  let poll: NodeJS.Timeout | undefined;
  let removing = false;
  let state: "new" | "open" | "closing" | "closed" = "new";
  let failing = false;
  let unread = false;

  const isQuiet = (): boolean => running === 0 && claiming === undefined && soon === undefined;
  const settle = (): void => {
    if (isQuiet()) for (const done of watchers.splice(0)) done();
  };
  const quiet = (): Promise<void> =>
    isQuiet() ? Promise.resolve() : new Promise<void>((resolve) => watchers.push(resolve));

  const remember = (id: string, recipient: string): void => {
    own.set(id, recipient);
    const [oldest] = own.size > mostRemembered ? own.keys() : [];
    if (oldest !== undefined) own.delete(oldest);
  };

  const makeRows = rowMaker(channel.name, ring, keep, now);

  const write = async (rows: readonly Row[], tx: Operations): Promise<void> => {
    if (rows.length > 1 && tx.insertAll !== undefined) return tx.insertAll("outbox", rows);
    for (const row of rows) await tx.insert("outbox", row);
  };

  /** Looks in so many milliseconds at what is due. */
  const wake = (milliseconds: number): void => {
    if (soon !== undefined || state === "closed") return;
    const cancel = outside(() =>
      systemTimer(milliseconds, () => {
        soon = undefined;
        pump();
        settle();
      }),
    );
    soon = cancel;
  };

  /** The first messages of so many recipients that nobody is sending. */
  const claim = (most: number): Promise<readonly Row[]> =>
    datastore.transaction(async (tx) => {
      const at = now();
      const due = { channel: channel.name, dueAt: { lte: at } };
      const rows = await tx.find("outbox", due, {
        first: { of: "recipient", by: "position" },
        orderBy: [{ field: "position" }],
        limit: most,
        skipHeld: true,
      });
      if (rows.length === 0) return [];
      const id = { in: rows.map((row) => row["id"] as string) };
      const mark = randomId(16);
      const won = await tx.update("outbox", { ...due, id }, { claim: mark, dueAt: at + lease });
      // A store that does not leave out what another one holds.
      const mine = won === rows.length ? rows : await tx.find("outbox", { id, claim: mark });
      return mine.map((row) => ({ ...row, claim: mark }));
    });

  const pump = (): void => {
    if (state === "new" || state === "closed") return;
    again = true;
    claiming ??= outside(claimAll).finally(() => {
      claiming = undefined;
      settle();
    });
  };

  const claimAll = async (): Promise<void> => {
    try {
      while (again && running < concurrency && state !== "closed") {
        again = false;
        const free = concurrency - running;
        const rows = await claim(free);
        more = rows.length === free;
        for (const row of rows) {
          running += 1;
          void run(row).finally(() => {
            running -= 1;
            // What is behind it, and what this process left for want of a free place.
            const next = [...own.values()].includes(row["recipient"] as string);
            if (state === "closing" ? own.size > 0 && (next || more || again) : next || more || again) pump();
            settle();
          });
        }
      }
      unread = false;
    } catch (error) {
      if (!unread && state !== "closed") {
        log("what waits to be sent can't be read; it is tried again", { channel: channel.name, error: String(error) });
      }
      unread = true;
    }
  };

  /** Removes what is done with, several at once where they end together. */
  const remove = (id: string): Promise<void> =>
    new Promise((done) => {
      sent.push({ id, done });
      if (removing) return;
      removing = true;
      void removeAll().finally(() => {
        removing = false;
      });
    });

  const removeAll = async (): Promise<void> => {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (sent.length > 0) {
      const some = sent.splice(0, 100);
      const id = { in: some.map((one) => one.id) };
      for (let attempt = 0; ; attempt += 1) {
        try {
          await datastore.delete("outbox", { id });
          break;
        } catch (error) {
          const pause = removalPauses[attempt];
          if (pause === undefined || state === "closed") {
            log("what was sent can't be removed, and may be sent once more", {
              channel: channel.name,
              count: some.length,
              error: String(error),
            });
            break;
          }
          await sleep(pause);
        }
      }
      for (const one of some) {
        own.delete(one.id);
        one.done();
      }
    }
  };

  const run = async (row: Row): Promise<void> => {
    const {
      id,
      recipient,
      decoy,
      attempts: before,
      expiresAt,
    } = row as unknown as WaitingMessage & {
      readonly recipient: string;
      readonly decoy: boolean;
    };
    const parcel = openParcel(ring, row);
    const giveUp = async (failure: Parameters<Channel["failed"]>[1], error: string | null, attempts: number) => {
      try {
        const known = parcel ?? unreadableParcel(row);
        if (!decoy) await channel.failed(known, failure, error ?? undefined, attempts);
      } catch (thrown) {
        log("who is told of a failure has failed", { channel: channel.name, error: String(thrown) });
      }
      await remove(id);
    };
    if (parcel === undefined) return giveUp("unreadable", null, before);
    if (expiresAt <= now()) return giveUp("not reached", row["lastError"] as string | null, before);
    const said: string[] = [];
    let failed: { readonly error: unknown } | undefined;
    try {
      await limited(() => channel.deliver(parcel, said), timeout, systemTimer);
    } catch (error) {
      failed = { error };
    }
    if (failed === undefined || decoy) {
      if (!decoy) failing = false;
      return remove(id);
    }
    const { error } = failed;
    const attempts = before + 1;
    const text = channel.textOf(error, parcel, said);
    if (error instanceof DeliveryError && error.permanent) return giveUp("refused", text, attempts);
    const pause = retryAfter[attempts - 1] ?? retryAfter.at(-1);
    if (pause === undefined) return giveUp("not reached", text, attempts);
    if (!failing) log("sending fails; what waits is tried again", { channel: channel.name, error: text });
    failing = true;
    const dueAt = Math.min(now() + spread(pause), expiresAt);
    try {
      const set = { attempts, dueAt, claim: null, lastError: text };
      await datastore.update("outbox", { id, claim: row["claim"] as string }, set);
      remember(id, recipient);
      const timer = outside(() => setTimeout(() => wake(0), Math.max(1, dueAt - now() + 1)));
      // It waits in the database: no process has to stay for it.
      timer.unref();
    } catch (thrown) {
      log("what could not be sent waits until its claim has run out", { channel: channel.name, error: String(thrown) });
    }
  };

  /** Where a clock was set back, what was put off by it is due. */
  const putForward = async (): Promise<void> => {
    const at = now();
    const longest = Math.max(lease, ...retryAfter.map((pause) => 2 * pause));
    if ((await datastore.update("outbox", { channel: channel.name, dueAt: { gt: at + longest } }, { dueAt: at })) > 0) {
      wake(0);
    }
  };

  const look = async (): Promise<void> => {
    try {
      if ((await datastore.count("outbox", { channel: channel.name, dueAt: { lte: now() } }, 1)) > 0) pump();
      unread = false;
    } catch (error) {
      if (!unread && state !== "closed") {
        log("what waits to be sent can't be read; it is tried again", { channel: channel.name, error: String(error) });
      }
      unread = true;
    }
  };

  const lookAgain = (pause: number): void => {
    poll = outside(() =>
      setTimeout(async () => {
        await look();
        if (state === "open") lookAgain(spread(pollEvery));
      }, pause),
    );
    poll.unref();
  };

  return {
    stored: true,
    async add(parcels, tx) {
      const rows = makeRows(parcels);
      if (tx === undefined && rows.length > 1) await datastore.transaction((one) => write(rows, one));
      else await write(rows, tx ?? datastore);
      onceCommitted(tx, () => {
        for (const row of rows) remember(row["id"] as string, row["recipient"] as string);
        wake(settling);
      });
    },
    async idle() {
      for (;;) {
        await quiet();
        if (own.size === 0 || state !== "open") return;
        // Another process may have sent it.
        const ids = [...own.keys()].slice(0, 100);
        const found = await datastore.find("outbox", { id: { in: ids } });
        const left = new Set(found.map((row) => row["id"]));
        for (const id of ids) if (!left.has(id)) own.delete(id);
        if (left.size === 0) continue;
        await putForward();
        await sleep(25);
      }
    },
    start(alone) {
      state = "open";
      if (!alone) lookAgain(0);
      if (own.size > 0) wake(settling);
    },
    async close() {
      if (state === "closing" || state === "closed") return;
      const open = state === "open";
      state = "closing";
      clearTimeout(poll);
      soon?.();
      soon = undefined;
      if (open && own.size > 0) pump();
      settle();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, drain);
      await Promise.race([quiet(), promise]);
      clearTimeout(timer);
      state = "closed";
    },
    async retry(id) {
      const at = now();
      const where = { id, channel: channel.name, decoy: false };
      // What is being sent is not begun a second time.
      const found =
        (await datastore.update("outbox", { ...where, claim: null }, { dueAt: at })) > 0 ||
        (await datastore.count("outbox", where)) > 0;
      if (found) wake(settling);
      return found;
    },
    async purge() {
      await putForward();
    },
  };
}
