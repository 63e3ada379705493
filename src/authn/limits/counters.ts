import { DatastoreError } from "../../model/errors.ts";
import { giveBack, type Meter, type MeterRule, mended, type Returned, type Taking, take } from "./meter.ts";
import type { LimitStore, Meters, NewMeter, StoredMeter } from "./store.ts";

/**
 * What it means when a counter has no attempt left. "refuses": the whole is refused. "closes": the attempt goes on and must
 * fail, since nobody may see what this counter says. "counts": it says nothing.
 */
export type Weight = "refuses" | "closes" | "counts";

/** Which counter, by which rule. */
export interface Counter {
  /** The hash that it goes by. */
  readonly key: string;
  readonly rule: MeterRule;
  readonly userId: number | null;
  /** Default "refuses". */
  readonly weight?: Weight;
}

/** One attempt that was taken. */
export interface Taken {
  readonly counter: Counter;
  readonly taking: Extract<Taking, { kind: "taken" }>;
}

/** A counter that has no attempt left. */
export interface Refused {
  readonly counter: Counter;
  readonly taking: Extract<Taking, { kind: "refused" }>;
}

/** What was taken; `closed` by the counter that says so, from which nothing was taken. */
export interface TakenTogether {
  readonly taken: readonly Taken[];
  readonly closed: Refused | undefined;
}

/** Counting in a store that several processes share. */
export interface Counters {
  /**
   * Takes one attempt from each; where one refuses, from none. Of any number at once, in any number of processes, no more
   * get it than the rules allow.
   */
  take(counters: readonly Counter[]): Promise<TakenTogether | { readonly refused: Refused }>;
  /** Gives one attempt back to each of the first (or its failure alone), and forgets the others altogether. */
  settle(back: readonly Taken[], forget?: readonly Counter[], returned?: Returned): Promise<void>;
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

  /** Decides on what was read and swaps; undefined when somebody else was first. */
  const once = async <T>(
    on: Meters,
    counter: Counter,
    before: StoredMeter | undefined,
    step: Step<T>,
  ): Promise<{ readonly result: T } | undefined> => {
    const { result, after } = step(before);
    if (after === undefined) return { result };
    const facts = { userId: counter.userId, life: after.expiresAt - now() };
    return (await on.swap(counter.key, before?.stamp, after, facts)) === undefined ? undefined : { result };
  };

  /** What is stored of each, in their order. */
  const readAll = async (on: Meters, counters: readonly Counter[]): Promise<readonly (StoredMeter | undefined)[]> => {
    const keys = counters.map(({ key }) => key);
    if (keys.length > 1 && on.readAll !== undefined) return on.readAll(keys);
    const found: (StoredMeter | undefined)[] = [];
    for (const key of keys) found.push(await on.read(key));
    return found;
  };

  /** Tries until it was first; `known` is what was read of it already. */
  const change = async <T>(
    counter: Counter,
    step: Step<T>,
    known?: { readonly meter: StoredMeter | undefined },
  ): Promise<T> => {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const before = tries === 0 && known !== undefined ? known.meter : await store.read(counter.key);
      const done = await once(store, counter, before, step);
      if (done !== undefined) return done.result;
      // Those who lost go on at different times.
      if (tries > 2) await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    }
    throw new DatastoreError("a limit could not be counted: too many processes change it at once");
  };

  const taking =
    (counter: Counter, at: number): Step<Taking> =>
    (before) => {
      const result = take(counter.rule, before, at);
      if (result.kind === "taken") return { result, after: result.meter };
      // One whose word is not heard is written all the same: the time must not tell what it says.
      return { result, after: counter.weight === "closes" ? (result.mended ?? before) : undefined };
    };
  const giving =
    ({ counter, taking: { meter } }: Taken, returned: Returned): Step<undefined> =>
    (before) => ({
      result: undefined,
      after: before === undefined ? undefined : giveBack(counter.rule, before, meter, returned),
    });

  /** Takes from one after the other by `next`. Undefined when somebody else was first. */
  const takeEach = async (
    counters: readonly Counter[],
    next: (counter: Counter, index: number) => Promise<Taking | undefined>,
    taken: Taken[],
  ): Promise<TakenTogether | { readonly refused: Refused } | undefined> => {
    let closed: Refused | undefined;
    for (const [index, counter] of counters.entries()) {
      const result = await next(counter, index);
      if (result === undefined) return undefined;
      if (result.kind === "taken") taken.push({ counter, taking: result });
      else if (counter.weight === "closes") closed = { counter, taking: result };
      else if (counter.weight !== "counts") return { refused: { counter, taking: result } };
    }
    return { taken, closed };
  };

  type Known = readonly (StoredMeter | undefined)[];

  /**
   * Takes from counters of which none is stored yet, by one statement without a transaction: a sign-in that nobody has
   * guessed before costs no more for being counted under several names. Undefined: it is not so, or not so any more.
   */
  const takeNew = async (
    counters: readonly Counter[],
    at: number,
    known: Known,
  ): Promise<TakenTogether | { readonly refused: Refused } | undefined> => {
    if (store.addAll === undefined || known.some((before) => before !== undefined)) return undefined;
    const added: NewMeter[] = [];
    const next = async (counter: Counter): Promise<Taking> => {
      const { result, after } = taking(counter, at)(undefined);
      const facts = (meter: Meter) => ({ userId: counter.userId, life: meter.expiresAt - now() });
      if (after !== undefined) added.push({ key: counter.key, meter: after, facts: facts(after) });
      return result;
    };
    const took = await takeEach(counters, next, []);
    if (took === undefined || "refused" in took || added.length === 0) return took;
    return (await store.addAll(added)) ? took : undefined;
  };

  const takeTogether = async (
    counters: readonly Counter[],
    at: number,
  ): Promise<TakenTogether | { readonly refused: Refused } | undefined> => {
    try {
      // What was read before the transaction may be another's by then: then the swap fails, and it is read again.
      const known = await readAll(store, counters);
      const took = await takeNew(counters, at, known);
      if (took !== undefined) return took;
      return await store.together?.(async (on) => {
        const next = async (counter: Counter, index: number) =>
          (await once(on, counter, known[index], taking(counter, at)))?.result;
        const took = await takeEach(counters, next, []);
        if (took === undefined || "refused" in took) throw new Undone(took?.refused);
        return took;
      });
    } catch (error) {
      // Whatever else it was, one after the other says it again.
      return error instanceof Undone && error.refused !== undefined ? { refused: error.refused } : undefined;
    }
  };

  const takeInOrder = async (
    counters: readonly Counter[],
    at: number,
  ): Promise<TakenTogether | { readonly refused: Refused }> => {
    const taken: Taken[] = [];
    try {
      const known = await readAll(store, counters);
      const next = (counter: Counter, index: number) => change(counter, taking(counter, at), { meter: known[index] });
      const took = (await takeEach(counters, next, taken)) as TakenTogether | { readonly refused: Refused };
      if ("refused" in took) await settle(taken, [], "all");
      return took;
    } catch (error) {
      await settle(taken, [], "all");
      throw error;
    }
  };

  /**
   * Waits by the clock as it is now are stored, of all that stands behind one refusal: else they would begin anew with each
   * attempt, and one later than the other.
   */
  const keepMended = async (counters: readonly Counter[], at: number): Promise<void> => {
    for (const counter of counters) {
      await change(counter, (before) => ({ result: undefined, after: mended(counter.rule, before, at) }));
    }
  };

  const settle = async (back: readonly Taken[], forget: readonly Counter[], returned: Returned): Promise<void> => {
    for (const taken of back) await change(taken.counter, giving(taken, returned));
    await forgetAll(store, forget);
  };

  const forgetAll = async (on: Meters, counters: readonly Counter[]): Promise<void> => {
    const keys = counters.map(({ key }) => key);
    if (keys.length > 1 && on.removeAll !== undefined) await on.removeAll(keys);
    else for (const key of keys) await on.remove(key);
  };

  return {
    take: (counters) =>
      inTurns(counters, async () => {
        // One time for all: what was counted together comes back together.
        const at = now();
        const together = counters.length > 1 ? await takeTogether(counters, at) : undefined;
        const took = together ?? (await takeInOrder(counters, at));
        if ("refused" in took && took.refused.taking.mended !== undefined) await keepMended(counters, at);
        return took;
      }),
    settle: (back, forget = [], returned = "all") =>
      inTurns([...back.map(({ counter }) => counter), ...forget], async () => {
        // One statement needs no transaction.
        const alone = back.length === 0 && store.removeAll !== undefined;
        if (!alone && back.length + forget.length > 1 && store.together !== undefined) {
          try {
            return await store.together(async (on) => {
              const known = await readAll(
                on,
                back.map(({ counter }) => counter),
              );
              for (const [index, taken] of back.entries()) {
                const done = await once(on, taken.counter, known[index], giving(taken, returned));
                if (done === undefined) throw new Undone(undefined);
              }
              await forgetAll(on, forget);
            });
          } catch {
            // Somebody else was first, or the database failed: then one after the other says so.
          }
        }
        await settle(back, forget, returned);
      }),
  };
}
