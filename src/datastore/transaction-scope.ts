import { AsyncLocalStorage } from "node:async_hooks";
import type { Awaitable } from "../model/awaitable.ts";
import { inTime } from "../model/deadline.ts";
import { DatastoreError, MissingTransactionError } from "../model/errors.ts";

/** The application's function that a transaction waits for. */
const hooks = new AsyncLocalStorage<string>();

/**
 * Runs a function of the application inside a transaction: what it calls without `tx` is refused in its name, and past `ms`
 * milliseconds DeadlineError ends the transaction, so that nobody waits for what it has locked.
 */
export function runHook<T>(name: string, ms: number, hook: () => Awaitable<T>): Awaitable<T> {
  return inTime(hooks.run(name, hook), ms, name);
}

/** One transaction: whether it still runs, the first error of its operations, and whether it was rolled back. */
export interface TransactionState {
  active: boolean;
  failure: unknown;
  undone: boolean;
  /** What is to be called once it has committed. */
  readonly committed: (() => void)[];
}

/**
 * Knows which code runs inside a transaction of one store. There, the store itself must not be used: it would wait for ever
 * for the transaction's only connection, or would not see what the transaction wrote.
 */
export class TransactionScope {
  readonly #running = new AsyncLocalStorage<TransactionState>();

  /**
   * True when called from inside a transaction that still runs, and from a hook whose transaction was rolled back: what it
   * knows, such as the number of a user, is not so.
   */
  get inside(): boolean {
    const state = this.#running.getStore();
    return state?.active === true || (state?.undone === true && hooks.getStore() !== undefined);
  }

  /** Throws MissingTransactionError when called from inside a transaction, or from a hook that was given up. */
  refuseInside(): void {
    if (!this.inside) return;
    const hook = hooks.getStore();
    if (this.#running.getStore()?.active !== true) {
      throw new MissingTransactionError(
        `${hook} was given up: its transaction was rolled back, and what it still does may not use the datastore`,
      );
    }
    const where = hook === undefined ? "inside a transaction" : `${hook} runs inside a transaction:`;
    throw new MissingTransactionError(
      `${where} only its \`tx\` may be used, not the datastore itself; pass tx (security.users.get(id, tx), kysely(tx)), and call what takes none before or after the transaction`,
    );
  }

  /**
   * Runs `work` as the inside of a transaction. When one of its operations failed, the transaction fails even if `work`
   * caught the error: PostgreSQL would have rolled it back silently, so all stores do it, aloud.
   */
  async run<T>(work: (state: TransactionState) => Promise<T>): Promise<T> {
    const state: TransactionState = { active: true, failure: undefined, undone: false, committed: [] };
    try {
      const result = await this.#running.run(state, () => work(state));
      if (state.failure !== undefined) {
        throw new DatastoreError("the transaction was rolled back: one of its operations failed", {
          cause: state.failure,
        });
      }
      return result;
    } catch (error) {
      state.undone = true;
      throw error;
    } finally {
      state.active = false;
    }
  }
}

/** Runs one operation of a transaction: refused when the transaction is over or has failed; an error marks it as failed. */
export async function withinTransaction<T>(state: TransactionState, operation: () => Promise<T>): Promise<T> {
  if (!state.active) throw new DatastoreError("the transaction is over");
  if (state.failure !== undefined) {
    throw new DatastoreError("an operation of this transaction failed before", { cause: state.failure });
  }
  try {
    return await operation();
  } catch (error) {
    state.failure ??= error;
    throw error;
  }
}
