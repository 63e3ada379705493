import type { InvalidationBus } from "./contract.ts";

type Listener = (userId: number | undefined) => void;

/** What listeners of one bus share: each hears of each change once. */
export class Listeners {
  readonly #listeners: Listener[] = [];

  add(listener: Listener): void {
    this.#listeners.push(listener);
  }

  tell(userId: number | undefined): void {
    for (const listener of this.#listeners) listener(userId);
  }
}

/** For a store that no other process can see. */
export function localBus(): InvalidationBus {
  const listeners = new Listeners();
  return {
    current: () => true,
    publish: (userId) => listeners.tell(userId),
    onInvalidate: (listener) => listeners.add(listener),
  };
}
