import { between, type Clock, type Moment, since } from "./clock.ts";

/**
 * How long a node may trust what it keeps: for so many milliseconds from when it began a look at the changes that it has made
 * use of, by the clock that says more.
 *
 * A look counts only when the one before it was begun within the lease: the row that it left is in the store since before this
 * look began, so that who commits a change after this look finds it there and waits. Whoever was away needs two looks.
 */
export class Lease {
  readonly #clock: Clock;
  readonly #life: number;
  #last: Moment | undefined;
  #trusted: Moment | undefined;

  constructor(clock: Clock, life: number) {
    this.#clock = clock;
    this.#life = life;
  }

  /** A look that began then was answered, and its changes were made use of. True: what is kept may be trusted again. */
  renew(began: Moment): boolean {
    const follows = this.#last !== undefined && between(this.#last, began) < this.#life;
    this.#last = began;
    this.#trusted = follows ? began : undefined;
    return follows;
  }

  /** What was seen before is worth nothing: the store has lost what this node wrote. */
  end(): void {
    this.#last = undefined;
    this.#trusted = undefined;
  }

  held(): boolean {
    return this.#trusted !== undefined && since(this.#clock, this.#trusted) < this.#life;
  }
}
