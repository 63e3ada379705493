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

/** Measures sign-ins on servers of their own: one with the defaults, one whose threads that hash give way. */
export async function measureSignIns(server: BenchServer, nicer: BenchServer, effort: SignInEffort): Promise<Row[]> {
  const ours = await underSignIns(server, effort);
  const nice = await underSignIns(nicer, effort);
  return [
    {
      name: "sign-ins, 16 at a time, against bare argon2id verifications",
      cells: [ours.rate],
      allowed: "≥ × 0.9",
      met: ours.ratio >= 0.9,
      missed:
        "by a count of each thread's time, 17 % of a sign-in's CPU is the event loop's (1.4 ms on a quiet machine), 2 % the compilers', 81 % the hash's. Of the event loop's part a quarter is SQLite: 17 statements in 6 transactions, for the two budgets, the session and the trail's chain; a seventh is the answer's write; the rest has no part above 2 %. The client needs its share of the same two cores as well",
    },
    {
      name: "p99 of `/open` meanwhile, against idle",
      cells: [ours.tail],
      allowed: "≤ × 2.5",
      met: ours.times <= 2.5,
      missed:
        "the event loop itself is not held up (the median stays what it is): as many threads hash as there are cores, the client needs one as well, and a request waits some milliseconds until the scheduler takes a core from a thread that hashes. `passwords.hashing.niceness` mends most of it; it is off by default, since beside other busy programs it costs sign-ins",
    },
    { name: "sign-ins with `passwords.hashing.niceness: 10`", cells: [nice.rate], allowed: "–", met: undefined },
    {
      name: "p99 of `/open` meanwhile, with it",
      cells: [nice.tail],
      allowed: "≤ × 2.5",
      met: nice.times <= 2.5,
      missed:
        "client and server share two cores with the hashing, also where that gives way; and each sign-in has the event loop for about 1.4 ms in three pieces (before the hash, after it, the trail), one of which a request may have to wait for: idle is a fraction of that",
    },
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
