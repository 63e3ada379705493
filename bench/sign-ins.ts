import { verify } from "@node-rs/argon2";
import { createHasher } from "../src/passwords/hasher.ts";
import { type BenchServer, spread } from "./measure.ts";

const body = JSON.stringify({ email: "bench@example.org", password: "bench password" });

/** Sign-ins against the bare hash, what they do to everybody else, and what happens past the queue. */
export async function measureSignIns(server: BenchServer): Promise<string[]> {
  const hash = await createHasher().hash("bench password");
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    bare.push(await rate(2_000, 4, () => verify(hash, "bench password").then(() => undefined)));
    ours.push(await rate(2_000, 16, () => signIn(server).then(() => undefined)));
  }
  const idle = await latency(server, async () => undefined);
  const busy = await latency(server, () => signIn(server).then(() => undefined));
  const before = await server.usage();
  const statuses = await Promise.all(Array.from({ length: 200 }, () => signIn(server)));
  const after = await server.usage();
  const count = (status: number): number => statuses.filter((seen) => seen === status).length;
  const ratio = spread(ours.map((value, index) => value / (bare[index] ?? Number.NaN)));
  return [
    `Sign-ins, 16 at a time: ${spread(ours).median.toFixed(0)} a second against ${spread(bare).median.toFixed(0)} bare argon2id verifications, ratio ${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}).`,
    `\`/open\` meanwhile: p99 ${busy.toFixed(1)} ms, idle ${idle.toFixed(1)} ms.`,
    `200 sign-ins at once: ${count(200)} done, ${count(503)} answered 503 with Retry-After, ${200 - count(200) - count(503)} otherwise; memory grew by ${((after.rss - before.rss) / 1024 ** 2).toFixed(0)} MiB.`,
  ];
}

async function signIn(server: BenchServer): Promise<number> {
  const answer = await fetch(`${server.url}/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  await answer.text();
  return answer.status;
}

/** How often a second `work` is done by so many at a time. */
async function rate(milliseconds: number, parallel: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (performance.now() - start < milliseconds) {
        await work();
        done += 1;
      }
    }),
  );
  return done / ((performance.now() - start) / 1000);
}

/** The 99th percentile of `/open`, asked one after the other while 16 do something else. */
async function latency(server: BenchServer, other: () => Promise<void>): Promise<number> {
  let running = true;
  const others = Array.from({ length: 16 }, async () => {
    while (running) {
      await other();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const times: number[] = [];
  const start = performance.now();
  while (performance.now() - start < 4_000) {
    const before = performance.now();
    await (await fetch(`${server.url}/open`)).text();
    times.push(performance.now() - before);
  }
  running = false;
  await Promise.all(others);
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? Number.NaN;
}
