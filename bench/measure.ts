// What the benchmark measures with: servers as processes of their own, load by autocannon, medians with spread.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";

/** A server process. */
export interface BenchServer {
  readonly url: string;
  /** From fork to the first answer, in milliseconds. */
  readonly started: number;
  /** CPU time so far, in microseconds, and memory in bytes. */
  usage(): Promise<{ readonly cpu: number; readonly rss: number }>;
  stop(): Promise<void>;
}

/** One slice of load on one server. */
export interface Slice {
  /** CPU of the server, in microseconds a request. */
  readonly cpu: number;
  readonly perSecond: number;
  readonly p99: number;
}

/** The middle and the range of several slices. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const program = fileURLToPath(new URL("server.ts", import.meta.url));
const loader = fileURLToPath(new URL("../scripts/from-source.mjs", import.meta.url));

/** Starts `server.ts` with these arguments. */
export async function startServer(...args: string[]): Promise<BenchServer> {
  const before = performance.now();
  const child: ChildProcess = fork(program, args, { execArgv: ["--import", loader] });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const url = `http://127.0.0.1:${port}`;
  await (await fetch(`${url}/open`)).text();
  return {
    url,
    started: performance.now() - before,
    async usage() {
      const answer = once(child, "message") as Promise<[{ user: number; system: number; rss: number }]>;
      child.send("usage");
      const [{ user, system, rss }] = await answer;
      return { cpu: user + system, rss };
    },
    async stop() {
      child.kill();
      await once(child, "exit");
    },
  };
}

/** Loads one path for so many seconds over eight connections. Throws when an answer has another status. */
export async function slice(
  server: BenchServer,
  path: string,
  headers: Record<string, string>,
  seconds: number,
  status: number,
): Promise<Slice> {
  const before = await server.usage();
  const result = await autocannon({ url: server.url + path, connections: 8, duration: seconds, headers });
  const after = await server.usage();
  const wrong = status >= 200 && status < 300 ? result.non2xx : result["2xx"];
  if (wrong > 0 || result.errors > 0) throw new Error(`${path}: ${wrong} unexpected answers, ${result.errors} errors`);
  return {
    cpu: (after.cpu - before.cpu) / result.requests.total,
    perSecond: result.requests.total / result.duration,
    p99: result.latency.p99,
  };
}

/** Median and range. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return { median: at(Math.floor(sorted.length / 2)), low: at(0), high: at(sorted.length - 1) };
}

/** "5.1 (4.0–7.2)". */
export function shown({ median, low, high }: Spread, digits = 1): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}
