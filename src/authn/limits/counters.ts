import { DatastoreError } from "../../model/errors.ts";
import { giveBack, type Meter, type MeterRule, type Taking, take } from "./meter.ts";
import type { LimitStore, Meters, StoredMeter } from "./store.ts";

/** Which counter, by which rule. */
export interface Counter {
  /** The hash that it goes by. */
  readonly key: string;
  readonly rule: MeterRule;
  readonly userId: number | null;
}

/** One attempt that was taken. */
export interface Taken {
  readonly counter: Counter;
  readonly taking: Extract<Taking, { kind: "taken" }>;
}

/** Of several counters one refuses: nothing was taken from any. */
export interface Refused {
  readonly counter: Counter;
  readonly taking: Extract<Taking, { kind: "refused" }>;
}

/** Counting in a store that several processes share. */
export interface Counters {
  /** Takes one attempt from each. Of any number at once, in any number of processes, no more get it than the rules allow. */
  take(counters: readonly Counter[]): Promise<{ readonly taken: readonly Taken[] } | { readonly refused: Refused }>;
  /** Gives one attempt back to each of the first, and forgets the others altogether. */
  settle(back: readonly Taken[], forget?: readonly Counter[]): Promise<void>;
}

/** Within a process the attempts on one key wait for each other; so a swap is lost to another process alone. */
const mostTries = 64;

/** Ends what is done together, with nothing done. */
class Undone extends Error {
  readonly refused: Refused | undefined;
  constructor(refused: Refused | undefined) {
    super(refused === undefined ? "somebody else was first" : "refused");
    this.refused = refused;
  }
}

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
  /** The turns of all, in the order of the keys: two that want the same in another order would wait for each other. */
  const inTurns = <T>(counters: readonly Counter[], work: () => Promise<T>): Promise<T> =>
    [...new Set(counters.map(({ key }) => key))]
      .sort()
      .reduceRight<() => Promise<T>>((next, key) => () => inTurn(key, next), work)();

  /** What a meter becomes; `after` undefined: it stays as it is. */
  type Step<T> = (before: StoredMeter | undefined) => { readonly result: T; readonly after: Meter | undefined };

  /** Reads, decides and swaps; undefined when somebody else was first. */
  const once = async <T>(on: Meters, counter: Counter, step: Step<T>): Promise<{ readonly result: T } | undefined> => {
    const before = await on.read(counter.key);
    const { result, after } = step(before);
    if (after === undefined) return { result };
    const facts = { userId: counter.userId, life: after.expiresAt - now() };
    return (await on.swap(counter.key, before?.stamp, after, facts)) === undefined ? undefined : { result };
  };

  const change = async <T>(counter: Counter, step: Step<T>): Promise<T> => {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const done = await once(store, counter, step);
      if (done !== undefined) return done.result;
      // Those who lost go on at different times.
      if (tries > 2) await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    }
    throw new DatastoreError("a limit could not be counted: too many processes change it at once");
  };

  const taking =
    (counter: Counter): Step<Taking> =>
    (before) => {
      const result = take(counter.rule, before, now());
      return { result, after: result.kind === "taken" ? result.meter : undefined };
    };
  const giving =
    ({ counter, taking: { meter } }: Taken): Step<undefined> =>
    (before) => ({
      result: undefined,
      after: before === undefined ? undefined : giveBack(counter.rule, before, meter),
    });

  const takeTogether = async (counters: readonly Counter[]): Promise<readonly Taken[] | Refused | undefined> => {
    try {
      return await store.together?.(async (on) => {
        const taken: Taken[] = [];
        for (const counter of counters) {
          const result = (await once(on, counter, taking(counter)))?.result;
          if (result?.kind !== "taken")
            throw new Undone(result === undefined ? undefined : { counter, taking: result });
          taken.push({ counter, taking: result });
        }
        return taken;
      });
    } catch (error) {
      // Whatever else it was, one after the other says it again.
      return error instanceof Undone ? error.refused : undefined;
    }
  };

  const settle = async (back: readonly Taken[], forget: readonly Counter[]): Promise<void> => {
    for (const taken of back) await change(taken.counter, giving(taken));
    for (const { key } of forget) await store.remove(key);
  };

  return {
    take: (counters) =>
      inTurns(counters, async () => {
        const together = counters.length > 1 ? await takeTogether(counters) : undefined;
        if (together !== undefined) return "taking" in together ? { refused: together } : { taken: together };
        const taken: Taken[] = [];
        try {
          for (const counter of counters) {
            const result = await change(counter, taking(counter));
            if (result.kind === "refused") {
              await settle(taken, []);
              return { refused: { counter, taking: result } };
            }
            taken.push({ counter, taking: result });
          }
        } catch (error) {
          await settle(taken, []);
          throw error;
        }
        return { taken };
      }),
    settle: (back, forget = []) =>
      inTurns([...back.map(({ counter }) => counter), ...forget], async () => {
        if (back.length + forget.length > 1 && store.together !== undefined) {
          try {
            return await store.together(async (on) => {
              for (const taken of back) {
                if ((await once(on, taken.counter, giving(taken))) === undefined) throw new Undone(undefined);
              }
              for (const { key } of forget) await on.remove(key);
            });
          } catch {
            // Somebody else was first, or the database failed: then one after the other says so.
          }
        }
        await settle(back, forget);
      }),
  };
}
