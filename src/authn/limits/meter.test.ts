import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { giveBack, type LockoutRule, type Meter, type MeterRule, take } from "./meter.ts";
import { networkOf } from "./network.ts";
import { limitRules } from "./options.ts";
import { budgetOf } from "./rate.ts";

const minute = 60_000;
const lockout: LockoutRule = { failures: 4, again: 2, within: 60 * minute, periods: [minute, 5 * minute] };

/** Takes at this time; the meter as it is then. */
function at(rule: MeterRule, before: Meter | undefined, now: number): { meter: Meter | undefined; wait: number } {
  const taking = take(rule, before, now);
  return taking.kind === "taken" ? { meter: taking.meter, wait: 0 } : { meter: before, wait: taking.wait };
}

describe("a budget", () => {
  it("lets its count through at once, then one each interval, and says how long to wait", () => {
    const rule: MeterRule = { budget: budgetOf("x", "3/3m"), lockout: undefined };
    let meter: Meter | undefined;
    for (let n = 0; n < 3; n += 1) ({ meter } = at(rule, meter, 1000));
    expect(at(rule, meter, 1000).wait).toBe(minute);
    expect(at(rule, meter, 1000 + minute - 1).wait).toBe(1);
    const next = at(rule, meter, 1000 + minute);
    expect(next.wait).toBe(0);
    expect(at(rule, next.meter, 1000 + minute).wait).toBe(minute);
  });

  it("never lets more through than count and elapsed intervals, whenever the attempts come", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 60 }),
        (count, interval, gaps) => {
          const rule: MeterRule = { budget: { count, interval }, lockout: undefined };
          let now = 1_000_000;
          const start = now;
          let meter: Meter | undefined;
          let taken = 0;
          for (const gap of gaps) {
            now += gap;
            const taking = take(rule, meter, now);
            if (taking.kind === "taken") {
              meter = taking.meter;
              taken += 1;
            } else {
              // Right after the wait that it names, the attempt goes through.
              expect(take(rule, meter, now + taking.wait).kind).toBe("taken");
              expect(take(rule, meter, now + taking.wait - 1).kind).toBe("refused");
            }
            expect(taken).toBeLessThanOrEqual(count + Math.floor((now - start) / interval));
          }
        },
      ),
    );
  });

  it("does not outlast a clock that is turned back", () => {
    const rule: MeterRule = { budget: budgetOf("x", "2/2m"), lockout: lockout };
    let meter: Meter | undefined;
    for (let n = 0; n < 6; n += 1) ({ meter } = at(rule, meter, 900 * minute + n * 10 * minute));
    expect(at(rule, meter, 1).wait).toBeLessThanOrEqual(5 * minute);
  });
});

describe("a lockout", () => {
  const rule: MeterRule = { budget: undefined, lockout };

  it("locks after so many failures in a row, longer each time, and never for ever", () => {
    let meter: Meter | undefined;
    let now = 1000;
    const waits: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      const { wait } = at(rule, meter, now);
      if (wait > 0) waits.push(wait);
      now += wait;
      ({ meter } = at(rule, meter, now));
    }
    expect(waits).toEqual([minute, 5 * minute, 5 * minute, 5 * minute]);
  });

  it("counts attempts that are on their way as failures, and one that is given back not", () => {
    let meter: Meter | undefined;
    for (let n = 0; n < 3; n += 1) ({ meter } = at(rule, meter, 1000));
    const taking = take(rule, meter, 1000);
    if (taking.kind !== "taken") throw new Error("refused");
    expect([taking.locks, take(rule, taking.meter, 1000).kind]).toEqual([true, "refused"]);
    const back = giveBack(rule, taking.meter, taking.meter);
    expect(back).toMatchObject({ failures: 3, lockedUntil: 0 });
    // A lock that another attempt has set stays.
    expect(giveBack(rule, taking.meter, { lockedUntil: 0 }).lockedUntil).toBe(taking.meter.lockedUntil);
  });

  it("forgets failures after so long without one, counted from the end of a lock", () => {
    let meter: Meter | undefined;
    for (let n = 0; n < 4; n += 1) ({ meter } = at(rule, meter, 0));
    const end = minute + lockout.within;
    expect(at(rule, meter, end - 1).meter?.failures).toBe(5);
    expect(at(rule, meter, end).meter?.failures).toBe(1);
  });
});

describe("the network of an address", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8:1:2:ffff::", "2001:db8:1:2::/64"],
  ])("%s is %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe("the option limits", () => {
  const faults: readonly [unknown, string][] = [
    [{ signIn: { perAccount: "ten" } }, "limits.signIn.perAccount: "],
    [{ signIn: { perAccount: "0/1m" } }, "limits.signIn.perAccount: "],
    [{ signIn: { perAccount: 5 } }, "limits.signIn.perAccount: "],
    [{ signIn: { perAccount: "5/0m" } }, "limits.signIn.perAccount: "],
    [{ signIn: { perUser: "5/1m" } }, "limits.signIn.perUser: unknown option"],
    [{ signin: {} }, "limits.signin: unknown option"],
    [{ mail: { perTarget: "" } }, "limits.mail.perTarget: "],
    [{ store: {} }, "limits.store: "],
    [{ endpoints: { register: { perAdress: "1/1m" } } }, "limits.endpoints.register.perAdress: unknown option"],
    [{ endpoints: { register: { perAddress: "1" } } }, "limits.endpoints.register.perAddress: "],
    [{ lockout: { failures: 101 } }, "limits.lockout.failures: "],
    [{ lockout: { periods: ["25h"] } }, "limits.lockout.periods[0]: must be at most 24h"],
    [{ lockout: { periods: [] } }, "limits.lockout.periods: "],
    [{ allowUnlimited: ["signIn"] }, 'limits.allowUnlimited[0]: there is no limit "signIn"'],
    [{ allowUnlimited: true }, "limits.allowUnlimited: "],
  ];
  it.each(faults)("refuses %j with its path", (options, message) => {
    expect(() => limitRules(options as never)).toThrow(message);
  });

  it("has limits by default, which only their names switch off", () => {
    const rules = limitRules({});
    expect(rules.perAccount).toEqual({ count: 10, interval: 90_000 });
    expect(rules.lockout).toMatchObject({ failures: 20, again: 5 });
    expect(rules.endpoint("register", { perAddress: "4/4m" }).perAddress).toEqual({ count: 4, interval: minute });
    const off = limitRules({ allowUnlimited: ["lockout", "signIn.perAccount", "endpoints"] });
    expect([off.perAccount, off.lockout, off.endpoint("register", { perAddress: "4/4m" }).perAddress]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(off.perAddress).toBeDefined();
  });

  it("lets the application's word for an endpoint win over the endpoint's own", () => {
    const rules = limitRules({ endpoints: { register: { perAddress: "8/8m" } } });
    expect(rules.endpoint("register", { perAddress: "4/4m", perIdentity: "1/1m" })).toEqual({
      perAddress: { count: 8, interval: minute },
      perIdentity: { count: 1, interval: minute },
    });
  });
});
