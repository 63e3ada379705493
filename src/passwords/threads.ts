import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

const threads = "/proc/self/task";

/**
 * Lets the threads of Node's pool, which hash passwords, give way to the event loop where both want a core. On Linux a nice
 * value belongs to a thread (setpriority(2), "C library/kernel differences"); elsewhere nothing happens.
 */
export function setPoolNiceness(niceness: number): void {
  if (process.platform !== "linux") return;
  for (const thread of readdirSync(threads)) {
    if (readFileSync(`${threads}/${thread}/comm`, "utf8").trim() === "libuv-worker") {
      setPriority(Number(thread), niceness);
    }
  }
}
