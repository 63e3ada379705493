import { afterEach, describe, expect, it, vi } from "vitest";
import { accountFactory, limitedAccount } from "../model/account.ts";
import { createActing, type ManagesOptions } from "./acting.ts";
import { createDecisions } from "./decisions.ts";

const factory = accountFactory();
const account = (id: number, permissions: readonly string[] = []) =>
  factory({ id, email: `${id}@acme.example` }, [{ name: "r", permissions }]);

function acting(inGroup: (id: number, group: string) => unknown, rule?: ManagesOptions) {
  return createActing({
    groups: ["board", "staff"],
    decisions: createDecisions({
      objects: new Map(),
      groups: ["board", "staff"],
      groupCheck: ({ id }, group) => inGroup(id, group) as boolean,
      groupCache: undefined,
      objectCache: undefined,
      deadline: 20,
    }),
    rule,
    log: () => undefined,
    deadline: 20,
  });
}
const never = () => new Promise<never>(() => {});
const broken = () => {
  throw new Error("broken");
};

describe("who may act on whose account", () => {
  it.each<[name: string, inGroup: (id: number, group: string) => unknown, may: boolean]>([
    ["nobody is in a group", () => false, true],
    ["both are", () => true, true],
    ["the actor alone is", (id) => id === 1, true],
    ["the target alone is", (id) => id === 2, false],
    ["the target alone is, asynchronously, in the last one", async (id, group) => id === 2 && group === "staff", false],
    ["the check of the target throws", (id) => (id === 2 ? broken() : true), true],
    ["the check of the target throws, and the actor is in none", (id) => (id === 2 ? broken() : false), false],
    ["the check of the target never settles", (id) => (id === 2 ? never() : false), false],
    ["the check of the actor throws", (id) => (id === 1 ? broken() : true), false],
    ["the check of the actor never settles", (id) => (id === 1 ? never() : true), false],
    ["every check rejects", () => Promise.reject(new Error("down")), false],
  ])("groups: %s", async (_, inGroup, may) => {
    expect(await acting(inGroup).mayActOn(account(1), account(2))).toBe(may);
  });

  it.each<[name: string, check: () => unknown, may: boolean]>([
    ["true", () => true, true],
    ["a promise of true", async () => true, true],
    ["false", () => false, false],
    ["undefined", () => undefined, false],
    ["a text", () => "yes", false],
    ["one", () => 1, false],
    ["a promise of an object", async () => ({ ok: true }), false],
    ["nothing ever", never, false],
    ["an exception", broken, false],
    ["a rejection", () => Promise.reject(new Error("down")), false],
  ])("the application's rule says %s", async (_, check, may) => {
    const rule = { check } as ManagesOptions;
    const { mayActOn } = acting(() => false, rule);
    expect(await mayActOn(account(1), account(2))).toBe(may);
    expect(await mayActOn(null, account(2))).toBe(may);
    expect(await mayActOn(account(1), account(1))).toBe(true);
  });

  it("a limited credential is less than its account, and groups do not bind an operator", async () => {
    const { mayActOn } = acting((id) => id === 1, { check: () => false });
    const own = account(1, ["read", "write"]);
    expect(await mayActOn(limitedAccount(own, ["read"]), own)).toBe(false);
    expect(await mayActOn(own, own)).toBe(true);
    expect(await acting(() => true).mayActOn(null, own)).toBe(true);
  });

  describe("a group's check", () => {
    afterEach(() => void vi.useRealTimers());

    it("has one deadline, its own", async () => {
      vi.useFakeTimers();
      const answer = acting((_, group) => (group === "board" ? never() : false)).mayActOn(account(1), account(2));
      expect(vi.getTimerCount()).toBe(1);
      await vi.advanceTimersByTimeAsync(50);
      expect(await answer).toBe(false);
    });
  });
});
