import { beforeEach, describe, expect, it } from "vitest";
import { DatastoreError } from "../../model/errors.ts";
import { systemClock } from "./clock.ts";
import type { Change, ChangeLog } from "./log.ts";
import { ChangeNode } from "./node.ts";

describe("a change that is announced apart from its transaction", () => {
  /** What was written down. */
  let written: Change[];
  let write: (change: Change) => Promise<string>;

  beforeEach(() => {
    written = [];
    write = async () => "1";
  });

  /** One that is alone on its database. */
  const node = (): ChangeNode => {
    const log: ChangeLog = {
      look: async ({ list }) => ({
        position: "2:2:",
        before: undefined,
        changes: [],
        count: 0,
        nodes: list ? [] : undefined,
      }),
      write: (change) => {
        written.push(change);
        return write(change);
      },
      covers: () => true,
      remove: async () => {},
    };
    return new ChangeNode({ log, clock: systemClock, node: "one", lease: 10_000, trusts: false, report: () => {} });
  };

  it("is written down, and counts once the others have seen it", async () => {
    await node().publish(7);
    expect(written).toEqual([{ node: "one", number: 1, userId: 7 }]);
  });

  it("fails as a datastore does where it cannot be written", async () => {
    const cut = new Error("Connection terminated unexpectedly");
    write = () => Promise.reject(cut);
    const failed = node().publish(7);
    await expect(failed).rejects.toThrow(DatastoreError);
    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining(cut.message), cause: cut });
  });

  it("keeps the error that is a datastore's already", async () => {
    const known = new DatastoreError("the store says so itself");
    write = () => Promise.reject(known);
    await expect(node().publish(7)).rejects.toBe(known);
  });

  it("is refused at once where the store is closed, and is not written", async () => {
    const closed = node();
    await closed.close();
    const began = performance.now();
    await expect(closed.publish(7)).rejects.toThrow(new DatastoreError("the store is closed"));
    // Far from the five leases that a change waits for a look.
    expect(performance.now() - began).toBeLessThan(25_000);
    expect(written).toEqual([]);
  });

  it("is told that nobody knows where the store closes while it is written", async () => {
    const closing = node();
    const reached = Promise.withResolvers<void>();
    const stored = Promise.withResolvers<string>();
    write = () => {
      reached.resolve();
      return stored.promise;
    };
    const published = closing.publish(7);
    const refused = expect(published).rejects.toThrow(/not known whether the other processes have seen it/);
    await reached.promise;
    await closing.close();
    stored.resolve("1");
    await refused;
  });
});
