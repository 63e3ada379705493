import type { RunningTrail } from "../audit/trail.ts";
import type { Where } from "../datastore/contract.ts";
import type { Delivery } from "../features/delivery.ts";
import type { Feature, Kernel } from "../features/feature.ts";

/** How often what is over is removed, in milliseconds. */
const hour = 3_600_000;

/** What is removed, and for whom. */
export interface UpkeepContext {
  readonly kernel: Kernel;
  readonly features: readonly Feature[];
  readonly audit: Pick<RunningTrail, "prune">;
  readonly delivery: Pick<Delivery, "putForward">;
  /** False: there is no datastore. */
  readonly stored: boolean;
  /** A session ends after so long without a request, in milliseconds. */
  readonly idle: number;
}

/** Removes sessions, tickets and credentials that are over. */
export interface Upkeep {
  purge(): Promise<void>;
  /** From now on nothing is removed by itself. */
  stop(): void;
}

/** Begins to do so each hour. */
export function startUpkeep({ kernel, features, audit, delivery, stored, idle }: UpkeepContext): Upkeep {
  const { datastore, limits, tickets, families } = kernel;
  const { now, log } = kernel.system;
  const purge = async (): Promise<void> => {
    const at = now();
    if (!stored) {
      await limits.purge();
      return;
    }
    const remove = (table: string, where: Where): Promise<number> =>
      datastore.remove?.(table, where) ?? datastore.delete(table, where);
    await remove("session", { expiresAt: { lt: at } });
    await remove("session", { lastSeenAt: { lt: at - idle } });
    await remove("remember", { expiresAt: { lt: at } });
    await tickets.purge();
    for (const feature of features) await feature.purge?.(kernel);
    await families?.purge();
    await limits.purge();
    await datastore.purge?.();
    await delivery.putForward();
    await audit.prune();
  };
  const timer = setInterval(() => {
    purge().catch((error: unknown) => log("purging failed", { error: String(error) }));
  }, hour);
  timer.unref();

  return { purge, stop: () => clearInterval(timer) };
}
