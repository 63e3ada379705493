import { DatastoreError } from "../../model/errors.ts";
import { giveBack, type Meter, type MeterRule, type Taking, take } from "./meter.ts";
import type { LimitStore, StoredMeter } from "./store.ts";

/** Which counter, by which rule. */
export interface Counter {
  /** The hash that it goes by. */
  readonly key: string;
  readonly rule: MeterRule;
  readonly userId: number | null;
}

/** Counting in a store that several processes share. */
export interface Counters {
  /** Takes one attempt. Of any number at once, in any number of processes, no more get it than the rule allows. */
  take(counter: Counter): Promise<Taking>;
  /** Gives one attempt back. */
  giveBack(counter: Counter, taken: Meter): Promise<void>;
}

/** Within a process the attempts on one key wait for each other; so a swap is lost to another process alone. */
const mostTries = 64;

/** Makes the counters over a store. */
export function createCounters(store: LimitStore, now: () => number): Counters {
  const turns = new Map<string, Promise<unknown>>();

  const inTurn = async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(key);
    const turn = before === undefined ? work() : before.then(work, work);
    turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(key) === turn) turns.delete(key);
    }
  };

  /** Reads, decides and swaps until nobody else was first; the step says what becomes of the meter, or that nothing does. */
  const change = async <T>(
    counter: Counter,
    step: (before: StoredMeter | undefined) => { readonly result: T; readonly after: Meter | undefined },
  ): Promise<T> => {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const before = await store.read(counter.key);
      const { result, after } = step(before);
      if (after === undefined) return result;
      const facts = { userId: counter.userId, life: after.expiresAt - now() };
      if ((await store.swap(counter.key, before?.stamp, after, facts)) !== undefined) return result;
      // Those who lost go on at different times.
      if (tries > 2) await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    }
    throw new DatastoreError("a limit could not be counted: too many processes change it at once");
  };

  return {
    take: (counter) =>
      inTurn(counter.key, () =>
        change(counter, (before) => {
          const result = take(counter.rule, before, now());
          return { result, after: result.kind === "taken" ? result.meter : undefined };
        }),
      ),
    giveBack: (counter, taken) =>
      inTurn(counter.key, () =>
        change(counter, (before) => ({
          result: undefined,
          after: before === undefined ? undefined : giveBack(counter.rule, before, taken),
        })),
      ),
  };
}
