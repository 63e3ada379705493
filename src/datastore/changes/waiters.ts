import { DatastoreError } from "../../model/errors.ts";
import type { Clock } from "./clock.ts";
import type { Confirmations } from "./confirmations.ts";
import type { NodeRow } from "./log.ts";

interface Waiter {
  /** All of these must be seen. */
  readonly places: readonly string[];
  /** When it began to wait, after the commit, by the monotonic clock. */
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  cancel: () => void;
  /** When the last lease ends of those that have not seen it, as far as that is known. */
  until: number | undefined;
  looks: number;
}

/** Without any look for so many leases, it is told that nobody knows. */
const patience = 5;

/** Those that wait until the other nodes have seen their changes. */
export class Waiters {
  readonly #clock: Clock;
  readonly #confirmations: Confirmations;
  readonly #lease: number;
  readonly #waiters = new Set<Waiter>();
  #ended = false;

  constructor(clock: Clock, confirmations: Confirmations, lease: number) {
    this.#clock = clock;
    this.#confirmations = confirmations;
    this.#lease = lease;
  }

  get some(): boolean {
    return this.#waiters.size > 0;
  }

  /** How often who has looked least has looked. */
  get looks(): number {
    return Math.min(...[...this.#waiters].map(({ looks }) => looks));
  }

  /** Resolves when all have seen these changes, which are committed, or do not trust what they have. */
  add(places: readonly string[]): Promise<void> {
    if (this.#ended) return Promise.reject(unseen());
    return new Promise((resolve, reject) => {
      const since = this.#clock.monotonic();
      const waiter: Waiter = { places, since, resolve, reject, cancel: () => {}, until: undefined, looks: 0 };
      this.#waiters.add(waiter);
      this.#expire(waiter, since + this.#lease * patience);
    });
  }

  /** A look that began then found these rows. */
  settle(rows: readonly NodeRow[], began: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.since > began) continue;
      waiter.looks += 1;
      const ends = waiter.places.map((place) => this.#confirmations.waitsUntil(rows, place, waiter.since, began));
      const open = ends.filter((end) => end !== undefined);
      if (open.length === 0) {
        this.#end(waiter);
        waiter.resolve();
        continue;
      }
      waiter.until = Math.max(...open);
      this.#expire(waiter, waiter.until);
    }
  }

  /** Nobody looks any more. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters) {
      this.#end(waiter);
      waiter.reject(unseen());
    }
  }

  #expire(waiter: Waiter, at: number): void {
    waiter.cancel();
    waiter.cancel = this.#clock.after(
      Math.max(0, at - this.#clock.monotonic()),
      () => {
        // Timers may be early.
        if (this.#clock.monotonic() < at) {
          this.#expire(waiter, at);
          return;
        }
        this.#end(waiter);
        if (waiter.until === undefined) waiter.reject(unseen());
        else waiter.resolve();
      },
      true,
    );
  }

  #end(waiter: Waiter): void {
    waiter.cancel();
    this.#waiters.delete(waiter);
  }
}

function unseen(): DatastoreError {
  return new DatastoreError("a change is stored, but it is not known whether the other processes have seen it");
}
