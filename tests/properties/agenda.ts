/** Something that happens at a simulated time. */
export interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** What is going to happen, in the order of time, and of planning where that is the same. */
export class Agenda {
  readonly #events: Event[] = [];
  #order = 0;

  add(at: number, run: () => void): Event {
    this.#order += 1;
    const event: Event = { at, order: this.#order, run, cancelled: false };
    this.#events.push(event);
    let child = this.#events.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
    return event;
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#events[a], this.#events[b]] as [Event, Event];
    return first.at < second.at || (first.at === second.at && first.order < second.order);
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#events[a], this.#events[b]] as [Event, Event];
    this.#events[a] = second;
    this.#events[b] = first;
  }

  /** The one that happens first; it is taken out. */
  next(): Event | undefined {
    const [first] = this.#events;
    const last = this.#events.pop();
    if (first === undefined || last === undefined || first === last) return first;
    this.#events[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < this.#events.length && this.#before(child, least)) least = child;
      }
      if (least === parent) return first;
      this.#swap(parent, least);
      parent = least;
    }
  }
}
