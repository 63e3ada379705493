// npm run bench: the price of a protected route over the bare framework with the same handler, in interleaved slices of one run,
// and what sign-ins do to everybody else. Prints the table and writes docs/performance.md.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchServer, type Slice, shown, slice, spread, startServer } from "./measure.ts";
import { measureSignIns } from "./sign-ins.ts";

const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const seconds = Number(process.env.BENCH_SECONDS ?? 1.5);

interface Scenario {
  readonly name: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly status: number;
  readonly server: "warm" | "cold";
  /** The most CPU over the floor, in microseconds, that we allow ourselves; undefined: stated only. */
  readonly limit: number | undefined;
}

const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const database = join(folder, "bench.db");
const floor = await startServer("floor");
const warm = await startServer("portcullis", database);
const cold = await startServer("portcullis", database, "0");
const rows: string[] = [];

/** Signs in and returns the credentials that the scenarios send. */
async function credentials(server: BenchServer): Promise<{ cookie: string; token: string }> {
  const answer = await fetch(`${server.url}/login?include_auth_token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "bench@example.org", password: "bench password" }),
  });
  const cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  const body = (await answer.json()) as { response: { user: { authentication_token: string } } };
  return { cookie, token: body.response.user.authentication_token };
}

/** Floor and scenario in turn, so that what the machine does meanwhile hits both. */
async function compare(scenario: Scenario): Promise<void> {
  const ours = scenario.server === "warm" ? warm : cold;
  const over: number[] = [];
  const ratios: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const a: Slice = await slice(floor, scenario.path, scenario.headers, seconds, 200);
    const b: Slice = await slice(ours, scenario.path, scenario.headers, seconds, scenario.status);
    // The first round warms up the compilers.
    if (round === 0) continue;
    bare.push(a.cpu);
    over.push(b.cpu - a.cpu);
    ratios.push(b.perSecond / a.perSecond);
  }
  const limit = scenario.limit === undefined ? "–" : `≤ ${scenario.limit}`;
  const line = `| ${scenario.name} | ${shown(spread(bare))} | ${shown(spread(over))} | ${limit} | ${shown(spread(ratios), 2)} |`;
  rows.push(line);
  console.log(line);
}

const { cookie, token } = await credentials(warm);
const basic = `Basic ${Buffer.from("bench@example.org:bench password").toString("base64")}`;
const typed = "/typed?sid=5&name=x&flag=true";
const scenarios: Scenario[] = [
  { name: "open route, nobody signed in", path: "/open", headers: {}, status: 200, server: "warm", limit: undefined },
  { name: "warm session, role guard", path: "/role", headers: { cookie }, status: 200, server: "warm", limit: 3 },
  {
    name: "no credentials: 401 in JSON",
    path: "/role",
    headers: { accept: "application/json" },
    status: 401,
    server: "warm",
    limit: 3,
  },
  {
    name: "warm auth token, role guard",
    path: "/role",
    headers: { "authentication-token": token },
    status: 200,
    server: "warm",
    limit: 3,
  },
  {
    name: "warm session, role guard, three typed parameters",
    path: typed,
    headers: { cookie },
    status: 200,
    server: "warm",
    limit: 7,
  },
  {
    name: "cold session (each request reads the row), SQLite",
    path: "/role",
    headers: { cookie },
    status: 200,
    server: "cold",
    limit: 35,
  },
  {
    name: "Basic, credentials verified lately",
    path: "/basic",
    headers: { authorization: basic },
    status: 200,
    server: "warm",
    limit: undefined,
  },
];

try {
  console.log("| request | floor, µs CPU | over the floor, µs CPU | allowed | requests per second, ours / floor |");
  console.log("|---|---|---|---|---|");
  for (const scenario of scenarios) await compare(scenario);
  const memory = ((await warm.usage()).rss - (await floor.usage()).rss) / 1024 ** 2;
  const notes = [
    `Start to first answer: floor ${floor.started.toFixed(0)} ms, ours ${warm.started.toFixed(0)} ms (database empty, tables made).`,
    `Memory after the load: ${memory.toFixed(0)} MiB over the floor.`,
    ...(await measureSignIns(warm)),
  ];
  for (const note of notes) console.log(`- ${note}`);
  const file = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
  writeFileSync(file, report(notes));
} finally {
  await Promise.all([floor, warm, cold].map((server) => server.stop()));
  rmSync(folder, { recursive: true });
}

function report(notes: readonly string[]): string {
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}, Node ${process.version}`;
  return `# Performance

Written by \`npm run bench\` on ${machine}: whole processes over HTTP, eight keep-alive connections, the bare framework with
the same handler as the floor, ${rounds} interleaved slices of ${seconds} s each. Medians with the range; other programs on the
machine widen it. CPU is the server process's own time a request.

| request | floor, µs CPU | over the floor, µs CPU | allowed | requests per second, ours / floor |
|---|---|---|---|---|
${rows.join("\n")}

${notes.map((note) => `- ${note}`).join("\n")}
`;
}
