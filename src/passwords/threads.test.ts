import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { expect, test } from "vitest";
import { createHasher } from "./hasher.ts";

const cheap = { memory: 8, passes: 1, allowWeakHashing: true } as const;

/** The nice values of the threads that hash, and that of the event loop. */
const niceness = (): { readonly pool: readonly number[]; readonly loop: number } => ({
  pool: readdirSync("/proc/self/task")
    .filter((thread) => readFileSync(`/proc/self/task/${thread}/comm`, "utf8").trim() === "libuv-worker")
    .map((thread) => getPriority(Number(thread))),
  loop: getPriority(process.pid),
});

test.runIf(process.platform === "linux")("threads that hash are made nicer, and they alone", async () => {
  const before = niceness().loop;
  const hasher = createHasher({ ...cheap, niceness: 12 });
  await hasher.hash("a password");
  const { pool, loop } = niceness();
  expect(pool.length).toBeGreaterThan(0);
  expect(new Set(pool)).toEqual(new Set([12]));
  expect(loop).toBe(before);
});

test.runIf(process.platform === "linux")("a program that gives way more already goes on so", async () => {
  const hasher = createHasher({ ...cheap, niceness: 3 });
  await hasher.hash("a password");
  expect(new Set(niceness().pool)).toEqual(new Set([12]));
});

test.each([-1, 20, 1.5, "5"])("niceness %j is refused", (value) => {
  expect(() => createHasher({ ...cheap, niceness: value as number })).toThrow("passwords.hashing.niceness");
});
