import { describe, expect, it, onTestFinished, vi } from "vitest";
import { DeadlineError, inTime } from "./deadline.ts";

describe("inTime", () => {
  it("lets through what is there at once, without a timer", () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    onTestFinished(() => timers.mockRestore());
    for (const value of [true, false, undefined, null, 0, "x"]) expect(inTime(value, 5, "it")).toBe(value);
    expect(timers).not.toHaveBeenCalled();
  });

  it("waits for what comes in time, an error too, and leaves no timer", async () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    expect(await inTime(Promise.resolve(7), 5, "it")).toBe(7);
    await expect(inTime(Promise.reject(new Error("no")), 5, "it")).rejects.toThrow("no");
    // A promise that is not the platform's own.
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    const thenable = { then: (done: (value: number) => void) => done(8) } as unknown as Promise<number>;
    expect(await inTime(thenable, 5, "it")).toBe(8);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives up on what does not, and does not look at what comes later", async () => {
    vi.useFakeTimers();
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    onTestFinished(() => {
      vi.useRealTimers();
      process.off("unhandledRejection", unhandled);
    });
    for (const late of ["value", "error"] as const) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const answer = inTime(promise, 5_000, "the rule of it");
      const given = expect(answer).rejects.toThrow(new DeadlineError("the rule of it", 5_000));
      await vi.advanceTimersByTimeAsync(5_000);
      await given;
      if (late === "value") resolve(1);
      else reject(new Error("late"));
      await vi.advanceTimersByTimeAsync(1);
    }
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).not.toHaveBeenCalled();
  });
});
