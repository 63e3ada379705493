import { expect, test } from "vitest";
import { OverloadedError } from "../model/errors.ts";
import { createWorkQueue } from "./queue.ts";

/** A job that ends when it is told to. */
function job(name: string, log: string[]) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const run = () => {
    log.push(name);
    return promise;
  };
  return { run, end: () => resolve(name), fail: () => reject(new Error(name)) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("runs as many as allowed, lets the others wait in order, refuses more", async () => {
  const log: string[] = [];
  const queue = createWorkQueue("work", 2, 2);
  const jobs = ["a", "b", "c", "d"].map((name) => job(name, log));
  const results = jobs.map(({ run }) => queue.run(run));
  expect(log).toEqual(["a", "b"]);
  expect(queue.stats()).toEqual({ running: 2, queued: 2 });

  const refused = queue.run(() => expect.unreachable());
  await expect(refused).rejects.toThrow(OverloadedError);
  await expect(refused).rejects.toMatchObject({ code: "overloaded", message: "work is at its limit" });
  const error: unknown = await refused.catch((reason: unknown) => reason);
  const seconds = error instanceof OverloadedError ? error.retryAfter : 0;
  expect(Number.isInteger(seconds) && seconds >= 1).toBe(true);

  jobs[1]?.end();
  await results[1];
  await turn();
  expect(log).toEqual(["a", "b", "c"]);
  expect(queue.stats()).toEqual({ running: 2, queued: 1 });
  for (const { end } of jobs) end();
  expect(await Promise.all(results)).toEqual(["a", "b", "c", "d"]);
  await turn();
  expect(queue.stats()).toEqual({ running: 0, queued: 0 });
});

test("a job that fails or throws gives its place back", async () => {
  const log: string[] = [];
  const queue = createWorkQueue("work", 1, 5);
  const [first, second] = [job("first", log), job("second", log)];
  const results = [queue.run(first.run), queue.run(second.run)];
  first.fail();
  await expect(results[0]).rejects.toThrow("first");
  second.end();
  expect(await results[1]).toBe("second");
  await expect(
    queue.run(() => {
      throw new Error("at once");
    }),
  ).rejects.toThrow("at once");
  expect(queue.stats()).toEqual({ running: 0, queued: 0 });
});

test("nobody overtakes those who wait", async () => {
  const log: string[] = [];
  const queue = createWorkQueue("work", 1, 5);
  const [first, second, third] = [job("first", log), job("second", log), job("third", log)];
  const results = [queue.run(first.run), queue.run(second.run)];
  results.push(...[results[0]?.then(() => queue.run(third.run)) ?? Promise.resolve("")]);
  for (const { end } of [first, second, third]) end();
  await Promise.all(results);
  expect(log).toEqual(["first", "second", "third"]);
});

test("close refuses new work and waits for what was taken", async () => {
  const log: string[] = [];
  const queue = createWorkQueue("work", 1, 5);
  const [first, second] = [job("first", log), job("second", log)];
  const results = [queue.run(first.run), queue.run(second.run)];
  const closed = queue.close().then(() => log.push("closed"));
  await expect(queue.run(() => expect.unreachable())).rejects.toMatchObject({ code: "closed" });
  first.end();
  await turn();
  expect(log).toEqual(["first", "second"]);
  second.end();
  await closed;
  expect(log).toEqual(["first", "second", "closed"]);
  expect(await Promise.all(results)).toEqual(["first", "second"]);
  await createWorkQueue("idle", 1, 1).close();
});
