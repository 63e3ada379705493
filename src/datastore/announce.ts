import type { Operations, Transaction } from "./contract.ts";

/**
 * Tells the other processes of a change of this user (undefined: of anybody) with the change itself: belongs into each
 * transaction after which what was cached of them must not count any more. Does nothing outside of a transaction.
 */
export async function announce(tx: Operations, userId: number | undefined): Promise<void> {
  await (tx as Partial<Transaction>).announce?.(userId);
}
