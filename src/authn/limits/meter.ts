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
  /** When the last attempt was counted: the other times are that far from it, whatever the clock did since. */
  readonly countedAt: number;
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
  | {
      readonly kind: "refused";
      /** Milliseconds, after which an attempt is let through. */
      readonly wait: number;
      readonly reason: "budget" | "locked";
      /** The meter by today's clock and rule, to be stored: else the wait would begin anew with each attempt. */
      readonly mended: Meter | undefined;
    };

const fresh: Meter = { wholeAt: 0, failures: 0, lockedUntil: 0, expiresAt: 0, countedAt: 0 };

/** What lies in the future was counted just now: the clock was set back since. */
function counted(before: Meter, now: number): Meter {
  const ahead = before.countedAt - now;
  if (!(ahead > 0)) return before;
  return {
    wholeAt: Math.max(0, before.wholeAt - ahead),
    failures: before.failures,
    lockedUntil: before.lockedUntil === 0 ? 0 : before.lockedUntil - ahead,
    expiresAt: before.expiresAt - ahead,
    countedAt: now,
  };
}

/** No wait is longer than the rule's longest, though it was written under another rule. */
function bounded(rule: MeterRule, before: Meter, now: number): Meter {
  const whole = rule.budget === undefined ? 0 : rule.budget.count * rule.budget.interval;
  const longest = rule.lockout?.periods.reduce((a, b) => Math.max(a, b), 0) ?? 0;
  const wholeAt = rule.budget === undefined ? before.wholeAt : Math.min(before.wholeAt, now + whole);
  const lockedUntil = Math.min(before.lockedUntil, now + longest);
  return wholeAt === before.wholeAt && lockedUntil === before.lockedUntil
    ? before
    : { ...before, wholeAt, lockedUntil };
}

/** The meter by today's clock and rule; undefined: it is already, or says nothing any more. */
export function mended(rule: MeterRule, before: Meter | undefined, now: number): Meter | undefined {
  if (before === undefined) return undefined;
  const known = bounded(rule, counted(before, now), now);
  return known === before || now >= known.expiresAt ? undefined : known;
}

/**
 * Takes one attempt. It counts as a failure until somebody gives it back: of many at once, no more than the rule allows
 * are ever on their way.
 */
export function take(rule: MeterRule, before: Meter | undefined, now: number): Taking {
  const today = mended(rule, before, now);
  const known = today ?? (before === undefined || now >= before.expiresAt ? fresh : before);
  const lockedFor = known.lockedUntil - now;
  let wholeAt = 0;
  let short = 0;
  if (rule.budget !== undefined) {
    const { count, interval } = rule.budget;
    wholeAt = Math.max(known.wholeAt, now) + interval;
    short = wholeAt - now - count * interval;
  }
  // Whoever comes back after the time that they were told is let through.
  if (rule.lockout !== undefined && lockedFor > 0) {
    return { kind: "refused", wait: Math.max(lockedFor, short), reason: "locked", mended: today };
  }
  if (short > 0) return { kind: "refused", wait: short, reason: "budget", mended: today };
  const countedAt = now;
  if (rule.lockout === undefined) {
    return { kind: "taken", meter: { ...fresh, wholeAt, expiresAt: wholeAt, countedAt }, locks: false };
  }
  const { failures: limit, again, within, periods } = rule.lockout;
  const failures = known.failures + 1;
  const over = failures - limit;
  const locks = over >= 0 && over % again === 0;
  const lockedUntil = locks ? now + (periods[Math.min(over / again, periods.length - 1)] ?? 0) : 0;
  const expiresAt = Math.max(wholeAt, Math.max(now, lockedUntil) + within);
  return { kind: "taken", meter: { wholeAt, failures, lockedUntil, expiresAt, countedAt }, locks };
}

/** How much of an attempt did not count after all: all of it, or the failure alone, which leaves the budget's guess spent. */
export type Returned = "all" | "failure";

/** One attempt comes back, with the lock that it alone would have set. */
export function giveBack(
  rule: MeterRule,
  before: Meter,
  undo: { readonly lockedUntil: number },
  returned: Returned = "all",
): Meter {
  return {
    wholeAt: returned === "failure" ? before.wholeAt : Math.max(0, before.wholeAt - (rule.budget?.interval ?? 0)),
    failures: Math.max(0, before.failures - 1),
    lockedUntil: undo.lockedUntil !== 0 && before.lockedUntil === undo.lockedUntil ? 0 : before.lockedUntil,
    expiresAt: before.expiresAt,
    countedAt: before.countedAt,
  };
}
