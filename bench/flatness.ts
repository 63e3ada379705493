// Whether a request costs the same with much as with little: routes, users, sessions.
import { join } from "node:path";
import { compare, type Effort, type Side, shown } from "./compare.ts";
import { type Shot, shot } from "./load.ts";
import { populate, queryPlan, sessionIds } from "./population.ts";
import type { Row } from "./rows.ts";
import { credentials, startServer } from "./servers.ts";

const allowed = 1.15;
const known = 100;

/** Compares little with much. `many` users and sessions; 10,000 routes. */
export async function measureFlatness(folder: string, many: number, effort: Effort): Promise<Row[]> {
  return [...(await routes(join(folder, "routes.db"), effort)), ...(await people(folder, many, effort))];
}

async function routes(database: string, effort: Effort): Promise<Row[]> {
  const few = await startServer("built", { database, routes: 10 });
  const lots = await startServer("built", { database, routes: 10_000 });
  try {
    const { cookie } = await credentials(few);
    const at = (path: string): Shot[] => [shot(path, { cookie })];
    const found = await compare(
      { server: few, shots: at("/route/5") },
      { server: lots, shots: at("/route/5000") },
      effort,
    );
    return [flat("10,000 routes against 10, warm session", found.times)];
  } finally {
    await Promise.all([few.stop(), lots.stop()]);
  }
}

async function people(folder: string, many: number, effort: Effort): Promise<Row[]> {
  const small = join(folder, "small.db");
  const large = join(folder, "large.db");
  for (const [file, count] of [
    [small, known],
    [large, many],
  ] as const) {
    await (await startServer("built", { database: file })).stop();
    populate(file, count, known);
  }
  const shots = sessionIds(known).map((id) => shot("/role", { cookie: `__Host-session=${id}` }));
  const rows: Row[] = [];
  for (const cached of [10_000, 0]) {
    const a = await startServer("built", { database: small, cached });
    const b = await startServer("built", { database: large, cached });
    try {
      const sides: readonly [Side, Side] = [
        { server: a, shots },
        { server: b, shots },
      ];
      const what = `${many.toLocaleString("en")} users and sessions against ${known}`;
      const { times } = await compare(...sides, effort);
      if (cached > 0) rows.push(flat(`${what}, warm session`, times));
      else {
        rows.push({ ...flat(`${what}, cold session`, times), allowed: "–", met: undefined });
        await b.statements();
        await b.load.run(shots, 50);
        rows.push(...lookUp(await b.statements(), 50, large));
      }
    } finally {
      await Promise.all([a.stop(), b.stop()]);
    }
  }
  return rows;
}

function flat(name: string, times: Parameters<typeof shown>[0]): Row {
  return {
    name: `CPU a request, ${name}`,
    cells: [`× ${shown(times, 2)}`],
    allowed: `≤ × ${allowed}`,
    met: times.median <= allowed,
    missed: "more memory in use means more misses of the processor's caches",
  };
}

/** How many statements the requests of a cold session made, and whether each goes by an index. */
function lookUp(statements: readonly string[], requests: number, file: string): Row[] {
  // One look for changes by other processes serves a whole turn and reads no row.
  const asked = statements.filter((text) => text !== "PRAGMA data_version");
  const each = asked.length / requests;
  const plans = [...new Set(asked)].flatMap((text) => queryPlan(file, text));
  const scans = plans.filter((step) => /\bSCAN\b/.test(step));
  return [
    { name: "statements of a cold session, counted", cells: [each.toFixed(2)], allowed: "exactly 1", met: each === 1 },
    {
      name: "their query plan",
      cells: [plans.map((step) => `\`${step}\``).join("; ")],
      allowed: "no scan",
      met: plans.length > 0 && scans.length === 0,
    },
  ];
}
