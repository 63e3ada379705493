import { expect, it } from "vitest";
import { createCredentialCache } from "./cache.ts";
import { localBus } from "./listeners.ts";

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
