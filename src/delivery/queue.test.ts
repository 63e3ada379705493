import { describe, expect, test, vi } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { DeliveryError } from "./mail.ts";
import { createDeliveryQueue, type DeliveryJob, type DeliveryQueue, deliverySettings, type Timer } from "./queue.ts";

/** Time that passes by hand. */
function manualTime(): {
  readonly timer: Timer;
  readonly waits: () => number[];
  pass(milliseconds: number): Promise<void>;
} {
  const pending = new Set<{ at: number; readonly work: () => void }>();
  let now = 0;
  return {
    timer(milliseconds, work) {
      const entry = { at: now + milliseconds, work };
      pending.add(entry);
      return () => pending.delete(entry);
    },
    waits: () => [...pending].map(({ at }) => at - now),
    async pass(milliseconds) {
      now += milliseconds;
      for (const entry of [...pending]) {
        if (entry.at > now) continue;
        pending.delete(entry);
        entry.work();
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function job(attempt: () => Promise<void> = async () => {}): DeliveryJob & {
  readonly attempt: ReturnType<typeof vi.fn<() => Promise<void>>>;
  readonly failed: ReturnType<typeof vi.fn<DeliveryJob["failed"]>>;
} {
  return { attempt: vi.fn(attempt), failed: vi.fn<DeliveryJob["failed"]>() };
}

const never = (): Promise<void> => new Promise(() => {});
const failing = (error: Error) => async (): Promise<void> => {
  throw error;
};

describe("the queue", () => {
  test("nothing is touched while the request runs", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({}, time.timer);
    const one = job();
    queue.add(one);
    await new Promise((resolve) => setImmediate(resolve));
    expect(one.attempt).not.toHaveBeenCalled();
    await time.pass(20);
    expect(one.attempt).toHaveBeenCalledOnce();
    await queue.idle();
    expect(one.failed).not.toHaveBeenCalled();
  });

  test("tries again after longer and longer times, then gives up once", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({ retryAfter: [1_000, 5_000] }, time.timer);
    const one = job(failing(new Error("down")));
    queue.add(one);
    await time.pass(20);
    expect(one.attempt).toHaveBeenCalledTimes(1);
    expect(time.waits()[0]).toBeGreaterThanOrEqual(900);
    expect(time.waits()[0]).toBeLessThanOrEqual(1_100);
    await time.pass(1_100);
    expect(one.attempt).toHaveBeenCalledTimes(2);
    expect(time.waits()[0]).toBeGreaterThanOrEqual(4_500);
    expect(one.failed).not.toHaveBeenCalled();
    await time.pass(5_500);
    expect(one.attempt).toHaveBeenCalledTimes(3);
    expect(one.failed).toHaveBeenCalledExactlyOnceWith("not reached", expect.any(Error), 3);
    await queue.idle();
  });

  test("what is refused for good is not tried again", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({}, time.timer);
    const one = job(failing(new DeliveryError("no such mailbox", { permanent: true })));
    queue.add(one);
    await time.pass(20);
    expect(one.failed).toHaveBeenCalledExactlyOnceWith("refused", expect.any(DeliveryError), 1);
    await queue.idle();
  });

  test("past its limit it drops and reports, and takes more once there is room", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({ limit: 2 }, time.timer);
    const jobs = [job(), job(), job()];
    for (const one of jobs) queue.add(one);
    expect(jobs[2]?.failed).toHaveBeenCalledExactlyOnceWith("queue full", undefined, 0);
    await time.pass(20);
    await queue.idle();
    const late = job();
    queue.add(late);
    await time.pass(20);
    expect(late.attempt).toHaveBeenCalledOnce();
    expect(jobs[2]?.attempt).not.toHaveBeenCalled();
  });

  test("sends so many at once and no more", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({ concurrency: 2 }, time.timer);
    const jobs = [job(never), job(never), job()];
    for (const one of jobs) queue.add(one);
    await time.pass(20);
    expect(queue.stats()).toEqual({ running: 2, waiting: 1 });
    expect(jobs[2]?.attempt).not.toHaveBeenCalled();
  });

  test("an attempt that hangs is over after its time", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({ timeout: 500, retryAfter: [] }, time.timer);
    const one = job(never);
    queue.add(one);
    await time.pass(20);
    await time.pass(500);
    expect(one.failed).toHaveBeenCalledExactlyOnceWith("not reached", expect.any(DeliveryError), 1);
    expect(queue.stats()).toEqual({ running: 0, waiting: 0 });
  });

  test("who throws when told of a failure, and who throws at once, stop nothing", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({ retryAfter: [] }, time.timer);
    queue.add({
      attempt: () => {
        throw new Error("at once");
      },
      failed: () => {
        throw new Error("again");
      },
    });
    const next = job();
    queue.add(next);
    await time.pass(20);
    await queue.idle();
    expect(next.attempt).toHaveBeenCalledOnce();
  });
});

describe("close", () => {
  test("sends at once what waits, and takes no more", async () => {
    const time = manualTime();
    const queue = createDeliveryQueue({}, time.timer);
    const fresh = job();
    const retried = job(failing(new Error("down")));
    queue.add(retried);
    await time.pass(20);
    queue.add(fresh);
    await queue.close();
    expect(fresh.attempt).toHaveBeenCalledOnce();
    expect(retried.attempt).toHaveBeenCalledTimes(2);
    expect(retried.failed).toHaveBeenCalledExactlyOnceWith("not reached", expect.any(Error), 2);
    const late = job();
    queue.add(late);
    expect(late.failed).toHaveBeenCalledExactlyOnceWith("closed", undefined, 0);
  });

  test("waits no longer than it may; what did not begin is reported", async () => {
    const time = manualTime();
    const queue: DeliveryQueue = createDeliveryQueue({ concurrency: 1, drain: 10 }, time.timer);
    const hanging = job(never);
    const behind = job();
    queue.add(hanging);
    queue.add(behind);
    await queue.close();
    expect(behind.attempt).not.toHaveBeenCalled();
    expect(behind.failed).toHaveBeenCalledExactlyOnceWith("closed", undefined, 0);
  });
});

test.each([
  [{ store: "memory", limit: 0 }, "mail.queue.limit"],
  [{ store: "disk" }, "mail.queue.store"],
  [{ keep: "for ever" }, "mail.queue.keep"],
  [{ store: "memory", keep: "1d" }, "mail.queue.keep"],
  [{ limit: 1_000 }, "mail.queue.limit"],
  [{ store: "database", limit: 10 }, "mail.queue.limit"],
  [{ concurrency: 1.5 }, "mail.queue.concurrency"],
  [{ retryAfter: [-1] }, "mail.queue.retryAfter"],
  [{ retryAfter: 5 }, "mail.queue.retryAfter"],
  [{ retries: 5 }, "mail.queue.retries"],
  [[], "mail.queue"],
])("%j is refused at %s", (options, path) => {
  expect(() => deliverySettings("mail.queue", options as never)).toThrow(expect.objectContaining({ path }));
  expect(() => deliverySettings("mail.queue", options as never)).toThrow(ConfigurationError);
});

test("what waits in the database is tried for three days, what waits in memory for some minutes", () => {
  const stored = deliverySettings("mail.queue");
  expect([stored.store, stored.keep, stored.retryAfter.at(-1)]).toEqual(["database", 3 * 86_400_000, 3_600_000]);
  const inMemory = deliverySettings("mail.queue", { store: "memory" });
  expect([inMemory.store, inMemory.limit, inMemory.retryAfter.at(-1)]).toEqual(["memory", 1_000, 120_000]);
});

test("without a database it is the memory, and nothing else can be asked for", () => {
  expect(deliverySettings("sms.queue", {}, false)).toMatchObject({
    store: "memory",
    retryAfter: [1_000, 5_000, 30_000, 120_000],
  });
  expect(() => deliverySettings("sms.queue", { store: "database" }, false)).toThrow(
    expect.objectContaining({ path: "sms.queue.store" }),
  );
  expect(() => deliverySettings("sms.queue", { keep: "1d" }, false)).toThrow(
    expect.objectContaining({ path: "sms.queue.keep" }),
  );
});
