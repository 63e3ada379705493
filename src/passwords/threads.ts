import { readdirSync, readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

const threads = "/proc/self/task";

/**
 * Lets the threads of Node's pool, which hash passwords, give way to the event loop where both want a core. On Linux a nice
 * value belongs to a thread (setpriority(2), "C library/kernel differences"); elsewhere nothing happens, nor where the
 * system does not let a program see or change its threads: then all share the cores evenly.
 */
export function setPoolNiceness(niceness: number): void {
  if (process.platform !== "linux") return;
  try {
    for (const thread of readdirSync(threads)) {
      if (readFileSync(`${threads}/${thread}/comm`, "utf8").trim() !== "libuv-worker") continue;
      // Nobody but an administrator may take niceness back: a program that was started with more keeps it.
      if (getPriority(Number(thread)) < niceness) setPriority(Number(thread), niceness);
    }
  } catch {
    // Hashes are as right without it.
  }
}
