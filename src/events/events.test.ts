import { expect, it } from "vitest";
import type { Account } from "../model/account.ts";
import { createEventHub } from "./events.ts";

const user = { id: 1 } as unknown as Account;

function hub(): { events: ReturnType<typeof createEventHub>; log: unknown[] } {
  const log: unknown[] = [];
  return { events: createEventHub((message, details) => log.push([message, details])), log };
}

it("calls the listeners of an event in their order, and those of every event before", () => {
  const { events } = hub();
  const seen: unknown[] = [];
  events.on("userSignedOut", (event) => void seen.push(["first", event]));
  events.on("userSignedOut", (event) => void seen.push(["second", event]));
  events.on("userUnauthenticated", () => void seen.push("other"));
  events.onAny((name, event) => void seen.push([name, event]));
  events.emit("userSignedOut", { user });
  expect(seen).toEqual([
    ["userSignedOut", { user }],
    ["first", { user }],
    ["second", { user }],
  ]);
});

it("takes listeners off again, also while an event is told", () => {
  const { events } = hub();
  let calls = 0;
  const off = events.on("userSignedOut", () => {
    calls += 1;
    off();
  });
  const offAny = events.onAny(() => {
    calls += 10;
  });
  events.emit("userSignedOut", { user });
  offAny();
  events.emit("userSignedOut", { user });
  expect(calls).toBe(11);
});

it("logs what a listener throws or rejects with, and tells the others", async () => {
  const { events, log } = hub();
  let told = 0;
  const reject = (): Promise<void> => Promise.reject(new Error("later"));
  const raise = (): never => {
    throw new Error("now");
  };
  events.onAny(raise);
  // An async function is a listener too; its rejection must not end the process.
  events.onAny(reject);
  events.on("userSignedOut", raise);
  events.on("userSignedOut", reject);
  events.on("userSignedOut", () => {
    told += 1;
  });
  expect(() => events.emit("userSignedOut", { user })).not.toThrow();
  expect(told).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  const failure = (error: string): unknown => ["an event listener failed", { event: "userSignedOut", error }];
  expect(log).toHaveLength(4);
  expect(log).toEqual(expect.arrayContaining([failure("now"), failure("later")]));
});
