import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Datastore, Operations, Transaction, Where } from "../datastore/contract.ts";
import { DeliveryError } from "../delivery/mail.ts";
import { type DeliverySettings, limited, settling, spread, systemTimer } from "../delivery/queue.ts";
import type { Row } from "../model/schema.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { randomId, sha256 } from "../secrets/random.ts";
import { createRemoval } from "./outbox-removal.ts";
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

/** What came of what was asked for a message: "busy": it is being sent; "gone": it does not wait any more. */
export type Handled = "done" | "busy" | "gone";

/** What waits in the database, with what can be done about it. */
export interface Outbox extends Postbox {
  /** Tries it now, once what waits for the same recipient before it is away. */
  retry(id: string): Promise<Handled>;
  /** Takes it out, unless somebody is sending it. */
  drop(id: string): Promise<Handled>;
  /** Puts right what a clock that jumped has put off. */
  putForward(): Promise<void>;
}

/** How often a process looks for what others have left, in milliseconds. */
const pollEvery = 10_000;
/** So many messages of its own a process remembers, to look for what stands behind them. */
const mostRemembered = 1_000;
/** So many of them are looked for by one statement. */
const together = 500;
/** The head of each recipient's line. */
const heads = { first: { of: "recipient", by: "position" }, orderBy: [{ field: "position" }] } as const;

/**
 * Messages are rows, written in the transaction of what they are about, and sent by whichever process claims them. A claim runs
 * out: what a killed process was sending is sent again. Of one recipient's messages the first one alone can be claimed, so they go
 * out in the order in which they were written.
 *
 * A process leaves to others what it can't open or make, and has no say in what becomes of it before it is over. A command sends
 * what it has written itself and nothing else, and so does a process whose sender reaches nobody.
 */
export function createOutbox({ channel, settings, datastore, ring, now, log }: OutboxContext): Outbox {
  const { concurrency, retryAfter, timeout, drain, keep } = settings;
  /** A claim is good for so long: an attempt has ended by then. */
  const lease = 2 * timeout;
  // What is sent belongs to no request, and to no transaction.
  const outside = AsyncLocalStorage.snapshot();
  /** What this process has written and not seen off, with its recipient. */
  const own = new Map<string, string>();
  /** What this process can't make, and until when that waits. */
  const others = new Map<string, number>();
  const told = new Set<string>();
  /** Whom something new has been written for. */
  const fresh = new Set<string>();
  /** Stands before the recipient where nothing but this process's own messages is sent by it: no other line holds these up. */
  const line = randomId(16);
  const watchers: (() => void)[] = [];
  let running = 0;
  let claiming: Promise<void> | undefined;
  let again = false;
  let more = false;
  let soon: (() => void) | undefined;
  let poll: NodeJS.Timeout | undefined;
  let state: "new" | "open" | "closing" | "closed" = "new";
  let failing = false;
  let unread = false;
  let command = false;

  const ownOnly = (): boolean => command || channel.development;
  const isQuiet = (): boolean => running === 0 && claiming === undefined && soon === undefined;
  const settle = (): void => {
    if (isQuiet()) for (const done of watchers.splice(0)) done();
  };
  const quiet = (): Promise<void> =>
    isQuiet() ? Promise.resolve() : new Promise<void>((resolve) => watchers.push(resolve));

  const remember = (id: string, recipient: string): void => {
    own.set(id, recipient);
    const [oldest] = own.size > mostRemembered && !ownOnly() ? own.keys() : [];
    if (oldest !== undefined) own.delete(oldest);
  };

  const makeRows = rowMaker(channel.name, ring, keep, now, () => (ownOnly() ? line : ""));

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

  /** What this process has written, by parts. */
  const ownParts = (): readonly (readonly string[])[] => {
    const ids = [...own.keys()];
    return Array.from({ length: Math.ceil(ids.length / together) }, (_, part) =>
      ids.slice(part * together, (part + 1) * together),
    );
  };

  /** The first messages of at most so many recipients that nobody is sending and this process may send. */
  const sendable = async (tx: Operations, due: Where, most: number, at: number): Promise<readonly Row[]> => {
    if (ownOnly()) {
      const conditions: Where[] = ownParts().map((ids) => ({ ...due, id: { in: ids } }));
      // What is over is given up, whoever has written it.
      if (!command) conditions.push({ ...due, expiresAt: { lte: at } });
      const found = new Map<unknown, Row>();
      for (const where of conditions) {
        if (found.size >= most) break;
        const rows = await tx.find("outbox", where, { ...heads, limit: most - found.size, skipHeld: true });
        for (const row of rows) found.set(row["id"], row);
      }
      return [...found.values()];
    }
    for (let limit = most; ; ) {
      const rows = await tx.find("outbox", due, { ...heads, limit, skipHeld: true });
      const mine = rows.filter((row) => (others.get(row["id"] as string) ?? at) <= at);
      if (mine.length >= most || rows.length < limit) return mine.slice(0, most);
      limit = most + rows.length - mine.length;
    }
  };

  const claim = (most: number): Promise<readonly Row[]> =>
    datastore.transaction(async (tx) => {
      const at = now();
      const due = { channel: channel.name, dueAt: { lte: at } };
      const rows = await sendable(tx, due, most, at);
      if (rows.length === 0) return [];
      const id = { in: rows.map((row) => row["id"] as string) };
      const mark = randomId(16);
      const won = await tx.update("outbox", { ...due, id }, { claim: mark, dueAt: at + lease });
      // A store that does not leave out what another one holds.
      const mine = won === rows.length ? rows : await tx.find("outbox", { id, claim: mark });
      return mine.map((row) => ({ ...row, claim: mark }));
    });

  /** A recipient who is written to again does not wait for the next attempt of what failed before. */
  const hurry = async (): Promise<void> => {
    const recipients = [...fresh].slice(0, together);
    if (recipients.length === 0) return;
    const at = now();
    const put = { channel: channel.name, recipient: { in: recipients }, claim: null, dueAt: { gt: at } };
    // Few have something that failed, and looking takes no lock.
    if ((await datastore.count("outbox", put, 1)) > 0) await datastore.update("outbox", put, { dueAt: at });
    for (const recipient of recipients) fresh.delete(recipient);
  };

  /** Once, until it works again. */
  const cannotRead = (error: unknown): void => {
    if (!unread && state !== "closed") {
      log("what waits to be sent can't be read; it is tried again", { channel: channel.name, error: String(error) });
    }
    unread = true;
  };

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
        if (command && own.size === 0) break;
        await hurry();
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
      cannotRead(error);
    }
  };

  const remove = createRemoval({
    channel: channel.name,
    datastore,
    log,
    isClosed: () => state === "closed",
    removed: (id) => own.delete(id),
  });

  /** Leaves to the other processes what this one can't make. */
  const leave = async (row: Row, reason: string): Promise<void> => {
    const { id, kind, expiresAt } = row as unknown as WaitingMessage;
    const at = now();
    if (!told.has(reason)) log("a message waits that this process can't make; it is left to others", { kind, reason });
    told.add(reason);
    own.delete(id);
    for (const [other, until] of others) if (until <= at) others.delete(other);
    const isKnown = others.size < mostRemembered;
    if (isKnown) others.set(id, expiresAt);
    try {
      // It keeps nobody waiting who can have the next one.
      const set = {
        claim: null,
        dueAt: isKnown ? at : Math.min(at + 60 * pollEvery, expiresAt),
        recipient: sha256(id),
      };
      await datastore.update("outbox", { id, claim: row["claim"] as string }, set);
    } catch (thrown) {
      log("what could not be sent waits until its claim has run out", { channel: channel.name, error: String(thrown) });
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
    if (expiresAt <= now()) {
      return giveUp(parcel === undefined ? "unreadable" : "not reached", row["lastError"] as string | null, before);
    }
    if (parcel === undefined || !channel.makes(parcel.kind)) {
      if (decoy) return remove(id);
      return leave(row, parcel === undefined ? "none of its keys opens it" : `it has no template "${parcel.kind}"`);
    }
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
      // The message itself may be what the server does not like, and a stranger may have chosen a word of it: from the second
      // failure on it keeps nobody waiting.
      const aside = attempts >= 2 ? { recipient: sha256(id) } : {};
      const set = { attempts, dueAt, claim: null, lastError: text, ...aside };
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
      cannotRead(error);
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

  /** Whether something of its own is due now, or on its way. */
  const isUnderWay = async (): Promise<boolean> => {
    for (const ids of ownParts()) {
      // Another process may have sent it.
      const found = await datastore.find("outbox", { id: { in: ids } });
      const left = new Set(found.map((row) => row["id"]));
      for (const id of ids) if (!left.has(id)) own.delete(id);
      if (found.length === 0) continue;
      const at = now();
      const recipient = { in: found.map((row) => row["recipient"] as string) };
      const sending = { channel: channel.name, recipient, claim: { not: null }, dueAt: { gt: at } };
      if ((await datastore.count("outbox", sending, 1)) > 0) return true;
      const due = { channel: channel.name, id: { in: ids }, dueAt: { lte: at } };
      if ((await datastore.find("outbox", due, { ...heads, limit: 1 })).length > 0) return true;
    }
    return false;
  };

  return {
    async add(parcels, tx?: Transaction) {
      const rows = makeRows(parcels);
      if (tx === undefined && rows.length > 1) await datastore.transaction((one) => write(rows, one));
      else await write(rows, tx ?? datastore);
      onceCommitted(tx, () => {
        for (const row of rows) {
          remember(row["id"] as string, row["recipient"] as string);
          fresh.add(row["recipient"] as string);
        }
        wake(settling);
      });
    },
    async idle() {
      await quiet();
      if (own.size > 0 && state === "open") await putForward();
      for (;;) {
        await quiet();
        if (own.size === 0 || state !== "open" || !(await isUnderWay())) return;
        await sleep(25);
        pump();
      }
    },
    start(alone) {
      state = "open";
      command = alone;
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
      const row = await datastore.findOne("outbox", where);
      if (row === undefined) return "gone";
      // Nor does it wait for the next attempt of what stands before it.
      const { recipient } = row as { readonly recipient?: string };
      const put = { channel: channel.name, recipient: recipient ?? "", claim: null, dueAt: { gt: at } };
      await datastore.update("outbox", put, { dueAt: at });
      wake(settling);
      // What is being sent is not begun a second time.
      if ((await datastore.count("outbox", { ...where, claim: { not: null }, dueAt: { gt: at } })) > 0) return "busy";
      return "done";
    },
    async drop(id) {
      const where = { id, channel: channel.name, decoy: false };
      const dropped =
        (await datastore.delete("outbox", { ...where, claim: null })) > 0 ||
        // Whoever was sending it is gone: the claim has run out.
        (await datastore.delete("outbox", { ...where, dueAt: { lte: now() } })) > 0;
      if (dropped) {
        own.delete(id);
        return "done";
      }
      return (await datastore.count("outbox", where)) > 0 ? "busy" : "gone";
    },
    putForward,
  };
}
