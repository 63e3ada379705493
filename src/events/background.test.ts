import { expect, it, vi } from "vitest";
import { createBackground } from "./background.ts";

it("runs work after the present turn and waits for it, also for what that work starts", async () => {
  const background = createBackground(vi.fn());
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
  const background = createBackground(log);
  const done: string[] = [];
  background.run(async () => {
    throw new Error("gone");
  });
  background.run(async () => void done.push("other"));
  await background.settled();
  expect(log).toHaveBeenCalledExactlyOnceWith("work in the background failed", { error: "Error: gone" });
  expect(done).toEqual(["other"]);
});
