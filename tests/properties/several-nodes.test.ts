/**
 * No request that begins after an acknowledged revocation is let in by any node, and none longer than the lease after a
 * committed one, whatever is late, lost, cut, killed, suspended or set.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Action, type Plan, type Revocation, simulate } from "./several-nodes.ts";

const node = fc.nat({ max: 49 });
const ms = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 4000 }));
const revoke = fc.record({
  do: fc.constant("revoke" as const),
  node,
  user: fc.nat({ max: 2 }),
  held: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 600 })),
  how: fc.constantFrom<Revocation>("announced", "announced", "afterwards", "rolled back"),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: revoke },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("kill" as const, "restart" as const, "leave" as const), node }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("suspend" as const, "cut" as const, "deafen" as const), node, ms }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("set the clock" as const),
      node,
      by: fc.integer({ min: -5000, max: 5000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("outage" as const, "lose a transaction" as const), ms }) },
);
const plan: fc.Arbitrary<Plan> = fc.record({
  nodes: fc.oneof(
    { weight: 15, arbitrary: fc.integer({ min: 2, max: 5 }) },
    { weight: 1, arbitrary: fc.integer({ min: 6, max: 50 }) },
  ),
  seed: fc.integer(),
  delay: fc.oneof(fc.constant(20), fc.integer({ min: 1, max: 1500 })),
  loss: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 })),
  notifications: fc.boolean(),
  actions: fc.array(
    fc.record({ after: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 700 })), action }),
    { minLength: 1, maxLength: 12 },
  ),
  requests: fc.integer({ min: 3, max: 30 }),
});

it("lets nobody in after a revocation that was acknowledged, nor past the lease after one that was committed", async () => {
  let served = 0;
  let acknowledged = 0;
  await fc.assert(
    fc.asyncProperty(plan, async (it_) => {
      const outcome = await simulate(it_);
      served += outcome.served;
      acknowledged += outcome.acknowledged;
      expect(outcome.violations).toEqual([]);
    }),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 150 },
  );
  // Where nothing was let in by what is kept, nothing was shown.
  expect(served).toBeGreaterThan(1000);
  expect(acknowledged).toBeGreaterThan(100);
});

it.each(["answers at once", "trusts for ever", "confirms early"] as const)("sees a node that %s", async (fault) => {
  const found = await fc.check(
    fc.asyncProperty(plan, async (it_) => (await simulate({ ...it_, fault })).violations.length === 0),
    // Schedules that are known to show it.
    { numRuns: 200, endOnFailure: true, seed: 2 },
  );
  expect(found.failed).toBe(true);
});

const quiet = { seed: 7, delay: 3, loss: 0, notifications: true, requests: 50 };
const steady = (nodes: number, each: number): Plan => ({
  ...quiet,
  nodes,
  actions: Array.from({ length: each === 0 ? 1 : 10_000 / each }, (_, number): Plan["actions"][number] => ({
    after: each === 0 ? 10_000 : each,
    action:
      each === 0
        ? { do: "outage", ms: 0 }
        : { do: "revoke", node: number, user: number % 3, held: 1, how: "announced" },
  })),
});

it("asks no more for a revocation with fifty nodes than with one", async () => {
  // Twenty a second, for ten seconds; what nodes ask without any is not counted.
  const perRevocation = async (nodes: number): Promise<number> => {
    const [idle, busy] = [await simulate(steady(nodes, 0)), await simulate(steady(nodes, 50))];
    expect(busy.acknowledged).toBe(200);
    return (busy.statements - idle.statements) / busy.acknowledged;
  };
  const [one, fifty] = [await perRevocation(1), await perRevocation(50)];
  expect(one).toBeLessThan(3);
  // The first few of each node are early beside its beats.
  expect(fifty).toBeLessThan(one + 0.5);
});

it("acknowledges one revocation at once", async () => {
  for (const nodes of [1, 2, 10, 50]) {
    const { waits } = await simulate(steady(nodes, 2500));
    expect(waits).toHaveLength(4);
    for (const wait of waits) expect(wait).toBeLessThan(60);
  }
});
