// npm run bench [-- --quick]: what protection costs over the bare framework with the same handlers, in one run. Prints the
// tables and writes docs/performance.md; --quick measures less of everything and writes nothing.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureFlatness } from "./flatness.ts";
import { line, type Row } from "./rows.ts";
import { measureScenarios } from "./scenarios.ts";
import { startServer } from "./servers.ts";
import { measureSignIns } from "./sign-ins.ts";
import { measureStart } from "./start.ts";

const { quick } = parseArgs({ options: { quick: { type: "boolean", default: false } } }).values;
const effort = quick ? { pairs: 10, requests: 500, warmUp: 5_000 } : { pairs: 60, requests: 1_000, warmUp: 20_000 };
const many = quick ? 10_000 : 1_000_000;
const memoryAllowed = 45;

const requestHead = [
  "| request | floor, µs CPU | over the floor, µs CPU | requests per second, ours / floor | without sockets, µs over the floor | allowed | met |",
  "|---|---|---|---|---|---|---|",
];
const otherHead = ["| what | measured | allowed | met |", "|---|---|---|---|"];

const began = performance.now();
const loadBefore = loadavg()[0] ?? 0;
const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
try {
  const tell = (row: Row): void => console.log(line(row));
  for (const text of requestHead) console.log(text);
  const database = join(folder, "bench.db");
  const floor = await startServer("floor", { typed: true });
  const warm = await startServer("built", { database, typed: true });
  const cold = await startServer("built", { database, cached: 0 });
  const jwt = await startServer("built", { database, jwt: true });
  const jwtCold = await startServer("built", { database, jwt: true, cached: 0 });
  const redis = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
  const shared = (await reachable(redis)) ? await startServer("built", { database, redis }) : undefined;
  const requests = await measureScenarios({ floor, warm, cold, jwt, jwtCold, shared }, folder, effort, tell);
  const memory = ((await warm.usage()).rss - (await floor.usage()).rss) / 1024 ** 2;
  await Promise.all([floor, cold, jwt, jwtCold, shared].map((server) => server?.stop()));
  const others: Row[] = [];
  const add = (rows: readonly Row[]): void => {
    for (const row of rows) tell(row);
    others.push(...rows);
  };
  for (const text of otherHead) console.log(text);
  add([
    {
      name: "memory after that load, over the floor",
      cells: [`${memory.toFixed(0)} MiB`],
      allowed: `≤ ${memoryAllowed} MiB`,
      met: memory <= memoryAllowed,
      missed:
        "after a warm session's load alone it was 30 MiB: 9 MiB of living objects, 9 MiB of room that the collector keeps for short-lived ones, 3 MiB of mapped libraries, the rest native memory (SQLite, compiled code); what is above that came with the other requests of this table",
    },
  ]);
  const even = await startServer("built", { database, niceness: 0 });
  add(
    await measureSignIns(warm, even, quick ? { milliseconds: 1_000, rounds: 2 } : { milliseconds: 3_000, rounds: 7 }),
  );
  await Promise.all([warm.stop(), even.stop()]);
  add(await measureStart(database, quick ? 2 : 9));
  add(await measureFlatness(folder, many, quick ? effort : { ...effort, pairs: 40 }));
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`${seconds} s`);
  if (!quick) {
    writeFileSync(fileURLToPath(new URL("../docs/performance.md", import.meta.url)), report(requests, others, seconds));
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Whether something listens there. */
function reachable(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port: port === "" ? 6379 : Number(port), timeout: 1_000 });
    const finish = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
    socket.once("timeout", () => finish(false));
  });
}

function report(requests: readonly Row[], others: readonly Row[], seconds: number): string {
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}, Node ${process.version}`;
  const all = [...requests, ...others];
  const notes = all.flatMap(({ name, note }) => (note === undefined ? [] : [`- ${name}: ${note}.`]));
  const missed = all.flatMap(({ name, met, missed: why }) =>
    met === false ? [`- ${name}: ${why ?? "not explained"}.`] : [],
  );
  return `# Performance

Written by \`npm run bench\` in ${seconds} s on ${machine}; other programs kept ${loadBefore.toFixed(1)} processes busy at the start.
Whole processes over HTTP, the built package as users install it, eight keep-alive connections. The floor is the bare
framework with the same handlers. Floor and ours are measured in turn, ${effort.pairs} pairs of ${effort.requests} requests; each number
is the median of the pairs, in brackets the quartiles. CPU is the server process's own time, user and system, a request. "Without sockets" are the same
requests in one process, with Node's request and answer objects and the host's listener but without the kernel, the quickest
twentieth of the batches: hardly touched by what else the machine does, and without the collection of garbage.

${[...requestHead, ...requests.map(line)].join("\n")}

${notes.join("\n")}

${[...otherHead, ...others.map(line)].join("\n")}

## What is left

${missed.length === 0 ? "Nothing: every number is within what is allowed." : missed.join("\n")}
`;
}
