// From the start of a process to its first answer.
import { spread } from "./compare.ts";
import type { Settings } from "./handlers.ts";
import { measured, type Row } from "./rows.ts";
import { type Kind, startServer } from "./servers.ts";

const allowed = 120;

async function started(kind: Kind, settings: Partial<Settings>): Promise<number> {
  const server = await startServer(kind, settings);
  await server.stop();
  return server.started;
}

/** Starts floor, built package and sources in turn, on a database that has its tables. */
export async function measureStart(database: string, rounds: number): Promise<Row[]> {
  const floor: number[] = [];
  const built: number[] = [];
  const sources: number[] = [];
  const fresh: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const bare = await started("floor", {});
    const ours = (await started("built", { database })) - bare;
    const raw = (await started("sources", { database })) - bare;
    const made = (await started("built", { database: ":memory:" })) - bare;
    // The first round fills the machine's file cache.
    if (round === 0) continue;
    floor.push(bare);
    built.push(ours);
    sources.push(raw);
    fresh.push(made);
  }
  const over = spread(built);
  const bare = `floor ${measured(spread(floor), "ms")}`;
  return [
    {
      name: "start to first answer, over the floor (built package, database there)",
      cells: [`${measured(over, "ms")}; ${bare}`],
      allowed: `≤ ${allowed} ms`,
      met: over.median <= allowed,
      missed: "the files of the bundle are found, read and compiled, a dozen packages beside it; not profiled further",
    },
    {
      name: "the same on an empty database (tables, role and first user with its hash are made)",
      cells: [measured(spread(fresh), "ms")],
      allowed: "–",
      met: undefined,
    },
    {
      name: "the same from the sources, types stripped at each start",
      cells: [measured(spread(sources), "ms")],
      allowed: "–",
      met: undefined,
    },
  ];
}
