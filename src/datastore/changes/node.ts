import { DatastoreError, PortcullisError } from "../../model/errors.ts";
import type { InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";
import { between, type Clock, type Moment, moment } from "./clock.ts";
import { Confirmations } from "./confirmations.ts";
import { Lease } from "./lease.ts";
import type { Change, ChangeLog, Look } from "./log.ts";
import { Pace } from "./pace.ts";
import { Waiters } from "./waiters.ts";

/** What a node is made of. */
export interface NodeParts {
  readonly log: ChangeLog;
  readonly clock: Clock;
  /** A name that no node has had before, of this process alone. */
  readonly node: string;
  /** How long, in milliseconds, what is kept may be trusted after a look at the changes began. */
  readonly lease: number;
  /** False: nothing is kept, and there is no lease to wait for; changes are told, and the others waited for. */
  readonly trusts: boolean;
  /** Looks fail, or are answered again (undefined). Called at each look. */
  readonly report: (failure: { readonly error: unknown } | undefined) => void;
}

/** Looks within one lease: one that is lost must not end it. */
const looksPerLease = 5;

/** Who was away for so long, in milliseconds, forgets everything, and does not ask what has changed: it may be purged. */
const forgetAfter = 60_000;

/** So often, in milliseconds, it is looked which nodes are gone. */
const listEvery = 30_000;

/** How long, in milliseconds, closing waits for a look that is on its way. */
const closingPatience = 1000;

/** How long, in milliseconds, the places of committed changes are kept for who is about to wait for them. */
const committedFor = 10_000;

/**
 * One process among those that share a database: learns of what the others change by looking at the change log, and waits until
 * they have seen what it changed itself.
 *
 * What a look brings is all that was committed before it; so the look itself proves that nothing is missing, and for how long
 * (lease.ts). Notifications only make it come earlier. A look also says, in the node's row, what it has made use of (its
 * position before this look): that is how others learn that their changes were seen (confirmations.ts).
 */
export class ChangeNode implements InvalidationBus {
  readonly reachesOthers = true;
  readonly #parts: NodeParts;
  readonly #listeners = new Listeners();
  readonly #lease: Lease;
  readonly #pace: Pace;
  readonly #confirmations: Confirmations;
  readonly #waiters: Waiters;
  #numbers = 0;
  /** Own changes that were told here when they were made. */
  readonly #told = new Set<number>();
  #committed: { readonly userId: number | undefined; readonly place: string; readonly at: number }[] = [];
  #beats = 0;
  /** What was made use of: up to there, by the look of that number, which began then. */
  #used: { readonly position: string; readonly beat: number; readonly began: Moment } | undefined;
  #listed = Number.NEGATIVE_INFINITY;
  #looking = false;
  #last: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;
  /** Who waits until what is kept may be trusted, or a look has failed. */
  #starting: (() => void)[] = [];
  #closed = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.#lease = new Lease(parts.clock, parts.lease);
    this.#pace = new Pace(parts.lease / looksPerLease);
    this.#confirmations = new Confirmations(parts.node, (position, place) => parts.log.covers(position, place));
    this.#waiters = new Waiters(parts.clock, this.#confirmations, parts.lease);
  }

  current(): boolean {
    return this.#lease.held();
  }

  onInvalidate(listener: (userId: number | undefined) => void): void {
    this.#listeners.add(listener);
  }

  /** Begins to look, at once where that failed before. Resolves when what is kept may be trusted, or when a look has failed. */
  async start(): Promise<void> {
    if (!this.#parts.trusts || this.#closed || this.current()) return;
    const tried = new Promise<void>((resolve) => {
      this.#starting.push(resolve);
    });
    this.#pace.atOnce(this.#now());
    this.#schedule();
    await tried;
  }

  /** There may be changes: somebody said so. */
  wake(): void {
    if (!this.#parts.trusts) return;
    this.#pace.soon(this.#now());
    this.#schedule();
  }

  /** A change that is about to be written down with what it tells of, in one transaction. */
  begin(userId: number | undefined): Change {
    this.#numbers += 1;
    return { node: this.#parts.node, number: this.#numbers, userId };
  }

  /** That transaction has committed. */
  committed({ number, userId }: Change, place: string): void {
    const now = this.#now();
    this.#tell(number, userId);
    this.#committed = this.#committed.filter(({ at }) => now - at < committedFor);
    this.#committed.push({ userId, place, at: now });
  }

  /** `announced`: its transaction wrote the change down; else it is written now. Resolves when it counts everywhere. */
  async publish(userId: number | undefined, announced = false): Promise<void> {
    this.#listeners.tell(userId);
    if (this.#closed) throw new DatastoreError("the store is closed");
    let places = announced ? this.#placesOf(userId) : [];
    if (places.length === 0) places = [await this.#write(userId)];
    const seen = this.#waiters.add(places);
    this.#pace.waiting(this.#now(), 0);
    this.#schedule();
    await seen;
  }

  /** Stops; the others need not wait for this node any more. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel?.();
    this.#lease.end();
    this.#waiters.end();
    this.#started();
    const { log, clock, node, trusts } = this.#parts;
    if (!trusts) return;
    // A look that is on its way would write the row again.
    let cancel = (): void => {};
    const longEnough = new Promise<void>((resolve) => {
      cancel = clock.after(closingPatience, resolve, true);
    });
    await Promise.race([this.#last, longEnough]);
    cancel();
    await log.remove([{ node, beat: this.#beats }]);
  }

  #started(): void {
    for (const resolve of this.#starting.splice(0)) resolve();
  }

  #now(): number {
    return this.#parts.clock.monotonic();
  }

  #tell(number: number, userId: number | undefined): void {
    if (this.#parts.trusts) this.#told.add(number);
    this.#listeners.tell(userId);
  }

  async #write(userId: number | undefined): Promise<string> {
    const change = this.begin(userId);
    if (this.#parts.trusts) this.#told.add(change.number);
    try {
      return await this.#parts.log.write(change);
    } catch (error) {
      if (error instanceof PortcullisError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new DatastoreError(`a change could not be announced to the other processes: ${reason}`, { cause: error });
    }
  }

  #placesOf(userId: number | undefined): string[] {
    const places = this.#committed.filter((it) => it.userId === userId).map(({ place }) => place);
    this.#committed = this.#committed.filter((it) => it.userId !== userId);
    return [...new Set(places)];
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const waits = this.#waiters.some;
    if (this.#closed || this.#looking || !(this.#parts.trusts || waits)) return;
    const pause = Math.max(0, this.#pace.due - this.#now());
    // Who awaits `publish` must not see the process end instead.
    this.#cancel = this.#parts.clock.after(
      pause,
      () => {
        this.#last = this.#look();
      },
      waits,
    );
  }

  async #look(): Promise<void> {
    const { log, clock, node, lease, trusts, report } = this.#parts;
    const began = moment(clock);
    const used = this.#used;
    this.#looking = true;
    this.#pace.began(began.monotonic);
    this.#beats += 1;
    const beat = this.#beats;
    const from = used !== undefined && between(used.began, began) < forgetAfter ? used.position : undefined;
    const list = this.#waiters.some || (trusts && began.monotonic - this.#listed > listEvery);
    const own = trusts ? { node, beat, lease, position: used?.position } : undefined;
    try {
      const look = await this.#inTime(log.look({ own, from, list }));
      if (this.#closed) return;
      const answered = this.#now();
      if (trusts) this.#use(look, beat, began, from);
      this.#pace.count(look.count);
      if (look.nodes !== undefined) {
        this.#listed = answered;
        const gone = this.#confirmations.observe(look.nodes, began.monotonic, answered);
        if (gone.length > 0) log.remove(gone).catch(() => {});
        this.#waiters.settle(look.nodes, began.monotonic);
      }
      report(undefined);
    } catch (error) {
      if (this.#closed) return;
      report({ error });
      this.#started();
    } finally {
      this.#looking = false;
      if (this.#waiters.some) this.#pace.waiting(this.#now(), this.#waiters.looks);
      this.#schedule();
    }
  }

  /** One that is not answered within the lease is of no use any more, and another must not wait for it. */
  #inTime(look: Promise<Look>): Promise<Look> {
    const { clock, lease } = this.#parts;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(lease, () => reject(new Error("no answer in time")), true);
      look.then(resolve, reject).finally(cancel);
    });
  }

  #use(look: Look, beat: number, began: Moment, from: string | undefined): void {
    const lost = this.#used !== undefined && (look.before ?? 0) < this.#used.beat;
    let news = false;
    if (from === undefined || look.changes === undefined || lost) {
      this.#told.clear();
      this.#listeners.tell(undefined);
    } else {
      for (const { node, number, userId } of look.changes) {
        if (node !== this.#parts.node) news = true;
        else if (this.#told.delete(number)) continue;
        this.#listeners.tell(userId);
      }
    }
    this.#used = { position: look.position, beat, began };
    // A store that lost what this node wrote may have lost changes as well, and have others in their places.
    if (lost) this.#lease.end();
    if (!this.#lease.renew(began)) this.#pace.atOnce(this.#now());
    else {
      this.#started();
      // Told at once that it was seen: somebody waits for that.
      if (news || look.changes === undefined) this.#pace.soon(this.#now());
    }
  }
}
