import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCounters } from "./counters.ts";
import { memoryLimits } from "./memory.ts";
import { type LockoutRule, type MeterRule, take } from "./meter.ts";

const minute = 60_000;
const hour = 60 * minute;
const lockout: LockoutRule = { failures: 4, again: 2, within: hour, periods: [minute, 5 * minute] };
const budget = { count: 5, interval: minute };
const rules: readonly MeterRule[] = [
  { budget, lockout: undefined },
  { budget: undefined, lockout },
  { budget, lockout },
];

/** Counters over a clock that can be set. */
function clocked(rule: MeterRule) {
  let time = 1_000 * hour;
  const counters = createCounters(
    memoryLimits(() => time),
    () => time,
  );
  const counter = { key: "k", rule, userId: null };
  return {
    jump: (ms: number) => {
      time += ms;
    },
    async attempt(): Promise<number> {
      const took = await counters.take([counter]);
      return "refused" in took ? took.refused.taking.wait : 0;
    },
  };
}

const longest = (rule: MeterRule): number =>
  Math.max(...(rule.lockout?.periods ?? []), (rule.budget?.count ?? 0) * (rule.budget?.interval ?? 0));

describe.each(rules)("a clock that jumps, by rule %#", (rule) => {
  it("set back, leaves an account that was used once as it was", async () => {
    const { attempt, jump } = clocked(rule);
    expect(await attempt()).toBe(0);
    jump(-2 * hour);
    for (let n = 0; n < 3; n += 1) expect(await attempt()).toBe(0);
  });

  it("never makes a wait that is longer than the rule's longest, or that is not true", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -48 * hour, max: 48 * hour }), { minLength: 1, maxLength: 30 }),
        async (jumps) => {
          const { attempt, jump } = clocked(rule);
          for (const ms of jumps) {
            jump(ms);
            let wait = 0;
            for (let n = 0; n < 8 && wait === 0; n += 1) wait = await attempt();
            expect(wait).toBeLessThanOrEqual(longest(rule));
            if (wait === 0) continue;
            // Asked again meanwhile: no longer than before.
            jump(Math.floor(wait / 2));
            const left = await attempt();
            expect(left).toBe(wait - Math.floor(wait / 2));
            jump(left);
            expect(await attempt()).toBe(0);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("set back again and again, gives no more guesses than the rule: what was counted counts as now", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 48 * hour }), { minLength: 1, maxLength: 20 }),
        async (steps) => {
          const { attempt, jump } = clocked(rule);
          let through = 0;
          for (const ms of steps) {
            jump(-ms);
            for (let n = 0; n < 8; n += 1) if ((await attempt()) === 0) through += 1;
          }
          expect(through).toBeLessThanOrEqual(Math.min(rule.budget?.count ?? 8, rule.lockout?.failures ?? 8));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("a meter from before it was known when it was counted", () => {
  it("waits for no longer than the rule's longest", () => {
    const rule: MeterRule = { budget, lockout };
    const old = { wholeAt: 900 * hour, failures: 3, lockedUntil: 900 * hour, expiresAt: 901 * hour, countedAt: 0 };
    const first = take(rule, old, hour);
    expect(first).toMatchObject({ kind: "refused", reason: "locked", wait: 5 * minute });
    const mended = first.kind === "refused" ? first.mended : undefined;
    expect(take(rule, mended, hour + 5 * minute).kind).toBe("taken");
  });
});
