import { describe, expect, it } from "vitest";
import { createCredentialCache } from "./cache.ts";
import type { InvalidationBus } from "./contract.ts";
import { localBus } from "./listeners.ts";

const entry = (userId: number | null): { readonly userId: number | null } => ({ userId });

describe("a credential cache", () => {
  it("serves what it keeps, and counts", () => {
    const cache = createCredentialCache(localBus(), 10, Date.now);
    const kept = entry(1);
    expect(cache.get("a")).toBeUndefined();
    cache.keep("a", kept, cache.stamp());
    expect(cache.get("a")).toBe(kept);
    cache.drop("a");
    expect(cache.get("a")).toBeUndefined();
    expect(cache.stats()).toEqual({ size: 0, hits: 1, misses: 2, hitRate: 1 / 3 });
  });

  it("serves nothing without a bus, nor while the bus can't tell", () => {
    const none = createCredentialCache(undefined, 10, Date.now);
    none.keep("a", entry(1), none.stamp());
    expect(none.get("a")).toBeUndefined();
    let current = true;
    const bus: InvalidationBus = { ...localBus(), current: () => current };
    const cache = createCredentialCache(bus, 10, Date.now);
    cache.keep("a", entry(1), cache.stamp());
    current = false;
    expect(cache.get("a")).toBeUndefined();
    current = true;
    expect(cache.get("a")).toEqual(entry(1));
  });

  it("drops what hangs on a user, and all of it when anybody may be concerned", () => {
    const bus = localBus();
    const cache = createCredentialCache(bus, 10, Date.now);
    const keep = (key: string, userId: number | null): void => cache.keep(key, entry(userId), cache.stamp());
    keep("a", 1);
    keep("b", 1);
    keep("c", 2);
    keep("d", null);
    cache.invalidate(1);
    expect(["a", "b", "c", "d"].map((key) => cache.get(key) !== undefined)).toEqual([false, false, true, true]);
    void bus.publish(2);
    expect(cache.get("c")).toBeUndefined();
    keep("a", 1);
    void bus.publish(undefined);
    expect(cache.stats().size).toBe(0);
    // Nothing of the bookkeeping is left that would hide a later entry.
    keep("a", 1);
    cache.invalidate(1);
    expect(cache.get("a")).toBeUndefined();
  });

  it("does not keep what was read before a change, whomever the change was about", () => {
    const cache = createCredentialCache(localBus(), 10, Date.now);
    const stamp = cache.stamp();
    cache.invalidate(2);
    cache.keep("a", entry(1), stamp);
    expect(cache.get("a")).toBeUndefined();
    cache.keep("a", entry(1), cache.stamp());
    expect(cache.get("a")).toEqual(entry(1));
  });

  it("follows a key that changes its user, and entries that made room for others", () => {
    const cache = createCredentialCache(localBus(), 2, Date.now);
    cache.keep("a", entry(1), cache.stamp());
    cache.keep("a", entry(2), cache.stamp());
    cache.invalidate(1);
    expect(cache.get("a")).toEqual(entry(2));
    cache.keep("b", entry(2), cache.stamp());
    cache.keep("c", entry(3), cache.stamp());
    expect(cache.stats().size).toBe(2);
    cache.invalidate(2);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([undefined, undefined, entry(3)]);
  });

  it("a time to live goes by the system's clock, not by the machine's", () => {
    let now = 1_800_000_000_000;
    const cache = createCredentialCache<{ readonly userId: number }>(localBus(), 10, () => now);
    cache.keep("a", { userId: 1 }, cache.stamp(), 60_000);
    cache.keep("b", { userId: 2 }, cache.stamp());
    now += 59_000;
    expect(cache.get("a")).toEqual({ userId: 1 });
    now += 2_000;
    expect(cache.get("a")).toBeUndefined();
    expect(cache.get("b")).toEqual({ userId: 2 });
  });
});
