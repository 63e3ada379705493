import type { Budget } from "./rate.ts";

/** What is known of one key: times are epoch milliseconds. */
export interface Meter {
  /** When the budget will be whole again (the "theoretical arrival time" of GCRA, ITU-T I.371). */
  readonly wholeAt: number;
  /** Attempts in a row without a success; only where there is a lockout. */
  readonly failures: number;
  /** Attempts are refused until then; 0: not locked. */
  readonly lockedUntil: number;
  /** From then on nothing of this counts any more. */
  readonly expiresAt: number;
}

/** When guessing locks an account, and for how long. */
export interface LockoutRule {
  /** So many failures in a row lock. */
  readonly failures: number;
  /** After a lock, so many more lock again. */
  readonly again: number;
  /** A row of failures is forgotten after so long without one, in milliseconds. */
  readonly within: number;
  /** How long each lock is, in milliseconds; the last one repeats. */
  readonly periods: readonly number[];
}

/** What is counted for a key. */
export interface MeterRule {
  readonly budget: Budget | undefined;
  readonly lockout: LockoutRule | undefined;
}

/** An attempt goes on with the meter as it is then, or waits. */
export type Taking =
  | { readonly kind: "taken"; readonly meter: Meter; readonly locks: boolean }
  | { readonly kind: "refused"; readonly wait: number; readonly reason: "budget" | "locked" };

const fresh: Meter = { wholeAt: 0, failures: 0, lockedUntil: 0, expiresAt: 0 };

/**
 * Takes one attempt. It counts as a failure until somebody gives it back: of many at once, no more than the rule allows
 * are ever on their way.
 */
export function take(rule: MeterRule, before: Meter | undefined, now: number): Taking {
  const known = before === undefined || now >= before.expiresAt ? fresh : before;
  const longest = rule.lockout?.periods.reduce((a, b) => Math.max(a, b), 0) ?? 0;
  // A clock that was turned back must not make a wait longer than the rule's longest.
  const lockedFor = Math.min(known.lockedUntil - now, longest);
  let wholeAt = 0;
  let short = 0;
  if (rule.budget !== undefined) {
    const { count, interval } = rule.budget;
    const whole = count * interval;
    wholeAt = Math.min(Math.max(known.wholeAt, now), now + whole) + interval;
    short = wholeAt - now - whole;
  }
  // Whoever comes back after the time that they were told is let through.
  if (rule.lockout !== undefined && lockedFor > 0) {
    return { kind: "refused", wait: Math.max(lockedFor, short), reason: "locked" };
  }
  if (short > 0) return { kind: "refused", wait: short, reason: "budget" };
  if (rule.lockout === undefined) {
    return { kind: "taken", meter: { ...fresh, wholeAt, expiresAt: wholeAt }, locks: false };
  }
  const { failures: limit, again, within, periods } = rule.lockout;
  const failures = known.failures + 1;
  const over = failures - limit;
  const locks = over >= 0 && over % again === 0;
  const lockedUntil = locks ? now + (periods[Math.min(over / again, periods.length - 1)] ?? 0) : 0;
  const expiresAt = Math.max(wholeAt, Math.max(now, lockedUntil) + within);
  return { kind: "taken", meter: { wholeAt, failures, lockedUntil, expiresAt }, locks };
}

/** One attempt did not count after all: it comes back, with the lock that it alone would have set. */
export function giveBack(rule: MeterRule, before: Meter, undo: { readonly lockedUntil: number }): Meter {
  return {
    wholeAt: Math.max(0, before.wholeAt - (rule.budget?.interval ?? 0)),
    failures: Math.max(0, before.failures - 1),
    lockedUntil: undo.lockedUntil !== 0 && before.lockedUntil === undo.lockedUntil ? 0 : before.lockedUntil,
    expiresAt: before.expiresAt,
  };
}
