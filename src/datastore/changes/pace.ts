/** Between two looks that were asked for, in milliseconds for each other node: many nodes together ask no more than few. */
const perNode = 10;

/** How long, in milliseconds, the others are given before it is looked whether they have seen a change. */
const firstWait = 4;

/** So many looks may follow each other without that pause, after a time in which none was asked for. */
const atOnce = 4;

/**
 * When a node looks at the changes next: at a beat, and earlier when there is a reason, a notification or somebody who waits.
 * What comes early takes the place of a beat. One change alone is seen at once; where they come one after the other, early
 * looks are the rarer the more nodes there are, but never rarer than the beat: so those of all together hardly grow with the
 * number of changes.
 */
export class Pace {
  readonly #beat: number;
  #nodes = 1;
  #due = 0;
  /** Whether the next look was asked for. */
  #asked = false;
  /** How many early looks were to be had then. */
  #allowed = atOnce;
  #counted = 0;

  constructor(beat: number) {
    this.#beat = beat;
  }

  get due(): number {
    return this.#due;
  }

  /** There are so many nodes. */
  count(nodes: number): void {
    this.#nodes = Math.max(1, nodes);
  }

  /** A look begins. */
  began(now: number): void {
    if (this.#asked) {
      this.#refill(now);
      this.#allowed = Math.max(0, this.#allowed - 1);
    }
    this.#asked = false;
    this.#due = now + this.#beat;
  }

  /** As soon as looks may follow each other, but not before so many milliseconds. */
  soon(now: number, pause = 0): void {
    this.#refill(now);
    const missing = Math.max(0, 1 - this.#allowed);
    this.#ask(now + Math.max(pause, missing * this.#spacing));
  }

  /** At once, whatever came before. */
  atOnce(now: number): void {
    this.#ask(now);
  }

  /** Somebody waits for the others and has looked so many times. */
  waiting(now: number, looks: number): void {
    const pause = looks === 0 && this.#nodes === 1 ? 0 : firstWait * 2 ** Math.min(looks, 8);
    this.soon(now, Math.min(pause, this.#beat));
  }

  get #spacing(): number {
    return Math.min((this.#nodes - 1) * perNode, this.#beat);
  }

  #refill(now: number): void {
    const since = now - this.#counted;
    this.#counted = now;
    this.#allowed = this.#spacing === 0 ? atOnce : Math.min(atOnce, this.#allowed + since / this.#spacing);
  }

  #ask(at: number): void {
    // At the beat as well: it is one of those that were asked for, and the next one keeps its distance.
    if (at <= this.#due + 1) this.#asked = true;
    this.#due = Math.min(this.#due, at);
  }
}
