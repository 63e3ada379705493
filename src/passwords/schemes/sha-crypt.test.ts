import { EventEmitter } from "node:events";
import { afterEach, expect, test, vi } from "vitest";

const STORED = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";

let failure: (worker: EventEmitter) => void = () => undefined;
vi.mock("node:worker_threads", () => ({
  Worker: class extends EventEmitter {
    constructor() {
      super();
      failure(this);
    }
  },
}));
const { parseShaCrypt } = await import("./sha-crypt.ts");

afterEach(() => {
  failure = () => undefined;
});

const failures: [what: string, failure: (worker: EventEmitter) => void][] = [
  [
    "the runtime has no threads",
    () => {
      throw new Error("not implemented");
    },
  ],
  [
    "its file is not there",
    (worker) =>
      setImmediate(() => {
        worker.emit("error", new Error("Cannot find module"));
        worker.emit("exit", 1);
      }),
  ],
  ["it ends without an answer", (worker) => setImmediate(() => worker.emit("exit", 0))],
];
test.each(failures)("where the worker fails because %s, the event loop does its work", async (_, how) => {
  failure = how;
  expect(await parseShaCrypt(STORED)?.verify("Hello world!")).toBe(true);
  expect(await parseShaCrypt(STORED)?.verify("Hello world?")).toBe(false);
});

test("the worker's answer counts, not its end afterwards", async () => {
  failure = (worker) =>
    setImmediate(() => {
      worker.emit("message", STORED.split("$").at(-1));
      worker.emit("exit", 0);
    });
  expect(await parseShaCrypt(STORED)?.verify("whatever")).toBe(true);
});
