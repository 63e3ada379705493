// Sign-ins against the bare hash, what they do to everybody else, and what happens past the queue.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { shown, spread } from "./compare.ts";
import { Load, post, shot } from "./load.ts";
import type { Row } from "./rows.ts";
import type { BenchServer } from "./servers.ts";

const login = post("/login", { email: "bench@example.org", password: "bench password" });
const anyAnswer = { bytes: login.bytes, status: undefined };
const bareHash = fileURLToPath(new URL("bare-hash.ts", import.meta.url));
const run = promisify(execFile);

/** Milliseconds of each measured stretch, and how often it is repeated. */
export interface SignInEffort {
  readonly milliseconds: number;
  readonly rounds: number;
}

/** Measures sign-ins on servers of their own: one with the defaults, one whose threads share the cores evenly. */
export async function measureSignIns(server: BenchServer, even: BenchServer, effort: SignInEffort): Promise<Row[]> {
  const ours = await underSignIns(server, effort);
  const shared = await underSignIns(even, effort);
  return [
    {
      name: "sign-ins, 16 at a time, against bare argon2id verifications",
      cells: [ours.rate],
      allowed: "≥ × 0.9",
      met: ours.ratio >= 0.9,
      missed:
        "by a count of each thread's time a sign-in takes 7.5 ms of hashing, 1.45 ms of the event loop, 0.15 ms of the engine's helpers and 0.15 ms of the client, on the same two cores. Without hashing beside it the event loop's part is 0.45 ms, half of it SQLite (three transactions: both budgets are taken, they are settled, the session; the trail's are shared by nine sign-ins): it is thrice that since each hash runs through 19 MiB and leaves nothing of the program in the processor's caches",
    },
    {
      name: "p99 of `/open` meanwhile, against idle",
      cells: [ours.tail],
      allowed: "≤ × 2.5",
      met: ours.times <= 2.5,
      missed:
        "one connection asks as fast as it is answered, some 20,000 times a second beside some 170 sign-ins; each of these has the event loop in two pieces of 0.3 to 0.7 ms (before its hash and after it), and each piece holds up one request: 1.3 % of them, where 1 % would not show. Smaller pieces were tried and hold up as many; the median is below the idle one, as nothing falls asleep",
    },
    { name: "sign-ins with `passwords.hashing.niceness: 0`", cells: [shared.rate], allowed: "–", met: undefined },
    { name: "p99 of `/open` meanwhile, with it", cells: [shared.tail], allowed: "–", met: undefined },
    await crowdRow(server),
  ];
}

interface UnderSignIns {
  readonly ratio: number;
  readonly rate: string;
  /** p99 of another route, as a multiple of what it is when nobody signs in. */
  readonly times: number;
  readonly tail: string;
}

async function underSignIns(server: BenchServer, effort: SignInEffort): Promise<UnderSignIns> {
  const port = Number(new URL(server.url).port);
  const load = await Load.open(port, 16);
  const other = await Load.open(port, 1);
  try {
    const ratios: number[] = [];
    const rates: number[] = [];
    const tails: number[] = [];
    const idles: number[] = [];
    for (let round = 0; round < effort.rounds; round += 1) {
      const bare = Number((await run(process.execPath, [bareHash, String(effort.milliseconds)])).stdout);
      const ours = await signInRate(load, effort.milliseconds);
      rates.push(ours);
      ratios.push(ours / bare);
      const idle = await p99(other, effort.milliseconds);
      let over = false;
      const busy = load.repeat(login, () => over);
      const tail = await p99(other, effort.milliseconds);
      over = true;
      await busy;
      idles.push(idle);
      tails.push(tail / idle);
    }
    return {
      ratio: spread(ratios).median,
      rate: `× ${shown(spread(ratios), 2)}; ${spread(rates).median.toFixed(0)} a second`,
      times: spread(tails).median,
      tail: `× ${shown(spread(tails), 2)}; idle ${spread(idles).median.toFixed(2)} ms`,
    };
  } finally {
    load.close();
    other.close();
  }
}

async function crowdRow(server: BenchServer): Promise<Row> {
  const port = Number(new URL(server.url).port);
  const load = await Load.open(port, 16);
  const crowd = await Load.open(port, 200);
  try {
    const before = (await server.usage()).rss;
    const statuses = (await crowd.repeat(anyAnswer, () => true)).map(({ status }) => status);
    const grown = ((await server.usage()).rss - before) / 1024 ** 2;
    const count = (status: number): number => statuses.filter((seen) => seen === status).length;
    const after = (await load.repeat(login, () => true)).every(({ status }) => status === 200);
    const others = statuses.length - count(200) - count(503);
    return {
      name: "200 sign-ins at once: done, 503 with Retry-After, anything else; memory; afterwards",
      cells: [`${count(200)}, ${count(503)}, ${others}; ${grown.toFixed(0)} MiB more; ${after ? "goes on" : "fails"}`],
      allowed: "503 past the queue, bounded, no crash",
      met: count(503) > 0 && others === 0 && grown < 128 && after,
    };
  } finally {
    load.close();
    crowd.close();
  }
}

async function signInRate(load: Load, milliseconds: number): Promise<number> {
  const start = performance.now();
  const answers = await load.repeat(login, () => performance.now() - start >= milliseconds);
  if (answers.some(({ status }) => status !== 200)) throw new Error("a sign-in failed");
  return (answers.length / (performance.now() - start)) * 1000;
}

async function p99(load: Load, milliseconds: number): Promise<number> {
  const start = performance.now();
  const answers = await load.repeat(shot("/open"), () => performance.now() - start >= milliseconds);
  const times = answers.map((answer) => answer.milliseconds).sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? Number.NaN;
}
