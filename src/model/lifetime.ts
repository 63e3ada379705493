/** When something was made and when it ends, in epoch milliseconds. */
export interface Lifetime {
  readonly createdAt: number;
  readonly expiresAt: number;
}

/**
 * The times of what was made in the future, as though it were made now: the clock was set back since, and nothing lives longer
 * for it. Undefined: it was made in the past, as it should be.
 */
export function restarted({ createdAt, expiresAt }: Lifetime, now: number): Lifetime | undefined {
  return createdAt > now ? { createdAt: now, expiresAt: expiresAt - (createdAt - now) } : undefined;
}
