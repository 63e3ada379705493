import { AsyncLocalStorage } from "node:async_hooks";
import { DatastoreError } from "../model/errors.ts";

/** One running transaction: whether it still runs, and the first error of its operations. */
export interface TransactionState {
  active: boolean;
  failure: unknown;
}

/**
 * Knows which code runs inside a transaction of one store. There, the store itself must not be used: it would wait for ever
 * for the transaction's only connection, or would not see what the transaction wrote.
 */
export class TransactionScope {
  readonly #running = new AsyncLocalStorage<TransactionState>();

  /** True when called from inside a transaction that still runs. */
  get inside(): boolean {
    return this.#running.getStore()?.active === true;
  }

  /** Throws DatastoreError when called from inside a transaction. */
  refuseInside(): void {
    if (this.inside) {
      throw new DatastoreError("inside a transaction only its `tx` may be used, not the datastore itself");
    }
  }

  /**
   * Runs `work` as the inside of a transaction. When one of its operations failed, the transaction fails even if `work`
   * caught the error: PostgreSQL would have rolled it back silently, so all stores do it, aloud.
   */
  async run<T>(work: (state: TransactionState) => Promise<T>): Promise<T> {
    const state: TransactionState = { active: true, failure: undefined };
    try {
      const result = await this.#running.run(state, () => work(state));
      if (state.failure !== undefined) {
        throw new DatastoreError("the transaction was rolled back: one of its operations failed", {
          cause: state.failure,
        });
      }
      return result;
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
