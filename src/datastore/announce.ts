import type { Transaction } from "./contract.ts";

/**
 * Tells the other processes of a change of this user (undefined: of anybody) with the change itself: belongs into each
 * transaction after which what was cached of them must not count any more.
 */
export async function announce(tx: Transaction, userId: number | undefined): Promise<void> {
  await tx.announce?.(userId);
}
