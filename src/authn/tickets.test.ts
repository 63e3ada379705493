import { describe, expect, it, vi } from "vitest";
import type { Datastore } from "../datastore/contract.ts";
import { memory } from "../datastore/memory/index.ts";
import { decoyOf } from "../model/decoy.ts";
import { coreTables } from "../model/tables.ts";
import { createTickets, type Tickets } from "./tickets.ts";

async function made(): Promise<{
  tickets: Tickets;
  store: Datastore;
  user: { id: number; fsUniquifier: string };
  clock: { now: number };
}> {
  const clock = { now: 1_000_000 };
  const store = await memory().open(coreTables, { now: () => clock.now, log: () => undefined });
  await store.migrate();
  const at = new Date(clock.now);
  const row = { email: "a@acme.example", active: true, fsUniquifier: "u1", createDatetime: at, updateDatetime: at };
  const id = (await store.insert("user", row)) ?? 0;
  return { tickets: createTickets(store, () => clock.now), store, user: { id, fsUniquifier: "u1" }, clock };
}

describe("a ticket of nobody", () => {
  it("is good for nothing from the beginning, and goes at the next purge", async () => {
    const { tickets, store, clock } = await made();
    const nobody = decoyOf("a@acme.example");
    for (const replacesOlder of [false, true]) {
      const text = await tickets.issue({
        purpose: "reset",
        user: nobody,
        payload: { a: 1 },
        life: 1000,
        replacesOlder,
      });
      for (const purpose of ["reset", "decoy"]) {
        expect(await tickets.peek(purpose, text)).toBeUndefined();
        expect(await tickets.redeem(purpose, text, { afterAttempt: true })).toBeUndefined();
      }
    }
    expect(await store.find("ticket", { userId: null })).toHaveLength(2);
    clock.now += 1;
    expect(await tickets.purge()).toBe(2);
  });
});

describe("a ticket", () => {
  it("is consumed once, by one of many", async () => {
    const { tickets, user } = await made();
    const text = await tickets.issue({ purpose: "reset", user, payload: { a: 1 }, life: 1000 });
    expect(text).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
    expect(await tickets.peek("reset", text)).toMatchObject({ userId: user.id, payload: { a: 1 }, consumedAt: null });
    const redeemed = await Promise.all(Array.from({ length: 20 }, () => tickets.redeem("reset", text)));
    expect(redeemed.filter((ticket) => ticket !== undefined)).toHaveLength(1);
    expect(await tickets.peek("reset", text)).toBeUndefined();
  });

  it("of one purpose is worth nothing for another", async () => {
    const { tickets, user } = await made();
    const purposes = ["confirm", "reset", "sign-in", "change-email"];
    for (const issued of purposes) {
      const text = await tickets.issue({ purpose: issued, user, life: 1000 });
      for (const other of purposes.filter((purpose) => purpose !== issued)) {
        expect([await tickets.peek(other, text), await tickets.redeem(other, text)]).toEqual([undefined, undefined]);
      }
      expect(await tickets.redeem(issued, text)).toBeDefined();
    }
  });

  it("ends with its time, and with a change of its user", async () => {
    const { tickets, user, store, clock } = await made();
    const [early, late] = [
      await tickets.issue({ purpose: "reset", user, life: 1000 }),
      await tickets.issue({ purpose: "reset", user, life: 1000 }),
    ];
    clock.now += 999;
    expect(await tickets.redeem("reset", early)).toBeDefined();
    clock.now += 1;
    expect(await tickets.redeem("reset", late)).toBeUndefined();
    const text = await tickets.issue({ purpose: "reset", user, life: 1000 });
    await store.update("user", { id: user.id }, { fsUniquifier: "u2" });
    expect(await tickets.redeem("reset", text)).toBeUndefined();
  });

  it("takes the exact text alone", async () => {
    const { tickets, user } = await made();
    const text = await tickets.issue({ purpose: "reset", user, life: 1000 });
    const other = await tickets.issue({ purpose: "reset", user, life: 1000 });
    const [id = "", secret = ""] = text.split(".");
    const wrong = ["", ".", id, `${id}.`, `${id}.${other.split(".")[1]}`, `${text}=`, `${text} `, ` ${text}`];
    for (let at = 0; at < text.length; at += 1)
      wrong.push(text.slice(0, at) + (text[at] === "x" ? "y" : "x") + text.slice(at + 1));
    wrong.push(text.toLowerCase(), `${secret}.${id}`, `${id}.${secret.slice(0, -1)}`);
    for (const attempt of wrong.filter((candidate) => candidate !== text)) {
      expect([attempt, await tickets.redeem("reset", attempt)]).toEqual([attempt, undefined]);
    }
    expect(await tickets.redeem("reset", text)).toBeDefined();
  });

  it("takes its attempts and not one more, also many at once; the last guess may still be right", async () => {
    const { tickets, user } = await made();
    const text = await tickets.issue({ purpose: "sign-in", user, life: 1000, attempts: 3 });
    const ticket = await tickets.peek("sign-in", text);
    if (ticket === undefined) throw new Error("the ticket is not there");
    const taken = await Promise.all(Array.from({ length: 10 }, () => tickets.attempt(ticket)));
    expect(taken.filter(Boolean)).toHaveLength(3);
    expect(await tickets.peek("sign-in", text)).toBeUndefined();
    expect(await tickets.redeem("sign-in", text)).toBeUndefined();
    expect(await tickets.redeem("sign-in", text, { afterAttempt: true })).toBeDefined();
    expect(await tickets.attempt(ticket)).toBe(false);
  });

  it("without a user works, and long over it is removed", async () => {
    const { tickets, store, clock } = await made();
    const text = await tickets.issue({ purpose: "state", user: undefined, life: 1000 });
    clock.now += 1000 + 86_400_000;
    expect(await tickets.purge()).toBe(0);
    clock.now += 1;
    expect(await tickets.purge()).toBe(1);
    expect([await store.count("ticket", {}), await tickets.peek("state", text)]).toEqual([0, undefined]);
  });

  it("is listed at the cost of two reads, however many there are", async () => {
    const { tickets, store, user } = await made();
    for (let index = 0; index < 5; index += 1) await tickets.issue({ purpose: "reset", user, life: 1000 });
    const [find, findOne] = [vi.spyOn(store, "find"), vi.spyOn(store, "findOne")];
    const { length } = await tickets.waiting("reset", { userId: user.id });
    expect([length, find.mock.calls.length, findOne.mock.calls.length]).toEqual([5, 1, 1]);
  });

  it("is cancelled once, and not when it was redeemed before", async () => {
    const { tickets, user } = await made();
    const [waiting, used] = [
      await tickets.issue({ purpose: "reset", user, life: 1000 }),
      await tickets.issue({ purpose: "reset", user, life: 1000 }),
    ];
    await tickets.redeem("reset", used);
    const named = (text: string) => ({ id: text.slice(0, 22), purpose: "reset" });
    const cancelled = [];
    for (const text of [waiting, waiting, used]) cancelled.push(await tickets.cancel(named(text)));
    expect([cancelled, await tickets.redeem("reset", waiting)]).toEqual([[true, false, false], undefined]);
    expect(await tickets.cancel({ ...named(waiting), purpose: "confirm" })).toBe(false);
  });

  it("is listed while it waits, by its id or its user, the newest first, and needs no secret for that", async () => {
    const { tickets, store, user, clock } = await made();
    const idOf = (text: string): string => text.slice(0, 22);
    const first = await tickets.issue({ purpose: "reset", user, life: 1000 });
    clock.now += 1;
    const second = await tickets.issue({ purpose: "reset", user, life: 2000 });
    await tickets.issue({ purpose: "confirm", user, life: 1000 });
    const listed = async () => (await tickets.waiting("reset", { userId: user.id })).map(({ id }) => id);
    expect(await listed()).toEqual([idOf(second), idOf(first)]);
    expect(await tickets.waiting("confirm", { id: idOf(first) })).toEqual([]);
    await tickets.redeem("reset", first);
    expect([await listed(), await tickets.waiting("reset", { id: idOf(first) })]).toEqual([[idOf(second)], []]);
    await store.update("user", { id: user.id }, { fsUniquifier: "u2" });
    expect(await listed()).toEqual([]);
    await store.update("user", { id: user.id }, { fsUniquifier: "u1" });
    clock.now += 2000;
    expect(await listed()).toEqual([]);
  });
});
