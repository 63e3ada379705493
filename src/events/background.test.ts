import { expect, it, vi } from "vitest";
import { runHook, TransactionScope } from "../datastore/transaction-scope.ts";
import { createBackground } from "./background.ts";
import { createEventHub } from "./events.ts";

it("runs work after the present turn and waits for it, also for what that work starts", async () => {
  const background = createBackground(vi.fn(), (work) => work);
  const done: string[] = [];
  background.run(async () => {
    done.push("first");
    background.run(async () => void done.push("second"));
  });
  expect(done).toEqual([]);
  await background.settled();
  expect(done).toEqual(["first", "second"]);
});

it("logs what fails, and goes on", async () => {
  const log = vi.fn();
  const background = createBackground(log, (work) => work);
  const done: string[] = [];
  background.run(async () => {
    throw new Error("gone");
  });
  background.run(async () => void done.push("other"));
  await background.settled();
  expect(log).toHaveBeenCalledExactlyOnceWith("work in the background failed", { error: "Error: gone" });
  expect(done).toEqual(["other"]);
});

it("runs work outside of the transaction that started it, and tells of it for the same request", async () => {
  const log = vi.fn();
  const events = createEventHub(log);
  const scope = new TransactionScope();
  const background = createBackground(log, events.later);
  const told: unknown[] = [];
  events.onAny((name, _event, { address }) => told.push([name, address]));
  const source = {
    address: "203.0.113.7",
    method: "POST",
    route: { label: "/login" },
    header: () => undefined,
  } as unknown as Parameters<typeof events.within>[0];
  await events.within(source, () =>
    scope.run(async () => {
      background.run(async () => {
        scope.refuseInside();
        events.emit("auditFailed", { reason: "test", waiting: 0, lost: 0 });
      });
      // The transaction is still open when the work runs.
      await background.settled();
    }),
  );
  expect(log).not.toHaveBeenCalled();
  expect(told).toEqual([["auditFailed", "203.0.113.7"]]);
});

it("runs work also that a hook has started which was given up, while the hook itself is refused", async () => {
  const log = vi.fn();
  const scope = new TransactionScope();
  const background = createBackground(log, createEventHub(log).later);
  const goesOn = Promise.withResolvers<void>();
  const ran: string[] = [];
  let late: Promise<void> | undefined;
  const hook = async (): Promise<void> => {
    late = goesOn.promise.then(() => {
      background.run(async () => {
        scope.refuseInside();
        ran.push("in the background");
      });
      scope.refuseInside();
      ran.push("in the hook");
    });
    await late;
  };
  await expect(scope.run(async () => runHook("onRegister", 1, hook))).rejects.toThrow("onRegister did not answer");
  goesOn.resolve();
  await expect(late).rejects.toThrow("onRegister was given up");
  await background.settled();
  expect(log).not.toHaveBeenCalled();
  expect(ran).toEqual(["in the background"]);
});
