import fc from "fast-check";
import { memory } from "portcullis/memory";
import { beforeAll, expect, it } from "vitest";
import { createTickets, type Tickets } from "../../src/authn/tickets.ts";
import type { Datastore } from "../../src/datastore/contract.ts";
import { coreTables } from "../../src/model/tables.ts";

let time = 1_000_000;
let store: Datastore;
let tickets: Tickets;
let issued = "";

beforeAll(async () => {
  store = await memory().open(coreTables, { now: () => time, log: () => {} });
  await store.migrate();
  tickets = createTickets(store, () => time);
  issued = await tickets.issue({ purpose: "reset", user: undefined, life: 1e12, attempts: 3 });
});

/** A ticket's text with some places written over, taken out or put in. */
const damaged = (text: string): fc.Arbitrary<string> => {
  const edit = fc.record({
    at: fc.nat({ max: text.length }),
    out: fc.nat({ max: 2 }),
    put: fc.string({ unit: fc.constantFrom(..."aA0-_.=+/ \0é"), maxLength: 2 }),
  });
  return fc
    .array(edit, { minLength: 1, maxLength: 3 })
    .map((edits) => edits.reduce((it_, { at, out, put }) => it_.slice(0, at) + put + it_.slice(at + out), text));
};

it("no text but the issued one is a ticket", async () => {
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ unit: "grapheme", minLength: 60, maxLength: 70 }),
    fc.constant(0).chain(() => damaged(issued)),
  );
  await fc.assert(
    fc.asyncProperty(any, async (text) => {
      fc.pre(text !== issued);
      expect(await tickets.peek("reset", text)).toBeUndefined();
      expect(await tickets.redeem("reset", text)).toBeUndefined();
    }),
  );
  expect(await tickets.peek("reset", issued)).toMatchObject({ purpose: "reset", consumedAt: null });
});

it("no ticket is good for another purpose", async () => {
  const purpose = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.constantFrom("Reset", "reset ", "res", "confirm", "sign-in", "__proto__", ""),
  );
  await fc.assert(
    fc.asyncProperty(purpose, async (other) => {
      fc.pre(other !== "reset");
      expect(await tickets.redeem(other, issued)).toBeUndefined();
    }),
  );
  expect(await tickets.peek("reset", issued)).toBeDefined();
});

it("whatever is done with a ticket, in whatever order and at once, it is redeemed once, in time and within its attempts", async () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constantFrom("redeem", "attempt", "peek") }),
    fc.record({ kind: fc.constant("wait"), by: fc.integer({ min: 1, max: 60 }) }),
  );
  const life = 100;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.array(action, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
      async (attempts, rounds) => {
        const start = time;
        const text = await tickets.issue({ purpose: "sign-in", user: undefined, life, attempts });
        let redeemed = 0;
        let taken = 0;
        for (const round of rounds) {
          const late = time >= start + life;
          const spent = taken >= attempts;
          const over = redeemed > 0;
          // The members of a round run at once; time passes between rounds.
          await Promise.all(
            round.map(async ({ kind }) => {
              if (kind === "redeem" && (await tickets.redeem("sign-in", text)) !== undefined) {
                redeemed += 1;
                expect({ late, spent, over }).toEqual({ late: false, spent: false, over: false });
              }
              const ticket = kind === "attempt" ? await tickets.peek("sign-in", text) : undefined;
              if (ticket !== undefined && (await tickets.attempt(ticket))) taken += 1;
              if (kind === "peek" && (await tickets.peek("sign-in", text)) !== undefined) {
                expect({ late, spent, over }).toEqual({ late: false, spent: false, over: false });
              }
            }),
          );
          for (const it_ of round) if ("by" in it_) time += it_.by;
        }
        expect(redeemed).toBeLessThanOrEqual(1);
        expect(taken).toBeLessThanOrEqual(attempts);
        await store.delete("ticket", { purpose: "sign-in" });
      },
    ),
  );
});
